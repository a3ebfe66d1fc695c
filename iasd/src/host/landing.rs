//! Puts a finished copy in the place of what was there before (T36): both worlds' last step.
//!
//! The place is opened once, link by link, and everything after that goes through the open folder: who moves folders
//! meanwhile leads nobody astray. The copy was made where only root can reach it, on the same volume, so that it comes
//! whole; the old item leaves in the same instant where the file system can exchange two names, else in the one before.

use super::{private::Private, probe::resolve};
use cap_std::fs::{Dir, Permissions, PermissionsExt as _};
use rustix::{
    fs::{Gid, Mode, OFlags, RenameFlags, Uid, fchown, openat, renameat_with},
    io::Errno,
};
use shared::{layout::MacPath, title::CopyItem};
use std::{
    ffi::OsStr,
    io,
    os::fd::OwnedFd,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

/// Why an item is not put where its title wants it.
#[derive(Debug, thiserror::Error)]
pub(super) enum LandingError {
    /// Nothing may be put there.
    #[error("{place} is no place for an item: {why}")]
    Refused {
        /// What was named, or where it leads.
        place: String,
        /// Which rule it breaks.
        why: &'static str,
    },
    /// The system refused.
    #[error("cannot {what} {place}: {why}")]
    Io {
        /// The operation.
        what: &'static str,
        /// On what.
        place: String,
        /// The system's words.
        why: io::Error,
    },
}

/// A place for an item, and the private folder in which its copy is made.
pub(super) struct Landing {
    /// The folder it is put into.
    folder: Dir,
    /// Its name there.
    name: String,
    /// The place, for people.
    place: String,
    private: Private,
}

/// The folder of the copy, and that of what was there before, in the private folder.
const NEW: &str = "new";
const OLD: &str = "old";

impl Landing {
    /// Opens the place of `item` on the Mac whose `/` is `root`. Folders that are missing are made, with owner, group and
    /// mode of the one they are in.
    ///
    /// # Errors
    /// When nothing may be put there, or the place cannot be opened.
    pub(super) fn prepare(root: &Arc<Dir>, item: &CopyItem) -> Result<Self, LandingError> {
        let place = format!("{}/{}", item.folder.trim_end_matches('/'), item.name);
        let refused = |why| LandingError::Refused { place: place.clone(), why };
        if !is_name(&item.name) {
            return Err(refused("its name is no name of a file"));
        }
        let named = MacPath::new(&item.folder).map_err(|_| refused("it lies directly in the root folder"))?;
        let (there, missing) = existing(root, named.relative()).map_err(|why| LandingError::Io {
            what: "find",
            place: named.to_string(),
            why,
        })?;
        let whole = missing.iter().fold(there.clone(), |path, name| path.join(name)).join(&item.name);
        if let Some(why) = forbidden(&whole) {
            return Err(LandingError::Refused { place: format!("/{}", whole.display()), why });
        }
        let io = |what| {
            let place = named.to_string();
            move |why| LandingError::Io { what, place, why }
        };
        let mut folder = open(root, &there).map_err(io("open"))?;
        for name in missing {
            folder = made(&folder, &name).map_err(io("make"))?;
        }
        let private = Private::make(root).map_err(io("make a private folder for"))?;
        private.open().and_then(|folder| folder.create_dir(NEW)).map_err(io("make a private folder for"))?;
        Ok(Self { folder, name: item.name.clone(), place, private })
    }

    /// Where the copy is to be made; there is nothing yet.
    pub(super) fn copy(&self) -> io::Result<MacPath> {
        self.private.join(&format!("{NEW}/{}", self.name))
    }

    /// The folder in which it is to be made, and its name there.
    #[cfg(feature = "simulated")]
    pub(super) fn workshop(&self) -> io::Result<(Dir, &str)> {
        Ok((self.private.open()?.open_dir(NEW)?, &self.name))
    }

    /// Puts the copy in its place. What was there is gone when this returns, or is there still.
    ///
    /// # Errors
    /// When it cannot be put there.
    pub(super) fn land(self) -> Result<(), LandingError> {
        let failed = |what| {
            let place = self.place.clone();
            move |why| LandingError::Io { what, place, why }
        };
        let private = self.private.open().map_err(failed("copy to"))?;
        let new = private.open_dir(NEW).map_err(failed("copy to"))?;
        match exchange(&new, &self.name, &self.folder) {
            Ok(()) => return Ok(()),
            Err(Errno::XDEV) => {
                return Err(LandingError::Refused {
                    place: self.place,
                    why: "it is not on the volume of the system",
                });
            }
            // There is nothing to exchange it with, or the file system knows no such thing.
            Err(_) => {}
        }
        let had_one = match self.folder.rename(&self.name, &private, OLD) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(failed("move away what is at")(error)),
        };
        new.rename(&self.name, &self.folder, &self.name).map_err(|error| {
            if had_one {
                // What was there is better than nothing.
                let _ = private.rename(OLD, &self.folder, &self.name);
            }
            failed("put the copy at")(error)
        })
    }
}

fn exchange(from: &Dir, name: &str, to: &Dir) -> rustix::io::Result<()> {
    renameat_with(from, name, to, name, RenameFlags::EXCHANGE)
}

fn is_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    let is_one = matches!(parts.next(), Some(Component::Normal(only)) if only == OsStr::new(name));
    is_one && parts.next().is_none() && !name.contains('\0')
}

/// Why nothing may be put at this resolved path.
fn forbidden(path: &Path) -> Option<&'static str> {
    let names: Vec<&OsStr> = path.iter().filter(|name| *name != ".").collect();
    match names.as_slice() {
        [] | [_] => Some("it lies directly in the root folder"),
        [first, ..] if *first == "System" => Some("it belongs to the system"),
        [first, _] if *first == "Volumes" => Some("it is a volume"),
        _ => None,
    }
}

/// The deepest folder on the way that is there, without links, and the names of those that are missing below it.
fn existing(root: &Dir, path: &Path) -> io::Result<(PathBuf, Vec<PathBuf>)> {
    let mut missing = Vec::new();
    for there in path.ancestors() {
        let at = if there.as_os_str().is_empty() { Path::new(".") } else { there };
        match resolve(root, at)
            .or_else(|error| if at == Path::new(".") { Ok(at.to_owned()) } else { Err(error) })
        {
            Ok(found) => {
                missing.reverse();
                return Ok((found, missing));
            }
            // A link that leads nowhere is not made good by making folders.
            Err(error) if error.kind() == io::ErrorKind::NotFound && root.symlink_metadata(at).is_err() => {
                missing.extend(there.file_name().map(PathBuf::from));
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

/// Opens a folder by its resolved path; a link that has come meanwhile is not followed.
fn open(root: &Dir, path: &Path) -> io::Result<Dir> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut folder: OwnedFd = openat(root, ".", flags, Mode::empty())?;
    for name in path.iter() {
        folder = openat(&folder, name, flags, Mode::empty())?;
    }
    Ok(Dir::from_std_file(folder.into()))
}

/// Makes a folder in `parent` that is as the parent.
fn made(parent: &Dir, name: &Path) -> io::Result<Dir> {
    let like = rustix::fs::fstat(parent)?;
    parent.create_dir(name)?;
    let folder = open(parent, name)?;
    let (user, group) = (Uid::from_raw(like.st_uid), Gid::from_raw(like.st_gid));
    match fchown(&folder, Some(user), Some(group)) {
        // In a rehearsal there may be one user only, whose everything is.
        Ok(()) | Err(Errno::PERM | Errno::INVAL) => {}
        Err(error) => return Err(error.into()),
    }
    #[allow(clippy::useless_conversion, reason = "the type of modes differs by system")]
    let mode = u32::from(like.st_mode) & 0o7777;
    parent.set_permissions(name, Permissions::from_mode(mode))?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cap_std::ambient_authority;
    use std::{
        fs,
        os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    };

    struct Mac {
        folder: tempfile::TempDir,
        root: Arc<Dir>,
    }

    impl Mac {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let root = Arc::new(Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap());
            for path in ["Applications", "System/Library", "Volumes", "opt"] {
                root.create_dir_all(path).unwrap();
            }
            Self { folder, root }
        }

        fn at(&self, path: &str) -> PathBuf {
            self.folder.path().join(path)
        }

        fn prepare(&self, folder: &str, name: &str) -> Result<Landing, String> {
            let text = str::to_owned;
            let (user, group, mode) = (text("root"), text("admin"), text("755"));
            let item =
                CopyItem { source: text("x"), folder: folder.into(), name: name.into(), user, group, mode };
            Landing::prepare(&self.root, &item).map_err(|error| error.to_string())
        }

        /// Puts a copy with this content there.
        fn land(&self, folder: &str, name: &str, content: &str) -> Result<(), String> {
            let landing = self.prepare(folder, name)?;
            let (workshop, name) = landing.workshop().unwrap();
            workshop.write(name, content).unwrap();
            landing.land().map_err(|error| error.to_string())
        }
    }

    #[test]
    fn t36_a_copy_takes_the_place_of_a_file_a_folder_or_nothing() {
        let mac = Mac::new();
        mac.land("/Applications", "a", "first").unwrap();
        mac.land("/Applications", "a", "second").unwrap();
        assert_eq!(fs::read_to_string(mac.at("Applications/a")).unwrap(), "second");
        fs::create_dir_all(mac.at("Applications/b/deep")).unwrap();
        mac.land("/Applications", "b", "file").unwrap();
        assert_eq!(fs::read_to_string(mac.at("Applications/b")).unwrap(), "file");
        symlink("/Applications/a", mac.at("Applications/c")).unwrap();
        mac.land("/Applications", "c", "no link").unwrap();
        assert!(fs::symlink_metadata(mac.at("Applications/c")).unwrap().is_file());
        assert_eq!(fs::read_to_string(mac.at("Applications/a")).unwrap(), "second", "not written through");
        assert_eq!(fs::read_dir(mac.at("Applications")).unwrap().count(), 3, "nothing else is left there");
    }

    #[test]
    fn t36_a_copy_that_was_not_made_leaves_the_old_item() {
        let mac = Mac::new();
        mac.land("/Applications", "a", "old").unwrap();
        let error = mac.prepare("/Applications", "a").unwrap().land().unwrap_err().to_string();
        assert!(error.starts_with("cannot put the copy at /Applications/a: "), "{error}");
        assert_eq!(fs::read_to_string(mac.at("Applications/a")).unwrap(), "old");
    }

    #[test]
    fn t36_missing_folders_are_as_the_one_they_are_in() {
        let mac = Mac::new();
        fs::set_permissions(mac.at("opt"), fs::Permissions::from_mode(0o2770)).unwrap();
        mac.land("/opt/acme/bin", "tool", "x").unwrap();
        for made in ["opt/acme", "opt/acme/bin"] {
            let (made, like) = (fs::metadata(mac.at(made)).unwrap(), fs::metadata(mac.at("opt")).unwrap());
            assert_eq!((made.mode() & 0o7777, made.uid(), made.gid()), (0o2770, like.uid(), like.gid()));
        }
    }

    #[test]
    fn t36_the_root_the_system_and_volumes_are_no_places_also_by_way_of_links() {
        let mac = Mac::new();
        symlink("/System", mac.at("opt/system")).unwrap();
        symlink("/", mac.at("Volumes/Macintosh HD")).unwrap();
        symlink("/nowhere", mac.at("opt/dangling")).unwrap();
        for (folder, name) in [
            ("/", "Applications"),
            ("", "x"),
            ("Applications", "x"),
            ("/Applications/..", "x"),
            ("/System", "x"),
            ("/System/Library/New", "x"),
            ("/opt/system", "x"),
            ("/Volumes", "Backup"),
            ("/Volumes/Macintosh HD", "Applications"),
            ("/Volumes/Macintosh HD/System", "x"),
            ("/Applications", ".."),
            ("/Applications", "."),
            ("/Applications", ""),
            ("/Applications", "a/b"),
            ("/opt/dangling/x", "y"),
        ] {
            assert!(mac.prepare(folder, name).is_err(), "{folder} {name}");
        }
        mac.land("/Volumes/Macintosh HD/Applications", "a", "x").unwrap();
        assert!(mac.at("Applications/a").exists());
        assert!(!mac.at("System/Library/New").exists(), "nothing is made where nothing may be put");
    }
}
