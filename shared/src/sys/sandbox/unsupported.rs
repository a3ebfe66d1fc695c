//! The caller's side of the sandbox where there is none.

use super::{Ids, Sandbox, SandboxError};
use crate::sys::child::Program;

/// Never made.
#[derive(Debug)]
pub struct Door(());

/// Only the caller's own.
#[must_use]
pub fn ids_available(_uid: u32) -> Ids {
    Ids::One
}

/// Refuses.
///
/// # Errors
/// Always.
pub fn prepare(_sandbox: &Sandbox, _program: &Program) -> Result<(Program, Door), SandboxError> {
    Err(unsupported())
}

impl Door {
    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub fn open(self) -> Result<(), SandboxError> {
        Err(unsupported())
    }
}

fn unsupported() -> SandboxError {
    SandboxError::SetUp("only Linux can do this; run the scripts without a sandbox: --no-sandbox".into())
}
