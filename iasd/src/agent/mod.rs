//! The daemon's end of the agent link: what the engine asks of the user's agent (R58, R62, R64, R104–R111).
//!
//! ```text
//! Agents ── Question ──► session (one connection) ── Request ──► agent
//!    ▲                        │  ▲
//!    └────── answer ──────────┘  └─ door: accepts, verifies, admits one at a time
//! ```
//!
//! A question that was never sent is [`AgentError::Absent`]: nothing ran, ask the next agent. A question that was
//! sent but not answered is lost: nobody knows how far it came (R64).

mod door;
mod office;
mod screen;
mod session;
mod stage;
mod standalone;
#[cfg(test)]
mod tests;

pub(crate) use office::OfRun;
pub(crate) use screen::Screen;
pub(crate) use stage::AgentStage;
pub(crate) use standalone::Standalone;

use crate::{download::VerifiedArtifact, engine::recorder::Recorder, host::Line};
use office::{Ask, Office};
use shared::{
    digest::Digest,
    exit::Ended,
    ipc::message::{Command, Outcome, PlaceUserFile, RunUserScript},
    item::ItemId,
    layout::MacPath,
    sys::link::{self, Address},
};
use std::{collections::BTreeSet, fs::File, io, os::fd::OwnedFd, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    task::AbortHandle,
    time::timeout,
};

/// What an agent needs beyond a script's own time: to copy it, to end it, to answer.
const MARGIN: Duration = Duration::from_secs(20);
/// How long a short request may take.
const SHORT: Duration = Duration::from_secs(60);

/// The agent that serves now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AgentInfo {
    /// The user's uid on the Mac.
    pub(crate) uid: u32,
    /// The agent's process, as far as the kernel tells; else as it says.
    pub(crate) pid: u32,
}

/// Why the agent did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AgentError {
    /// Nothing was begun; ask again once an agent is connected.
    #[error("no agent of the user at the screen is connected")]
    Absent,
    /// The agent went away, or fell silent, after it had been asked.
    #[error("the agent's answer was lost: {0}")]
    Lost(String),
    /// The agent did not do it.
    #[error("{0}")]
    Failed(String),
    /// The agent does not understand it, or broke the protocol.
    #[error("the agent refused: {0}")]
    Refused(String),
    /// The content cannot be handed over.
    #[error("the content cannot be handed to the agent")]
    Content(#[source] io::Error),
}

/// A user script to run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UserScript<'a> {
    /// Its item.
    pub(crate) id: ItemId,
    /// The item's name.
    pub(crate) name: &'a str,
    /// Success as soon as it has started (R65).
    pub(crate) donotwait: bool,
    /// The item's own limit (R73).
    pub(crate) timeout: Option<Duration>,
    /// Execute nothing (R74).
    pub(crate) dry_run: bool,
}

/// A user file to place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UserFile<'a> {
    /// Its item.
    pub(crate) id: ItemId,
    /// Where it belongs.
    pub(crate) path: &'a MacPath,
    /// Its permission bits: 0644 (R113).
    pub(crate) mode: u32,
    /// Write nothing (R74).
    pub(crate) dry_run: bool,
}

/// What came of a user script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ran {
    /// It ended, or its end was not seen ([`Ended::Lost`]); with its last lines.
    Ended(Ended, Vec<String>),
    /// It runs in the background (R65); its end is recorded as it comes, see [`Agents::wait_for_background`].
    Background,
    /// Nothing was executed.
    DryRun,
}

/// Everything that is known of agents. Dropping it closes the door and all connections.
pub(crate) struct Agents {
    office: Arc<Office>,
    door: AbortHandle,
}

impl Drop for Agents {
    fn drop(&mut self) {
        self.door.abort();
    }
}

impl Agents {
    /// Listens where the world says (R105). `request_timeout` is the setting `AgentRequestTimeout`.
    ///
    /// # Errors
    /// When nobody can listen there.
    pub(crate) async fn listen(
        address: &Address,
        screen: Screen,
        recorder: Recorder,
        request_timeout: Option<Duration>,
        of_run: OfRun,
    ) -> io::Result<Self> {
        let office = Arc::new(Office::new(screen, recorder, request_timeout, of_run));
        let listener = link::listen(address, door::gate(&office)).await?;
        let door = tokio::spawn(door::keep(listener, office.clone())).abort_handle();
        Ok(Self { office, door })
    }

    /// The agent that serves now; changes as agents come and go (R62).
    pub(crate) fn connected(&self) -> watch::Receiver<Option<AgentInfo>> {
        self.office.connected()
    }

    /// From now on, this control file's scripts are asked for.
    pub(crate) fn carry_out(&self, control: Digest) {
        self.office.desk().control = Some(control);
    }

    /// The users whose agents checked in during this daemon's life (R81).
    pub(crate) fn uids_seen(&self) -> BTreeSet<u32> {
        self.office.desk().seen.clone()
    }

    /// Runs a script as the user; several may run at once (R58). Its output goes to `lines` as it comes.
    ///
    /// # Errors
    /// When it was not run: no agent, or the agent refused.
    pub(crate) async fn run_user_script(
        &self,
        artifact: &VerifiedArtifact,
        script: UserScript<'_>,
        lines: mpsc::Sender<Line>,
    ) -> Result<Ran, AgentError> {
        self.run(Content::of(artifact), script, lines).await
    }

    async fn run(
        &self,
        content: Content<'_>,
        script: UserScript<'_>,
        lines: mpsc::Sender<Line>,
    ) -> Result<Ran, AgentError> {
        let limit = [script.timeout, self.office.request_timeout].into_iter().flatten().min();
        let command = Command::RunUserScript(RunUserScript {
            item: script.id,
            name: script.name.to_owned(),
            digest: content.digest,
            bytes: content.bytes,
            donotwait: script.donotwait,
            // A background process is not limited by the time an answer may take.
            timeout_ms: if script.donotwait { script.timeout } else { limit }.map(milliseconds),
        });
        let patience = if script.donotwait { Some(SHORT) } else { limit.map(|limit| limit + MARGIN) };
        let ask = Ask { command, dry_run: script.dry_run, patience, lines: Some(lines) };
        match self.office.ask(ask, Some(content.descriptor()?)).await {
            Ok(Outcome::Ended { ended, tail }) => Ok(Ran::Ended(ended, tail)),
            Ok(Outcome::Started) if script.donotwait => Ok(Ran::Background),
            Ok(Outcome::DryRun) if script.dry_run => Ok(Ran::DryRun),
            Ok(other) => Err(unexpected(other)),
            Err(AgentError::Lost(reason)) => Ok(Ran::Ended(Ended::Lost(reason), Vec::new())),
            Err(error) => Err(error),
        }
    }

    /// Writes a file with the user's rights (R115).
    ///
    /// # Errors
    /// When it was not written, or nobody knows.
    pub(crate) async fn place_user_file(
        &self,
        artifact: &VerifiedArtifact,
        file: UserFile<'_>,
    ) -> Result<(), AgentError> {
        self.place(Content::of(artifact), file).await
    }

    async fn place(&self, content: Content<'_>, file: UserFile<'_>) -> Result<(), AgentError> {
        let command = Command::PlaceUserFile(PlaceUserFile {
            item: file.id,
            path: file.path.clone(),
            mode: file.mode,
            digest: content.digest,
            bytes: content.bytes,
        });
        let patience = self.office.request_timeout.map(|limit| limit + MARGIN);
        let ask = Ask { command, dry_run: file.dry_run, patience, lines: None };
        done(self.office.ask(ask, Some(content.descriptor()?)).await?)
    }

    /// Opens an application in the user's session, its arguments as a vector (R101).
    ///
    /// # Errors
    /// When it was not opened, or nobody knows.
    pub(crate) async fn open_app(&self, path: &MacPath, arguments: &[String]) -> Result<(), AgentError> {
        let command = Command::OpenApp { path: path.clone(), arguments: arguments.to_vec() };
        done(self.office.ask(Ask::short(command), None).await?)
    }

    /// Waits until the user's background processes ended, and ends them after `limit` (R69). Gives each end once,
    /// also of those that ended before; each has been recorded already. Those whose agent is gone are lost.
    ///
    /// # Errors
    /// When the agent refuses or falls silent.
    pub(crate) async fn wait_for_background(
        &self,
        limit: Duration,
    ) -> Result<Vec<(ItemId, Ended)>, AgentError> {
        let command = Command::WaitForBackground { timeout_ms: milliseconds(limit) };
        let ask = Ask { patience: Some(limit + MARGIN), ..Ask::short(command) };
        match self.office.ask(ask, None).await {
            Ok(_) | Err(AgentError::Absent | AgentError::Lost(_)) => {}
            Err(error) => return Err(error),
        }
        Ok(self.office.desk().background.take())
    }

    /// Tells the agent to exit, and waits up to `wait` until it is gone (R81).
    pub(crate) async fn shutdown(&self, wait: Duration) {
        let ask = Ask { patience: Some(wait), ..Ask::short(Command::Shutdown) };
        let mut connected = self.connected();
        let gone = async {
            // It may be gone before it answers, or have been gone before.
            let _ = self.office.ask(ask, None).await;
            connected.wait_for(Option::is_none).await.is_ok()
        };
        // An agent that stays is booted out with its job.
        let _ = timeout(wait, gone).await;
    }
}

/// The bytes of an artifact, to be handed over.
#[derive(Debug, Clone, Copy)]
struct Content<'a> {
    file: &'a File,
    digest: Digest,
    bytes: u64,
}

impl<'a> Content<'a> {
    fn of(artifact: &'a VerifiedArtifact) -> Self {
        Self { file: artifact.file(), digest: artifact.digest(), bytes: artifact.bytes() }
    }

    /// A descriptor for another user's process, which must not be able to write through it.
    fn descriptor(&self) -> Result<OwnedFd, AgentError> {
        let flags = rustix::fs::fcntl_getfl(self.file).map_err(|error| AgentError::Content(error.into()))?;
        if flags & rustix::fs::OFlags::RWMODE != rustix::fs::OFlags::RDONLY {
            return Err(AgentError::Content(io::Error::other("it is open for writing")));
        }
        Ok(self.file.try_clone().map_err(AgentError::Content)?.into())
    }
}

fn done(outcome: Outcome) -> Result<(), AgentError> {
    match outcome {
        Outcome::Done | Outcome::DryRun => Ok(()),
        other => Err(unexpected(other)),
    }
}

fn unexpected(outcome: Outcome) -> AgentError {
    match outcome {
        Outcome::Failed { error } => AgentError::Failed(error),
        Outcome::Refused { error } => AgentError::Refused(error),
        other => AgentError::Refused(format!("it gave an answer that does not fit: {other:?}")),
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
