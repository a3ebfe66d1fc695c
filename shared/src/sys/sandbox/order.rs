//! What the caller tells the helper.

use super::Sandbox;
use serde::{Deserialize, Serialize};
use std::{ffi::OsString, path::PathBuf};

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
}
