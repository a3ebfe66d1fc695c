//! `iasctl check`.

use std::process::ExitCode;

/// What `check` is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

/// Carries it out.
pub(crate) fn run(_arguments: &Arguments) -> ExitCode {
    eprintln!("iasctl check: not built yet");
    ExitCode::FAILURE
}
