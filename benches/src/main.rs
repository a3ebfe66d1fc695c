//! The numbers we promise, measured in the same run as their peers: `cargo run --release -p benches -- download`,
//! `-- titles`, and `-- kills [RUNS [SEED]]`.

mod download;
mod kills;
mod measure;
mod titles;
mod web;

use std::process::ExitCode;

fn main() -> ExitCode {
    let result = match std::env::args().nth(1).as_deref() {
        Some("download") => download::run(),
        Some("kills") => kills(),
        Some("titles") => titles::run(),
        _ => Err("usage: benches download | titles | kills [RUNS [SEED]]".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("benches: {error}");
            ExitCode::FAILURE
        }
    }
}

fn kills() -> Result<(), Failure> {
    let runs = std::env::args().nth(2).map_or(Ok(250), |runs| runs.parse())?;
    let seed = std::env::args().nth(3).map(|seed| seed.parse()).transpose()?;
    kills::run(runs, seed)
}

/// Whatever stops a measurement.
type Failure = Box<dyn std::error::Error>;
