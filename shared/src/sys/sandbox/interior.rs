//! What a program finds inside: its root, the visible parts of the host, `/proc`, the host name, its identity.

use super::{Bind, Ids, Processes, door::REMEDY, order::Order};
use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    unistd::{Gid, Uid, chdir, pivot_root, setgroups, sethostname, setresgid, setresuid},
};
use rustix::{
    fs::{StatVfsMountFlags, statvfs},
    thread::{
        CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
        remove_capability_from_bounding_set, set_capabilities,
    },
};
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::Command,
};

/// Where the host's root is visible while the mounts are made.
const OLD_ROOT: &str = "/.host/.old";
/// What root may still do inside; everything else could lead out of the folder.
const KEPT: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SETFCAP)
    .union(CapabilitySet::NET_BIND_SERVICE);

/// Makes this process one of the inside; its namespaces are new and have ids.
pub(super) fn settle(order: &Order) -> Result<(), String> {
    move_in(&order.sandbox.root).map_err(|why| format!("{why}; {REMEDY}"))?;
    show_processes(order)?;
    for bind in &order.sandbox.binds {
        show(bind)?;
    }
    protect(&order.sandbox.binds)?;
    at("let go of the host's files", umount2(OLD_ROOT, MntFlags::MNT_DETACH))?;
    at("set the host name", sethostname(&order.sandbox.host_name))?;
    become_user(order)
}

/// The program of `order`, once this process is inside.
pub(super) fn command(order: &Order) -> Command {
    let mut command = Command::new(&order.path);
    command.args(&order.arguments).env_clear().envs(order.environment.iter().cloned());
    command.current_dir(&order.folder);
    command
}

/// A step of the set-up failed.
pub(super) fn at<T>(
    step: impl std::fmt::Display,
    result: Result<T, impl Into<io::Error>>,
) -> Result<T, String> {
    result.map_err(|error| format!("{step}: {}", error.into()))
}

const NONE: Option<&Path> = None;

/// Makes `root` this process's `/`, with the host's root still visible at [`OLD_ROOT`].
fn move_in(root: &Path) -> Result<(), String> {
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    at("make mounts private", mount(NONE, "/", NONE, private, NONE))?;
    let rebind = MsFlags::MS_BIND | MsFlags::MS_REC;
    at(format_args!("bind {}", root.display()), mount(Some(root), root, NONE, rebind, NONE))?;
    let old = root.join(OLD_ROOT.trim_start_matches('/'));
    at(format_args!("create {}", old.display()), fs::create_dir_all(&old))?;
    at(format_args!("enter {}", root.display()), chdir(root))?;
    at(format_args!("make {} the root", root.display()), pivot_root(".", &old))?;
    at("enter the new root", chdir("/"))?;
    restrict(Path::new("/"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV)
}

/// Makes a part of the host visible.
fn show(bind: &Bind) -> Result<(), String> {
    let step = format!("show {} at {}", bind.from.display(), bind.to.display());
    let from = old(&bind.from);
    at(&step, mount_point(&from, &bind.to))?;
    let rebind = MsFlags::MS_BIND | MsFlags::MS_REC;
    at(&step, mount(Some(&from), &bind.to, NONE, rebind, NONE))
}

/// Lets only what is writable be written.
fn protect(binds: &[Bind]) -> Result<(), String> {
    // A read-only flag reaches one mount, not those below it.
    for point in at("read the list of mounts", mount_points())? {
        // The last that is shown there is the one that is seen.
        let seen = binds.iter().rfind(|bind| point.starts_with(&bind.to));
        if seen.is_some_and(|bind| !bind.writable && !bind.from.starts_with("/dev")) {
            restrict(&point, MsFlags::MS_RDONLY | MsFlags::MS_NOSUID)?;
        }
    }
    Ok(())
}

/// The list of processes: of those inside, or of the whole computer where there is no telling them apart.
fn show_processes(order: &Order) -> Result<(), String> {
    let to = Path::new("/proc");
    if order.sandbox.processes == Processes::Shared {
        let all = [Bind { from: to.into(), to: to.into(), writable: order.proc_writable }];
        return all.iter().try_for_each(show).and_then(|()| protect(&all));
    }
    at("create /proc", fs::create_dir_all(to))?;
    let mut flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    flags.set(MsFlags::MS_RDONLY, !order.proc_writable);
    at("show only the processes inside", mount(Some("proc"), to, Some("proc"), flags, NONE))
}

fn old(path: &Path) -> PathBuf {
    Path::new(OLD_ROOT).join(path.strip_prefix("/").unwrap_or(path))
}

fn mount_point(from: &Path, to: &Path) -> io::Result<()> {
    let folder = fs::metadata(from)?.is_dir();
    if to.exists() {
        return Ok(());
    }
    if folder {
        return fs::create_dir_all(to);
    }
    to.parent().map_or(Ok(()), fs::create_dir_all)?;
    File::create_new(to).map(drop)
}

/// Adds `flags` to a mount, keeping those the kernel has locked on it.
fn restrict(point: &Path, flags: MsFlags) -> Result<(), String> {
    let step = format!("restrict {}", point.display());
    let found = at(&step, statvfs(point))?.f_flag;
    let keep = [
        (StatVfsMountFlags::RDONLY, MsFlags::MS_RDONLY),
        (StatVfsMountFlags::NOSUID, MsFlags::MS_NOSUID),
        (StatVfsMountFlags::NODEV, MsFlags::MS_NODEV),
        (StatVfsMountFlags::NOEXEC, MsFlags::MS_NOEXEC),
        (StatVfsMountFlags::NOATIME, MsFlags::MS_NOATIME),
        (StatVfsMountFlags::NODIRATIME, MsFlags::MS_NODIRATIME),
        (StatVfsMountFlags::RELATIME, MsFlags::MS_RELATIME),
    ];
    let kept =
        keep.iter().filter(|(flag, _)| found.contains(*flag)).fold(MsFlags::empty(), |all, (_, f)| all | *f);
    at(&step, mount(NONE, point, NONE, MsFlags::MS_REMOUNT | MsFlags::MS_BIND | flags | kept, NONE))
}

/// Where something is mounted.
fn mount_points() -> io::Result<Vec<PathBuf>> {
    let table = fs::read_to_string(old(Path::new("/proc/self/mountinfo")))?;
    let points = table.lines().filter_map(|line| line.split(' ').nth(4));
    Ok(points.map(|point| PathBuf::from(unescape(point))).collect())
}

/// Mount tables write blanks and backslashes as three octal digits.
fn unescape(text: &str) -> String {
    text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

/// Takes the order's identity and keeps only harmless privileges, also across later execs.
fn become_user(order: &Order) -> Result<(), String> {
    for capability in CapabilitySet::all().difference(KEPT).iter() {
        match remove_capability_from_bounding_set(capability) {
            // A newer list than this kernel's.
            Err(rustix::io::Errno::INVAL) | Ok(()) => {}
            Err(error) => return Err(format!("give up privileges: {error}")),
        }
    }
    // What was handed to us for moving in is not to be handed on.
    at("give up privileges", clear_ambient_capability_set())?;
    let own = at("give up privileges", capabilities(None))?;
    let sets = CapabilitySets { inheritable: CapabilitySet::empty(), ..own };
    at("give up privileges", set_capabilities(None, sets))?;
    let (uid, gid) = (Uid::from_raw(order.uid), Gid::from_raw(order.gid));
    if order.sandbox.ids == Ids::All {
        at("drop groups", setgroups(&[gid]))?;
        at("take the group", setresgid(gid, gid, gid))?;
        at("take the user", setresuid(uid, uid, uid))?;
    }
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_mount_points_are_read() {
        assert_eq!(unescape("/a\\040b\\134c"), "/a b\\c");
    }
}
