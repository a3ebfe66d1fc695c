//! Unpacks an archive or a volume below an open folder, and nowhere else (P41, P77).
//!
//! Every parent is opened without following links, one name at a time, starting at the folder the caller holds open:
//! nothing in the archive, and nobody who moves folders meanwhile, can lead outside. Only the three links every Mac
//! has in its root (`/etc`, `/tmp`, `/var`, each to `private/…`) are followed. Existing files are replaced as a whole,
//! existing folders keep their permissions and what is in them.

mod folders;
mod place;

use crate::walk::{Outside, Walk, WalkError};
use cap_std::fs::Dir;
use place::Placer;
use std::{
    io,
    path::{Path, PathBuf},
};

/// Entries of one archive at most; the largest packages have half a million.
pub const MOST_ENTRIES: u64 = 2_000_000;

/// Where an archive is unpacked to.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// What nothing leaves.
    pub root: &'a Dir,
    /// The folder below it, made when missing; empty for the root itself.
    pub folder: &'a Path,
}

/// What is decided before unpacking.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Keep the setuid, setgid and sticky bits; they are told to the watcher either way.
    pub keep_special_bits: bool,
    /// Refuse an archive with device nodes, pipes or sockets; otherwise they are left out and told to the watcher.
    pub refuse_devices: bool,
    /// Bytes that all files together may have.
    pub max_bytes: u64,
    /// Entries there may be: each takes room and time, however small it is. See [`MOST_ENTRIES`].
    pub max_entries: u64,
}

/// One entry that was dealt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed<'a> {
    /// Its path below the root.
    pub path: &'a Path,
    /// Its bytes.
    pub bytes: u64,
    /// Type and permission bits as recorded in the archive.
    pub mode: u32,
    /// Owner and group as recorded in the archive, when they could not be given to it: the process is not root, or
    /// they mean nobody in its user namespace. The caller keeps them if they matter.
    pub owner_not_set: Option<(u32, u32)>,
    /// Something an administrator may want to know.
    pub remark: Option<Remark>,
}

/// What is unusual about an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remark {
    /// It has setuid, setgid or sticky bits, which were kept.
    SpecialBitsKept,
    /// It has setuid, setgid or sticky bits, which were removed.
    SpecialBitsRemoved,
    /// It is a device node, pipe or socket, and was left out.
    DeviceLeftOut,
}

/// How much was unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Entries of all kinds.
    pub entries: u64,
    /// Bytes of files; a file with several names counts once.
    pub bytes: u64,
}

/// Why an archive was not unpacked, or only up to an entry.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The archive itself cannot be read.
    #[error(transparent)]
    Archive(#[from] WalkError),
    /// A path leads outside.
    #[error(transparent)]
    Outside(#[from] Outside),
    /// One entry cannot be unpacked.
    #[error("cannot unpack {}", .path.display())]
    Entry {
        /// Its path below the root.
        path: PathBuf,
        /// Why.
        source: Refusal,
    },
}

/// Why one entry cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// A parent is a symbolic link.
    #[error("{} is a symbolic link, which could lead elsewhere; remove it or the package", .0.display())]
    LinkInPath(PathBuf),
    /// A parent is something else than a folder.
    #[error("{} is in the way: it is not a folder", .0.display())]
    NotAFolder(PathBuf),
    /// A folder is where a file or link should be.
    #[error("a folder is in the way")]
    FolderInTheWay,
    /// It is another name of a file that the archive did not contain before.
    #[error("it is another name of {}, which was not unpacked before it", .0.display())]
    UnknownFile(PathBuf),
    /// It is a device node, pipe or socket.
    #[error("it is a device node, pipe or socket (mode {0:o})")]
    Device(u32),
    /// The archive holds more than was allowed.
    #[error("the archive holds more than the {0} there may be; do not install it")]
    TooMuch(String),
    /// The system refused.
    #[error("{what}")]
    System {
        /// What was asked for.
        what: &'static str,
        /// The answer.
        source: io::Error,
    },
}

/// Unpacks all of `archive`; `watch` is told about each entry after it.
///
/// Files are written beside their place and renamed, so that a reader sees the old or the new one. Folders get their
/// recorded permissions and times at the end, so that read-only ones can be filled.
///
/// # Errors
/// At the first entry that cannot be unpacked; what came before it stays. Nothing outside the root is touched.
pub fn unpack(
    mut archive: impl Walk,
    place: Place<'_>,
    rules: Rules,
    watch: &mut dyn FnMut(&Placed<'_>),
) -> Result<Totals, UnpackError> {
    let mut totals = Totals::default();
    let mut placer = Placer::new(place, rules);
    while let Some(entry) = archive.next_entry()? {
        let path = placer.path_of(&entry)?;
        totals.entries += 1;
        let placed = if totals.entries > rules.max_entries {
            Err(Refusal::TooMuch(format!("{} entries", rules.max_entries)))
        } else {
            placer.place(&entry, &path, &mut archive.body())
        };
        let placed = placed.map_err(|source| UnpackError::Entry { path: path.clone(), source })?;
        totals.bytes += placed.bytes;
        watch(&placed);
    }
    placer.finish()?;
    Ok(totals)
}

#[cfg(test)]
mod tests;
