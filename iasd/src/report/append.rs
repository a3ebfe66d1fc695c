//! Opening a file that others may have prepared for us, to append to it as root (R99).

use crate::download::Folder;
use rustix::{
    fs::{FileType, Mode, OFlags, fchmod, fstat, openat},
    io::Errno,
};
use shared::layout::MacPath;
use std::{fs::File, path::Path};

/// Opens `path` below `root` to append to it; creates it with `mode` when it is missing.
///
/// No link is followed, on the way neither, but for those macOS has in `/`: whoever owns a folder there would choose
/// where root writes. The file must be a regular one with a single name and one of `owners`.
///
/// # Errors
/// What is wrong with the file, in one line that names it.
pub(super) fn open(root: &Path, path: &MacPath, mode: Mode, owners: &[u32]) -> Result<File, String> {
    let refused = |why: &dyn std::fmt::Display| format!("{path}: {why}");
    let folder = Folder::of_anybody(root, path).map_err(|error| refused(&error))?;
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    // A FIFO without a reader must not hold the run up.
    let flags = flags | OFlags::NONBLOCK | OFlags::NOCTTY;
    let fd = match openat(&folder, path.file_name(), flags, Mode::empty()) {
        Err(Errno::NOENT) => {
            let fd = openat(&folder, path.file_name(), flags | OFlags::CREATE | OFlags::EXCL, mode)
                .map_err(|error| refused(&error))?;
            // Independent of the umask: the program that shows the file runs as the user.
            fchmod(&fd, mode).map_err(|error| refused(&error))?;
            fd
        }
        Err(Errno::LOOP) => return Err(refused(&"is a symbolic link, which is not followed")),
        opened => opened.map_err(|error| refused(&error))?,
    };
    let found = fstat(&fd).map_err(|error| refused(&error))?;
    if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
        return Err(refused(&"is not a regular file"));
    }
    if found.st_nlink != 1 {
        return Err(refused(&"has more than one name (hard links)"));
    }
    if !owners.contains(&found.st_uid) {
        return Err(refused(&format_args!("belongs to uid {}", found.st_uid)));
    }
    Ok(File::from(fd))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        fs,
        io::Write as _,
        os::unix::fs::{PermissionsExt as _, symlink},
    };

    const MODE: Mode = Mode::from_bits_truncate(0o644);

    fn me() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    fn try_open(root: &Path, path: &str) -> Result<File, String> {
        open(root, &MacPath::new(path).unwrap(), MODE, &[me()])
    }

    #[test]
    fn r99_a_missing_file_is_created_readable_and_an_existing_one_is_appended_to() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("var")).unwrap();
        try_open(root.path(), "/var/log").unwrap().write_all(b"a").unwrap();
        try_open(root.path(), "/var/log").unwrap().write_all(b"b").unwrap();
        let path = root.path().join("var/log");
        assert_eq!(fs::read(&path).unwrap(), b"ab");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    }

    #[test]
    fn r99_links_pipes_folders_and_strangers_files_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        fs::write(at("victim"), "x").unwrap();
        symlink("victim", at("link")).unwrap();
        fs::hard_link(at("victim"), at("second")).unwrap();
        fs::create_dir(at("folder")).unwrap();
        nix::unistd::mkfifo(&at("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        for name in ["/link", "/second", "/folder", "/pipe", "/no/such"] {
            let error = try_open(root.path(), name).unwrap_err();
            assert!(error.starts_with(&format!("{name}: ")), "{error}");
        }
        fs::remove_file(at("second")).unwrap();
        let path = MacPath::new("/victim").unwrap();
        let error = open(root.path(), &path, MODE, &[me() + 1]).unwrap_err();
        assert_eq!(error, format!("/victim: belongs to uid {}", me()));
        assert_eq!(fs::read(at("victim")).unwrap(), b"x");
    }

    #[test]
    fn r99_links_on_the_way_are_followed_only_where_macos_has_them() {
        let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir_all(root.path().join("private/var/tmp")).unwrap();
        symlink("private/var", root.path().join("var")).unwrap();
        symlink(outside.path(), root.path().join("out")).unwrap();
        try_open(root.path(), "/var/tmp/depnotify.log").unwrap();
        assert!(root.path().join("private/var/tmp/depnotify.log").exists());
        // A folder of the user's, behind which the user has put a link to one of root's.
        fs::create_dir_all(root.path().join("Users/ada")).unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        symlink("../../etc", root.path().join("Users/ada/logs")).unwrap();
        for path in ["/out/x", "/Users/ada/logs/x"] {
            let error = try_open(root.path(), path).unwrap_err();
            assert!(error.contains("is not safe to use: it is a symbolic link"), "{error}");
        }
        assert_eq!(fs::read_dir(root.path().join("etc")).unwrap().count(), 0);
    }
}
