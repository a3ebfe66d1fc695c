//! The secret half of a key: read from its file, written to one, and used to sign. Without a password.

use super::{LEGACY, PREHASHED, PublicKey, TRUSTED, UNTRUSTED, joined, part, public_key::KeyId};
use crate::base64;
use blake2::{Blake2b, Blake2b512, Digest as _, digest::consts::U32};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use std::{fmt, str::FromStr};

/// The checksum algorithm of a secret key's file; the only one there is.
const CHECKSUM: [u8; 2] = *b"B2";
/// How the secret part is encrypted: with a password, through scrypt.
const SCRYPT: [u8; 2] = *b"Sc";
/// How it is not.
const PLAIN: [u8; 2] = [0; 2];
/// Longest trusted comment that minisign reads, in bytes.
const LONGEST_COMMENT: usize = 8192 - 32;

/// A secret key. It is never shown, and never compared.
pub struct SecretKey {
    id: KeyId,
    seed: [u8; 32],
    pair: Ed25519KeyPair,
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({}, <redacted>)", self.id)
    }
}

/// The text is no secret key that can be used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSecretKey {
    /// It is something else.
    #[error("not a secret key as minisign or iasctl keygen write it")]
    Form,
    /// It wants a password.
    #[error("the key is protected by a password, which is never asked for here")]
    Protected,
    /// Its checksum, or the public key in it, does not fit.
    #[error("the key is damaged")]
    Damaged,
    /// A public key was given.
    #[error("this is the public key; the secret one is needed to sign")]
    Public,
}

/// What cannot be said in a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a trusted comment is one line without control characters, of at most {LONGEST_COMMENT} bytes")]
pub struct Unsignable;

impl SecretKey {
    /// The key made from `seed`, which must be random, under an `id` of eight random bytes.
    ///
    /// # Errors
    /// When the seed makes no key, which does not happen.
    pub fn from_seed(id: [u8; 8], seed: [u8; 32]) -> Result<Self, BadSecretKey> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| BadSecretKey::Damaged)?;
        Ok(Self { id: KeyId(id), seed, pair })
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey::new(self.id, self.public_bytes())
    }

    pub(super) fn public_bytes(&self) -> [u8; 32] {
        part(self.pair.public_key().as_ref(), 0)
    }

    /// The signature file of `content`, prehashed as minisign makes it.
    ///
    /// # Errors
    /// When the comment cannot be one.
    pub fn sign(&self, content: &[u8], trusted_comment: &str) -> Result<String, Unsignable> {
        let odd = |letter: char| letter.is_control() && letter != '\t';
        if trusted_comment.len() > LONGEST_COMMENT || trusted_comment.chars().any(odd) {
            return Err(Unsignable);
        }
        let value = self.pair.sign(&Blake2b512::digest(content));
        let global = self.pair.sign(&[value.as_ref(), trusted_comment.as_bytes()].concat());
        let line = base64::encode(&joined::<74>(&[&PREHASHED, &self.id.0, value.as_ref()]));
        let global = base64::encode(global.as_ref());
        Ok(format!(
            "{UNTRUSTED} signature from key {}\n{line}\n{TRUSTED}{trusted_comment}\n{global}\n",
            self.id
        ))
    }

    /// The file of a key without a password, as minisign reads it.
    #[must_use]
    pub fn to_file(&self) -> String {
        let public = self.public_bytes();
        let secret: [u8; 72] = joined(&[&self.id.0, &self.seed, &public]);
        // Salt and limits of scrypt stay zero.
        let head: [u8; 54] = joined(&[&LEGACY, &PLAIN, &CHECKSUM]);
        let all: [u8; 158] = joined(&[&head, &secret, &checksum(&secret)]);
        let line = base64::encode(&all);
        format!("{UNTRUSTED} minisign secret key {}, not protected by a password\n{line}\n", self.id)
    }
}

impl FromStr for SecretKey {
    type Err = BadSecretKey;

    /// Reads the line of base64, alone or below its comment.
    fn from_str(text: &str) -> Result<Self, BadSecretKey> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let first = lines.next().ok_or(BadSecretKey::Form)?;
        let line = if first.starts_with(UNTRUSTED) { lines.next() } else { Some(first) };
        let (Some(line), None) = (line, lines.next()) else { return Err(BadSecretKey::Form) };
        if line.parse::<PublicKey>().is_ok() {
            return Err(BadSecretKey::Public);
        }
        let all: [u8; 158] = base64::decode_exactly(line).ok_or(BadSecretKey::Form)?;
        if part(&all, 0) != LEGACY || part(&all, 4) != CHECKSUM {
            return Err(BadSecretKey::Form);
        }
        match part(&all, 2) {
            PLAIN => {}
            SCRYPT => return Err(BadSecretKey::Protected),
            _ => return Err(BadSecretKey::Form),
        }
        let (secret, sum): ([u8; 72], [u8; 32]) = (part(&all, 54), part(&all, 126));
        // minisign leaves the checksum of an unencrypted key empty.
        if sum != [0; 32] && sum != checksum(&secret) {
            return Err(BadSecretKey::Damaged);
        }
        let key = Self::from_seed(part(&secret, 0), part(&secret, 8))?;
        if key.public_bytes() != part(&secret, 40) {
            return Err(BadSecretKey::Damaged);
        }
        Ok(key)
    }
}

fn checksum(secret: &[u8; 72]) -> [u8; 32] {
    let mut hasher = Blake2b::<U32>::new();
    hasher.update(LEGACY);
    hasher.update(secret);
    hasher.finalize().into()
}
