//! The real `iasd`, started on a stage, listened to, and ended.

use super::stage::Stage;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::{
    fs::OpenOptions,
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

/// A running `iasd`.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    asked: bool,
}

impl Daemon {
    /// Starts it; its log goes into the stage's folder, behind that of earlier starts.
    ///
    /// # Errors
    /// When the program is missing or cannot be started, with the way to mend it.
    pub(crate) fn start(stage: &Stage, scenario: &Path, settings: &Path) -> Result<Self, String> {
        let program = program("iasd")?;
        let log = stage.log();
        let log = OpenOptions::new().create(true).append(true).open(&log);
        let log = log.map_err(|error| format!("{}: {error}", stage.log().display()))?;
        let mut child = Command::new(&program)
            .arg("--root")
            .arg(&stage.root)
            .arg("--scenario")
            .arg(scenario)
            .args(["--events", "-"])
            .arg(settings)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            // Ctrl-C is for us; we end it in an orderly way.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
        let stdout = child.stdout.take().ok_or("iasd has no standard output")?;
        Ok(Self { child, lines: BufReader::new(stdout).lines(), asked: false })
    }

    /// The next line of its event stream; `None` when there are no more.
    pub(crate) async fn line(&mut self) -> io::Result<Option<String>> {
        self.lines.next_line().await
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Asks it to end; the second time it is not asked any more.
    pub(crate) fn stop(&mut self) {
        let Some(pid) = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed())) else { return };
        // It may be gone already, which is what is wanted.
        let _ =
            if self.asked { kill_process_group(pid, Signal::KILL) } else { kill_process(pid, Signal::TERM) };
        self.asked = true;
    }
}

/// A program of ours, beside this one.
fn program(name: &str) -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| format!("where is iasctl? {error}"))?;
    let program = own.with_file_name(name);
    if program.is_file() {
        return Ok(program);
    }
    let release = if own.components().any(|part| part.as_os_str() == "release") { " --release" } else { "" };
    Err(format!(
        "{} is missing; build it with: cargo build{release} -p iasd -p iasagent -p iasctl",
        program.display()
    ))
}
