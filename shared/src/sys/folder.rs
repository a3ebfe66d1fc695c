//! Folders that root may write below: opened component by component, each checked, no symlink followed (R35, R115).

use crate::layout::MacPath;
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat},
    io::Errno,
};
use std::{fs::File, io, path::Path};

/// Links that macOS itself puts into `/`; each leads to the folder of its name in `/private`.
const SYSTEM_LINKS: [&str; 3] = ["var", "tmp", "etc"];

/// Why a place on disk cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The system refused.
    #[error("cannot {what} {path}: {why}")]
    Io {
        /// The operation.
        what: &'static str,
        /// On what.
        path: MacPath,
        /// The system's words.
        why: String,
    },
    /// Somebody else could change it under our hands (R115, R116).
    #[error("{path} is not safe to use: {why}")]
    Unsafe {
        /// The component or file.
        path: MacPath,
        /// Which check failed.
        why: &'static str,
    },
    /// No room for what was being written.
    #[error("cannot {what} {path}: the disk is full")]
    Full {
        /// The operation.
        what: &'static str,
        /// On what.
        path: MacPath,
    },
    /// Too little free space (R117).
    #[error("{path} has {free} bytes free, {needed} are needed")]
    Space {
        /// On which volume.
        path: MacPath,
        /// What a transfer needs, with its reserve.
        needed: u64,
        /// What there is.
        free: u64,
    },
}

/// Whether `error` says that a disk or a quota is full: what fills it may go away.
#[must_use]
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

impl StoreError {
    /// Whether what fills the disk may go away.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Space { .. })
    }

    /// The system refused to write `path`.
    #[must_use]
    pub fn write(what: &'static str, path: &MacPath, why: impl Into<io::Error>) -> Self {
        let why = why.into();
        if is_full(&why) { Self::Full { what, path: path.clone() } } else { Self::io(what, path, why) }
    }

    /// The system refused `what` on `path`.
    #[must_use]
    pub fn io(what: &'static str, path: &MacPath, why: impl ToString) -> Self {
        Self::Io { what, path: path.clone(), why: why.to_string() }
    }
}

/// Whether missing folders are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Made with mode 0755 (R35).
    Create,
    /// Left missing.
    Leave,
}

/// An open folder, every component of whose path was safe when it was opened.
#[derive(Debug)]
pub struct Folder {
    fd: OwnedFd,
    path: MacPath,
    /// When it was opened.
    stat: Stat,
}

impl Folder {
    /// Opens `path` below `root`; `None` when it is missing and is to be left so.
    ///
    /// `root` itself is taken on trust: on a Mac it is `/`, in the simulated world the runner chose it.
    ///
    /// # Errors
    /// When a component is not a folder of `owner`, is writable by others, or cannot be opened or made.
    pub fn open(
        root: &Path,
        path: &MacPath,
        owner: u32,
        missing: Missing,
    ) -> Result<Option<Self>, StoreError> {
        let check = |fd: BorrowedFd<'_>, here: &MacPath| check(&stat(fd, here)?, here, owner);
        let root = open_root(root, path)?;
        let names = resolved(root.as_fd(), path);
        let opened = walk(root, names, path, missing, &check)?;
        opened.map(|fd| Ok(Self { stat: stat(fd.as_fd(), path)?, fd, path: path.clone() })).transpose()
    }

    /// Opens the folder that `file` lies in, whoever owns what is on the way: links are not followed, and that is all.
    /// Whoever writes there looks at the file itself.
    ///
    /// # Errors
    /// When a component is missing, is a link or no folder, or cannot be opened.
    pub fn of_anybody(root: &Path, file: &MacPath) -> Result<OwnedFd, StoreError> {
        let root = open_root(root, file)?;
        let mut names = resolved(root.as_fd(), file);
        names.pop();
        let opened = walk(root, names, file, Missing::Leave, &|_, _| Ok(()))?;
        opened.ok_or_else(|| StoreError::io("open the folder of", file, "there is no such folder"))
    }

    /// Whether this is still what `root` has under its path, and nobody but `owner` can change it.
    ///
    /// A link on the way that leads to this very folder does no harm: everything goes through what is open.
    #[must_use]
    pub fn still_at(&self, root: &Path, owner: u32) -> bool {
        let named = rustix::fs::stat(self.path.under(root));
        let is_this = |found: &Stat| (found.st_dev, found.st_ino) == (self.stat.st_dev, self.stat.st_ino);
        named.is_ok_and(|found| is_this(&found) && check(&found, &self.path, owner).is_ok())
    }

    /// The path it was opened by.
    #[must_use]
    pub fn path(&self) -> &MacPath {
        &self.path
    }

    /// Gives it another mode.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn set_mode(&self, mode: u32) -> Result<(), StoreError> {
        rustix::fs::fchmod(&self.fd, Mode::from_bits_truncate(mode as _))
            .map_err(|errno| StoreError::io("set the mode of", &self.path, errno))
    }

    /// Waits until the names in it are on the disk: only then is what was renamed into it there after a power cut.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn flush(&self) -> Result<(), StoreError> {
        // The standard library knows how each system really empties its caches; a plain fsync does not on macOS.
        let flushed = self.fd.try_clone().and_then(|fd| File::from(fd).sync_all());
        flushed.map_err(|error| StoreError::io("flush", &self.path, error))
    }

    /// Bytes that an unprivileged process could still write.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn free_bytes(&self) -> Result<u64, StoreError> {
        let volume = rustix::fs::fstatvfs(&self.fd)
            .map_err(|errno| StoreError::io("ask for the free space of", &self.path, errno))?;
        Ok(volume.f_bavail.saturating_mul(volume.f_frsize))
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn open_root(root: &Path, path: &MacPath) -> Result<OwnedFd, StoreError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, root, flags, Mode::empty())
        .map_err(|errno| StoreError::io("open the root folder of", path, errno))
}

/// Opens the folder `names` lead to, one after the other; `path` is what all that is for.
fn walk(
    root: OwnedFd,
    names: Vec<String>,
    path: &MacPath,
    missing: Missing,
    check: &dyn Fn(BorrowedFd<'_>, &MacPath) -> Result<(), StoreError>,
) -> Result<Option<OwnedFd>, StoreError> {
    let (mut fd, mut walked) = (root, String::new());
    for name in names {
        walked.push('/');
        walked.push_str(&name);
        let here = MacPath::new(&walked).map_err(|error| StoreError::io("open", path, error))?;
        match step(fd.as_fd(), &name, &here, missing)? {
            Some(next) => fd = next,
            None => return Ok(None),
        }
        check(fd.as_fd(), &here)?;
    }
    Ok(Some(fd))
}

/// The components of `path`, with a system link at its front replaced by what it stands for.
fn resolved(root: BorrowedFd<'_>, path: &MacPath) -> Vec<String> {
    let mut parts: Vec<String> = path.as_str().split('/').skip(1).map(str::to_owned).collect();
    if let Some(first) = parts.first().filter(|first| SYSTEM_LINKS.contains(&first.as_str())) {
        let expected = format!("private/{first}");
        let target = rustix::fs::readlinkat(root, first.as_str(), Vec::new());
        if target.is_ok_and(|target| target.to_bytes() == expected.as_bytes()) {
            parts.insert(0, "private".to_owned());
        }
    }
    parts
}

fn step(
    parent: BorrowedFd<'_>,
    name: &str,
    here: &MacPath,
    missing: Missing,
) -> Result<Option<OwnedFd>, StoreError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = || rustix::fs::openat(parent, name, flags, Mode::empty());
    match open() {
        Ok(fd) => return Ok(Some(fd)),
        Err(Errno::NOENT) if missing == Missing::Leave => return Ok(None),
        Err(Errno::NOENT) => {}
        Err(errno) => return Err(refused(parent, name, here, errno)),
    }
    match rustix::fs::mkdirat(parent, name, Mode::from_bits_truncate(0o755)) {
        // Another transfer of ours may need the same folder at the same time.
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(StoreError::write("make the folder", here, errno)),
    }
    let fd = open().map_err(|errno| refused(parent, name, here, errno))?;
    // The umask must not decide.
    rustix::fs::fchmod(&fd, Mode::from_bits_truncate(0o755))
        .map_err(|errno| StoreError::io("set the mode of", here, errno))?;
    Ok(Some(fd))
}

fn refused(parent: BorrowedFd<'_>, name: &str, here: &MacPath, errno: Errno) -> StoreError {
    let kind = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW).map(|stat| kind(&stat));
    match kind {
        Ok(FileType::Symlink) => StoreError::Unsafe { path: here.clone(), why: "it is a symbolic link" },
        Ok(FileType::Directory) | Err(_) => StoreError::io("open", here, errno),
        Ok(_) => StoreError::Unsafe { path: here.clone(), why: "it is not a folder" },
    }
}

fn check(stat: &Stat, here: &MacPath, owner: u32) -> Result<(), StoreError> {
    let why = if stat.st_uid != owner {
        "the folder belongs to somebody else"
    } else if stat.st_mode & 0o022 != 0 {
        "the folder is writable by its group or by everybody"
    } else {
        return Ok(());
    };
    Err(StoreError::Unsafe { path: here.clone(), why })
}

/// The state of an open file or folder.
///
/// # Errors
/// When the system does not say.
pub fn stat(fd: BorrowedFd<'_>, path: &MacPath) -> Result<Stat, StoreError> {
    rustix::fs::fstat(fd).map_err(|errno| StoreError::io("look at", path, errno))
}

/// What a file is.
#[must_use]
pub fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        fs,
        os::unix::fs::{PermissionsExt as _, symlink},
    };

    fn me() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    fn open(root: &Path, path: &str, missing: Missing) -> Result<Option<Folder>, StoreError> {
        Folder::open(root, &MacPath::new(path).unwrap(), me(), missing)
    }

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn r35_missing_folders_are_made_0755_whatever_the_umask() {
        let root = tempfile::tempdir().unwrap();
        open(root.path(), "/Library/a/b", Missing::Create).unwrap().unwrap();
        for made in ["Library", "Library/a", "Library/a/b"] {
            assert_eq!(fs::metadata(root.path().join(made)).unwrap().permissions().mode() & 0o7777, 0o755);
        }
        assert!(open(root.path(), "/Library/c", Missing::Leave).unwrap().is_none());
        assert!(!root.path().join("Library/c").exists());
    }

    #[test]
    fn r115_a_component_that_others_can_change_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let shared = root.path().join("Users");
        fs::create_dir_all(shared.join("Shared")).unwrap();
        for bad in [0o775, 0o757, 0o1777] {
            mode(&shared, bad);
            let error = open(root.path(), "/Users/Shared/x", Missing::Create).unwrap_err();
            assert!(
                matches!(&error, StoreError::Unsafe { path, .. } if path.as_str() == "/Users"),
                "{error}"
            );
        }
        mode(&shared, 0o755);
        let error = Folder::open(root.path(), &MacPath::new("/Users").unwrap(), me() + 1, Missing::Leave);
        assert!(error.unwrap_err().to_string().contains("belongs to somebody else"));
    }

    #[test]
    fn r115_symlinks_are_refused_and_files_are_no_folders() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("real")).unwrap();
        mode(&root.path().join("real"), 0o755);
        symlink("real", root.path().join("link")).unwrap();
        symlink("/etc", root.path().join("var")).unwrap();
        fs::write(root.path().join("file"), "").unwrap();
        for (path, why) in
            [("/link/x", "symbolic link"), ("/var/x", "symbolic link"), ("/file/x", "not a folder")]
        {
            let error = open(root.path(), path, Missing::Create).unwrap_err();
            assert!(error.to_string().contains(why), "{path}: {error}");
        }
    }

    #[test]
    fn r115_the_links_of_the_system_are_allowed() {
        let root = tempfile::tempdir().unwrap();
        open(root.path(), "/private/var/tmp", Missing::Create).unwrap();
        symlink("private/var", root.path().join("var")).unwrap();
        let folder = open(root.path(), "/var/tmp/x", Missing::Create).unwrap().unwrap();
        assert_eq!(folder.path().as_str(), "/var/tmp/x");
        assert!(root.path().join("private/var/tmp/x").is_dir());
    }
}
