//! Signatures in the format of [minisign](https://jedisct1.github.io/minisign/): two Ed25519 signatures in four lines.
//!
//! ```text
//! untrusted comment: whatever
//! base64(algorithm ‖ key id ‖ signature of the content)
//! trusted comment: what the signer says about it
//! base64(signature of (signature of the content ‖ trusted comment))
//! ```
//!
//! The algorithm `Ed` signs the content itself, `ED` its BLAKE2b-512; minisign makes the latter and verifies both.

mod public_key;
mod secret_key;
mod signature;

#[cfg(test)]
mod tests;

pub use public_key::{BadPublicKey, KeyId, PublicKey};
pub use secret_key::{BadSecretKey, SecretKey, Unsignable};
pub use signature::{Forged, Malformed, Signature};

/// What is appended to the name of what is signed: the name of the signature beside it.
pub const SUFFIX: &str = ".sig";

/// How the first line of each file begins.
const UNTRUSTED: &str = "untrusted comment:";
/// How the third line of a signature begins.
const TRUSTED: &str = "trusted comment: ";
/// Ed25519 over the content; also the only kind of key.
const LEGACY: [u8; 2] = *b"Ed";
/// Ed25519 over the BLAKE2b-512 of the content.
const PREHASHED: [u8; 2] = *b"ED";

/// Longest file of any of the three kinds, in bytes; real ones have about 300.
pub const LONGEST: usize = 16 * 1024;

/// Joins byte arrays to one of known length; the lengths are constants of the format.
fn joined<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut all = [0; N];
    for (to, from) in all.iter_mut().zip(parts.iter().copied().flatten()) {
        *to = *from;
    }
    all
}

/// The `N` bytes from `at` on; zeros beyond the end, which no caller reaches.
fn part<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let rest = bytes.get(at..).unwrap_or_default();
    joined(&[rest])
}
