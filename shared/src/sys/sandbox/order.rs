//! What the caller tells the helper, and the helper the first process inside.

use super::Sandbox;
use serde::{Deserialize, Serialize};
use std::{ffi::OsString, path::PathBuf, time::Duration};

/// The helper's order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Order {
    /// Where.
    pub(super) sandbox: Sandbox,
    /// What to execute.
    pub(super) path: PathBuf,
    /// Its arguments, without the name.
    pub(super) arguments: Vec<OsString>,
    /// Its whole environment.
    pub(super) environment: Vec<(OsString, OsString)>,
    /// Its working folder.
    pub(super) folder: PathBuf,
    /// Its user inside.
    pub(super) uid: u32,
    /// Its group inside.
    pub(super) gid: u32,
    /// Whether it ends with the caller.
    pub(super) tied: bool,
    /// How long its group has from SIGTERM to SIGKILL.
    pub(super) kill_after: Duration,
    /// Whether `/proc` may be written: an ordinary user can change nothing of the system there, but has to write its
    /// own process's entries.
    pub(super) proc_writable: bool,
}
