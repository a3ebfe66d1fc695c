//! Public keys and the signatures they make: which algorithms count, and the one place that asks ring (P39).

use super::der::{OBJECT_IDENTIFIER, Reader};
use crate::flat_package::checksum::Style;
use ring::{digest, signature};

/// A hash that a signature may be made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// The hash an `AlgorithmIdentifier`'s content names.
    pub(super) fn of(algorithm: Reader<'_>) -> Option<Self> {
        match name(algorithm)? {
            [0x2b, 0x0e, 0x03, 0x02, 0x1a] => Some(Self::Sha1),
            [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01] => Some(Self::Sha256),
            [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02] => Some(Self::Sha384),
            [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03] => Some(Self::Sha512),
            _ => None,
        }
    }

    /// The hash of a table of contents' checksum, if a signature over it means anything.
    pub(super) fn of_style(style: Style) -> Option<Self> {
        match style {
            Style::Md5 => None,
            Style::Sha1 => Some(Self::Sha1),
            Style::Sha256 => Some(Self::Sha256),
            Style::Sha512 => Some(Self::Sha512),
        }
    }

    pub(super) fn digest(self, bytes: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, bytes).as_ref().to_vec()
    }
}

/// A way of signing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// RSA with PKCS #1 v1.5.
    Rsa(Hash),
    Ecdsa(Hash),
}

impl Scheme {
    /// The scheme an `AlgorithmIdentifier`'s content names; `hash` is meant where it names only the kind of key.
    pub(super) fn of(algorithm: Reader<'_>, hash: Option<Hash>) -> Option<Self> {
        match name(algorithm)? {
            RSA_ENCRYPTION => hash.map(Self::Rsa),
            [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, number] => match number {
                5 => Some(Self::Rsa(Hash::Sha1)),
                11 => Some(Self::Rsa(Hash::Sha256)),
                12 => Some(Self::Rsa(Hash::Sha384)),
                13 => Some(Self::Rsa(Hash::Sha512)),
                _ => None,
            },
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 2] => Some(Self::Ecdsa(Hash::Sha256)),
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 3] => Some(Self::Ecdsa(Hash::Sha384)),
            _ => None,
        }
    }

    pub(super) fn hash(self) -> Hash {
        match self {
            Self::Rsa(hash) | Self::Ecdsa(hash) => hash,
        }
    }
}

const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PublicKey {
    kind: Kind,
    bytes: Vec<u8>,
}

impl PublicKey {
    /// The key in a `SubjectPublicKeyInfo`'s content; `None`: a kind of key that is not accepted here.
    pub(super) fn parse(mut info: Reader<'_>) -> Option<Self> {
        let mut algorithm = info.expect(super::der::SEQUENCE)?.inside();
        let bytes = info.next()?.bits()?.to_vec();
        let kind = match algorithm.expect(OBJECT_IDENTIFIER)?.content {
            RSA_ENCRYPTION => Kind::Rsa,
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01] => {
                match algorithm.expect(OBJECT_IDENTIFIER)?.content {
                    [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07] => Kind::P256,
                    [0x2b, 0x81, 0x04, 0x00, 0x22] => Kind::P384,
                    _ => return None,
                }
            }
            _ => return None,
        };
        Some(Self { kind, bytes })
    }

    /// The key in PKCS #1, if it is an RSA key.
    pub(super) fn rsa(&self) -> Option<&[u8]> {
        (self.kind == Kind::Rsa).then_some(&self.bytes)
    }

    /// Whether `signature` over `message` was made with this key's private half. RSA keys shorter than 2048 bits
    /// prove nothing.
    pub(super) fn verifies(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> bool {
        let algorithm: &dyn signature::VerificationAlgorithm = match (self.kind, scheme) {
            (Kind::Rsa, Scheme::Rsa(Hash::Sha1)) => &signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            (Kind::Rsa, Scheme::Rsa(Hash::Sha256)) => &signature::RSA_PKCS1_2048_8192_SHA256,
            (Kind::Rsa, Scheme::Rsa(Hash::Sha384)) => &signature::RSA_PKCS1_2048_8192_SHA384,
            (Kind::Rsa, Scheme::Rsa(Hash::Sha512)) => &signature::RSA_PKCS1_2048_8192_SHA512,
            (Kind::P256, Scheme::Ecdsa(Hash::Sha256)) => &signature::ECDSA_P256_SHA256_ASN1,
            (Kind::P256, Scheme::Ecdsa(Hash::Sha384)) => &signature::ECDSA_P256_SHA384_ASN1,
            (Kind::P384, Scheme::Ecdsa(Hash::Sha256)) => &signature::ECDSA_P384_SHA256_ASN1,
            (Kind::P384, Scheme::Ecdsa(Hash::Sha384)) => &signature::ECDSA_P384_SHA384_ASN1,
            _ => return false,
        };
        signature::UnparsedPublicKey::new(algorithm, &self.bytes).verify(message, signature).is_ok()
    }
}

/// The object identifier an algorithm begins with.
fn name(mut algorithm: Reader<'_>) -> Option<&[u8]> {
    algorithm.expect(OBJECT_IDENTIFIER).map(|name| name.content)
}
