//! Archives that hold an app: zip, and tar in gzip, bzip2, xz or nothing, told by their first bytes and never by a name.
//!
//! What macOS stores beside a file (`._name`, `__MACOSX`) is left out: its own tools turn it into attributes of the file.

mod tar;
pub mod write;
mod zip;

use crate::flat_package::payload::{Compression, Payload};
use crate::walk::{Walk, WalkError};
use std::ffi::OsStr;
use std::fmt;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use tar::Tar;
use zip::Zip;

/// The longest name of an entry or target of a link, in bytes.
const LONGEST_NAME: u64 = 4096;

/// What an archive is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchiveKind {
    /// zip.
    Zip,
    /// tar, compressed or not.
    Tar(Compression),
}

impl fmt::Display for ArchiveKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zip => f.write_str("zip"),
            Self::Tar(Compression::None) => f.write_str("tar"),
            Self::Tar(compression) => write!(f, "tar, {compression}"),
        }
    }
}

/// An archive that was opened.
pub struct Archive<'a> {
    /// What it is.
    pub kind: ArchiveKind,
    walk: Box<dyn Walk + 'a>,
}

impl<'a> Archive<'a> {
    /// Recognises the archive that is `source`.
    ///
    /// # Errors
    /// It is none that is known here, or its beginning or end is damaged.
    pub fn open<R: Read + Seek + 'a>(mut source: R) -> Result<Self, WalkError> {
        let failed = |error| WalkError::failed("the archive cannot be read", error);
        let mut first = Vec::new();
        source.seek(SeekFrom::Start(0)).map_err(failed)?;
        source.by_ref().take(4).read_to_end(&mut first).map_err(failed)?;
        if matches!(&*first, [b'P', b'K', 3 | 5, _]) {
            return Ok(Self { kind: ArchiveKind::Zip, walk: Box::new(Zip::open(source)?) });
        }
        source.seek(SeekFrom::Start(0)).map_err(failed)?;
        let stream = Payload::new(source).map_err(failed)?;
        let kind = ArchiveKind::Tar(stream.compression());
        Ok(Self { kind, walk: Box::new(Tar::open(stream)?) })
    }

    /// Its entries.
    #[must_use]
    pub fn into_walk(self) -> Box<dyn Walk + 'a> {
        self.walk
    }
}

/// Whether an entry stands for attributes of another file.
fn is_attributes(path: &Path) -> bool {
    let is = |name: &OsStr| name.as_bytes().starts_with(b"._");
    path.file_name().is_some_and(is) || path.iter().find(|name| *name != ".") == Some(OsStr::new("__MACOSX"))
}

#[cfg(test)]
mod tests;
