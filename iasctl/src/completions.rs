//! `iasctl completions`: what a shell needs to complete commands and options.

use crate::stdout;
use clap_complete::Shell;
use std::process::ExitCode;

/// What `completions` is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The shell it is for
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints a script for the shell, about the whole of `command`.
pub(crate) fn run(arguments: &Arguments, command: &mut clap::Command) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, command, "iasctl", &mut script);
    stdout::print(&String::from_utf8_lossy(&script)).err().unwrap_or(ExitCode::SUCCESS)
}
