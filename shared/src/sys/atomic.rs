//! Replacing a file as a whole: whoever reads it sees the old content or the new, never half of it.

use rustix::{
    fd::{AsFd, BorrowedFd},
    fs::{AtFlags, CWD, Mode, OFlags, RawMode, fchmod, openat, renameat, unlinkat},
};
use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Write as _},
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

/// Replaces `path` by a new file of `mode` holding `content`; when this returns, a power cut cannot undo it.
///
/// # Errors
/// When the new file cannot be written beside `path`, or not be put in its place. Nothing is left behind,
/// and the old content stays.
pub fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = openat(CWD, folder, flags, Mode::empty())?;
    replace_in(folder.as_fd(), name, content, mode)
}

/// The same for the file `name` in an open folder, wherever that has been moved to meanwhile.
///
/// # Errors
/// As [`replace`].
pub fn replace_in(folder: BorrowedFd<'_>, name: &OsStr, content: &[u8], mode: u32) -> io::Result<()> {
    let beside = neighbour(name);
    let written = write_new(folder, &beside, content, mode)
        .and_then(|()| Ok(renameat(folder, beside.as_str(), folder, name)?));
    if written.is_err() {
        // The first error is the one to tell.
        let _ = unlinkat(folder, beside.as_str(), AtFlags::empty());
        return written;
    }
    // The new name is durable once its folder is.
    File::from(folder.try_clone_to_owned()?).sync_all()
}

fn write_new(folder: BorrowedFd<'_>, name: &str, content: &[u8], mode: u32) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(openat(folder, name, flags, Mode::from_raw_mode(0o600))?);
    file.write_all(content)?;
    // Independent of the umask.
    fchmod(&file, Mode::from_raw_mode(mode as RawMode))?;
    file.sync_all()
}

/// A name in the same folder that no other writer uses.
fn neighbour(name: &OsStr) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!(".{}.{}-{count}.new", name.to_string_lossy(), std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt as _};

    #[test]
    fn the_new_content_takes_the_old_ones_place_with_the_asked_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("status.json");
        replace(&path, b"old", 0o644).unwrap();
        replace(&path, b"new", 0o600).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failure_leaves_the_old_content_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        fs::create_dir(&path).unwrap();
        assert!(replace(&path, b"new", 0o644).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(replace(&folder.path().join("missing/x"), b"new", 0o644).is_err());
    }
}
