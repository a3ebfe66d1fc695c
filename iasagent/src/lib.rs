//! `iasagent`: the LaunchAgent that runs what `iasd` asks, as the user in whose session it lives.
//!
//! A library as well, so that one file can be both programs: `iasd` under the name `iasagent` is this one (docs/decisions/0008).

mod app;
mod background;
mod connect;
mod content;
mod file;
mod script;
mod serve;
mod worker;

use connect::Daemon;
use shared::{
    exit::ExitCode,
    settings::Settings,
    sys::{child::Account, link::Address},
};
use std::{io, process, sync::Arc};
use tokio::signal::unix::{SignalKind, signal};
use worker::Worker;

const HELP: &str = "\
Usage: iasagent [--service NAME | --socket PATH] [--daemon-uid N]

Runs user scripts for iasd in the session of the user who starts it.

  --service NAME   the daemon's Mach service, on a Mac (cz.macadmin.ias.xpc)
  --socket PATH    the daemon's socket, in a simulation
  --daemon-uid N   the user id the daemon must have (0)
  --version        print the version
  --help           print this text
";

/// The name of the program.
pub const NAME: &str = "iasagent";

/// The whole program, from its arguments to its exit code.
#[must_use]
pub fn run() -> process::ExitCode {
    match arguments(lexopt::Parser::from_env()) {
        Ok(Asked::Serve(daemon)) => serve(&daemon),
        Ok(Asked::Text(text)) => {
            print!("{text}");
            process::ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("iasagent: {error}; try --help");
            ExitCode::Usage.code().into()
        }
    }
}

enum Asked {
    Serve(Daemon),
    Text(String),
}

fn arguments(mut parser: lexopt::Parser) -> Result<Asked, lexopt::Error> {
    use lexopt::prelude::*;
    let mut daemon = Daemon { address: Address::Service(Settings::default().identifiers.service), uid: 0 };
    while let Some(argument) = parser.next()? {
        match argument {
            Long("service") => daemon.address = Address::Service(parser.value()?.string()?),
            Long("socket") => daemon.address = Address::Socket(parser.value()?.into()),
            Long("daemon-uid") => daemon.uid = parser.value()?.parse()?,
            Long("version") => return Ok(Asked::Text(format!("iasagent {}\n", env!("CARGO_PKG_VERSION")))),
            Long("help") | Short('h') => return Ok(Asked::Text(HELP.into())),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Asked::Serve(daemon))
}

/// One thread is enough: the work is done by children.
fn serve(daemon: &Daemon) -> process::ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.and_then(|runtime| runtime.block_on(until_told_to_leave(daemon))) {
        Ok(()) => process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("iasagent: {error}");
            ExitCode::Temporary.code().into()
        }
    }
}

async fn until_told_to_leave(daemon: &Daemon) -> io::Result<()> {
    let worker = Arc::new(Worker::new(Account::of_this_process()));
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        () = connect::stay_connected(daemon, &worker) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    worker.leave().await;
    Ok(())
}
