//! A detached signature: read from its file, and verified.

use super::{LEGACY, LONGEST, PREHASHED, TRUSTED, UNTRUSTED, part, public_key::KeyId, public_key::PublicKey};
use crate::base64;
use blake2::{Blake2b512, Digest as _};

/// A signature as found. Nothing in it is believed, and its trusted comment not shown, before it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    prehashed: bool,
    key: KeyId,
    value: [u8; 64],
    trusted_comment: String,
    global: [u8; 64],
}

/// The file is no signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(&'static str);

/// The signature does not belong to the content, or somebody else made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    /// The key's id is right, the signature is not.
    #[error("the signature does not belong to this content")]
    Content,
    /// The content is what was signed; the comment is not.
    #[error("the trusted comment of the signature was altered")]
    Comment,
}

impl Signature {
    /// Reads the four lines of a signature file.
    ///
    /// # Errors
    /// When it is anything else; the text says which part of it.
    pub fn parse(file: &[u8]) -> Result<Self, Malformed> {
        if file.len() > LONGEST {
            return Err(Malformed("it is longer than any signature"));
        }
        let text = std::str::from_utf8(file).map_err(|_| Malformed("it is not text"))?;
        let mut lines = text.lines();
        let mut line = || lines.next().unwrap_or_default();
        if !line().starts_with(UNTRUSTED) {
            return Err(Malformed("its first line is no untrusted comment"));
        }
        let bytes: [u8; 74] =
            base64::decode_exactly(line().trim_end()).ok_or(Malformed("its second line is no signature"))?;
        let prehashed = match part::<2>(&bytes, 0) {
            LEGACY => false,
            PREHASHED => true,
            _ => return Err(Malformed("it was made with an algorithm minisign does not have")),
        };
        let comment =
            line().strip_prefix(TRUSTED).ok_or(Malformed("its third line is no trusted comment"))?;
        if comment.chars().any(|letter| letter.is_control() && letter != '\t') {
            return Err(Malformed("its trusted comment holds control characters"));
        }
        let global =
            base64::decode_exactly(line().trim_end()).ok_or(Malformed("its fourth line is no signature"))?;
        if lines.any(|line| !line.trim().is_empty()) {
            return Err(Malformed("something follows its fourth line"));
        }
        let (key, value) = (KeyId(part(&bytes, 2)), part(&bytes, 10));
        Ok(Self { prehashed, key, value, trusted_comment: comment.to_owned(), global })
    }

    /// The key it says it was made with.
    #[must_use]
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// The trusted comment, once signature and comment are proven to be made with `key`.
    ///
    /// # Errors
    /// When either is not.
    pub fn verify(&self, key: &PublicKey, content: &[u8]) -> Result<&str, Forged> {
        let verified = match self.prehashed {
            true => key.verifies(&Blake2b512::digest(content), &self.value),
            false => key.verifies(content, &self.value),
        };
        if key.id() != self.key || !verified {
            return Err(Forged::Content);
        }
        let bound = [&self.value, self.trusted_comment.as_bytes()].concat();
        match key.verifies(&bound, &self.global) {
            true => Ok(&self.trusted_comment),
            false => Err(Forged::Comment),
        }
    }
}
