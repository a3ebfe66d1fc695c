//! The mark that a download bears, taken from a copy (T36): `ditto --noqtn` does not always leave it behind.
//!
//! It is asked of the system itself, not of `xattr`: that tool's `-r` is not known to every macOS, nor is it to 27.

use rustix::{fs::lremovexattr, io::Errno};
use std::{fs, io, path::Path};

/// The name of the mark.
const MARK: &str = "com.apple.quarantine";

/// Takes it from `path` and all that is in it; links are not followed.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match lremovexattr(path, MARK) {
        // It has none, or is where files cannot have any.
        Ok(()) | Err(ABSENT | Errno::OPNOTSUPP) => {}
        Err(error) => return Err(error.into()),
    }
    if fs::symlink_metadata(path)?.is_dir() {
        for entry in fs::read_dir(path)? {
            remove(&entry?.path())?;
        }
    }
    Ok(())
}

#[cfg(target_os = "macos")]
const ABSENT: Errno = Errno::NOATTR;
#[cfg(not(target_os = "macos"))]
const ABSENT: Errno = Errno::NODATA;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn t36_what_bears_no_mark_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("A.app/Contents")).unwrap();
        fs::write(folder.path().join("A.app/Contents/file"), "x").unwrap();
        symlink("/nowhere", folder.path().join("A.app/link")).unwrap();
        remove(&folder.path().join("A.app")).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("A.app/Contents/file")).unwrap(), "x");
        assert_eq!(remove(&folder.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
