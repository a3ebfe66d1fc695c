//! The manifest an MDM sends to have the package installed: where it is, and the digests of its pieces (P69, P71).

use super::package::Title;
use md5::Md5;
use plist::{Dictionary, Value};
use sha2::{Digest as _, Sha256};
use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};
use url::Url;

/// Bytes of a piece. A smaller package is one piece, so that its digest is that of the whole file.
const PIECE: u64 = 10 << 20;

/// The pieces of a file and their digests. A Mac compares SHA-256 where both are there; MD5 is for older ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pieces {
    /// Length of the file.
    pub(super) bytes: u64,
    /// Bytes of each piece but the last.
    size: u64,
    md5s: Vec<String>,
    sha256s: Vec<String>,
}

impl Pieces {
    /// Reads the whole file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len().clamp(1, PIECE);
        Self::in_pieces(&mut file, size)
    }

    fn in_pieces(file: &mut File, size: u64) -> io::Result<Self> {
        let mut pieces = Self { bytes: 0, size, md5s: Vec::new(), sha256s: Vec::new() };
        let mut piece = Vec::new();
        loop {
            piece.clear();
            let count = file.by_ref().take(size).read_to_end(&mut piece)? as u64;
            if count == 0 {
                return Ok(pieces);
            }
            pieces.bytes += count;
            pieces.md5s.push(hexadecimal(&Md5::digest(&piece)));
            pieces.sha256s.push(hexadecimal(&Sha256::digest(&piece)));
        }
    }

    /// The manifest for a package with these pieces at `url`.
    pub(super) fn manifest(&self, url: &Url, title: &Title) -> Value {
        let list =
            |digests: &[String]| Value::Array(digests.iter().map(|digest| digest.clone().into()).collect());
        let asset = dictionary([
            ("kind", "software-package".into()),
            ("md5-size", self.size.into()),
            ("md5s", list(&self.md5s)),
            ("sha256-size", self.size.into()),
            ("sha256s", list(&self.sha256s)),
            ("url", url.as_str().into()),
        ]);
        let metadata = dictionary([
            ("bundle-identifier", title.identifier.as_str().into()),
            ("bundle-version", title.version.as_str().into()),
            ("kind", "software".into()),
            ("title", title.title.as_str().into()),
        ]);
        let item = dictionary([("assets", Value::Array(vec![asset])), ("metadata", metadata)]);
        dictionary([("items", Value::Array(vec![item]))])
    }
}

/// Reads a manifest and the package it speaks of again, and compares them: one that does not fit can block a Mac's
/// MDM client until it restarts (P71).
///
/// # Errors
/// What does not fit, or cannot be read.
pub(super) fn verify(manifest: &Path, package: &Path) -> Result<(), String> {
    let named = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let read = Value::from_file(manifest).map_err(|error| named(manifest, &error))?;
    let first = |value: Option<&Value>| {
        value.and_then(Value::as_array)?.first().and_then(Value::as_dictionary).cloned()
    };
    let item = first(read.as_dictionary().and_then(|manifest| manifest.get("items")));
    let asset = item.and_then(|item| first(item.get("assets")));
    let asset = asset.ok_or_else(|| named(manifest, &"it has no asset"))?;
    for (size, digests, is_sha) in [("md5-size", "md5s", false), ("sha256-size", "sha256s", true)] {
        let bytes = asset.get(size).and_then(Value::as_unsigned_integer).filter(|bytes| *bytes > 0);
        let bytes = bytes.ok_or_else(|| named(manifest, &format!("it has no {size}")))?;
        let again = File::open(package).and_then(|mut file| Pieces::in_pieces(&mut file, bytes));
        let again = again.map_err(|error| named(package, &error))?;
        let found =
            asset.get(digests).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_string);
        let expected = if is_sha { &again.sha256s } else { &again.md5s };
        if !found.eq(expected.iter()) {
            return Err(named(manifest, &format!("its {digests} are not those of {}", package.display())));
        }
    }
    Ok(())
}

/// A dictionary of these entries.
pub(super) fn dictionary<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Dictionary(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Dictionary>())
}

fn hexadecimal(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p69_p71_the_manifest_fits_the_file_and_a_change_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let (package, manifest) = (folder.path().join("a.pkg"), folder.path().join("a.plist"));
        let title = Title { title: "A & B".into(), identifier: "com.example.a".into(), version: "1".into() };
        let url: Url = "https://example.com/a.pkg".parse().unwrap();
        for (length, size, count) in [(1000, 1000, 1), (PIECE, PIECE, 1), (PIECE * 2 + 1, PIECE, 3)] {
            std::fs::write(&package, vec![7; length as usize]).unwrap();
            let pieces = Pieces::of(&package).unwrap();
            assert_eq!((pieces.bytes, pieces.size, pieces.md5s.len()), (length, size, count));
            pieces.manifest(&url, &title).to_file_xml(&manifest).unwrap();
            verify(&manifest, &package).unwrap();
            std::fs::write(&package, vec![8; length as usize]).unwrap();
            assert!(verify(&manifest, &package).unwrap_err().contains("md5s are not those of"));
        }
        std::fs::write(&package, b"123456789").unwrap();
        let pieces = Pieces::of(&package).unwrap();
        assert_eq!(pieces.md5s, ["25f9e794323b453885f5181f1b624d0b"]);
        assert_eq!(pieces.sha256s, ["15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"]);
    }
}
