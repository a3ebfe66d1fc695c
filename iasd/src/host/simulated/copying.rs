//! Copies an item from an open folder to another, and gives it the owner and mode it is to have: what `ditto`, `chown` and
//! `chmod` do on a Mac (T36).
//!
//! Links are copied, never followed; devices, pipes and sockets are left out.

use super::{mode::Change, owners::Owners, shape::permissions};
use cap_std::{
    fs::{Dir, DirBuilder, DirBuilderExt as _, OpenOptions, OpenOptionsExt as _, PermissionsExt as _},
    time::SystemTime,
};
use std::{
    fs::{FileTimes, Permissions},
    io,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// How things are copied.
pub(super) struct Copying {
    /// What becomes of their modes.
    pub(super) change: Change,
    /// Whose they are to be.
    pub(super) owners: Owners,
    /// Turns true when nobody wants them any more.
    pub(super) stop: Arc<AtomicBool>,
}

impl Copying {
    /// Copies `path` in `from` to `to`, where it is called `name` and is not there yet.
    pub(super) fn copy(&self, from: &Dir, path: &Path, to: &Dir, name: &Path) -> io::Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let found = from.symlink_metadata(path)?;
        let mode = self.change.apply(found.permissions().mode(), found.is_dir());
        if found.is_symlink() {
            to.symlink_contents(from.read_link_contents(path)?, name)?;
            self.owners.own(to, name)?;
        } else if found.is_dir() {
            // Whatever its mode will be, it is filled first.
            to.create_dir_with(name, DirBuilder::new().mode(0o700))?;
            let (source, target) = (from.open_dir(path)?, to.open_dir(name)?);
            for entry in source.entries()? {
                let entry = entry?.file_name();
                self.copy(&source, Path::new(&entry), &target, Path::new(&entry))?;
            }
            self.owners.own(to, name)?;
            to.set_permissions(name, permissions(mode))?;
        } else if found.is_file() {
            let options = OpenOptions::new().write(true).create_new(true).mode(0o600).clone();
            let mut file = to.open_with(name, &options)?.into_std();
            io::copy(&mut from.open(path)?, &mut file)?;
            let changed = found.modified().map(SystemTime::into_std)?;
            file.set_times(FileTimes::new().set_accessed(changed).set_modified(changed))?;
            self.owners.own(to, name)?;
            file.set_permissions(Permissions::from_mode(mode))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cap_std::ambient_authority;
    use std::{
        fs,
        os::unix::fs::{MetadataExt as _, symlink},
    };

    struct Desk {
        folder: tempfile::TempDir,
        dir: Dir,
    }

    impl Desk {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
            dir.create_dir_all("from/A.app/Contents/MacOS").unwrap();
            dir.create_dir("to").unwrap();
            dir.write("from/A.app/Contents/MacOS/a", "program").unwrap();
            dir.write("from/A.app/Contents/Info.plist", "info").unwrap();
            let set = |path: &str, mode| {
                fs::set_permissions(folder.path().join(path), Permissions::from_mode(mode)).unwrap();
            };
            set("from/A.app/Contents/MacOS/a", 0o4702);
            set("from/A.app/Contents/Info.plist", 0o602);
            set("from/A.app/Contents", 0o700);
            symlink("/etc/passwd", folder.path().join("from/A.app/Contents/link")).unwrap();
            Self { folder, dir }
        }

        fn copy(&self, mode: &str, stop: bool) -> io::Result<()> {
            let copying = Copying {
                change: Change::parse(mode).unwrap(),
                owners: Owners::of_this_process(),
                stop: Arc::new(AtomicBool::new(stop)),
            };
            copying.copy(
                &self.dir,
                Path::new("from/A.app"),
                &self.dir.open_dir("to").unwrap(),
                Path::new("B.app"),
            )
        }

        fn mode(&self, path: &str) -> u32 {
            fs::symlink_metadata(self.folder.path().join("to/B.app").join(path)).unwrap().mode() & 0o7777
        }
    }

    #[test]
    fn t36_a_copy_has_the_content_and_the_modes_it_is_to_have() {
        let desk = Desk::new();
        desk.copy("o-w,go+rX", false).unwrap();
        assert_eq!(desk.dir.read_to_string("to/B.app/Contents/MacOS/a").unwrap(), "program");
        assert_eq!((desk.mode("Contents/MacOS/a"), desk.mode("Contents/Info.plist")), (0o755, 0o644));
        assert_eq!((desk.mode("Contents"), desk.mode("")), (0o755, 0o755));
        assert_eq!(desk.dir.read_link_contents("to/B.app/Contents/link").unwrap(), Path::new("/etc/passwd"));
        let time = |path: &str| fs::metadata(desk.folder.path().join(path)).unwrap().mtime();
        assert_eq!(time("from/A.app/Contents/Info.plist"), time("to/B.app/Contents/Info.plist"));
        assert!(desk.copy("755", false).is_err(), "nothing is copied over something");
    }

    #[test]
    fn t36_modes_that_lock_a_folder_do_so_when_it_is_full() {
        let desk = Desk::new();
        desk.copy("a-wx", false).unwrap();
        assert_eq!(desk.mode("") & 0o111, 0);
        fs::set_permissions(desk.folder.path().join("to/B.app"), Permissions::from_mode(0o700)).unwrap();
        fs::set_permissions(desk.folder.path().join("to/B.app/Contents"), Permissions::from_mode(0o700))
            .unwrap();
        assert_eq!(desk.dir.read_to_string("to/B.app/Contents/Info.plist").unwrap(), "info");
    }

    #[test]
    fn a_copy_that_nobody_wants_any_more_ends() {
        assert_eq!(Desk::new().copy("755", true).unwrap_err().kind(), io::ErrorKind::Interrupted);
    }
}
