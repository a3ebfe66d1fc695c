//! A folder that is `/` for the programs started in it, and the only place they can write (P79).
//!
//! Linux namespaces do it, without anything to install: a helper (the calling program itself, started with
//! [`HELPER_FLAG`]) enters a user, mount, network and host-name namespace, makes the folder its root, gives up the
//! privileges that lead out of it, and only then becomes the program; so the process id is the program's own.
//!
//! ```text
//!   caller                                helper (single-threaded, its standard input is a socket)
//!   prepare ── order as one JSON line ──► unshare
//!   open    ◄──────── "map PID" ───────── (has no ids yet)
//!           ── "mapped" ────────────────► pivot_root, binds, host name, identity, privileges
//!           ◄──── end of stream ───────── exec succeeded
//!           ◄──── "failed …" ──────────── or why not
//! ```
//!
//! What it is not: a jail for hostile programs. Without a process namespace, processes of the same user can still be
//! seen and signalled; for root these are all processes of the computer.

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
mod order;

pub use door::{Door, ids_available, prepare};
pub use enter::{become_user_inside, enter_and_exec};

use crate::{
    exit::Ended,
    sys::child::{Child, Limits, Output, Program, start},
};
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

/// The first argument that makes a program the helper.
pub const HELPER_FLAG: &str = "--sandbox-exec";

/// Whether this process was started as the helper; asked before anything else is done.
#[must_use]
pub fn is_helper() -> bool {
    std::env::args_os().nth(1).is_some_and(|flag| flag == HELPER_FLAG)
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
) -> Result<Child, Ended> {
    let not_started = |error: SandboxError| Ended::NotStarted(error.to_string());
    let (helper, door) = prepare(sandbox, program).map_err(not_started)?;
    let child = start(&helper, output, limits).await?;
    // The helper's end must be closed here, or its closing over there would go unnoticed.
    drop(helper);
    let opened = tokio::task::spawn_blocking(move || door.open()).await;
    opened.map_err(|error| Ended::NotStarted(error.to_string()))?.map_err(not_started)?;
    Ok(child)
}

/// Sets the sandbox up once and runs nothing in it.
///
/// # Errors
/// Why it cannot be set up, with the remedy.
pub fn probe(sandbox: &Sandbox) -> Result<(), SandboxError> {
    let missing = Program::new(Path::new("/.ias/probe/none"));
    let (helper, door) = prepare(sandbox, &missing)?;
    let mut child = helper
        .command()
        .and_then(|mut command| command.stdout(Stdio::null()).stderr(Stdio::null()).spawn())
        .map_err(|error| SandboxError::SetUp(format!("{}: {error}", sandbox.helper.display())))?;
    drop(helper);
    let opened = door.open();
    // It has told us how it ended.
    let _ = child.wait();
    match opened {
        Ok(()) | Err(SandboxError::Exec(_)) => Ok(()),
        Err(error) => Err(error),
    }
}
