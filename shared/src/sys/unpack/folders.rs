//! The folders an archive is unpacked into: opened without following links, made when missing.

use super::{Place, Refusal};
use cap_std::fs::Dir;
use rustix::{
    fd::{AsFd as _, BorrowedFd, OwnedFd},
    fs::{
        AtFlags, FileType, Mode, OFlags, RawMode, Timespec, Timestamps, fchmod, futimens, mkdirat, openat,
        statat,
    },
    io::Errno,
};
use std::{
    ffi::OsStr,
    path::{Component, Path, PathBuf},
};

/// Links in a Mac's root that everybody may follow, all into `private`.
const MAC_LINKS: [&str; 3] = ["etc", "tmp", "var"];

/// Opens folders below the root.
pub(super) struct Folders<'a> {
    root: &'a Dir,
    base: PathBuf,
    /// Those of [`MAC_LINKS`] that this root has.
    links: Vec<&'static str>,
    /// The folder used last: an archive's neighbours are neighbours on the disk.
    last: Option<(PathBuf, OwnedFd)>,
    /// Folders made here, with the permissions and times they get in the end.
    made: Vec<Made>,
}

struct Made {
    path: PathBuf,
    mode: u32,
    mtime: u64,
}

impl<'a> Folders<'a> {
    pub(super) fn new(place: Place<'a>) -> Self {
        let is_there = |name: &&'static str| {
            place.root.read_link(name).is_ok_and(|target| target == Path::new("private").join(name))
        };
        let links = MAC_LINKS.into_iter().filter(is_there).collect();
        Self { root: place.root, base: place.folder.to_owned(), links, last: None, made: Vec::new() }
    }

    /// Where `relative`, which does not climb, lies below the root.
    pub(super) fn resolve(&self, relative: &Path) -> PathBuf {
        let whole = self.base.join(relative);
        let names: PathBuf = whole.components().filter(|part| matches!(part, Component::Normal(_))).collect();
        match names.components().next() {
            Some(Component::Normal(first)) if self.is_link(first) => Path::new("private").join(names),
            _ => names,
        }
    }

    /// Whether `path` is one of the Mac's own links, already resolved, and `target` what it points to.
    pub(super) fn is_mac_link(&self, path: &Path, target: &Path) -> bool {
        path == target && path.strip_prefix("private").is_ok_and(|name| self.is_link(name.as_os_str()))
    }

    fn is_link(&self, name: &OsStr) -> bool {
        self.links.iter().any(|link| OsStr::new(link) == name)
    }

    /// The folder a resolved path is in, and its name there; parents are made when missing.
    pub(super) fn parent<'p>(&mut self, path: &'p Path) -> Result<(BorrowedFd<'_>, &'p OsStr), Refusal> {
        let name = path.file_name().ok_or(Refusal::FolderInTheWay)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Ok((self.open(folder)?, name))
    }

    /// Makes the folder at a resolved path unless it is there.
    pub(super) fn make(&mut self, path: &Path, mode: u32, mtime: u64) -> Result<bool, Refusal> {
        if path.as_os_str().is_empty() {
            return Ok(false);
        }
        let (parent, name) = self.parent(path)?;
        // Until the end its owner may write into it.
        let fresh = match mkdirat(parent, name, Mode::from_raw_mode((mode & 0o777 | 0o700) as RawMode)) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(error) => return Err(system("make the folder", error)),
        };
        self.open(path)?;
        if fresh {
            self.made.push(Made { path: path.to_owned(), mode, mtime });
        }
        Ok(fresh)
    }

    /// An open folder, by its resolved path.
    pub(super) fn open(&mut self, path: &Path) -> Result<BorrowedFd<'_>, Refusal> {
        let known = self.last.take().filter(|(last, _)| last == path);
        let folder = match known {
            Some((_, folder)) => folder,
            None => self.walk(path)?,
        };
        Ok(self.last.insert((path.to_owned(), folder)).1.as_fd())
    }

    fn walk(&self, path: &Path) -> Result<OwnedFd, Refusal> {
        let mut folder = open_folder(self.root.as_fd(), OsStr::new("."))
            .map_err(|error| system("open the root folder", error))?;
        let mut so_far = PathBuf::new();
        for name in path {
            so_far.push(name);
            let next = match open_folder(folder.as_fd(), name) {
                Err(Errno::NOENT) => {
                    // Somebody else may be quicker: the folder is what counts.
                    let _ = mkdirat(&folder, name, Mode::from_raw_mode(0o755));
                    open_folder(folder.as_fd(), name)
                }
                other => other,
            };
            folder = match next {
                Ok(next) => next,
                Err(Errno::LOOP | Errno::NOTDIR) => return Err(in_the_way(folder.as_fd(), name, so_far)),
                Err(error) => return Err(system("open the folder it is in", error)),
            };
        }
        Ok(folder)
    }

    /// Gives the folders that were made their permissions and times, the innermost first.
    pub(super) fn finish(&mut self, keep_special_bits: bool) -> Result<(), (PathBuf, Refusal)> {
        self.last = None;
        for made in std::mem::take(&mut self.made).into_iter().rev() {
            let allowed = if keep_special_bits { 0o7777 } else { 0o777 };
            let finished = self.walk(&made.path).and_then(|folder| {
                fchmod(&folder, Mode::from_raw_mode((made.mode & allowed) as RawMode))
                    .map_err(|error| system("set the folder's permissions", error))?;
                futimens(&folder, &times(made.mtime)).map_err(|error| system("set the folder's time", error))
            });
            finished.map_err(|refusal| (made.path, refusal))?;
        }
        Ok(())
    }
}

fn open_folder(folder: BorrowedFd<'_>, name: &OsStr) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(folder, name, flags, Mode::empty())
}

fn in_the_way(folder: BorrowedFd<'_>, name: &OsStr, path: PathBuf) -> Refusal {
    let is_link = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::Symlink);
    if is_link { Refusal::LinkInPath(path) } else { Refusal::NotAFolder(path) }
}

/// Both times an entry has are its last change.
pub(super) fn times(mtime: u64) -> Timestamps {
    let moment = Timespec { tv_sec: mtime.try_into().unwrap_or(i64::MAX), tv_nsec: 0 };
    Timestamps { last_access: moment, last_modification: moment }
}

pub(super) fn system(what: &'static str, error: Errno) -> Refusal {
    Refusal::System { what, source: error.into() }
}
