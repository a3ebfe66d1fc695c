//! Puts one entry of an archive in its place.

use super::{
    Place, Placed, Refusal, Remark, Rules, UnpackError,
    folders::{Folders, system, times},
};
use crate::walk::{Entry, Kind, Outside, below};
use rustix::{
    fd::{AsFd, BorrowedFd},
    fs::{
        AtFlags, Gid, Mode, OFlags, RawMode, Uid, chownat, fchmod, fchown, futimens, linkat, openat,
        renameat, symlinkat, unlinkat, utimensat,
    },
    io::Errno,
    process::geteuid,
};
use std::{
    collections::HashMap,
    ffi::OsStr,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

const SPECIAL_BITS: u32 = 0o7000;

/// Bytes of the names that are kept in case another name of their file follows. Some formats do not say of which file
/// one will, and a file without content takes little room in an archive.
const MOST_NAMES: usize = 128 << 20;

/// Unpacks entry by entry.
pub(super) struct Placer<'a> {
    folders: Folders<'a>,
    rules: Rules,
    bytes_left: u64,
    is_root: bool,
    /// Files with several names, by the first.
    names: HashMap<PathBuf, Names>,
    /// See [`MOST_NAMES`].
    names_left: usize,
    temporary: u64,
}

/// The names under which one file has been unpacked, beside the first.
struct Names {
    others: Vec<PathBuf>,
    /// Whether its content has come; some formats store it with the last name.
    filled: bool,
}

impl<'a> Placer<'a> {
    pub(super) fn new(place: Place<'a>, rules: Rules) -> Self {
        Self {
            folders: Folders::new(place),
            rules,
            bytes_left: rules.max_bytes,
            is_root: geteuid().is_root(),
            names: HashMap::new(),
            names_left: MOST_NAMES,
            temporary: 0,
        }
    }

    /// Where `entry` goes, below the root.
    pub(super) fn path_of(&self, entry: &Entry) -> Result<PathBuf, Outside> {
        if let Some(first) = &entry.link_to {
            below(first)?;
        }
        Ok(self.folders.resolve(&entry.relative()?))
    }

    pub(super) fn place<'p>(
        &mut self,
        entry: &Entry,
        path: &'p Path,
        body: &mut dyn Read,
    ) -> Result<Placed<'p>, Refusal> {
        let owner = Some((entry.uid, entry.gid));
        let mut placed =
            Placed { path, bytes: 0, mode: entry.mode, owner_not_set: None, remark: self.remark(entry) };
        match &entry.kind {
            Kind::Directory => {
                let fresh = self.folders.make(path, entry.mode, entry.mtime)?;
                placed.owner_not_set =
                    owner.filter(|_| fresh && !self.own(path, entry.uid, entry.gid).unwrap_or(false));
            }
            Kind::Symlink { target } if self.folders.is_mac_link(path, target) => {}
            Kind::Symlink { target } => {
                placed.owner_not_set = owner.filter(|_| !self.is_root);
                if !self.link(entry, path, target)? {
                    placed.owner_not_set = owner;
                }
            }
            Kind::File => {
                let (bytes, owned) = self.named_file(entry, path, body)?;
                placed.bytes = bytes;
                placed.owner_not_set = owner.filter(|_| !owned);
            }
            Kind::Special if self.rules.refuse_devices => return Err(Refusal::Device(entry.mode)),
            Kind::Special => {}
        }
        Ok(placed)
    }

    /// Completes the folders.
    pub(super) fn finish(mut self) -> Result<(), UnpackError> {
        let finished = self.folders.finish(self.rules.keep_special_bits);
        finished.map_err(|(path, source)| UnpackError::Entry { path, source })
    }

    fn remark(&self, entry: &Entry) -> Option<Remark> {
        match entry.kind {
            Kind::Special => Some(Remark::DeviceLeftOut),
            Kind::Symlink { .. } => None,
            _ if entry.mode & SPECIAL_BITS == 0 => None,
            _ if self.rules.keep_special_bits => Some(Remark::SpecialBitsKept),
            _ => Some(Remark::SpecialBitsRemoved),
        }
    }

    /// A file, or another name of one; how many bytes were written, and whether it has its owner.
    fn named_file(
        &mut self,
        entry: &Entry,
        path: &Path,
        body: &mut dyn Read,
    ) -> Result<(u64, bool), Refusal> {
        let Some(first) = &entry.link_to else {
            if entry.links > 1 {
                let names = Names { others: Vec::new(), filled: entry.size > 0 };
                self.remember(path)?;
                self.names.insert(path.to_owned(), names);
            }
            return self.file(entry, path, body);
        };
        // `path_of` has refused what leads outside.
        let first = self.folders.resolve(&below(first).unwrap_or_default());
        let Some(mut names) = self.names.remove(&first) else { return Err(Refusal::UnknownFile(first)) };
        let done = if entry.size > 0 && !names.filled {
            names.filled = true;
            let done = self.file(entry, path, body)?;
            let mut earlier = std::iter::once(&first).chain(&names.others);
            earlier.try_for_each(|earlier| self.name_again(path, earlier))?;
            done
        } else {
            self.name_again(&first, path)?;
            (0, true)
        };
        self.remember(path)?;
        names.others.push(path.to_owned());
        if names.others.len() + 1 < entry.links as usize {
            self.names.insert(first, names);
        }
        Ok(done)
    }

    /// Takes note that a name will be kept.
    fn remember(&mut self, path: &Path) -> Result<(), Refusal> {
        // With what keeping it takes besides.
        let left = self.names_left.checked_sub(path.as_os_str().len() + size_of::<(PathBuf, Names)>());
        self.names_left =
            left.ok_or_else(|| Refusal::TooMuch(format!("{MOST_NAMES} bytes of names of files")))?;
        Ok(())
    }

    /// Writes a new file beside its place and puts it there.
    fn file(&mut self, entry: &Entry, path: &Path, body: &mut dyn Read) -> Result<(u64, bool), Refusal> {
        let too_much = || Refusal::TooMuch(format!("{} bytes", self.rules.max_bytes));
        self.bytes_left = self.bytes_left.checked_sub(entry.size).ok_or_else(too_much)?;
        let temporary = self.temporary_name();
        let (is_root, bits) = (self.is_root, self.permissions(entry));
        let (folder, name) = self.folders.parent(path)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(folder, &temporary, flags, Mode::from_raw_mode(0o600))
            .map_err(|error| system("make a file beside it", error))?;
        let write = || {
            let mut file = File::from(file);
            io::copy(body, &mut file)
                .map_err(|source| Refusal::System { what: "write its content", source })?;
            // The order matters: a change of owner clears setuid.
            let owned = is_root && settle_owner(fchown(&file, uid(entry), gid(entry)))?;
            fchmod(&file, bits).map_err(|error| system("set its permissions", error))?;
            futimens(&file, &times(entry.mtime)).map_err(|error| system("set its time", error))?;
            Ok(owned)
        };
        let owned = put_in_place(folder, &temporary, name, write)?;
        Ok((entry.size, owned))
    }

    /// Makes a symbolic link; whether it has its owner.
    fn link(&mut self, entry: &Entry, path: &Path, target: &Path) -> Result<bool, Refusal> {
        let temporary = self.temporary_name();
        let is_root = self.is_root;
        let (folder, name) = self.folders.parent(path)?;
        put_in_place(folder, &temporary, name, || {
            symlinkat(target, folder, &temporary).map_err(|error| system("make the link", error))?;
            let nofollow = AtFlags::SYMLINK_NOFOLLOW;
            // Links whose time cannot be set are none the worse.
            let _ = utimensat(folder, &temporary, &times(entry.mtime), nofollow);
            let owned = || settle_owner(chownat(folder, &temporary, uid(entry), gid(entry), nofollow));
            if is_root { owned() } else { Ok(false) }
        })
    }

    /// Gives the file at `existing`, unpacked before, a further name; both paths are resolved.
    fn name_again(&mut self, existing: &Path, path: &Path) -> Result<(), Refusal> {
        let temporary = self.temporary_name();
        let (folder, file) = self.folders.parent(existing)?;
        let source = folder
            .try_clone_to_owned()
            .map_err(|source| Refusal::System { what: "keep the folder of its other name open", source })?;
        let (folder, name) = self.folders.parent(path)?;
        put_in_place(folder, &temporary, name, || {
            linkat(source.as_fd(), file, folder, &temporary, AtFlags::empty())
                .map_err(|error| system("give the file another name", error))
        })
    }

    /// Gives a folder that was made its owner; whether that was possible.
    fn own(&mut self, path: &Path, user: u32, group: u32) -> Result<bool, Refusal> {
        if !self.is_root {
            return Ok(false);
        }
        let folder = self.folders.open(path)?;
        settle_owner(fchown(folder, Some(Uid::from_raw(user)), Some(Gid::from_raw(group))))
    }

    fn permissions(&self, entry: &Entry) -> Mode {
        let allowed = if self.rules.keep_special_bits { 0o7777 } else { 0o777 };
        Mode::from_raw_mode((entry.mode & allowed) as RawMode)
    }

    fn temporary_name(&mut self) -> String {
        self.temporary += 1;
        format!(".unpack-{}-{}", std::process::id(), self.temporary)
    }
}

/// Runs `write`, which makes `temporary`, and renames that to `name`; leaves nothing behind when either fails.
fn put_in_place<T>(
    folder: BorrowedFd<'_>,
    temporary: &str,
    name: &OsStr,
    write: impl FnOnce() -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let placed = write().and_then(|made| match renameat(folder, temporary, folder, name) {
        Ok(()) => Ok(made),
        Err(Errno::ISDIR | Errno::NOTEMPTY | Errno::EXIST) => Err(Refusal::FolderInTheWay),
        Err(error) => Err(system("put it in its place", error)),
    });
    // Renaming does nothing when both names are one file already.
    let _ = unlinkat(folder, temporary, AtFlags::empty());
    placed
}

fn uid(entry: &Entry) -> Option<Uid> {
    Some(Uid::from_raw(entry.uid))
}

fn gid(entry: &Entry) -> Option<Gid> {
    Some(Gid::from_raw(entry.gid))
}

/// Whether the owner was set. That root may not, or that the id means nobody, happens in user namespaces.
fn settle_owner(outcome: rustix::io::Result<()>) -> Result<bool, Refusal> {
    match outcome {
        Ok(()) => Ok(true),
        Err(Errno::PERM | Errno::INVAL) => Ok(false),
        Err(error) => Err(system("set its owner", error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cap_std::{ambient_authority, fs::Dir};

    #[test]
    fn names_that_are_kept_take_a_bounded_room() {
        let folder = tempfile::tempdir().unwrap();
        let root = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
        let rules = Rules { keep_special_bits: false, refuse_devices: true, max_bytes: 1, max_entries: 1 };
        let mut placer = Placer::new(Place { root: &root, folder: Path::new("") }, rules);
        let name = PathBuf::from("n".repeat(1 << 20));
        let kept = (0..200).take_while(|_| placer.remember(&name).is_ok()).count();
        assert_eq!(kept, (MOST_NAMES >> 20) - 1);
    }
}
