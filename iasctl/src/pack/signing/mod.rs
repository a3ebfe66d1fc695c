//! Signs packages, and the programs in them, with RSA keys the admin keeps in files (P39, P42, P46).
//!
//! The same package, key and signing time give the same bytes. Both values use the hash of the table of contents, as
//! Apple's `productsign` does, although that is SHA-1: what matters there is a second preimage, not a collision.

mod arguments;
mod cms;
mod code;
mod der;
mod identity;

pub(super) use arguments::{Signing, check};
pub(super) use code::ProgramSigner;

use cms::Attributes;
use identity::Identity;
#[cfg(test)]
use identity::IdentityError;
use rsa::{RsaPrivateKey, pkcs1v15::Pkcs1v15Sign, traits::PublicKeyParts as _};
use shared::flat_package::checksum::{Hasher, Style};
use shared::flat_package::signature::Certificate;
use shared::flat_package::write::{PackageSigner, Signatures, SignedContents};
use std::error::Error;
use time::OffsetDateTime;

/// Why an identity cannot sign now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum CannotSign {
    /// The certificate has expired before the moment of signing.
    #[error("the certificate of {name} expired on {}, before the signing time {}; renew it", not_after.date(), at.date())]
    Expired {
        /// Its owner.
        name: String,
        /// When it expired.
        not_after: OffsetDateTime,
        /// The moment of signing.
        at: OffsetDateTime,
    },
    /// The certificate is not for programs.
    #[error(
        "the certificate of {name} cannot sign programs: {reason}; Apple's for programs is \"Developer ID Application\""
    )]
    Purpose {
        /// Its owner.
        name: String,
        /// What it is for.
        reason: String,
    },
    /// The key and the hash do not fit together.
    #[error("cannot compute an RSA signature: {0}")]
    Rsa(rsa::Error),
    /// There is no use in a signature over such a digest.
    #[error("packages with an {0} checksum cannot be signed")]
    Style(Style),
}

/// An identity at the moment it signs.
pub(super) struct Signer {
    key: RsaPrivateKey,
    /// Leaf first.
    chain: Vec<Certificate>,
    certificates: Vec<Vec<u8>>,
    time: OffsetDateTime,
    cms_bytes: usize,
}

impl Signer {
    /// Signs as `identity`, with `time` as the signing time (a `SOURCE_DATE_EPOCH`). Without it, and before the
    /// certificate's validity, it is the beginning of that validity: a date that makes the signature neither depend on
    /// the clock nor claim a moment at which it could not have been made.
    ///
    /// # Errors
    /// The certificate has expired at that time.
    fn new(identity: Identity, time: Option<OffsetDateTime>) -> Result<Self, CannotSign> {
        let Identity { key, chain } = identity;
        let validity = chain.first().map(|leaf| (leaf.not_before, leaf.not_after));
        let (not_before, not_after) =
            validity.unwrap_or((OffsetDateTime::UNIX_EPOCH, OffsetDateTime::UNIX_EPOCH));
        let at = time.map_or(not_before, |time| time.max(not_before));
        if at > not_after {
            let name = chain.first().map(|leaf| leaf.subject.to_string()).unwrap_or_default();
            return Err(CannotSign::Expired { name, not_after, at });
        }
        let certificates = chain.iter().map(|certificate| certificate.der.clone()).collect();
        let mut signer = Self { key, chain, certificates, time: at, cms_bytes: 0 };
        // Every value has the same length, whatever is signed; SHA-512 has the longest digest.
        let longest = vec![0; Style::Sha512.bytes()];
        let attributes = Attributes::new(Style::Sha512, &longest, at, &[]);
        signer.cms_bytes = signer.cms(Style::Sha512, &attributes, &vec![0; signer.value_bytes()]).len();
        Ok(signer)
    }

    /// Whose signature it is.
    pub(super) fn name(&self) -> String {
        self.chain.first().map(|leaf| leaf.subject.to_string()).unwrap_or_default()
    }

    /// How long an RSA signature is.
    fn value_bytes(&self) -> usize {
        self.key.size()
    }

    fn cms(&self, style: Style, attributes: &Attributes, value: &[u8]) -> Vec<u8> {
        cms::signed_data(style, &self.certificates, self.chain.first(), attributes, value)
    }

    /// PKCS #1 v1.5 over the digest of `message`. Without blinding: nobody measures how long the admin's computer
    /// takes.
    fn rsa(&self, style: Style, message: &[u8]) -> Result<Vec<u8>, CannotSign> {
        let prefix = der::digest_info_prefix(style).ok_or(CannotSign::Style(style))?;
        let mut hasher = Hasher::new(style);
        hasher.update(message);
        let padding = Pkcs1v15Sign { hash_len: Some(style.bytes()), prefix: prefix.into() };
        self.key.sign(padding, &hasher.finish()).map_err(CannotSign::Rsa)
    }
}

impl PackageSigner for Signer {
    fn certificates(&self) -> &[Vec<u8>] {
        &self.certificates
    }

    fn rsa_bytes(&self) -> usize {
        self.value_bytes()
    }

    fn cms_bytes(&self) -> usize {
        self.cms_bytes
    }

    fn sign(&self, contents: &SignedContents<'_>) -> Result<Signatures, Box<dyn Error + Send + Sync>> {
        let rsa = self.rsa(contents.style, contents.compressed)?;
        let mut hasher = Hasher::new(contents.style);
        hasher.update(contents.digest);
        let attributes = Attributes::new(contents.style, &hasher.finish(), self.time, &[]);
        let value = self.rsa(contents.style, attributes.signed())?;
        Ok(Signatures { rsa, cms: self.cms(contents.style, &attributes, &value) })
    }
}

#[cfg(test)]
mod tests;
