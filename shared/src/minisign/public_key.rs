//! The public half of a key: what verifies, and how it is written down.

use super::{LEGACY, UNTRUSTED, joined, part};
use crate::base64;
use std::{fmt, str::FromStr};

/// Which key; the eight bytes say nothing about who holds it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(pub [u8; 8]);

impl fmt::Display for KeyId {
    /// As minisign shows it: a little-endian number in hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", u64::from_le_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    id: KeyId,
    bytes: [u8; 32],
}

/// The text is no public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPublicKey {
    /// It is not base64 of 42 bytes that begin with `Ed`.
    #[error("not a public key as minisign or iasctl keygen write it: 56 characters that begin with RW")]
    Form,
    /// A secret key was given.
    #[error("this is a secret key; it belongs to whoever signs, and nowhere else")]
    Secret,
}

impl PublicKey {
    pub(super) fn new(id: KeyId, bytes: [u8; 32]) -> Self {
        Self { id, bytes }
    }

    /// Which key it is.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Whether `signature` of `message` was made with the other half of this key.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let key = ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, &self.bytes);
        key.verify(message, signature).is_ok()
    }

    /// The file that minisign calls `minisign.pub`.
    #[must_use]
    pub fn to_file(&self) -> String {
        format!("{UNTRUSTED} minisign public key {}\n{self}\n", self.id)
    }
}

impl fmt::Display for PublicKey {
    /// One line of base64, as settings hold it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64::encode(&joined::<42>(&[&LEGACY, &self.id.0, &self.bytes])))
    }
}

impl FromStr for PublicKey {
    type Err = BadPublicKey;

    /// Reads the line of base64, alone or below its comment.
    fn from_str(text: &str) -> Result<Self, BadPublicKey> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let first = lines.next().ok_or(BadPublicKey::Form)?;
        let line = if first.starts_with(UNTRUSTED) { lines.next() } else { Some(first) };
        let (Some(line), None) = (line, lines.next()) else { return Err(BadPublicKey::Form) };
        if base64::decode_exactly::<158>(line).is_some() {
            return Err(BadPublicKey::Secret);
        }
        let bytes: [u8; 42] = base64::decode_exactly(line).ok_or(BadPublicKey::Form)?;
        if !bytes.starts_with(&LEGACY) {
            return Err(BadPublicKey::Form);
        }
        Ok(Self { id: KeyId(part(&bytes, 2)), bytes: part(&bytes, 10) })
    }
}
