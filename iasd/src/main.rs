//! `iasd`: the root LaunchDaemon that carries one control file to its end.

mod agent;
mod chance;
mod cleanup;
mod disk;
mod download;
mod engine;
mod folders;
mod gathered;
mod host;
mod journal;
mod limits;
mod lock;
mod messages;
mod report;
mod settings;
mod titles;
mod watched;
mod wiring;

use shared::{
    layout::AGENT_SOCKET,
    settings::arguments::{self, Invocation},
};
#[cfg(feature = "agent")]
use std::path::Path;
use std::{
    os::unix::process::CommandExt as _,
    process::{Command, ExitCode},
};

/// Downloads are digested where they arrive: a thread for each, as far as two; the engine itself has the main thread.
const DOWNLOAD_THREADS: usize = 2;

fn main() -> ExitCode {
    // Both become another program: first, while there is one thread.
    if shared::sys::sandbox::is_helper() {
        return shared::sys::sandbox::enter_and_exec();
    }
    #[cfg(feature = "simulated")]
    if host::simulated::shim::is_wanted() {
        return host::simulated::shim::answer();
    }
    #[cfg(feature = "agent")]
    if is_called(iasagent::NAME) {
        return iasagent::run();
    }
    let usage = ExitCode::from(shared::exit::ExitCode::Usage.code());
    match arguments::parse(std::env::args_os()) {
        Ok(Invocation::Run(arguments)) => carry_out(&arguments),
        Ok(Invocation::Agent(arguments)) => become_agent(&arguments),
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

/// Whether this program was started under the name `name`.
#[cfg(feature = "agent")]
fn is_called(name: &str) -> bool {
    std::env::args_os().next().is_some_and(|own| Path::new(&own).file_name() == Some(name.as_ref()))
}

/// `--userscript` in InstallApplications' words (R41): this process becomes the agent installed beside it.
fn become_agent(arguments: &arguments::Arguments) -> ExitCode {
    let agent =
        std::env::current_exe().unwrap_or_else(|_| arguments.program.clone()).with_file_name("iasagent");
    let mut command = Command::new(&agent);
    if let Some(root) = &arguments.root {
        command.arg("--socket").arg(root.join(AGENT_SOCKET.trim_start_matches('/')));
    }
    let error = command.exec();
    eprintln!("iasd: {} cannot be started: {error}", agent.display());
    ExitCode::from(shared::exit::ExitCode::Configuration.code())
}

fn carry_out(arguments: &arguments::Arguments) -> ExitCode {
    limits::raise();
    match tokio::runtime::Builder::new_multi_thread().worker_threads(DOWNLOAD_THREADS).enable_all().build() {
        Ok(runtime) => {
            // On one of its threads: a download tells the engine what happened many times, and waking another thread
            // costs more than what is told.
            let arguments = arguments.clone();
            let run = runtime.spawn(async move { wiring::run(&arguments).await });
            let exit = runtime.block_on(run).unwrap_or(shared::exit::ExitCode::Temporary);
            ExitCode::from(exit.code())
        }
        Err(error) => {
            eprintln!("iasd: the runtime cannot be started: {error}");
            ExitCode::from(shared::exit::ExitCode::Temporary.code())
        }
    }
}
