//! The keys of a titles service: each is bytes and the one algorithm they are for (T58, T68).

use crate::base64;
use std::fmt;
use time::OffsetDateTime;

/// No `kid` is longer, in bytes.
const LONGEST_KID: usize = 128;
/// HS256 wants at least as many bytes as its digest has (RFC 7518, 3.2).
const SHORTEST_SECRET: usize = 32;
/// More than a secret can use.
const LONGEST_SECRET: usize = 1024;
/// An Ed25519 public key.
const PUBLIC_KEY: usize = 32;

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256: both sides hold the same secret.
    Hs256,
    /// Ed25519: we hold the public half, and cannot sign.
    EdDsa,
}

impl Algorithm {
    /// Its name in headers, which are compared byte for byte.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::EdDsa => "EdDSA",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Hs256, Self::EdDsa].into_iter().find(|known| known.name() == name)
    }
}

/// One key. Its bytes are shown to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    kid: String,
    algorithm: Algorithm,
    bytes: Vec<u8>,
    not_after: Option<OffsetDateTime>,
}

/// Why something is no usable key. None of these tell what it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// It has no name, or one that cannot be shown in a log.
    #[error("`kid` must be 1 to {LONGEST_KID} visible ASCII characters")]
    Kid,
    /// An algorithm that is not spoken here.
    #[error("key {0}: `alg` must be HS256 or EdDSA")]
    Algorithm(String),
    /// Its text is not base64url without padding.
    #[error("key {0}: `key` is not base64url without padding")]
    Form(String),
    /// It has the wrong number of bytes.
    #[error("key {kid}: `key` has {found} bytes, {wanted}")]
    Length {
        /// Which key.
        kid: String,
        /// What it has.
        found: usize,
        /// What it must have.
        wanted: &'static str,
    },
    /// Two keys have the same name.
    #[error("there are two keys {0}")]
    Twice(String),
}

impl Key {
    /// The key called `kid`, for the algorithm called `alg`, whose bytes are written as `key` in base64url; after
    /// `not_after` it is no key any more.
    ///
    /// # Errors
    /// When any part of it is not usable; a secret of fewer than 32 bytes is not (T51).
    pub fn new(kid: &str, alg: &str, key: &str, not_after: Option<OffsetDateTime>) -> Result<Self, BadKey> {
        if kid.is_empty() || kid.len() > LONGEST_KID || !kid.chars().all(|c| c.is_ascii_graphic()) {
            return Err(BadKey::Kid);
        }
        let kid = kid.to_owned();
        let algorithm = Algorithm::named(alg).ok_or_else(|| BadKey::Algorithm(kid.clone()))?;
        let bytes = base64::decode_url(key).ok_or_else(|| BadKey::Form(kid.clone()))?;
        let (found, wanted) = (
            bytes.len(),
            match algorithm {
                Algorithm::Hs256 if bytes.len() < SHORTEST_SECRET => Some("HS256 wants 32 or more"),
                Algorithm::Hs256 if bytes.len() > LONGEST_SECRET => Some("HS256 wants 1024 or fewer"),
                Algorithm::EdDsa if bytes.len() != PUBLIC_KEY => Some("an Ed25519 public key has 32"),
                Algorithm::Hs256 | Algorithm::EdDsa => None,
            },
        );
        match wanted {
            Some(wanted) => Err(BadKey::Length { kid, found, wanted }),
            None => Ok(Self { kid, algorithm, bytes, not_after }),
        }
    }

    /// Its name.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// What it is for.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    fn is_expired(&self, now: OffsetDateTime) -> bool {
        self.not_after.is_some_and(|end| now > end)
    }

    /// Whether `signature` of `message` was made with this key, by its own algorithm and no other.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self.algorithm {
            Algorithm::Hs256 => ring::hmac::verify(&self.hmac(), message, signature).is_ok(),
            Algorithm::EdDsa => {
                let key = ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, &self.bytes);
                key.verify(message, signature).is_ok()
            }
        }
    }

    /// The signature of `message`; `None` with the public half of a key.
    pub(super) fn sign(&self, message: &[u8]) -> Option<ring::hmac::Tag> {
        (self.algorithm == Algorithm::Hs256).then(|| ring::hmac::sign(&self.hmac(), message))
    }

    fn hmac(&self) -> ring::hmac::Key {
        ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &self.bytes)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, {}, <redacted>)", self.kid, self.algorithm.name())
    }
}

/// All keys that are configured, each with a name of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Keys(Vec<Key>);

impl Keys {
    /// These keys, in the order in which they are configured.
    ///
    /// # Errors
    /// When two have the same name.
    pub fn new(keys: Vec<Key>) -> Result<Self, BadKey> {
        for (index, key) in keys.iter().enumerate() {
            if keys.iter().take(index).any(|other| other.kid == key.kid) {
                return Err(BadKey::Twice(key.kid.clone()));
            }
        }
        Ok(Self(keys))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys.
    #[must_use]
    pub fn all(&self) -> &[Key] {
        &self.0
    }

    /// The key a token was signed with: the one called `kid`, or the only one where the token names none (T57).
    pub(super) fn named(&self, kid: Option<&str>, now: OffsetDateTime) -> Option<&Key> {
        let key = match (kid, self.0.as_slice()) {
            (Some(kid), keys) => keys.iter().find(|key| key.kid == kid),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        key.filter(|key| !key.is_expired(now))
    }

    /// The key requests are signed with: the first that can sign and has not expired.
    #[must_use]
    pub fn for_requests(&self, now: OffsetDateTime) -> Option<&Key> {
        self.0.iter().find(|key| key.algorithm == Algorithm::Hs256 && !key.is_expired(now))
    }
}
