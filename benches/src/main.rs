//! The numbers we promise, measured in the same run as their peers: `cargo run --release -p benches -- download [--go
//! PROGRAM] [--only ROWS]`, `-- line`, `-- schedule`, `-- titles`, `-- fleet [MACS]`, and `-- kills [RUNS [SEED]]`.

mod download;
mod fleet;
mod kills;
mod line;
mod measure;
mod schedule;
mod titles;
mod web;

use std::{ffi::OsString, process::ExitCode};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let verb = arguments.next().unwrap_or_default();
    let result = match verb.to_str() {
        Some("download") => download(arguments),
        Some("fleet") => fleet(arguments),
        Some("kills") => kills(),
        Some("line") => line::run(),
        Some("schedule") => schedule::run(),
        Some("titles") => titles::run(),
        // How this program calls itself.
        Some(measure::MEASURED) => measure::measured(arguments),
        Some(download::FLOOR) => download::floor(arguments),
        _ => {
            Err("usage: benches download [--go PROGRAM] [--only ROWS] | line | schedule | titles | fleet [MACS] | kills [RUNS [SEED]]"
                .into())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("benches: {error}");
            ExitCode::FAILURE
        }
    }
}

fn download(mut arguments: impl Iterator<Item = OsString>) -> Result<(), Failure> {
    let (mut go, mut only) = (None, String::new());
    while let Some(option) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{}: which one?", option.display()));
        match option.to_str() {
            Some("--go") => go = Some(value()?.into()),
            Some("--only") => only = value()?.to_string_lossy().into_owned(),
            _ => return Err(format!("download: unknown argument {}", option.display()).into()),
        }
    }
    download::run(go, &only)
}

fn fleet(mut arguments: impl Iterator<Item = OsString>) -> Result<(), Failure> {
    let macs = arguments.next().map_or(Ok(500), |macs| macs.to_string_lossy().parse())?;
    fleet::run(macs)
}

fn kills() -> Result<(), Failure> {
    let runs = std::env::args().nth(2).map_or(Ok(250), |runs| runs.parse())?;
    let seed = std::env::args().nth(3).map(|seed| seed.parse()).transpose()?;
    kills::run(runs, seed)
}

/// Whatever stops a measurement.
type Failure = Box<dyn std::error::Error>;
