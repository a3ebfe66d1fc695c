//! `iasd`: the root LaunchDaemon that carries one control file to its end.
#![allow(dead_code, reason = "first commit: the types come before the flow")]

mod agent;
mod cleanup;
mod download;
mod engine;
mod host;
mod lock;
mod report;
mod settings;

use std::process::ExitCode;

fn main() -> ExitCode {
    // Both become another program: first, while there is one thread.
    if shared::sys::sandbox::is_helper() {
        return shared::sys::sandbox::enter_and_exec();
    }
    if host::simulated::shim::is_wanted() {
        return host::simulated::shim::answer();
    }
    ExitCode::SUCCESS
}
