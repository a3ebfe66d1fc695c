//! The helper's side of the sandbox where there is none.

use std::process::ExitCode;

/// Refuses.
#[must_use]
pub fn enter_and_exec() -> ExitCode {
    eprintln!("this option is for internal use on Linux only");
    ExitCode::from(125)
}
