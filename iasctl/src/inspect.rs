//! `iasctl inspect`.

use std::process::ExitCode;

/// What `inspect` is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

/// Carries it out.
pub(crate) fn run(_arguments: &Arguments) -> ExitCode {
    eprintln!("iasctl inspect: not built yet");
    ExitCode::FAILURE
}
