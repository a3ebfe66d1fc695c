//! The seam between the simulated services that start scripts and the sandbox in which scripts run.

use crate::host::Line;
use futures::future::BoxFuture;
use shared::{exit::Ended, layout::MacPath};
use tokio::sync::{mpsc, watch};

/// One script to be run as root on the simulated Mac.
#[derive(Debug)]
pub(crate) struct ScriptCall {
    /// The program, as the Mac sees it.
    pub(crate) program: MacPath,
    /// Its arguments, without `argv[0]`.
    pub(crate) arguments: Vec<String>,
    /// Variables added to the clean environment of R71; an equal name replaces the one there.
    pub(crate) environment: Vec<(String, String)>,
    /// The working directory, as the Mac sees it; `None` is `/`.
    pub(crate) folder: Option<MacPath>,
    /// Where its output goes, line by line (R72).
    pub(crate) lines: mpsc::Sender<Line>,
    /// Turns true when the script is to be ended before its time.
    pub(crate) stopping: watch::Receiver<bool>,
}

/// Runs scripts with the simulated root as their `/`.
pub(crate) trait ScriptRunner: Send + Sync {
    /// Runs `call` to its end; all its output has been sent when this resolves.
    fn run<'a>(&'a self, call: ScriptCall) -> BoxFuture<'a, Ended>;
}
