//! Folders that only root can enter, for what is needed for a moment: scripts, choices, copies on their way (T36, T47).

use cap_std::fs::{Dir, DirBuilder, DirBuilderExt as _, OpenOptions, OpenOptionsExt as _};
use shared::layout::MacPath;
use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Where they lie; emptied when a Mac starts.
const PLACE: &str = "private/var/run/ias/private";

/// A fresh folder, removed with all that is in it when this is dropped.
#[derive(Debug)]
pub(super) struct Private {
    root: Arc<Dir>,
    path: PathBuf,
}

impl Private {
    /// Makes one on the Mac whose `/` is `root`.
    pub(super) fn make(root: &Arc<Dir>) -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let parents = Path::new(PLACE).parent().unwrap_or(Path::new(PLACE));
        root.create_dir_with(parents, DirBuilder::new().recursive(true).mode(0o755))?;
        make(root, Path::new(PLACE)).or_else(there_already)?;
        let name = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(PLACE).join(name);
        // One that is there is somebody else's.
        make(root, &path)?;
        Ok(Self { root: root.clone(), path })
    }

    /// Its path below the Mac's `/`.
    pub(super) fn relative(&self) -> &Path {
        &self.path
    }

    /// Its path as the Mac writes it, with `name` below it.
    pub(super) fn join(&self, name: &str) -> io::Result<MacPath> {
        let path = Path::new("/").join(&self.path).join(name);
        let path = path.to_str().ok_or_else(|| io::Error::other("the path is no text"))?;
        MacPath::new(path).map_err(io::Error::other)
    }

    /// The folder itself, open.
    pub(super) fn open(&self) -> io::Result<Dir> {
        self.root.open_dir(&self.path)
    }

    /// Writes a file into it; where it is.
    pub(super) fn write(&self, name: &str, content: &[u8], mode: u32) -> io::Result<MacPath> {
        let options = OpenOptions::new().write(true).create_new(true).mode(mode).clone();
        self.root.open_with(self.path.join(name), &options)?.write_all(content)?;
        self.join(name)
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        // What stays behind can be entered by root only, and goes with the next start.
        let _ = self.root.remove_dir_all(&self.path);
    }
}

/// Removes what processes left that had no time to; for the start of the only one that uses these folders, before it
/// makes any. A name tells nothing: the number of a process may come again.
pub(super) fn sweep(root: &Dir) {
    let Ok(entries) = root.read_dir(PLACE) else { return };
    for entry in entries.flatten() {
        // Another start will come.
        let _ = root.remove_dir_all(Path::new(PLACE).join(entry.file_name()));
    }
}

fn make(root: &Dir, path: &Path) -> io::Result<()> {
    root.create_dir_with(path, DirBuilder::new().mode(0o700))
}

fn there_already(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cap_std::ambient_authority;
    use std::{fs, os::unix::fs::PermissionsExt as _};

    #[test]
    fn t47_a_private_folder_is_roots_alone_and_goes_with_all_that_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = Arc::new(Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap());
        let (one, two) = (Private::make(&root).unwrap(), Private::make(&root).unwrap());
        let path = one.write("script", b"#!/bin/sh\n", 0o700).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(&path.under(folder.path())), 0o700);
        assert_eq!(mode(path.under(folder.path()).parent().unwrap()), 0o700);
        assert_eq!(mode(&folder.path().join(PLACE)), 0o700);
        assert!(one.write("script", b"", 0o700).is_err(), "nothing is written over");
        drop(one);
        assert!(!path.under(folder.path()).exists());
        assert!(folder.path().join(two.relative()).exists());
    }

    #[test]
    fn what_a_dead_process_left_is_removed_also_where_it_had_our_number() {
        let folder = tempfile::tempdir().unwrap();
        let root = Arc::new(Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap());
        sweep(&root);
        let place = folder.path().join(PLACE);
        for left in ["0-0/deep".to_owned(), format!("{}-0/deep", std::process::id())] {
            fs::create_dir_all(place.join(left)).unwrap();
        }
        sweep(&root);
        assert_eq!(fs::read_dir(place).unwrap().count(), 0);
    }
}
