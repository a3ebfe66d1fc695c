//! What archives and volumes look like to whoever unpacks them: entries, one after the other, with their content.

mod below;

pub use below::{Outside, below};
use std::io::{self, Read};
use std::path::PathBuf;

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A folder.
    Directory,
    /// A symbolic link.
    Symlink {
        /// Where it points, as recorded.
        target: PathBuf,
    },
    /// A device node, pipe or socket: P41 leaves it to policy.
    Special,
}

/// One entry of an archive or volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path as recorded, such as `./usr/local/bin/tool`; see [`Entry::relative`].
    pub path: PathBuf,
    /// What it is.
    pub kind: Kind,
    /// Type and permission bits, as in `st_mode`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last change, in seconds since 1970.
    pub mtime: u64,
    /// Bytes of content.
    pub size: u64,
    /// How many names the file has, or may have where that is not recorded.
    pub links: u32,
    /// The first entry that was the same file. This one is another name of it, and its body, when [`Self::size`] is
    /// not 0, is the content of them all: newc records it with the last name, odc with each or with the first.
    /// In archives with very many such files one that has its content may stand alone instead.
    pub link_to: Option<PathBuf>,
}

impl Entry {
    /// The path below the folder it is unpacked to, without `.` in it; empty for that folder itself.
    ///
    /// # Errors
    /// It is absolute or contains `..`, so it could lead outside (P41).
    pub fn relative(&self) -> Result<PathBuf, Outside> {
        below(&self.path)
    }
}

/// Gives entries one by one.
pub trait Walk {
    /// The next entry; what is left of the current one's body is skipped. `None` at the end.
    ///
    /// # Errors
    /// What is walked is damaged, holds what this program cannot read, or reading it fails.
    fn next_entry(&mut self) -> Result<Option<Entry>, WalkError>;

    /// The content of the current entry: exactly [`Entry::size`] bytes, or an error.
    fn body(&mut self) -> Box<dyn Read + '_>;
}

/// Why an archive or volume cannot be read on.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct WalkError {
    /// What is wrong, and where.
    pub reason: String,
    /// The stream's own failure, if that was it.
    #[source]
    pub source: Option<io::Error>,
}

impl WalkError {
    /// Something in it is wrong.
    #[must_use]
    pub fn damage(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), source: None }
    }

    /// `what` could not be read.
    #[must_use]
    pub fn failed(what: impl Into<String>, source: io::Error) -> Self {
        Self { reason: what.into(), source: Some(source) }
    }
}

impl From<WalkError> for io::Error {
    fn from(error: WalkError) -> Self {
        let kind = error.source.as_ref().map_or(io::ErrorKind::InvalidData, io::Error::kind);
        Self::new(kind, error)
    }
}

impl<W: Walk + ?Sized> Walk for Box<W> {
    fn next_entry(&mut self) -> Result<Option<Entry>, WalkError> {
        (**self).next_entry()
    }

    fn body(&mut self) -> Box<dyn Read + '_> {
        (**self).body()
    }
}
