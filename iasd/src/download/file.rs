//! One file in a safe folder: opened if it may be used (R116), created, removed.

use super::folder::{Folder, StoreError, kind, stat};
use rustix::{
    fd::AsFd as _,
    fs::{AtFlags, FileType, Mode, OFlags},
    io::Errno,
};
use shared::layout::MacPath;
use std::{fs::File, os::unix::fs::MetadataExt as _, sync::Arc};

/// An open file in an open, safe folder.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    /// Where it lies.
    pub(crate) path: MacPath,
    /// Its folder.
    pub(crate) folder: Arc<Folder>,
    /// The file, open for reading only.
    pub(crate) file: Arc<File>,
}

/// What lies at a path.
#[derive(Debug)]
pub(crate) enum Existing {
    /// Nothing.
    Absent,
    /// A file that passes R116.
    Usable(Opened),
    /// Something else, and why it is not usable.
    Unusable(StoreError),
}

/// Which file an open one is, whatever its name.
pub(super) fn identity(file: &File, path: &MacPath) -> Result<(u64, u64), StoreError> {
    let found = file.metadata().map_err(|error| StoreError::io("look at", path, error))?;
    Ok((found.dev(), found.ino()))
}

/// Opens the file that was just put at `path`.
pub(super) fn opened_as(
    folder: Arc<Folder>,
    path: &MacPath,
    (owner, given): (u32, (u64, u64)),
) -> Result<Opened, StoreError> {
    match open_usable(folder, path, owner) {
        Existing::Usable(opened) if identity(&opened.file, path)? == given => Ok(opened),
        Existing::Usable(_) => Err(StoreError::Unsafe {
            path: path.clone(),
            why: "another file than the one that was checked was put in this place",
        }),
        Existing::Unusable(error) => Err(error),
        Existing::Absent => Err(StoreError::io("place", path, "it vanished")),
    }
}

/// What lies at `path`, in its open `folder` (R116).
pub(super) fn open_usable(folder: Arc<Folder>, path: &MacPath, owner: u32) -> Existing {
    // Without O_NONBLOCK a named pipe would hold us up for ever.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let unsafe_because = |why| Existing::Unusable(StoreError::Unsafe { path: path.clone(), why });
    let file = match rustix::fs::openat(&*folder, path.file_name(), flags, Mode::empty()) {
        Ok(fd) => File::from(fd),
        Err(Errno::NOENT) => return Existing::Absent,
        Err(Errno::LOOP) => return unsafe_because("it is a symbolic link"),
        Err(errno) => return Existing::Unusable(StoreError::io("open", path, errno)),
    };
    let stat = match stat(file.as_fd(), path) {
        Ok(stat) => stat,
        Err(error) => return Existing::Unusable(error),
    };
    if kind(&stat) != FileType::RegularFile {
        unsafe_because("it is not a regular file")
    } else if stat.st_nlink != 1 {
        unsafe_because("it has other names (hard links)")
    } else if stat.st_uid != owner {
        unsafe_because("it belongs to somebody else")
    } else if stat.st_mode & 0o022 != 0 {
        unsafe_because("it is writable by its group or by everybody")
    } else {
        Existing::Usable(Opened { path: path.clone(), folder, file: Arc::new(file) })
    }
}

/// Creates `name`, which must not exist, for reading and writing by us alone (R114).
pub(crate) fn create_new(folder: &Folder, name: &str, path: &MacPath) -> Result<File, StoreError> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(folder, name, flags, Mode::from_bits_truncate(0o600))
        .map(File::from)
        .map_err(|errno| StoreError::write("create", path, errno))
}

/// Removes what a killed run left under `name`, then creates it.
pub(crate) fn create_anew(folder: &Folder, name: &str, path: &MacPath) -> Result<File, StoreError> {
    remove(folder, name, path)?;
    create_new(folder, name, path)
}

/// Removes `name`, if it is there.
pub(crate) fn remove(folder: &Folder, name: &str, path: &MacPath) -> Result<(), StoreError> {
    match rustix::fs::unlinkat(folder, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(StoreError::io("remove", path, errno)),
    }
}
