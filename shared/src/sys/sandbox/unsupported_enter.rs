//! The helper's side of the sandbox where there is none.

use std::process::ExitCode;

/// Refuses.
#[must_use]
pub fn enter_and_exec() -> ExitCode {
    eprintln!("this option is for internal use on Linux only");
    ExitCode::from(125)
}

/// Refuses.
///
/// # Errors
/// Always.
pub fn become_user_inside(_uid: u32, _gid: u32) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}
