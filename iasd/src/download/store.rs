//! Where content lies: existing files that may be used (R116), new ones put in place whole (R113, R114).

use super::{
    cache::Cache,
    file::{Existing, Opened, create_anew, create_new, identity, open_usable, opened_as, remove},
    folder::{Folder, Missing, StoreError},
    open_folders::OpenFolders,
    pieces::{read_at_pieces, read_pieces},
    place::Place,
};
use crate::disk::Disk;
use rustix::{
    fs::{AtFlags, Gid, Mode, OFlags, Uid},
    io::Errno,
};
use shared::{
    digest::{Digest, Digester},
    layout::{MacPath, WORK_FOLDER},
    plan::room,
};
use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The part of the Mac this stage writes to.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    root: PathBuf,
    install: MacPath,
    work: MacPath,
    owner: u32,
    disk: Disk,
    folders: OpenFolders,
    /// What gives way where there is no room.
    cache: Option<Arc<Cache>>,
}

/// What some content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Content {
    /// Its SHA-256.
    pub(crate) digest: Digest,
    /// Its length.
    pub(crate) bytes: u64,
}

impl Store {
    /// The store of one Mac: `root` is its `/`, `owner` the uid that owns what root owns there.
    pub(crate) fn new(root: PathBuf, install_path: &MacPath, owner: u32) -> Self {
        // A constant without `..` or NUL can be joined to anything.
        let work = install_path.join(WORK_FOLDER).unwrap_or_else(|_| install_path.clone());
        let (install, disk, folders) = (install_path.clone(), Disk::default(), OpenFolders::default());
        Self { root, install, work, owner, disk, folders, cache: None }
    }

    /// The same, on this disk.
    pub(crate) fn on(self, disk: Disk) -> Self {
        Self { disk, ..self }
    }

    /// The same, where `cache` gives way when there is no room.
    pub(super) fn yielding(self, cache: Option<Arc<Cache>>) -> Self {
        Self { cache, ..self }
    }

    /// Whether more can be written for `path`.
    ///
    /// # Errors
    /// When the disk is full.
    pub(crate) fn takes_more(&self, path: &MacPath) -> Result<(), StoreError> {
        self.disk.takes_more().map_err(|error| StoreError::write("write", path, error))
    }

    /// Which folder is the Mac's `/`.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Who must own what is used.
    pub(crate) fn owner(&self) -> u32 {
        self.owner
    }

    /// Whether `place` is on the volume downloads come to, so that putting something there is a rename and no copy.
    pub(crate) fn is_near(&self, place: &Place) -> bool {
        !place.flush && place.path.is_within(&self.install)
    }

    /// Opens the private folder for downloads, and makes it if need be (R114).
    ///
    /// # Errors
    /// When it is unsafe or cannot be made.
    pub(crate) fn work(&self) -> Result<Arc<Folder>, StoreError> {
        let private = |folder: &Folder| folder.set_mode(0o700);
        let opened = self.folders.open((&self.root, self.owner), &self.work, Missing::Create, private)?;
        opened.ok_or_else(|| StoreError::io("make the folder", &self.work, "it vanished"))
    }

    /// The private folder for downloads.
    pub(crate) fn work_path(&self) -> &MacPath {
        &self.work
    }

    /// Opens the folder `file` is to lie in, and makes it if need be.
    ///
    /// # Errors
    /// When it is unsafe or cannot be made.
    pub(crate) fn folder_of(&self, file: &MacPath) -> Result<Arc<Folder>, StoreError> {
        let unsafe_because = |why| StoreError::Unsafe { path: file.clone(), why };
        self.folder(&file.parent().ok_or(unsafe_because("files do not belong into the root folder"))?)
    }

    /// Where in the work folder something called `name` lies.
    pub(crate) fn in_work(&self, name: &str) -> MacPath {
        self.work.join(name).unwrap_or_else(|_| self.work.clone())
    }

    /// Where in `InstallPath` something called `name` lies.
    pub(crate) fn in_install(&self, name: &str) -> MacPath {
        self.install.join(name).unwrap_or_else(|_| self.install.clone())
    }

    fn folder(&self, path: &MacPath) -> Result<Arc<Folder>, StoreError> {
        let opened = self.open_folder(path, Missing::Create)?;
        opened.ok_or_else(|| StoreError::io("make the folder", path, "it vanished"))
    }

    /// Opens a folder if it is safe, and it is there or to be made.
    pub(super) fn open_folder(
        &self,
        path: &MacPath,
        missing: Missing,
    ) -> Result<Option<Arc<Folder>>, StoreError> {
        self.folders.open((&self.root, self.owner), path, missing, |_| Ok(()))
    }

    /// Whether anything has this path, safe or not.
    pub(crate) fn has_anything_at(&self, path: &MacPath) -> bool {
        let found = rustix::fs::lstat(path.under(&self.root));
        !matches!(found, Err(Errno::NOENT | Errno::NOTDIR))
    }

    /// Looks at what lies at `path`. Never makes a folder.
    ///
    /// # Errors
    /// When the folder it should lie in is unsafe (R115).
    pub(crate) fn existing(&self, path: &MacPath) -> Result<Existing, StoreError> {
        let Some(parent) = path.parent() else {
            return Err(StoreError::Unsafe {
                path: path.clone(),
                why: "files do not belong into the root folder",
            });
        };
        match self.open_folder(&parent, Missing::Leave)? {
            None => Ok(Existing::Absent),
            Some(folder) => Ok(open_usable(folder, path, self.owner)),
        }
    }

    /// Checks that what is missing of a transfer, of which `have` bytes are there, finds room in the work folder (R117).
    ///
    /// # Errors
    /// When it does not.
    pub(crate) fn reserve(&self, work: &Folder, have: u64, length: Option<u64>) -> Result<(), StoreError> {
        self.takes_more(&self.work)?;
        let needed = room::needed(have, length);
        let mut free = work.free_bytes()?;
        if let (true, Some(cache)) = (free < needed, &self.cache) {
            cache.yield_to(work, needed - free)?;
            free = work.free_bytes()?;
        }
        if free >= needed {
            return Ok(());
        }
        Err(StoreError::Space { path: self.work.clone(), needed, free })
    }

    /// Lets the cache give way until so many bytes more are free, as far as it can.
    ///
    /// # Errors
    /// When a folder is unsafe, or the system refuses.
    pub(super) fn make_room(&self, bytes: u64) -> Result<(), StoreError> {
        let Some(cache) = &self.cache else { return Ok(()) };
        let work = self.work()?;
        cache.yield_to(&work, bytes)
    }

    /// Removes the file at `path`, if it is there, from a folder that is ours.
    ///
    /// # Errors
    /// When the folder is unsafe, or the system refuses.
    pub(crate) fn discard(&self, path: &MacPath) -> Result<(), StoreError> {
        let Some(parent) = path.parent() else { return Ok(()) };
        let folder = self.folder(&parent)?;
        remove(&folder, path.file_name(), path)
    }

    /// Moves the finished file `name` of the work folder to its place, replacing what lies there.
    ///
    /// # Errors
    /// When the place's folder is unsafe, or the system refuses.
    pub(crate) fn place(
        &self,
        (work, name, file): (&Folder, &str, File),
        content: Content,
        place: &Place,
    ) -> Result<Opened, StoreError> {
        let target = &place.path;
        let folder = self.folder_of(target)?;
        self.finish(&file, place)?;
        let placed = match rustix::fs::renameat(work, name, &folder, target.file_name()) {
            Ok(()) => file,
            Err(Errno::XDEV) => self.copy((work, name), content, (&folder, place))?,
            Err(errno) => return Err(StoreError::io("place", target, errno)),
        };
        if place.flush {
            folder.flush()?;
        }
        let given = identity(&placed, target)?;
        // Whoever executes it must not find it open for writing.
        drop(placed);
        opened_as(folder, target, (self.owner, given))
    }

    /// The last touch before a file appears under its name: owner, mode, and the disk if need be (R113, R114).
    fn finish(&self, file: &File, place: &Place) -> Result<(), StoreError> {
        self.own(file, place.mode, &place.path)?;
        if place.flush {
            file.sync_all().map_err(|error| StoreError::io("flush", &place.path, error))?;
        }
        Ok(())
    }

    /// Across volumes: a copy under a temporary name beside the target, flushed, then renamed (R114).
    fn copy(
        &self,
        (work, name): (&Folder, &str),
        content: Content,
        (folder, place): (&Folder, &Place),
    ) -> Result<File, StoreError> {
        let target = &place.path;
        let free = folder.free_bytes()?;
        if free < content.bytes {
            return Err(StoreError::Space { path: folder.path().clone(), needed: content.bytes, free });
        }
        let failed = |why: std::io::Error| StoreError::write("copy to", target, why);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let source =
            rustix::fs::openat(work, name, flags, Mode::empty()).map_err(|errno| failed(errno.into()))?;
        let temporary = format!(".{name}");
        let mut copy = create_new(folder, &temporary, target)?;
        let mut digester = Digester::default();
        let result = read_pieces(&mut File::from(source), |piece| {
            digester.update(piece);
            copy.write_all(piece)
        })
        .map_err(failed)
        .and_then(|_| {
            if digester.finish() != content.digest {
                return Err(StoreError::io("copy to", target, "the content changed on the way"));
            }
            self.finish(&copy, place)?;
            rustix::fs::renameat(folder, &temporary, folder, target.file_name())
                .map_err(|errno| failed(errno.into()))
        });
        let leftover = if result.is_ok() { (work, name) } else { (folder, temporary.as_str()) };
        let _ = rustix::fs::unlinkat(leftover.0, leftover.1, AtFlags::empty());
        result.map(|()| copy)
    }

    /// Copies an open file to `place`, by way of the work folder, where the copy is called `name` meanwhile.
    ///
    /// # Errors
    /// When it does not hold `content` any more, a folder is unsafe, there is no room, or the system refuses.
    pub(crate) fn copy_in(
        &self,
        (from, content): (&File, Content),
        name: &str,
        place: &Place,
    ) -> Result<Opened, StoreError> {
        let (target, work) = (&place.path, self.work()?);
        self.reserve(&work, 0, Some(content.bytes))?;
        let mut copy = create_anew(&work, name, target)?;
        let mut digester = Digester::default();
        let copied = read_at_pieces(from, |piece| {
            digester.update(piece);
            copy.write_all(piece)
        })
        .map_err(|why| StoreError::write("copy to", target, why))
        .and_then(|bytes| {
            let same = bytes == content.bytes && digester.finish() == content.digest;
            same.then_some(()).ok_or_else(|| StoreError::Unsafe {
                path: target.clone(),
                why: "its content changed after it was verified",
            })
        })
        .and_then(|()| self.place((&work, name, copy), content, place));
        if copied.is_err() {
            // The failure is what counts.
            let _ = remove(&work, name, target);
        }
        copied
    }

    /// Gives an open file its owner and mode (R113).
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn own(&self, file: &File, mode: u32, path: &MacPath) -> Result<(), StoreError> {
        let failed = |errno| StoreError::io("set owner and mode of", path, errno);
        if self.owner == 0 {
            // On a Mac a new file takes its folder's group; what root owns belongs to wheel.
            rustix::fs::fchown(file, Some(Uid::ROOT), Some(Gid::ROOT)).map_err(failed)?;
        }
        rustix::fs::fchmod(file, Mode::from_bits_truncate(mode as _)).map_err(failed)
    }

    /// Writes content that waits in the work folder for its turn. Half of it does no harm after a power cut: whatever lies
    /// there is digested before it is used (R87).
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn write_aside(
        &self,
        work: &Arc<Folder>,
        content: &[u8],
        place: &Place,
    ) -> Result<Opened, StoreError> {
        let target = &place.path;
        self.takes_more(target)?;
        let name = target.file_name();
        let mut file = create_new(work, name, target).or_else(|_| create_anew(work, name, target))?;
        file.write_all(content).map_err(|why| StoreError::write("write", target, why))?;
        self.own(&file, place.mode, target)?;
        let written = identity(&file, target)?;
        // Whoever executes it later must not find it open for writing.
        drop(file);
        opened_as(Arc::clone(work), target, (self.owner, written))
    }

    /// Writes a small file whole: under a temporary name in the work folder, flushed, then renamed.
    ///
    /// # Errors
    /// When a folder is unsafe, or the system refuses.
    pub(crate) fn write(&self, place: &Place, content: &[u8]) -> Result<Opened, StoreError> {
        let target = &place.path;
        let work = self.work()?;
        self.takes_more(target)?;
        let name = format!("{}.new", target.file_name());
        let mut file = create_anew(&work, &name, target)?;
        file.write_all(content).map_err(|why| StoreError::write("write", target, why))?;
        let content = Content { digest: Digest::of(content), bytes: content.len() as u64 };
        self.place((&work, &name, file), content, place)
    }
}
