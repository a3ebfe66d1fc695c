//! The checksums a xar archive carries about itself and its entries (P38).

use sha2::Digest as _;
use std::fmt;

/// How a checksum is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// MD5, of very old archives.
    Md5,
    /// SHA-1, what Apple's tools write by default.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Style {
    /// The style called `name`; case, and a dash after `sha`, mean nothing.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().replace('-', "").as_str() {
            "md5" => Some(Self::Md5),
            "sha1" => Some(Self::Sha1),
            "sha256" => Some(Self::Sha256),
            "sha512" => Some(Self::Sha512),
            _ => None,
        }
    }

    /// Length of such a checksum in bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

impl fmt::Display for Style {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        })
    }
}

/// A checksum as recorded in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksum {
    /// How it is computed.
    pub style: Style,
    /// Its value, [`Style::bytes`] long.
    pub value: Vec<u8>,
}

impl Checksum {
    /// A checksum from its style's name and its hexadecimal value.
    ///
    /// # Errors
    /// The style is unknown or the value is not a number of that style's length: the reason, as a sentence's fragment.
    pub fn parse(style: &str, hex: &str) -> Result<Self, String> {
        let known = Style::named(style).ok_or_else(|| format!("unknown checksum style `{style}`"))?;
        let digits: Vec<u8> = hex.trim().chars().map_while(|c| c.to_digit(16)).map(|d| d as u8).collect();
        if digits.len() != known.bytes() * 2 || hex.trim().chars().count() != digits.len() {
            return Err(format!("a {known} checksum has {} hexadecimal digits", known.bytes() * 2));
        }
        let value = digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |sum, digit| sum << 4 | digit));
        Ok(Self { style: known, value: value.collect() })
    }
}

/// Computes a checksum piece by piece.
#[derive(Clone)]
pub enum Hasher {
    /// Of [`Style::Md5`].
    Md5(md5::Md5),
    /// Of [`Style::Sha1`].
    Sha1(sha1::Sha1),
    /// Of [`Style::Sha256`].
    Sha256(sha2::Sha256),
    /// Of [`Style::Sha512`].
    Sha512(sha2::Sha512),
}

impl Hasher {
    /// A hasher that has seen nothing yet.
    #[must_use]
    pub fn new(style: Style) -> Self {
        match style {
            Style::Md5 => Self::Md5(md5::Md5::default()),
            Style::Sha1 => Self::Sha1(sha1::Sha1::default()),
            Style::Sha256 => Self::Sha256(sha2::Sha256::default()),
            Style::Sha512 => Self::Sha512(sha2::Sha512::default()),
        }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Md5(hasher) => hasher.update(bytes),
            Self::Sha1(hasher) => hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// The checksum of everything taken.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        match self {
            Self::Md5(hasher) => hasher.finalize().to_vec(),
            Self::Sha1(hasher) => hasher.finalize().to_vec(),
            Self::Sha256(hasher) => hasher.finalize().to_vec(),
            Self::Sha512(hasher) => hasher.finalize().to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_style_knows_its_published_value_of_abc() {
        let published = [
            ("md5", "900150983cd24fb0d6963f7d28e17f72"),
            ("SHA1", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            ("sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "sha-512",
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                 2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
        ];
        for (style, hex) in published {
            let checksum = Checksum::parse(style, hex).unwrap();
            let mut hasher = Hasher::new(checksum.style);
            hasher.update(b"a");
            hasher.update(b"bc");
            assert_eq!(hasher.finish(), checksum.value, "{style}");
        }
    }

    #[test]
    fn a_value_of_the_wrong_length_or_an_unknown_style_is_refused() {
        assert!(Checksum::parse("sha1", "a9").is_err());
        assert!(Checksum::parse("sha1", &"g".repeat(40)).is_err());
        assert!(Checksum::parse("crc32", "00000000").unwrap_err().contains("crc32"));
    }
}
