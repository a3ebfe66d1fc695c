//! The caller's side of the sandbox where there is none.

use super::{Ids, Life, Sandbox, SandboxError};
use crate::{exit::Ended, sys::child::Program};
use std::time::Duration;

/// Never made.
#[derive(Debug)]
pub(super) struct Door(());

/// Never made.
#[derive(Debug)]
pub(super) struct Witness(());

/// Only the caller's own.
#[must_use]
pub fn ids_available(_uid: u32) -> Ids {
    Ids::One
}

/// Refuses.
///
/// # Errors
/// Always.
pub(super) fn prepare(
    _sandbox: &Sandbox,
    _program: &Program,
    _life: Life,
    _kill_after: Duration,
) -> Result<(Program, Door), SandboxError> {
    Err(unsupported())
}

impl Door {
    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub(super) fn open(self) -> Result<Witness, SandboxError> {
        Err(unsupported())
    }
}

impl Witness {
    /// Knows nothing.
    pub(super) async fn last_word(self) -> Option<Ended> {
        None
    }
}

fn unsupported() -> SandboxError {
    SandboxError::SetUp("only Linux can do this; run the scripts without a sandbox: --no-sandbox".into())
}
