//! The agent link as the engine sees it.

use super::{AgentError, Agents, Ran, UserFile, UserScript};
use crate::{
    download::VerifiedArtifact,
    engine::needs::{self, AgentLink, NotTaken},
    host::{Host, Line},
};
use futures::future::BoxFuture;
use shared::{digest::Digest, exit::Ended, item::ItemId, layout::MacPath, sys::child::Finished};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    time::sleep,
};

/// The mode of a file placed for the user (R113).
const USER_FILE_MODE: u32 = 0o644;

/// Agents for a run.
pub(crate) struct AgentStage {
    agents: Agents,
    host: Arc<dyn Host>,
    connected: watch::Receiver<Option<needs::AgentInfo>>,
    dry_run: bool,
}

impl AgentStage {
    /// The engine's view of `agents`.
    pub(crate) fn new(agents: Agents, host: Arc<dyn Host>, dry_run: bool) -> Self {
        let mut theirs = agents.connected();
        let seen = |info: &Option<super::AgentInfo>| info.map(|info| needs::AgentInfo { uid: info.uid });
        let ours = watch::Sender::new(seen(&theirs.borrow_and_update()));
        let connected = ours.subscribe();
        tokio::spawn(async move {
            while theirs.changed().await.is_ok() {
                ours.send_replace(seen(&theirs.borrow_and_update()));
            }
        });
        Self { agents, host, connected, dry_run }
    }
}

impl AgentLink for AgentStage {
    fn connected(&self) -> watch::Receiver<Option<needs::AgentInfo>> {
        self.connected.clone()
    }

    fn carry_out(&self, control: Digest) {
        self.agents.carry_out(control);
    }

    fn run_script<'a>(
        &'a self,
        script: needs::UserScript<'a>,
        lines: mpsc::Sender<Line>,
    ) -> BoxFuture<'a, Result<Finished, NotTaken>> {
        let asked = UserScript {
            id: script.id,
            name: script.name,
            donotwait: script.donotwait,
            timeout: script.timeout,
            dry_run: self.dry_run,
        };
        let held = self.host.holds(script.script.path());
        Box::pin(async move {
            match (held, script.timeout) {
                (Some(held), Some(timeout)) if timeout <= held => {
                    sleep(timeout).await;
                    return Ok(Finished { ended: Ended::TimedOut, tail: Vec::new() });
                }
                (Some(held), _) => sleep(held).await,
                (None, _) => {}
            }
            let (ended, tail) = match self.agents.run_user_script(script.script, asked, lines).await {
                Ok(Ran::Ended(ended, tail)) => (ended, tail),
                Ok(Ran::Background | Ran::DryRun) => (Ended::Exited(0), Vec::new()),
                Err(error) => (not_run(error)?, Vec::new()),
            };
            Ok(Finished { ended, tail })
        })
    }

    fn place_file<'a>(
        &'a self,
        id: ItemId,
        content: &'a VerifiedArtifact,
        path: &'a MacPath,
    ) -> BoxFuture<'a, Result<Ended, NotTaken>> {
        let file = UserFile { id, path, mode: USER_FILE_MODE, dry_run: self.dry_run };
        Box::pin(async move {
            match self.agents.place_user_file(content, file).await {
                Ok(()) => Ok(Ended::Exited(0)),
                Err(error) => not_run(error),
            }
        })
    }

    fn open_app<'a>(
        &'a self,
        path: &'a MacPath,
        arguments: &'a [String],
    ) -> BoxFuture<'a, Result<(), NotTaken>> {
        Box::pin(async move {
            self.agents.open_app(path, arguments).await.map_err(|error| NotTaken(error.to_string()))
        })
    }

    fn settle_background(&self, timeout: Duration) -> BoxFuture<'_, Result<Vec<(ItemId, Ended)>, NotTaken>> {
        Box::pin(async move {
            self.agents.wait_for_background(timeout).await.map_err(|error| NotTaken(error.to_string()))
        })
    }

    fn shutdown(&self, wait: Duration) -> BoxFuture<'_, ()> {
        Box::pin(self.agents.shutdown(wait))
    }

    fn uids_seen(&self) -> Vec<u32> {
        self.agents.uids_seen().into_iter().collect()
    }
}

/// Only an absent agent leaves the request to the next one (R64); everything else is this item's end.
fn not_run(error: AgentError) -> Result<Ended, NotTaken> {
    match error {
        AgentError::Absent => Err(NotTaken(error.to_string())),
        AgentError::Lost(reason) => Ok(Ended::Lost(reason)),
        other => Ok(Ended::NotStarted(other.to_string())),
    }
}
