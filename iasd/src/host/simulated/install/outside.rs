//! An installation from outside: the host installs, and scripts run in the sandbox.

use super::{Mac, Report, Script, Surroundings, Wish, install};
use crate::{
    disk::Disk,
    host::{
        Launch, Line, Output, Running,
        launch::log_file,
        simulated::script::{ScriptCall, ScriptRunner},
    },
};
use cap_std::fs::Dir;
use futures::future::join;
use shared::{exit::Ended, facts::Arch, layout::MacPath, sys::child::Finished};
use std::{
    fs::File,
    io::{self, Write as _},
    sync::Arc,
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
    task::JoinHandle,
};

/// Lines of a script that may wait to be passed on.
const LINES_WAITING: usize = 64;

/// The simulated Mac, for an installation that goes on beside others' work.
#[derive(Clone)]
pub(in crate::host::simulated) struct Computer {
    /// Its `/`.
    pub(in crate::host::simulated) root: Arc<Dir>,
    /// Its processor.
    pub(in crate::host::simulated) arch: Arch,
    /// Its system's version.
    pub(in crate::host::simulated) os_version: String,
    /// Its name.
    pub(in crate::host::simulated) name: String,
    /// Its disk.
    pub(in crate::host::simulated) disk: Disk,
}

/// Starts to install a package, given as an open file and the path by which the Mac knows it, on a thread of its own. Needs a runtime.
///
/// # Errors
/// When the log file that output is to go to cannot be opened.
pub(in crate::host::simulated) fn launch(
    (file, path): (File, MacPath),
    computer: Computer,
    wish: Wish,
    scripts: Arc<dyn ScriptRunner>,
    launch: Launch,
) -> io::Result<Running> {
    let sink = match launch.output {
        Output::Lines(lines) => Sink::Lines(lines),
        Output::LogFile(path) => Sink::File(log_file(&computer.root, &path)?),
    };
    let (stop, stopping) = watch::channel(false);
    let disk = computer.disk.clone();
    let mut around = FromOutside { scripts, runtime: Handle::current(), sink, stopping, disk };
    let installation = tokio::task::spawn_blocking(move || {
        let Computer { root, arch, os_version, name, disk: _ } = &computer;
        let mac = Mac { root, arch: *arch, os_version, name };
        install(file, &path, mac, &wish, &mut around)
    });
    let stop = Arc::new(stop);
    let ended = wait(installation, launch.timeout, stop.clone());
    let ended = Box::pin(async { Finished { ended: ended.await, tail: Vec::new() } });
    let stop = move || {
        // It has ended already.
        let _ = stop.send(true);
    };
    Ok(Running { ended, stop: Box::new(stop), begun: true })
}

async fn wait(
    mut installation: JoinHandle<Ended>,
    timeout: Option<Duration>,
    stop: Arc<watch::Sender<bool>>,
) -> Ended {
    let lost = |error: tokio::task::JoinError| Ended::Lost(error.to_string());
    let Some(limit) = timeout else { return installation.await.unwrap_or_else(lost) };
    match tokio::time::timeout(limit, &mut installation).await {
        Ok(ended) => ended.unwrap_or_else(lost),
        Err(_) => {
            // The installation may have ended in the meantime.
            let _ = stop.send(true);
            installation.await.map_or_else(lost, |_| Ended::TimedOut)
        }
    }
}

struct FromOutside {
    scripts: Arc<dyn ScriptRunner>,
    runtime: Handle,
    sink: Sink,
    stopping: watch::Receiver<bool>,
    disk: Disk,
}

enum Sink {
    Lines(mpsc::Sender<Line>),
    File(File),
}

impl Surroundings for FromOutside {
    fn say(&mut self, report: Report) {
        match &mut self.sink {
            // Whoever stopped listening does not stop the installation.
            Sink::Lines(lines) => drop(lines.blocking_send(report.into_line())),
            Sink::File(file) => drop(writeln!(file, "{report}")),
        }
    }

    fn run(&mut self, script: Script, line: &mut dyn FnMut(&str)) -> Ended {
        let name = script.program.file_name().to_owned();
        let (lines, mut written) = mpsc::channel(LINES_WAITING);
        let call = ScriptCall {
            program: script.program,
            arguments: script.arguments,
            environment: script.environment,
            folder: Some(script.folder),
            lines,
            stopping: self.stopping.clone(),
        };
        let sink = &mut self.sink;
        let passed_on = async {
            while let Some(found) = written.recv().await {
                let Line::Output(text) = found else { continue };
                line(&text);
                let report = Report::Script(name.clone(), text);
                match sink {
                    Sink::Lines(lines) => drop(lines.send(report.into_line()).await),
                    Sink::File(file) => drop(writeln!(file, "{report}")),
                }
            }
        };
        self.runtime.block_on(join(self.scripts.run(call), passed_on)).0
    }

    fn is_stopped(&self) -> bool {
        *self.stopping.borrow()
    }

    fn disk(&self) -> Disk {
        self.disk.clone()
    }
}
