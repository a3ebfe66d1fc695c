//! Child processes: started cleanly, drained, bounded, ended on time, and always reaped (R65, R66, R71–R73).
//!
//! A child gets its own process group, so that ending it ends what it started (P13). A session of its own would
//! need code between fork and exec, which is `unsafe`; a job of launchd needs none, since it has no terminal. In the
//! sandbox there is a helper that starts one.
//! Standard output and error are one pipe: lines arrive in the order in which they were written.

mod account;
mod app;
mod ask;
mod lines;
mod output;
pub mod reason;
mod supervise;

pub use account::Account;
pub use app::open_app;
pub use ask::{ANSWER_LIMIT, Answer, ask, ask_at_most};
pub use lines::{Budget, LINE_LIMIT, LineSplitter, OUTPUT_LIMIT, Split, TAIL_LINES, Tail};
pub use reason::script;

use crate::exit::Ended;
use std::{
    ffi::OsString,
    fs::File,
    io,
    os::{fd::OwnedFd, unix::process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{mpsc, oneshot},
};

/// What to execute.
#[derive(Debug, Clone)]
pub struct Program {
    /// The file; also its own name (`argv[0]`).
    pub path: PathBuf,
    /// What follows the name.
    pub arguments: Vec<OsString>,
    /// The whole environment; nothing is inherited. See [`Account::environment`].
    pub environment: Vec<(OsString, OsString)>,
    /// The working folder, `/` unless changed.
    pub folder: PathBuf,
    /// The user and group to become; needs root. Supplementary groups are dropped.
    pub identity: Option<(u32, u32)>,
    /// Standard input; `/dev/null` unless given.
    pub stdin: Option<Arc<OwnedFd>>,
    /// Whether it starts a session, first thing; the leader of a group, which others become here, could not.
    pub starts_session: bool,
}

impl Program {
    /// `path` without arguments, in an empty environment.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            folder: PathBuf::from("/"),
            identity: None,
            stdin: None,
            starts_session: false,
        }
    }

    /// What starts it; a child so started is not looked after.
    ///
    /// # Errors
    /// When standard input cannot be passed on.
    pub fn command(&self) -> io::Result<Command> {
        let mut command = Command::new(&self.path);
        command.args(&self.arguments).env_clear().envs(self.environment.iter().cloned());
        command.current_dir(&self.folder);
        if !self.starts_session {
            command.process_group(0);
        }
        command.stdin(match &self.stdin {
            Some(stdin) => stdin.try_clone()?.into(),
            None => Stdio::null(),
        });
        if let Some((uid, gid)) = self.identity {
            command.uid(uid).gid(gid);
        }
        Ok(command)
    }
}

/// Where standard output and error go.
#[derive(Debug)]
pub enum Output {
    /// Line by line to a reader, within the limits of R72. A slow reader delays the child for at most two seconds
    /// in all; then lines are dropped and counted. One last line says how much is missing.
    Lines(mpsc::Sender<String>),
    /// The same of standard output alone; what goes to standard error is dropped.
    OutputLines(mpsc::Sender<String>),
    /// To an open file, for a process that outlives us (R66).
    File(File),
}

/// When to end a child.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// SIGTERM to its group after this time (R73).
    pub timeout: Option<Duration>,
    /// SIGKILL to its group this long after SIGTERM: 10 s (R69).
    pub kill_after: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { timeout: None, kill_after: Duration::from_secs(10) }
    }
}

/// A child that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// How.
    pub ended: Ended,
    /// Its last lines (R94); none when they went to a file.
    pub tail: Vec<String>,
}

/// A running child. Dropping it neither stops the process nor leaves it unreaped.
#[derive(Debug)]
pub struct Child {
    pid: u32,
    finished: oneshot::Receiver<Finished>,
    stop: Stop,
}

/// Ends a child before its time: SIGTERM to its group, then SIGKILL (R69). Dropping it does nothing.
#[derive(Debug)]
pub struct Stop(oneshot::Sender<()>);

impl Stop {
    /// Begins to end the child; its end is reported as usual.
    pub fn stop(self) {
        // It has ended already.
        let _ = self.0.send(());
    }
}

impl Child {
    /// The process, which leads a group of the same number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits until the child ended, was reaped, and its output was read.
    pub async fn wait(self) -> Finished {
        wait(self.finished).await
    }

    /// Lets `told` say how it ended: its process is only a stand-in for the program that was meant. Where that was
    /// ended before its time, or nothing is told, the process has the last word.
    pub(in crate::sys) fn ended_as(self, told: impl Future<Output = Option<Ended>> + Send + 'static) -> Self {
        let (send, finished) = oneshot::channel();
        tokio::spawn(async move {
            let (mut known, told) = tokio::join!(wait(self.finished), told);
            if let (Ended::Exited(_) | Ended::Signalled(_), Some(told)) = (&known.ended, told) {
                known.ended = told;
            }
            // Nobody waits for it.
            let _ = send.send(known);
        });
        Self { finished, ..self }
    }

    /// Splits into the wait and the means to cut it short.
    pub fn split(self) -> (impl Future<Output = Finished> + Send + 'static, Stop) {
        (wait(self.finished), self.stop)
    }
}

async fn wait(finished: oneshot::Receiver<Finished>) -> Finished {
    let lost = |_| Finished { ended: Ended::Lost("its supervisor went away".into()), tail: Vec::new() };
    finished.await.unwrap_or_else(lost)
}

/// Starts `program`. When this returns `Ok`, the exec has succeeded (R65).
///
/// # Errors
/// [`Ended::NotStarted`] with a reason an admin can act on.
pub async fn start(program: &Program, output: Output, limits: Limits) -> Result<Child, Ended> {
    let (stdio, drain) = output::open(output).map_err(|error| not_started(program, &error))?;
    let child = spawn(program, stdio).await.map_err(|error| not_started(program, &error))?;
    let pid = child.id().unwrap_or_default();
    let (send_finished, finished) = oneshot::channel();
    let (send_stop, stop) = oneshot::channel();
    tokio::spawn(async move {
        let done = supervise::to_the_end(child, pid, drain, limits, stop).await;
        // Nobody waits for it.
        let _ = send_finished.send(done);
    });
    Ok(Child { pid, finished, stop: Stop(send_stop) })
}

fn not_started(program: &Program, error: &io::Error) -> Ended {
    Ended::NotStarted(reason::of(&program.path, error))
}

/// Lets children end at a hangup, as they expect, also where we were started to ignore it (`nohup`): what is ignored stays
/// so over an exec, and what is handled does not. We go on at a hangup either way; a daemon has no terminal to lose.
fn hear_hangups() -> io::Result<()> {
    // Once heard it is handled for good. A further listener costs little, and is gone at once.
    signal(SignalKind::hangup()).map(drop)
}

/// How often, and how long after one another, a file that somebody still holds open for writing is tried again.
const BUSY: (u32, Duration) = (50, Duration::from_millis(20));

async fn spawn(program: &Program, (out, err): (Stdio, Stdio)) -> io::Result<tokio::process::Child> {
    hear_hangups()?;
    let mut command = program.command()?;
    command.stdout(out).stderr(err);
    let mut command = tokio::process::Command::from(command);
    for _ in 0..BUSY.0 {
        match command.spawn() {
            // Another child, between its fork and its exec, may hold our descriptor of a script just written.
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                tokio::time::sleep(BUSY.1).await
            }
            started => return started,
        }
    }
    command.spawn()
}

#[cfg(test)]
mod tests;
