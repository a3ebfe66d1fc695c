//! Gives an empty folder the shape of a Mac, and refuses folders that are not ours.

use super::{accounts, scenario::Scenario};
use cap_std::{ambient_authority, fs::Dir};
use plist::{Dictionary, Value};
use std::{fs, io, os::unix::fs::PermissionsExt, path::Path, time::SystemTime};

/// Says that a folder is a simulated Mac.
const MARKER: &str = ".ias-simulated-mac";

/// Folders of a fresh Mac, with their modes.
const FOLDERS: &[(&str, u32)] = &[
    ("Applications/Utilities", 0o775),
    ("Library/Application Support", 0o755),
    ("Library/Caches", 0o755),
    ("Library/Fonts", 0o755),
    ("Library/LaunchAgents", 0o755),
    ("Library/LaunchDaemons", 0o755),
    ("Library/Logs", 0o755),
    ("Library/Managed Preferences", 0o755),
    ("Library/Preferences/SystemConfiguration", 0o755),
    ("Library/PrivilegedHelperTools", 0o755),
    ("Library/Receipts", 0o755),
    ("Library/Scripts", 0o755),
    ("Library/User Pictures", 0o755),
    ("System/Applications/Utilities", 0o755),
    ("System/Library/CoreServices", 0o755),
    ("System/Library/LaunchDaemons", 0o755),
    ("System/Volumes/Data", 0o755),
    ("Users/Shared", 0o777),
    ("Volumes", 0o755),
    ("opt", 0o755),
    ("private/etc", 0o755),
    ("private/tmp", 0o777),
    ("private/var/db/dslocal/nodes/Default/groups", 0o755),
    ("private/var/db/dslocal/nodes/Default/users", 0o755),
    ("private/var/db/receipts", 0o755),
    ("private/var/folders", 0o755),
    ("private/var/log", 0o755),
    ("private/var/root/Library/Preferences", 0o750),
    ("private/var/run", 0o755),
    ("private/var/tmp", 0o777),
    ("usr/local/bin", 0o755),
    ("usr/local/lib", 0o755),
    ("usr/local/share", 0o755),
    // Where the sandbox shows parts of the host.
    (".host/.old", 0o755),
    (".ias", 0o755),
    ("bin", 0o755),
    ("dev", 0o755),
    ("proc", 0o755),
    ("sbin", 0o755),
    ("usr/bin", 0o755),
    ("usr/lib", 0o755),
    ("usr/libexec", 0o755),
    ("usr/sbin", 0o755),
    ("usr/share", 0o755),
];

/// Links of a fresh Mac.
const LINKS: &[(&str, &str)] = &[
    ("etc", "private/etc"),
    ("tmp", "private/tmp"),
    ("var", "private/var"),
    ("dev/fd", "/proc/self/fd"),
    ("dev/stdin", "/proc/self/fd/0"),
    ("dev/stdout", "/proc/self/fd/1"),
    ("dev/stderr", "/proc/self/fd/2"),
    ("Volumes/Macintosh HD", "/"),
    ("usr/local/bin/dialog", "/.ias/shim"),
    ("usr/local/bin/jamf", "/.ias/shim"),
];

/// Text files of a fresh Mac; those that exist stay.
const FILES: &[(&str, &str)] = &[
    ("dev/console", ""),
    ("private/etc/hosts", "127.0.0.1\tlocalhost\n255.255.255.255\tbroadcasthost\n::1\tlocalhost\n"),
    ("private/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
    (
        "private/etc/paths",
        "/usr/local/bin\n/System/Cryptexes/App/usr/bin\n/usr/bin\n/bin\n/usr/sbin\n/sbin\n",
    ),
    ("private/etc/shells", "/bin/bash\n/bin/csh\n/bin/dash\n/bin/ksh\n/bin/sh\n/bin/tcsh\n/bin/zsh\n"),
    ("private/var/log/install.log", ""),
    ("private/var/log/system.log", ""),
];

/// A folder cannot become a simulated Mac.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShapeError {
    /// It holds something else.
    #[error(
        "{0} is neither empty nor a simulated Mac; name an empty or a new folder, because what is in it would be changed"
    )]
    NotOurs(String),
    /// It is the computer's own root.
    #[error("the root folder of this computer cannot be a simulated Mac; name another folder")]
    TheRealRoot,
    /// Something in it cannot be made.
    #[error("cannot make {0} in the simulated Mac: {1}")]
    Io(String, io::Error),
}

/// Opens `root` as a Mac, making what is missing of it.
///
/// # Errors
/// When it is `/`, holds something that is no simulated Mac, or cannot be written.
pub(crate) fn shape(root: &Path, scenario: &Scenario) -> Result<Dir, ShapeError> {
    let failed = |error| ShapeError::Io(root.display().to_string(), error);
    fs::create_dir_all(root).map_err(failed)?;
    if root.canonicalize().map_err(failed)? == Path::new("/") {
        return Err(ShapeError::TheRealRoot);
    }
    let dir = Dir::open_ambient_dir(root, ambient_authority()).map_err(failed)?;
    let is_new = dir.symlink_metadata(MARKER).is_err();
    if is_new {
        if dir.entries().map_err(failed)?.next().is_some() {
            return Err(ShapeError::NotOurs(root.display().to_string()));
        }
        dir.write(MARKER, "A Mac for rehearsals. Whatever is in here may be changed or removed.\n")
            .map_err(failed)?;
        // Whoever logs in has to get in.
        fs::set_permissions(root, fs::Permissions::from_mode(0o755)).map_err(failed)?;
    }
    for (path, mode) in FOLDERS {
        folder(&dir, path, *mode).map_err(|error| ShapeError::Io((*path).into(), error))?;
    }
    for (path, target) in LINKS {
        if dir.symlink_metadata(path).is_err() {
            dir.symlink_contents(target, path).map_err(|error| ShapeError::Io((*path).into(), error))?;
        }
    }
    for (path, text) in FILES {
        text_file(&dir, path, text).map_err(|error| ShapeError::Io((*path).into(), error))?;
    }
    accounts::system(&dir).map_err(|error| ShapeError::Io("the system's accounts".into(), error))?;
    let write = |path: &str, value: Value| {
        let written = xml(&value).and_then(|bytes| dir.write(path, bytes));
        written.map_err(|error| ShapeError::Io(path.into(), error))
    };
    write(SYSTEM_VERSION, system_version(scenario))?;
    if is_new {
        for (id, version) in &scenario.installed {
            write(&format!("private/var/db/receipts/{id}.plist"), receipt(id, version))?;
        }
    }
    Ok(dir)
}

fn folder(dir: &Dir, path: &str, mode: u32) -> io::Result<()> {
    if dir.symlink_metadata(path).is_ok() {
        return Ok(());
    }
    dir.create_dir_all(path)?;
    let sticky = if mode == 0o777 { 0o1000 } else { 0 };
    dir.set_permissions(path, permissions(mode | sticky))
}

/// `mode` as permissions of a file below a root.
pub(super) fn permissions(mode: u32) -> cap_std::fs::Permissions {
    cap_std::fs::Permissions::from_std(fs::Permissions::from_mode(mode))
}

fn text_file(dir: &Dir, path: &str, text: &str) -> io::Result<()> {
    if dir.symlink_metadata(path).is_ok() { Ok(()) } else { dir.write(path, text) }
}

/// Where the version of the system is told.
const SYSTEM_VERSION: &str = "System/Library/CoreServices/SystemVersion.plist";

/// What this Mac is; written anew each time, because the scenario may have changed.
fn system_version(scenario: &Scenario) -> Value {
    let version = [
        ("BuildID", "00000000-0000-0000-0000-000000000000"),
        ("ProductBuildVersion", &scenario.os_build),
        ("ProductCopyright", "1983-2025 Apple Inc."),
        ("ProductName", "macOS"),
        ("ProductUserVisibleVersion", &scenario.os_version),
        ("ProductVersion", &scenario.os_version),
    ];
    Value::Dictionary(version.map(|(key, value)| (key.to_owned(), Value::from(value))).into_iter().collect())
}

/// The receipt of a package that is there from the outset (P58).
fn receipt(id: &str, version: &str) -> Value {
    let texts = [
        ("InstallPrefixPath", "/"),
        ("InstallProcessName", "installer"),
        ("PackageFileName", &format!("{id}.pkg")),
        ("PackageIdentifier", id),
        ("PackageVersion", version),
    ];
    let mut receipt: Dictionary =
        texts.map(|(key, value)| (key.to_owned(), Value::from(value))).into_iter().collect();
    receipt.insert("InstallDate".into(), Value::Date(SystemTime::now().into()));
    Value::Dictionary(receipt)
}

/// A property list as a Mac's XML file.
pub(crate) fn xml(value: &Value) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    value.to_writer_xml(&mut bytes).map_err(io::Error::other)?;
    bytes.push(b'\n');
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p77_an_empty_folder_becomes_a_mac_and_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("mac");
        let dir = shape(&root, &Scenario::default()).unwrap();
        assert_eq!(dir.read_link_contents("etc").unwrap(), Path::new("private/etc"));
        assert!(dir.read_to_string("etc/passwd").unwrap().contains("root:*:0:0:"));
        let version =
            plist::Value::from_file(root.join("System/Library/CoreServices/SystemVersion.plist")).unwrap();
        assert_eq!(version.as_dictionary().unwrap()["ProductVersion"].as_string(), Some("15.5"));
        dir.write("private/etc/hosts", "changed").unwrap();
        shape(&root, &Scenario::default()).unwrap();
        assert_eq!(dir.read_to_string("private/etc/hosts").unwrap(), "changed");
    }

    #[test]
    fn a_folder_with_something_else_in_it_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("thesis.txt"), "").unwrap();
        assert!(matches!(shape(folder.path(), &Scenario::default()), Err(ShapeError::NotOurs(_))));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(matches!(shape(Path::new("/"), &Scenario::default()), Err(ShapeError::TheRealRoot)));
        assert!(matches!(shape(Path::new("/tmp/.."), &Scenario::default()), Err(ShapeError::TheRealRoot)));
    }
}
