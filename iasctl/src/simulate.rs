//! `iasctl simulate`.

use std::process::ExitCode;

/// What `simulate` is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

/// Carries it out.
pub(crate) fn run(_arguments: &Arguments) -> ExitCode {
    eprintln!("iasctl simulate: not built yet");
    ExitCode::FAILURE
}
