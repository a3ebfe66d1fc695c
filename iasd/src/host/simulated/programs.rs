//! Which programs exist on the simulated Mac, and where: the host's, under the paths a Mac has them at, and stand-ins.
//!
//! `/bin`, `/sbin`, `/usr/bin`, `/usr/sbin` and `/usr/libexec` are folders of links, kept beside the root: to the
//! host's programs, shown read-only below `/.host`, and to this program, which stands in for Mac-only ones.

use super::{inside::Inside, shim};
use shared::sys::sandbox::Bind;
use std::{
    collections::BTreeMap,
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

/// The programs laid out.
#[derive(Debug)]
pub(crate) struct Layout {
    /// What the sandbox has to show.
    pub(crate) binds: Vec<Bind>,
    /// The host's own program behind a stand-in: name to path inside.
    pub(crate) behind: BTreeMap<String, PathBuf>,
    /// What is not as on a Mac and worth a line.
    pub(crate) notices: Vec<String>,
}

/// Lays the programs out in `side`; `this` is the executable that stands in.
pub(crate) fn lay_out(side: &Path, this: &Path) -> io::Result<Layout> {
    let mut links = host_programs();
    let mut notices = Vec::new();
    let shells = ["sh", "zsh"].map(|name| links.get(&place(name)).cloned());
    if let Some(bash) = links.get("bin/bash").cloned() {
        // On a Mac sh is bash, and scripts rely on it.
        links.insert("bin/sh".into(), bash);
    }
    if shells[1].is_none() {
        notices.push("this computer has no zsh: bash runs scripts written for /bin/zsh".into());
    }
    let mut behind = BTreeMap::new();
    for path in shim::places(shells[1].is_none()) {
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        if let Some(real) = links.insert(path.trim_start_matches('/').to_owned(), Inside::SHIM.into()) {
            behind.insert(name, real);
        }
    }
    write_links(&side.join("programs"), &links)?;
    Ok(Layout { binds: binds(side, this), behind, notices })
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
    for folder in ["/usr/sbin", "/sbin", "/usr/bin", "/bin", "/run/current-system/sw/bin"] {
        // A host need not have all of them.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(inside) = inside(&entry.path()).filter(|_| !UNKNOWN_TO_MACS.contains(&&*name)) else {
                continue;
            };
            let at = match place(&name) {
                usual if usual.starts_with("usr/bin/") && folder.ends_with("sbin") => {
                    format!("usr/sbin/{name}")
                }
                usual => usual,
            };
            links.insert(at, inside);
        }
    }
    for entry in fs::read_dir("/usr/libexec").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        links.extend(inside(&entry.path()).map(|path| (format!("usr/libexec/{name}"), path)));
    }
    links
}

/// Where a program of the host is inside, all links followed; `None` when it is not shown there.
fn inside(path: &Path) -> Option<PathBuf> {
    let real = path.canonicalize().ok()?;
    match real.components().nth(1)?.as_os_str().to_str()? {
        "usr" | "bin" | "sbin" => Some(Path::new("/.host").join(real.strip_prefix("/").ok()?)),
        "nix" | "gnu" => Some(real),
        _ => None,
    }
}

/// Makes `folder` hold `links`; those that are right already are left alone, because they may be in use.
fn write_links(folder: &Path, links: &BTreeMap<String, PathBuf>) -> io::Result<()> {
    for name in FOLDERS {
        fs::create_dir_all(folder.join(name))?;
    }
    for (path, target) in links {
        let link = folder.join(path);
        match fs::read_link(&link) {
            Ok(found) if found == *target => continue,
            Ok(_) => fs::remove_file(&link)?,
            Err(_) => {}
        }
        symlink(target, &link)?;
    }
    Ok(())
}

const FOLDERS: &[&str] = &["bin", "sbin", "usr/bin", "usr/sbin", "usr/libexec"];

fn binds(side: &Path, this: &Path) -> Vec<Bind> {
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
    binds.extend(
        FOLDERS.iter().map(|path| bind(side.join("programs").join(path), &format!("/{path}"), false)),
    );
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
    fn laying_out_twice_changes_nothing() {
        let side = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let layout = lay_out(side.path(), Path::new("/usr/bin/true")).unwrap();
            assert!(layout.binds.iter().any(|bind| bind.to == Path::new("/usr/bin")));
        }
        let link = |path: &str| fs::read_link(side.path().join("programs").join(path));
        assert_eq!(link("usr/bin/defaults").unwrap(), Path::new(Inside::SHIM));
        assert!(link("bin/cat").unwrap().starts_with("/.host"));
        assert!(link("usr/bin/cat").is_err());
        assert!(link("usr/bin/systemctl").is_err());
    }
}
