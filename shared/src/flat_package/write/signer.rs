//! The room a signature takes in a package, and who fills it: the key itself stays with the caller (P39, P42).

use super::WriteError;
use crate::{base64, flat_package::checksum::Style};
use std::{error::Error, fmt::Write as _};

/// Signs a package's table of contents. How long the values will be is asked before the table is made, because the
/// table tells it.
pub trait PackageSigner {
    /// The certificates in DER, the signer's own first; they are recorded in the package.
    fn certificates(&self) -> &[Vec<u8>];

    /// Bytes of the RSA signature: the length of the key's modulus.
    fn rsa_bytes(&self) -> usize;

    /// Bytes kept for the CMS signature; a shorter value is padded with zeros, as Apple's tools do.
    fn cms_bytes(&self) -> usize;

    /// Signs.
    ///
    /// # Errors
    /// What kept it from signing, for the admin.
    fn sign(&self, contents: &SignedContents<'_>) -> Result<Signatures, Box<dyn Error + Send + Sync>>;
}

/// What is signed: the table of contents, which carries the checksum of everything else.
#[derive(Debug, Clone, Copy)]
pub struct SignedContents<'a> {
    /// The compressed table; the RSA signature is made over these bytes with the hash that `style` names.
    pub compressed: &'a [u8],
    /// Its digest, which is the detached content of the CMS signature.
    pub digest: &'a [u8],
    /// How `digest` was computed.
    pub style: Style,
}

/// The two signatures of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signatures {
    /// PKCS #1 v1.5, exactly [`PackageSigner::rsa_bytes`] long.
    pub rsa: Vec<u8>,
    /// A CMS `SignedData`, at most [`PackageSigner::cms_bytes`] long.
    pub cms: Vec<u8>,
}

/// Bytes of the heap between the table's checksum and the first entry.
pub(super) fn reserved(signer: Option<&dyn PackageSigner>) -> u64 {
    signer.map_or(0, |signer| (signer.rsa_bytes() + signer.cms_bytes()) as u64)
}

/// The elements that announce the signatures in the table of contents; the heap holds them from `offset`.
pub(super) fn announce(signer: &dyn PackageSigner, offset: u64) -> String {
    let mut xml = String::new();
    let behind_rsa = offset + signer.rsa_bytes() as u64;
    let places = [
        ("signature", "RSA", offset, signer.rsa_bytes()),
        ("x-signature", "CMS", behind_rsa, signer.cms_bytes()),
    ];
    for (element, style, offset, size) in places {
        // Writing to a `String` cannot fail.
        let _ = write!(
            xml,
            "  <{element} style=\"{style}\">\n   <offset>{offset}</offset>\n   <size>{size}</size>\n   \
             <KeyInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\">\n    <X509Data>\n"
        );
        for certificate in signer.certificates() {
            let text = base64::encode_lines(certificate);
            let _ = writeln!(xml, "     <X509Certificate>{text}</X509Certificate>");
        }
        let _ = write!(xml, "    </X509Data>\n   </KeyInfo>\n  </{element}>\n");
    }
    xml
}

/// The bytes of the heap that [`announce`] promised.
pub(super) fn values(
    signer: &dyn PackageSigner,
    contents: &SignedContents<'_>,
) -> Result<Vec<u8>, WriteError> {
    let Signatures { rsa, cms } = signer.sign(contents).map_err(WriteError::Signing)?;
    let fits = rsa.len() == signer.rsa_bytes() && cms.len() <= signer.cms_bytes();
    if !fits {
        return Err(WriteError::SignatureLength { rsa: rsa.len(), cms: cms.len() });
    }
    let mut heap = rsa;
    heap.extend(&cms);
    heap.resize(signer.rsa_bytes() + signer.cms_bytes(), 0);
    Ok(heap)
}
