//! Content that earlier runs downloaded: the folder of `CachePath`, where a file is called by its SHA-256.
//!
//! What a run has brought moves there when it is not needed any more, which costs no copy on the same volume. It is
//! digested again before it is used, so nothing has to be flushed, and nobody else's word is taken for it.

use super::{
    file::{Opened, remove},
    folder::{Folder, Missing, StoreError, kind, stat},
    place::Place,
    store::{Content, Store},
};
use rustix::{
    fd::AsFd as _,
    fs::{AtFlags, Dir, FileType},
    io::Errno,
};
use shared::{digest::Digest, layout::MacPath};
use std::{path::PathBuf, time::SystemTime};

/// The folder for content across runs.
#[derive(Debug)]
pub(crate) struct Cache {
    /// Only for this folder; it gives way to nobody.
    store: Store,
    folder: MacPath,
    /// What is above the folder where messages name it.
    shown_below: PathBuf,
    /// How many bytes its files may have together.
    limit: u64,
}

/// A file in the cache.
struct Entry {
    name: String,
    bytes: u64,
    /// When it was put there or used last, since 1970.
    used: (i64, i64),
}

impl Cache {
    /// The cache in `folder` below `root`, which holds at most `limit` bytes.
    pub(crate) fn new(root: PathBuf, folder: MacPath, owner: u32, limit: u64) -> Self {
        let store = Store::new(root, &folder, owner);
        Self { store, folder, shown_below: PathBuf::from("/"), limit }
    }

    /// The same, whose root is no Mac's: messages name the folder as this computer does.
    pub(crate) fn outside(self) -> Self {
        Self { shown_below: self.store.root().to_owned(), ..self }
    }

    /// Where content is looked for.
    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Where content with this digest lies, if it is there.
    pub(super) fn path(&self, digest: Digest) -> MacPath {
        // Hexadecimal digits can be joined to anything.
        self.folder.join(&digest.to_string()).unwrap_or_else(|_| self.folder.clone())
    }

    /// How messages name a file of the cache.
    pub(super) fn shown(&self, path: &MacPath) -> PathBuf {
        path.under(&self.shown_below)
    }

    /// Takes in a file of which nobody else has need any more: moves it, or copies it from another volume. Gives whether
    /// it is there now; more than may be there altogether is left where it is.
    ///
    /// # Errors
    /// When the folder is unsafe (R115), has no room, or the system refuses.
    pub(super) fn keep(&self, opened: &Opened, content: Content) -> Result<bool, StoreError> {
        if content.bytes > self.limit {
            return Ok(false);
        }
        let place = Place::aside(self.path(content.digest));
        let folder = self.store.folder_of(&place.path)?;
        // Scripts may hold secrets, and nobody executes them here.
        self.store.own(&opened.file, place.mode, &opened.path)?;
        let name = place.path.file_name();
        match rustix::fs::renameat(&*opened.folder, opened.path.file_name(), &*folder, name) {
            Ok(()) => self.is_used(opened),
            Err(Errno::XDEV) => {
                self.store.copy_in((&opened.file, content), &format!("{name}.new"), &place)?;
            }
            Err(errno) => return Err(StoreError::io("keep in the cache", &opened.path, errno)),
        }
        self.shed(&folder, self.total(&folder)?.saturating_sub(self.limit))?;
        Ok(true)
    }

    /// Of what has to go, this file goes last.
    pub(super) fn is_used(&self, opened: &Opened) {
        // Only the order in which files go depends on it.
        let _ = opened.file.set_modified(SystemTime::now());
    }

    /// Forgets content that is not what its name says.
    ///
    /// # Errors
    /// When the folder is unsafe, or the system refuses.
    pub(super) fn forget(&self, digest: Digest) -> Result<(), StoreError> {
        self.store.discard(&self.path(digest))
    }

    /// Gives up what was not used for longest, until `bytes` more are free on the volume of `there`, if it is the cache's.
    ///
    /// # Errors
    /// When the folder is unsafe, or the system refuses.
    pub(super) fn yield_to(&self, there: &Folder, bytes: u64) -> Result<(), StoreError> {
        let Some(folder) = self.store.open_folder(&self.folder, Missing::Leave)? else { return Ok(()) };
        let volume = |folder: &Folder| Ok::<_, StoreError>(stat(folder.as_fd(), folder.path())?.st_dev);
        if volume(&folder)? == volume(there)? { self.shed(&folder, bytes) } else { Ok(()) }
    }

    fn total(&self, folder: &Folder) -> Result<u64, StoreError> {
        Ok(self.entries(folder)?.iter().map(|entry| entry.bytes).sum())
    }

    /// Removes files, those first that were not used for longest, until `bytes` are gone.
    fn shed(&self, folder: &Folder, bytes: u64) -> Result<(), StoreError> {
        if bytes == 0 {
            return Ok(());
        }
        let mut entries = self.entries(folder)?;
        entries.sort_by(|one, other| (one.used, &one.name).cmp(&(other.used, &other.name)));
        let mut gone = 0;
        for entry in entries {
            if gone >= bytes {
                break;
            }
            remove(folder, &entry.name, &self.folder)?;
            gone += entry.bytes;
        }
        Ok(())
    }

    /// The content in the folder; whatever else lies there is not ours.
    fn entries(&self, folder: &Folder) -> Result<Vec<Entry>, StoreError> {
        let failed = |errno: Errno| StoreError::io("list", &self.folder, errno);
        let mut entries = Vec::new();
        for found in Dir::read_from(folder.as_fd()).map_err(failed)? {
            let found = found.map_err(failed)?;
            let Ok(name) = found.file_name().to_str() else { continue };
            if name.parse::<Digest>().is_err() {
                continue;
            }
            let stat = match rustix::fs::statat(folder.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) if kind(&stat) == FileType::RegularFile => stat,
                // Somebody else has removed it just now, or put it there.
                Ok(_) | Err(Errno::NOENT) => continue,
                Err(errno) => return Err(failed(errno)),
            };
            entries.push(Entry {
                name: name.to_owned(),
                bytes: u64::try_from(stat.st_size).unwrap_or(0),
                used: (stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            });
        }
        Ok(entries)
    }
}
