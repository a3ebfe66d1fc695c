//! Signs programs as `codesign` does: CMS over the code directory, with the directory's digest once more as Apple's attributes.

use super::{CannotSign, Identity, Signer, cms::Attributes, der};
use crate::pack::macho::CodeSigner;
use shared::{
    digest::Digest,
    flat_package::{
        checksum::Style,
        signature::{APPLE_ROOT_CA, Certificate, for_programs},
    },
};
use time::OffsetDateTime;

/// 1.2.840.113635.100.9.1: a property list with the digests of all code directories, shortened to what the kernel knows code by.
const DIGESTS_IN_PLIST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x63, 0x64, 9, 1];
/// 1.2.840.113635.100.9.2: the same digests whole, each with the name of its hash.
const DIGESTS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x63, 0x64, 9, 2];
/// How many bytes of a digest the kernel knows code by.
const SHORT: usize = 20;

/// An identity for programs, at the moment it signs.
pub(in crate::pack) struct ProgramSigner {
    signer: Signer,
    team: Option<String>,
}

impl ProgramSigner {
    /// # Errors
    /// The certificate is for something else, or has expired.
    pub(super) fn new(identity: Identity, time: Option<OffsetDateTime>) -> Result<Self, CannotSign> {
        if let Some(leaf) = identity.chain.first() {
            for_programs(leaf)
                .map_err(|reason| CannotSign::Purpose { name: leaf.subject.to_string(), reason })?;
        }
        let team = identity.chain.first().and_then(Certificate::team_id).map(str::to_owned);
        let team = team.filter(|_| is_apples(&identity.chain));
        Ok(Self { signer: Signer::new(identity, time)?, team })
    }

    /// Whose signature it is.
    pub(in crate::pack) fn name(&self) -> String {
        self.signer.name()
    }

    fn attributes(&self, directory: Digest) -> Attributes {
        let own = [(DIGESTS_IN_PLIST, in_plist(directory)), (DIGESTS, named(directory))];
        Attributes::new(Style::Sha256, &directory.0, self.signer.time, &own)
    }
}

impl CodeSigner for ProgramSigner {
    fn team(&self) -> Option<&str> {
        self.team.as_deref()
    }

    fn cms_bytes(&self) -> usize {
        let attributes = self.attributes(Digest([0; 32]));
        self.signer.cms(Style::Sha256, &attributes, &vec![0; self.signer.value_bytes()]).len()
    }

    fn sign(&self, directory: &[u8]) -> Result<Vec<u8>, String> {
        let attributes = self.attributes(Digest::of(directory));
        let value = self.signer.rsa(Style::Sha256, attributes.signed()).map_err(|error| error.to_string())?;
        Ok(self.signer.cms(Style::Sha256, &attributes, &value))
    }
}

/// Whether the chain leads to Apple's root, so that macOS believes the Team ID in it.
fn is_apples(chain: &[Certificate]) -> bool {
    let (Some(top), Some(root)) = (chain.last(), Certificate::parse(APPLE_ROOT_CA)) else { return false };
    top.der == root.der || top.is_issued_by(&root)
}

/// As Apple's writer of property lists puts it.
fn in_plist(directory: Digest) -> Vec<u8> {
    let short = directory.0.get(..SHORT).unwrap_or_default();
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
         <plist version=\"1.0\">\n<dict>\n\t<key>cdhashes</key>\n\t<array>\n\t\t<data>\n\t\t{}\n\t\t</data>\n\
         \t</array>\n</dict>\n</plist>\n",
        shared::base64::encode(short)
    );
    der::element(der::OCTET_STRING, &[text.as_bytes()])
}

fn named(directory: Digest) -> Vec<u8> {
    let hash = der::hash_name(Style::Sha256).unwrap_or_default();
    let name = der::element(der::OBJECT_IDENTIFIER, &[hash]);
    der::element(der::SEQUENCE, &[&name, &der::element(der::OCTET_STRING, &[&directory.0])])
}

#[cfg(test)]
mod tests;
