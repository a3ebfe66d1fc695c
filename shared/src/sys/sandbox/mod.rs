//! A folder that is `/` for the programs started in it, and the only place they can write (P79).
//!
//! Linux namespaces do it, without anything to install: a helper (the calling program itself, started with
//! [`HELPER_FLAG`]) enters a user, process, mount, network and host-name namespace and starts the first process in
//! them (itself again). That makes the folder its root, gives up the privileges that lead out of it, starts the
//! program, and reaps what it leaves behind. The helper stays outside for as long as the program runs, and ends as it
//! did; it leads a session of its own (R66) and a process group, to which signals go (R69).
//!
//! ```text
//!   caller                          helper, in a new session             first process inside
//!   prepare ── order, one line ───► unshare
//!   open    ◄──── "map PID" ─────── (has no ids yet)
//!           ── "mapped" ──────────► start ──────── order, one line ────► /proc, pivot_root, binds, identity
//!           ◄─ "failed", "exec" ─── ◄───────────── or why not ────────── start the program
//!           ◄─ "started" ────────── ◄───────────────────────────────────
//!           ◄─ "ended" ──────────── ◄───────────────────────────────────
//! ```
//!
//! The open connections hold it together: without its helper the first process ends the program, and a helper whose
//! program is [`Life::Tied`] goes when its caller does, however that ends. Processes the program has left behind live on.
//!
//! Where the kernel gives no process namespace or no `/proc` for it, as in many containers, [`Processes::Shared`] does
//! without: the helper itself moves in and becomes the program.
//!
//! What it is not: a jail for hostile programs. With shared processes, those of the same user can be seen and signalled;
//! for root these are all processes of the computer.

#[cfg(target_os = "linux")]
mod attend;
#[cfg(target_os = "linux")]
mod door;
#[cfg(not(target_os = "linux"))]
#[path = "unsupported.rs"]
mod door;
#[cfg(target_os = "linux")]
mod enter;
#[cfg(not(target_os = "linux"))]
#[path = "unsupported_enter.rs"]
mod enter;
#[cfg(target_os = "linux")]
mod init;
#[cfg(target_os = "linux")]
mod interior;
#[cfg(target_os = "linux")]
mod order;

pub use door::ids_available;
pub use enter::{become_user_inside, enter_and_exec};

use self::door::prepare;
use crate::{
    exit::Ended,
    sys::child::{Child, Limits, Output, Program, start},
};
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

/// The first argument that makes a program the helper.
pub const HELPER_FLAG: &str = "--sandbox-exec";
/// The first argument that makes a program the first process inside.
const INIT_FLAG: &str = "--sandbox-init";
/// How much later than the first process inside we kill a group: it spares what has left the group.
const BACKSTOP: Duration = Duration::from_secs(1);

/// Whether this process was started as a part of the sandbox; asked before anything else is done.
#[must_use]
pub fn is_helper() -> bool {
    std::env::args_os().nth(1).is_some_and(|flag| flag == HELPER_FLAG || flag == INIT_FLAG)
}

/// What a program in the sandbox sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sandbox {
    /// The program that calls [`enter_and_exec`] when [`is_helper`] says so.
    pub helper: PathBuf,
    /// The folder that becomes `/`: absolute, without symbolic links.
    pub root: PathBuf,
    /// What else is visible, in mounting order.
    pub binds: Vec<Bind>,
    /// Whether the host's network can be reached.
    pub network: bool,
    /// What `hostname` prints.
    pub host_name: String,
    /// Which user ids exist inside.
    pub ids: Ids,
    /// Which processes exist inside.
    pub processes: Processes,
}

/// A file or folder of the host that is visible inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bind {
    /// On the host: absolute, without symbolic links.
    pub from: PathBuf,
    /// Inside: absolute. Created when it does not exist.
    pub to: PathBuf,
    /// Whether it can be changed.
    pub writable: bool,
}

/// Which user ids exist inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ids {
    /// All that the caller has, each meaning itself: the caller is root.
    All,
    /// Only the program's own, which outside is the caller's.
    One,
}

/// Which processes a program can see and signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Processes {
    /// Itself and what it has started.
    Own,
    /// All of the computer that the user can.
    Shared,
}

/// When a program ends that does not end by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// With its caller.
    Tied,
    /// Not before its time: it may outlive its caller (R66).
    Free,
}

/// The sandbox cannot be entered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SandboxError {
    /// Setting it up failed, with the remedy.
    #[error("the sandbox cannot be set up: {0}")]
    SetUp(String),
    /// It is set up, but the program in it cannot be executed.
    #[error("{0}")]
    Exec(String),
}

/// Starts `program` inside; paths and identity are those of the inside. When this returns `Ok`, its exec has succeeded.
///
/// # Errors
/// [`Ended::NotStarted`] with a reason an admin can act on.
pub async fn start_inside(
    sandbox: &Sandbox,
    program: &Program,
    output: Output,
    limits: Limits,
    life: Life,
) -> Result<Child, Ended> {
    let not_started = |error: SandboxError| Ended::NotStarted(error.to_string());
    let (helper, door) = prepare(sandbox, program, life, limits.kill_after).map_err(not_started)?;
    let kill_after = match sandbox.processes {
        Processes::Own => limits.kill_after + BACKSTOP,
        Processes::Shared => limits.kill_after,
    };
    let child = start(&helper, output, Limits { kill_after, ..limits }).await?;
    // The helper's end must be closed here, or its closing over there would go unnoticed.
    drop(helper);
    let opened = tokio::task::spawn_blocking(move || door.open()).await;
    let witness = opened.map_err(|error| Ended::NotStarted(error.to_string()))?.map_err(not_started)?;
    Ok(child.ended_as(witness.last_word()))
}

/// Sets the sandbox up once and runs nothing in it.
///
/// # Errors
/// Why it cannot be set up, with the remedy.
pub fn probe(sandbox: &Sandbox) -> Result<(), SandboxError> {
    let missing = Program::new(Path::new("/.ias/probe/none"));
    let (helper, door) = prepare(sandbox, &missing, Life::Tied, Duration::ZERO)?;
    let mut child = helper
        .command()
        .and_then(|mut command| command.stdout(Stdio::null()).stderr(Stdio::null()).spawn())
        .map_err(|error| SandboxError::SetUp(format!("{}: {error}", sandbox.helper.display())))?;
    drop(helper);
    let opened = door.open();
    // It has told us how it ended.
    let _ = child.wait();
    match opened {
        Ok(_) | Err(SandboxError::Exec(_)) => Ok(()),
        Err(error) => Err(error),
    }
}
