//! The folders a run needs, made before it begins (R46, R113), and what does not belong into them (R127).

use crate::download::{Folder, Missing, StoreError};
use rustix::{
    fs::{Mode, OFlags, fchmod, fstat, openat},
    io::Errno,
};
use shared::{
    layout::{MacPath, records_folder},
    settings::Settings,
};
use std::{fs, path::Path};

/// Below `InstallPath`, for the scripts of users (R35).
const USER_SCRIPTS: &str = "userscripts";

/// Makes `InstallPath`, `userscripts` in it (R35), and the folder of records, whose journal decides what is done again.
///
/// # Errors
/// When one of them, or a folder above it, is a link or can be changed by somebody else (R115), or cannot be made.
pub(crate) fn prepare(root: &Path, settings: &Settings, owner: u32) -> Result<(), StoreError> {
    let make = |path: &MacPath| Folder::open(root, path, owner, Missing::Create);
    let install_path = &settings.install_path;
    records(root, owner)?;
    if let Some(folder) = make(install_path)? {
        let scripts =
            install_path.join(USER_SCRIPTS).map_err(|why| StoreError::io("make", install_path, why))?;
        tighten(&folder, owner).map_err(|errno| StoreError::io("set the mode of", &scripts, errno))?;
        make(&scripts)?;
    }
    Ok(())
}

/// Opens the folder of records, and makes it if need be. Whoever writes there opens it each time anew: a script of the
/// run may have put a link in its place, which is not followed (R115).
///
/// # Errors
/// As [`prepare`].
pub(crate) fn records(root: &Path, owner: u32) -> Result<Folder, StoreError> {
    let path = records_folder();
    let vanished = || StoreError::io("make", &path, "it vanished");
    Folder::open(root, &path, owner, Missing::Create)?.ok_or_else(vanished)
}

/// Packages made for InstallApplications bring `userscripts` open to everybody; nobody but us writes there (W26).
fn tighten(install_path: &Folder, owner: u32) -> Result<(), Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = match openat(install_path, USER_SCRIPTS, flags, Mode::empty()) {
        Ok(folder) => folder,
        // What else lies there is judged, and refused, like any other folder.
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(()),
        Err(errno) => return Err(errno),
    };
    if fstat(&folder)?.st_uid == owner { fchmod(&folder, Mode::from_bits_truncate(0o755)) } else { Ok(()) }
}

/// InstallApplications would load such a module; we say that we do not (R127).
pub(crate) fn middleware(root: &Path, install_path: &MacPath) -> Option<String> {
    let found = fs::read_dir(install_path.under(root))
        .ok()?
        .filter_map(Result::ok)
        .find(|entry| entry.file_name().to_string_lossy().starts_with("middleware"))?;
    let name = found.file_name();
    Some(format!("{} is not loaded: request options go into HTTPHeaders", name.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    const INSTALL: &str = "Library/installapplications";

    fn me() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn mac() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("Library")).unwrap();
        mode(&root.path().join("Library"), 0o755);
        root
    }

    fn refused(root: &Path) -> String {
        prepare(root, &Settings::default(), me()).unwrap_err().to_string()
    }

    #[test]
    fn r35_the_folders_are_made_and_userscripts_is_closed_to_everybody_else() {
        let root = mac();
        let scripts = root.path().join(INSTALL).join(USER_SCRIPTS);
        for before in [None, Some(0o777)] {
            before.into_iter().for_each(|open| mode(&scripts, open));
            prepare(root.path(), &Settings::default(), me()).unwrap();
            assert_eq!(fs::metadata(&scripts).unwrap().permissions().mode() & 0o777, 0o755);
        }
        assert!(records_folder().under(root.path()).is_dir());
    }

    #[test]
    fn r115_a_folder_that_is_a_link_or_open_to_others_is_refused_and_nothing_goes_there() {
        for folder in [&format!("/{INSTALL}"), records_folder().as_str()] {
            let (root, elsewhere) = (mac(), tempfile::tempdir().unwrap());
            let path = MacPath::new(folder).unwrap().under(root.path());
            let parent = path.parent().unwrap();
            fs::create_dir_all(parent).unwrap();
            mode(parent, 0o755);
            symlink(elsewhere.path(), &path).unwrap();
            assert!(refused(root.path()).contains("symbolic link"), "{folder}");
            assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);

            fs::remove_file(&path).unwrap();
            fs::create_dir(&path).unwrap();
            mode(&path, 0o757);
            assert!(refused(root.path()).contains("writable by"), "{folder}");
            mode(&path, 0o755);
            mode(parent, 0o775);
            assert!(refused(root.path()).contains("writable by"), "the parent of {folder}");
        }
        let error = prepare(mac().path(), &Settings::default(), me() + 1).unwrap_err();
        assert!(error.to_string().contains("somebody else"), "{error}");
    }

    #[test]
    fn r115_userscripts_may_not_lead_elsewhere() {
        let (root, elsewhere) = (mac(), tempfile::tempdir().unwrap());
        let install = root.path().join(INSTALL);
        fs::create_dir(&install).unwrap();
        mode(&install, 0o755);
        mode(elsewhere.path(), 0o700);
        symlink(elsewhere.path(), install.join(USER_SCRIPTS)).unwrap();
        assert!(refused(root.path()).contains("symbolic link"));
        assert_eq!(fs::metadata(elsewhere.path()).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
