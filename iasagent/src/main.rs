//! `iasagent` as a program of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    iasagent::run()
}
