//! Which programs exist on the simulated Mac, and where: the host's, under the paths a Mac has them at, and stand-ins.
//!
//! `/bin`, `/sbin`, `/usr/bin`, `/usr/sbin` and `/usr/libexec` are folders of links, kept beside the root: to the
//! host's programs, shown read-only below `/.host`, and to this program, which stands in for Mac-only ones.

use super::{inside::Inside, shim};
use shared::sys::sandbox::Bind;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

/// What a Mac has in `/bin`.
const BIN: &[&str] = &[
    "[", "bash", "cat", "chmod", "cp", "csh", "dash", "date", "dd", "df", "echo", "ed", "expr", "hostname",
    "kill", "ksh", "link", "ln", "ls", "mkdir", "mv", "pax", "ps", "pwd", "realpath", "rm", "rmdir", "sh",
    "sleep", "stty", "sync", "tcsh", "test", "unlink", "zsh",
];
/// What a Mac has in `/sbin`.
const SBIN: &[&str] =
    &["dmesg", "fsck", "halt", "ifconfig", "mount", "ping", "reboot", "route", "shutdown", "umount"];
/// What a Mac has in `/usr/sbin`, and Linux elsewhere.
const USR_SBIN: &[&str] = &["chown", "chroot", "lsof", "netstat", "arp", "sysctl", "traceroute"];
/// Linux programs that would hide that a Mac has none of the name.
const UNKNOWN_TO_MACS: &[&str] = &[
    "apt",
    "apt-get",
    "dpkg",
    "rpm",
    "dnf",
    "yum",
    "systemctl",
    "journalctl",
    "service",
    "useradd",
    "adduser",
    "usermod",
    "groupadd",
    "getent",
    "lsblk",
    "ip",
    "ss",
    "free",
    "lscpu",
    "update-rc.d",
    "runuser",
    "setpriv",
    "unshare",
    "nsenter",
];
/// Parts of the host that programs need beside themselves.
const SUPPORT: &[&str] = &[
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/libx32",
    "/usr/share",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix/store",
    "/gnu/store",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ssl/certs",
    "/etc/pki",
];
/// Devices.
const DEVICES: &[&str] = &["null", "zero", "random", "urandom", "tty"];

/// What the sandbox has to show of `side` and the host; `this` is the executable that stands in.
pub(super) fn binds(side: &Path, this: &Path) -> io::Result<Vec<Bind>> {
    for name in FOLDERS {
        fs::create_dir_all(side.join(PROGRAMS).join(name))?;
    }
    Ok(shown(side, this))
}

/// Lays the programs out in `side`, as long as `wanted`; gives what is not as on a Mac and worth a line.
pub(super) fn lay_out(side: &Path, wanted: impl Fn() -> bool) -> io::Result<Vec<String>> {
    let mut links = host_programs();
    let mut notices = Vec::new();
    let has_zsh = links.contains_key(&place("zsh"));
    if let Some(bash) = links.get("bin/bash").cloned() {
        // On a Mac sh is bash, and scripts rely on it.
        links.insert("bin/sh".into(), bash);
    }
    if !has_zsh {
        notices.push("this computer has no zsh: bash runs scripts written for /bin/zsh".into());
    }
    let mut behind = BTreeMap::new();
    for path in shim::places(!has_zsh) {
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        if let Some(real) = links.insert(path.trim_start_matches('/').to_owned(), Inside::SHIM.into()) {
            behind.insert(name, real);
        }
    }
    write_links(&side.join(PROGRAMS), &links, wanted)?;
    Inside::publish_behind(side, &behind)?;
    Ok(notices)
}

/// Where a program of the host stands on a Mac, without the leading slash.
fn place(name: &str) -> String {
    let folder = match name {
        name if BIN.contains(&name) => "bin",
        name if SBIN.contains(&name) => "sbin",
        name if USR_SBIN.contains(&name) => "usr/sbin",
        _ => "usr/bin",
    };
    format!("{folder}/{name}")
}

/// The host's programs: place on the Mac to path inside.
fn host_programs() -> BTreeMap<String, PathBuf> {
    let mut links = BTreeMap::new();
    let mut read = BTreeSet::new();
    for folder in ["/usr/sbin", "/sbin", "/usr/bin", "/bin", "/run/current-system/sw/bin"] {
        let for_system = folder.ends_with("sbin");
        // Most hosts have one folder under several names.
        let Some(folder) = real(folder).filter(|real| read.insert((real.clone(), for_system))) else {
            continue;
        };
        for (name, inside) in programs_in(&folder) {
            if UNKNOWN_TO_MACS.contains(&&*name) {
                continue;
            }
            let at = match place(&name) {
                usual if usual.starts_with("usr/bin/") && for_system => format!("usr/sbin/{name}"),
                usual => usual,
            };
            links.insert(at, inside);
        }
    }
    for (name, inside) in real("/usr/libexec").iter().flat_map(|folder| programs_in(folder)) {
        links.insert(format!("usr/libexec/{name}"), inside);
    }
    links
}

/// Where a folder of the host really is; a host need not have all of them.
fn real(folder: &str) -> Option<PathBuf> {
    Path::new(folder).canonicalize().ok()
}

/// What is in a folder without links in its path, and where that is inside.
fn programs_in(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let found = entries.filter_map(|entry| {
        let path = entry.path();
        // Only a link can lead elsewhere, and to follow one takes many calls.
        let real = if entry.file_type().ok()?.is_symlink() { path.canonicalize().ok()? } else { path };
        Some((entry.file_name().to_string_lossy().into_owned(), inside(&real)?))
    });
    found.collect()
}

/// Where a program of the host is inside, given without links; `None` when it is not shown there.
fn inside(real: &Path) -> Option<PathBuf> {
    match real.components().nth(1)?.as_os_str().to_str()? {
        "usr" | "bin" | "sbin" => Some(Path::new("/.host").join(real.strip_prefix("/").ok()?)),
        "nix" | "gnu" => Some(real.to_owned()),
        _ => None,
    }
}

/// Makes `folder` hold `links`; those that are right already are left alone, because they may be in use.
fn write_links(
    folder: &Path,
    links: &BTreeMap<String, PathBuf>,
    wanted: impl Fn() -> bool,
) -> io::Result<()> {
    for (path, target) in links {
        if !wanted() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let link = folder.join(path);
        match symlink(target, &link) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => {
                made?;
                continue;
            }
        }
        if fs::read_link(&link).ok().as_ref() != Some(target) {
            fs::remove_file(&link)?;
            symlink(target, &link)?;
        }
    }
    Ok(())
}

/// The folder of links in the side folder.
const PROGRAMS: &str = "programs";

const FOLDERS: &[&str] = &["bin", "sbin", "usr/bin", "usr/sbin", "usr/libexec"];

fn shown(side: &Path, this: &Path) -> Vec<Bind> {
    let bind = |from: PathBuf, to: &str, writable| Bind { from, to: to.into(), writable };
    let host = |path: &str, to: &str| {
        Path::new(path).canonicalize().ok().map(|from| bind(from, to, path.starts_with("/dev")))
    };
    let mut binds: Vec<Bind> = ["/usr", "/bin", "/sbin"]
        .iter()
        .filter(|path| Path::new(path).canonicalize().is_ok_and(|real| real == Path::new(path)))
        .filter_map(|path| host(path, &format!("/.host{path}")))
        .collect();
    binds.extend(SUPPORT.iter().filter_map(|path| host(path, &path.replace("/etc/", "/private/etc/"))));
    binds.extend(FOLDERS.iter().map(|path| bind(side.join(PROGRAMS).join(path), &format!("/{path}"), false)));
    binds.push(bind(side.join("inside"), Inside::FOLDER, false));
    binds.push(bind(side.join("inside/calls.ndjson"), Inside::CALLS, true));
    binds.push(bind(side.join("inside/owners.ndjson"), Inside::OWNERS, true));
    binds.push(bind(this.to_owned(), Inside::SHIM, false));
    binds.extend(DEVICES.iter().filter_map(|name| host(&format!("/dev/{name}"), &format!("/dev/{name}"))));
    binds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_stand_where_a_mac_has_them() {
        assert_eq!(place("cat"), "bin/cat");
        assert_eq!(place("chown"), "usr/sbin/chown");
        assert_eq!(place("awk"), "usr/bin/awk");
    }

    #[test]
    fn laying_out_twice_changes_nothing_and_mends_what_is_wrong() {
        let side = tempfile::tempdir().unwrap();
        Inside::make_folder(side.path()).unwrap();
        let binds = binds(side.path(), Path::new("/usr/bin/true")).unwrap();
        assert!(binds.iter().any(|bind| bind.to == Path::new("/usr/bin")));
        let path = |path: &str| side.path().join(PROGRAMS).join(path);
        for _ in 0..2 {
            lay_out(side.path(), || true).unwrap();
            assert_eq!(fs::read_link(path("usr/bin/defaults")).unwrap(), Path::new(Inside::SHIM));
            assert!(fs::read_link(path("bin/cat")).unwrap().starts_with("/.host"));
            assert!(fs::read_link(path("usr/bin/cat")).is_err());
            assert!(fs::read_link(path("usr/bin/systemctl")).is_err());
            fs::remove_file(path("bin/cat")).unwrap();
            symlink("elsewhere", path("bin/cat")).unwrap();
        }
        assert!(lay_out(side.path(), || false).is_err());
    }

    #[test]
    fn a_program_is_found_where_its_links_end() {
        for (name, inside) in programs_in(&real("/usr/bin").unwrap()) {
            let real = Path::new("/usr/bin").join(name).canonicalize().unwrap();
            assert_eq!(super::inside(&real).unwrap(), inside);
        }
    }
}
