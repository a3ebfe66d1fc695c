//! Waiting for a real user, and for that user's agent (R61–R64).

use super::{Ending, Engine};
use crate::watched::found;
use shared::{
    event::{Category, EventKind, Level},
    facts::ConsoleUser,
};
use std::sync::Arc;
use tokio::time::{Instant, timeout_at};

impl Engine {
    /// Waits until userland may begin; both waits share one deadline, counted from now (R63).
    pub(super) async fn wait_for_user(&self, agent_needed: bool) -> Result<(), Ending> {
        if self.settings.dry_run {
            return Ok(());
        }
        let deadline = self.presence_deadline();
        self.deadline.bound(self.user_present(deadline)).await??;
        self.open_progress_app();
        if agent_needed { self.agent_present(deadline).await } else { Ok(()) }
    }

    /// Opens what `--depnotify` names as soon as an agent is there; nobody waits for it (R101).
    fn open_progress_app(&self) {
        let Some((path, arguments)) = self.settings.depnotify.app() else { return };
        let (agents, recorder) = (Arc::clone(&self.agents), self.recorder.clone());
        tokio::spawn(async move {
            let mut connected = agents.connected();
            if connected.wait_for(Option::is_some).await.is_err() {
                return;
            }
            let (level, text) = match agents.open_app(&path, &arguments).await {
                Ok(()) => (Level::Info, format!("opened {path} for the user")),
                Err(error) => (Level::Warning, format!("{path} was not opened: {error}")),
            };
            recorder.notice(level, Category::DepNotify, None, text).await;
        });
    }

    /// Before a user item: an agent that went away is waited for again, with a fresh deadline (R64).
    pub(super) async fn agent_still_present(&self) -> Result<(), Ending> {
        self.agent_present(self.presence_deadline()).await
    }

    fn presence_deadline(&self) -> Option<Instant> {
        self.settings.wait_for_agent.map(|wait| Instant::now() + wait)
    }

    async fn user_present(&self, deadline: Option<Instant>) -> Result<ConsoleUser, Ending> {
        let mut console = self.host.console_user();
        let real = |user: &Option<ConsoleUser>| user.clone().filter(ConsoleUser::is_real);
        if real(&console.borrow()).is_none() {
            self.recorder.record(EventKind::WaitingForUser).await?;
        }
        let Some(user) = or_late(deadline, found(&mut console, real)).await else {
            return Err(Ending::Temporary("nobody logged in within WaitForAgentTimeout".to_owned()));
        };
        let Some(user) = user else {
            return Err(Ending::Temporary("the console user can no longer be observed".to_owned()));
        };
        self.recorder.record(EventKind::UserPresent { user: user.clone() }).await?;
        Ok(user)
    }

    async fn agent_present(&self, deadline: Option<Instant>) -> Result<(), Ending> {
        self.deadline.bound(self.agent_checked_in(deadline)).await?
    }

    async fn agent_checked_in(&self, deadline: Option<Instant>) -> Result<(), Ending> {
        let mut agents = self.agents.connected();
        let console = self.host.console_user();
        let of_this_user = |agent: Option<super::needs::AgentInfo>| {
            let user = console.borrow().clone().filter(ConsoleUser::is_real);
            user.zip(agent).is_some_and(|(user, agent)| user.uid == agent.uid)
        };
        let present = of_this_user(*agents.borrow_and_update());
        if present {
            return Ok(());
        }
        self.recorder.record(EventKind::WaitingForAgent).await?;
        let waited = or_late(deadline, agents.wait_for(|agent| of_this_user(*agent))).await;
        match waited {
            Some(Ok(_)) => Ok(()),
            Some(Err(_)) => Err(Ending::Temporary("the agent link was closed".to_owned())),
            None => Err(Ending::Temporary("no agent checked in within WaitForAgentTimeout".to_owned())),
        }
    }
}

/// `None` when the deadline came first.
async fn or_late<T>(deadline: Option<Instant>, wait: impl Future<Output = T>) -> Option<T> {
    match deadline {
        Some(deadline) => timeout_at(deadline, wait).await.ok(),
        None => Some(wait.await),
    }
}
