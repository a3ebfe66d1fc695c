//! The helper's side of the sandbox: enters the namespaces, moves into the folder, becomes the program.

use super::{Bind, door::REMEDY, order::Order};
use crate::sys::child::reason;
use nix::{
    errno::Errno,
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, unshare},
    unistd::{Gid, Uid, chdir, pivot_root, setgroups, sethostname, setresgid, setresuid},
};
use rustix::{
    fs::{StatVfsMountFlags, statvfs},
    thread::{CapabilitySet, remove_capability_from_bounding_set},
};
use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::{net::UnixStream, process::CommandExt},
    },
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

/// Where the host's root is visible while the mounts are made.
const OLD_ROOT: &str = "/.host/.old";
/// The longest order that is read.
const ORDER_LIMIT: u64 = 1 << 20;
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

/// Does what the order on standard input says. Returns only when that fails, with status 125.
///
/// Must be called while the process has one thread.
#[must_use]
pub fn enter_and_exec() -> ExitCode {
    match connect() {
        Ok(stream) => obey(stream),
        Err(error) => eprintln!("this option is for internal use only: {error}"),
    }
    ExitCode::from(125)
}

fn connect() -> io::Result<UnixStream> {
    let stream: OwnedFd = io::stdin().as_fd().try_clone_to_owned()?;
    let stream = UnixStream::from(stream);
    stream.peer_addr()?;
    Ok(stream)
}

fn obey(stream: UnixStream) {
    let failed = |word: &str, why: &str| {
        // Nobody listens: then nobody needs to know.
        let _ = (&stream).write_all(format!("{word}{}\n", why.replace('\n', "\u{1}")).as_bytes());
    };
    let order = match set_up(&stream) {
        Ok(order) => order,
        Err(why) => return failed("failed ", &why),
    };
    if (&stream).write_all(b"ready\n").is_ok() {
        let error = command(&order).exec();
        failed("", &reason::of(&order.path, &error));
    }
}

fn command(order: &Order) -> Command {
    let mut command = Command::new(&order.path);
    command.args(&order.arguments).env_clear().envs(order.environment.iter().cloned());
    command.current_dir(&order.folder);
    command
}

/// A step of the set-up failed.
fn at<T>(step: impl std::fmt::Display, result: Result<T, impl Into<io::Error>>) -> Result<T, String> {
    result.map_err(|error| format!("{step}: {}", error.into()))
}

fn set_up(stream: &UnixStream) -> Result<Order, String> {
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    at("read the order", (&mut lines).take(ORDER_LIMIT).read_line(&mut line))?;
    let order: Order = at("read the order", serde_json::from_str(&line))?;
    at("start a session", ignore_leader(rustix::process::setsid().map_err(io::Error::from)))?;
    separate(order.sandbox.network)?;
    at("ask for ids", writeln!(&*stream, "map {}", std::process::id()))?;
    line.clear();
    at("wait for ids", (&mut lines).take(ORDER_LIMIT).read_line(&mut line))?;
    if line != "mapped\n" {
        return Err("the caller went away".into());
    }
    move_in(&order.sandbox.root).map_err(|why| format!("{why}; {REMEDY}"))?;
    for bind in &order.sandbox.binds {
        show(bind)?;
    }
    at("let go of the host's files", umount2(OLD_ROOT, MntFlags::MNT_DETACH))?;
    at("set the host name", sethostname(&order.sandbox.host_name))?;
    become_user(&order)?;
    let null = at("/dev/null", File::open("/dev/null"))?;
    at("standard input", rustix::stdio::dup2_stdin(&null))?;
    Ok(order)
}

/// The caller has usually made us the leader of a process group, which is as good.
fn ignore_leader<T>(session: io::Result<T>) -> io::Result<()> {
    match session {
        Err(error) if error.raw_os_error() != Some(Errno::EPERM as i32) => Err(error),
        _ => Ok(()),
    }
}

fn separate(network: bool) -> Result<(), String> {
    let mut flags = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWIPC;
    if !network {
        flags |= CloneFlags::CLONE_NEWNET;
    }
    unshare(flags)
        .map_err(|error| format!("the kernel refuses new namespaces: {}; {REMEDY}", io::Error::from(error)))
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
    at(&step, mount(Some(&from), &bind.to, NONE, rebind, NONE))?;
    if bind.writable || bind.from.starts_with("/dev") {
        return Ok(());
    }
    // A read-only flag reaches one mount, not those below it.
    for point in at(&step, mounts_within(&bind.to))? {
        restrict(&point, MsFlags::MS_RDONLY | MsFlags::MS_NOSUID)?;
    }
    Ok(())
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

/// The mounts at and below `folder`.
fn mounts_within(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let table = fs::read_to_string(old(Path::new("/proc/self/mountinfo")))?;
    let points =
        table.lines().filter_map(|line| line.split(' ').nth(4)).map(|point| PathBuf::from(unescape(point)));
    Ok(points.filter(|point| point.starts_with(folder)).collect())
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
    let (uid, gid) = (Uid::from_raw(order.uid), Gid::from_raw(order.gid));
    if order.sandbox.ids == super::Ids::All {
        at("drop groups", setgroups(&[gid]))?;
        at("take the group", setresgid(gid, gid, gid))?;
        at("take the user", setresuid(uid, uid, uid))?;
    }
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    Ok(())
}

/// Becomes another user within a sandbox that has one id only; the next exec gives up all privileges.
///
/// Must be called while the process has one thread.
///
/// # Errors
/// When the kernel refuses.
pub fn become_user_inside(uid: u32, gid: u32) -> io::Result<()> {
    let (outer_uid, outer_gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    unshare(CloneFlags::CLONE_NEWUSER)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/gid_map", format!("{gid} {outer_gid} 1\n"))?;
    fs::write("/proc/self/uid_map", format!("{uid} {outer_uid} 1\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_mount_points_are_read() {
        assert_eq!(unescape("/a\\040b\\134c"), "/a b\\c");
    }
}
