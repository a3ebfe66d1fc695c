//! `iasd`: the root LaunchDaemon that carries one control file to its end.

mod agent;
mod cleanup;
mod download;
mod engine;
mod folders;
mod host;
mod lock;
mod report;
mod settings;
mod wiring;

use shared::settings::arguments::{self, Invocation};
use std::process::ExitCode;

fn main() -> ExitCode {
    // Both become another program: first, while there is one thread.
    if shared::sys::sandbox::is_helper() {
        return shared::sys::sandbox::enter_and_exec();
    }
    if host::simulated::shim::is_wanted() {
        return host::simulated::shim::answer();
    }
    let usage = ExitCode::from(shared::exit::ExitCode::Usage.code());
    match arguments::parse(std::env::args_os()) {
        Ok(Invocation::Run(arguments)) => carry_out(&arguments),
        Ok(Invocation::Agent(_)) => {
            eprintln!("iasd: the user's part is the program iasagent: start that instead of --userscript");
            usage
        }
        Ok(Invocation::Version) => {
            println!("iasd {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        Ok(Invocation::Help) => {
            println!("{}", arguments::help());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("iasd: {error}");
            usage
        }
    }
}

fn carry_out(arguments: &arguments::Arguments) -> ExitCode {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => ExitCode::from(runtime.block_on(wiring::run(arguments)).code()),
        Err(error) => {
            eprintln!("iasd: the runtime cannot be started: {error}");
            ExitCode::from(shared::exit::ExitCode::Temporary.code())
        }
    }
}
