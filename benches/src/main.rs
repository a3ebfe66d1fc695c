//! The numbers we promise, measured against peers in the same run: `cargo run --release -p benches -- download`.

mod download;
mod measure;
mod web;

use std::process::ExitCode;

fn main() -> ExitCode {
    let result = match std::env::args().nth(1).as_deref() {
        Some("download") => download::run(),
        _ => Err("usage: benches download".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("benches: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whatever stops a measurement.
type Failure = Box<dyn std::error::Error>;
