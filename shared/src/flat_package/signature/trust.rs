//! The root certificates a signature may lead to: Apple's, and those an admin adds.

use super::certificate::Certificate;

/// Apple Root CA as published at <https://www.apple.com/certificateauthority/> (`AppleIncRootCertificate.cer`), valid
/// until February 2035; every package signed with a Developer ID carries it, too.
pub const APPLE_ROOT_CA: &[u8] = include_bytes!("apple_root_ca.der");

/// Certificates that need no proof.
#[derive(Debug, Clone)]
pub struct TrustRoots {
    apple: Option<Certificate>,
    added: Vec<Certificate>,
}

/// The bytes given as a root certificate are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an X.509 certificate that can be read")]
pub struct BadRoot;

impl TrustRoots {
    /// Apple's root alone.
    #[must_use]
    pub fn apple() -> Self {
        Self { apple: Certificate::parse(APPLE_ROOT_CA), added: Vec::new() }
    }

    /// Takes `certificate` for Apple's, in tests of what only Apple may issue.
    #[cfg(test)]
    pub(super) fn with_apple(certificate: Certificate) -> Self {
        Self { apple: Some(certificate), added: Vec::new() }
    }

    /// Trusts the certificate `der`, too: of a company's authority, or the signer's own.
    ///
    /// # Errors
    /// [`BadRoot`]; nothing is added then.
    pub fn add(&mut self, der: &[u8]) -> Result<(), BadRoot> {
        self.added.push(Certificate::parse(der).ok_or(BadRoot)?);
        Ok(())
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Certificate> {
        self.apple.iter().chain(&self.added)
    }

    /// Whether `certificate` is Apple's root.
    pub(super) fn is_apple(&self, certificate: &Certificate) -> bool {
        self.apple.as_ref().is_some_and(|apple| apple.der == certificate.der)
    }

    pub(super) fn contains(&self, certificate: &Certificate) -> bool {
        self.all().any(|root| root.der == certificate.der)
    }
}
