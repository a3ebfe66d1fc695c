//! The helper's side of the sandbox: enters the namespaces, then has the program started in them, or becomes it.

use super::{INIT_FLAG, Processes, attend, door::REMEDY, init, interior, interior::at, order::Order};
use crate::sys::child::reason;
use nix::sched::{CloneFlags, unshare};
use rustix::process::{Signal, set_parent_process_death_signal, setsid};
use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::{net::UnixStream, process::CommandExt},
    },
    process::ExitCode,
};

/// The longest order that is read.
const ORDER_LIMIT: u64 = 1 << 20;
/// The exit status of a helper that could not do as it was told.
pub(super) const FAILED: u8 = 125;

/// Does what the order on standard input says. Returns when the program has ended, or with status 125 when it could
/// not be started.
///
/// Must be called while the process has one thread.
#[must_use]
pub fn enter_and_exec() -> ExitCode {
    let is_first_inside = std::env::args_os().nth(1).is_some_and(|flag| flag == INIT_FLAG);
    let status = match connect() {
        Ok(stream) if is_first_inside => init::run(stream),
        Ok(stream) => obey(stream),
        Err(error) => {
            eprintln!("this option is for internal use only: {error}");
            FAILED
        }
    };
    ExitCode::from(status)
}

fn connect() -> io::Result<UnixStream> {
    let stream: OwnedFd = io::stdin().as_fd().try_clone_to_owned()?;
    let stream = UnixStream::from(stream);
    stream.peer_addr()?;
    Ok(stream)
}

fn obey(stream: UnixStream) -> u8 {
    let entered = enter(&stream).and_then(|order| match order.sandbox.processes {
        Processes::Own => at("stay with the program", attend::attend(&stream, &order)),
        Processes::Shared => settle_and_exec(&stream, &order).map(|()| FAILED),
    });
    entered.unwrap_or_else(|why| {
        tell(&stream, "failed", &why);
        FAILED
    })
}

/// Says a word and its reason; where nobody listens, nobody needs to know.
pub(super) fn tell(mut stream: &UnixStream, word: &str, why: &str) {
    let _ = stream.write_all(format!("{word} {}\n", why.replace('\n', "\u{1}")).as_bytes());
}

/// Reads an order, one line.
pub(super) fn read_order(lines: &mut impl BufRead) -> Result<Order, String> {
    let mut line = String::new();
    at("read the order", lines.take(ORDER_LIMIT).read_line(&mut line))?;
    at("read the order", serde_json::from_str(&line))
}

fn enter(stream: &UnixStream) -> Result<Order, String> {
    let mut lines = BufReader::new(stream);
    let order = read_order(&mut lines)?;
    // R66; also, nothing inside can be stopped for asking a terminal.
    at("start a session", setsid())?;
    separate(&order)?;
    at("ask for ids", (&*stream).write_all(format!("map {}\n", std::process::id()).as_bytes()))?;
    let mut line = String::new();
    at("wait for ids", (&mut lines).take(ORDER_LIMIT).read_line(&mut line))?;
    if line == "mapped\n" { Ok(order) } else { Err("the caller went away".into()) }
}

fn separate(order: &Order) -> Result<(), String> {
    let mut flags = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWIPC;
    flags.set(CloneFlags::CLONE_NEWNET, !order.sandbox.network);
    flags.set(CloneFlags::CLONE_NEWPID, order.sandbox.processes == Processes::Own);
    unshare(flags)
        .map_err(|error| format!("the kernel refuses new namespaces: {}; {REMEDY}", io::Error::from(error)))
}

/// Becomes the program; returns only when that fails.
fn settle_and_exec(stream: &UnixStream, order: &Order) -> Result<(), String> {
    interior::settle(order)?;
    let null = at("/dev/null", File::open("/dev/null"))?;
    at("standard input", rustix::stdio::dup2_stdin(&null))?;
    if order.tied {
        // After the change of identity, which would undo it.
        at("follow the caller", set_parent_process_death_signal(Some(Signal::TERM)))?;
    }
    at("answer", (&*stream).write_all(b"ready\n"))?;
    let error = interior::command(order).exec();
    tell(stream, "exec", &reason::of(&order.path, &error));
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
