//! `iasctl man`: a manual page for each command, out of the same text as `--help`.

use std::{path::PathBuf, process::ExitCode};

/// What `man` is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Write the pages into this folder, such as share/man/man1
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Writes `iasctl.1`, and `iasctl-VERB.1` for each verb.
pub(crate) fn run(arguments: &Arguments, command: clap::Command) -> ExitCode {
    let folder = &arguments.folder;
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(command.name("iasctl"), folder));
    match written {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}: the manual pages cannot be written: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}
