//! A run without agent: the daemon does the user's items itself, each as a program of the user at the screen (R112).

use crate::{
    download::VerifiedArtifact,
    engine::{
        background::{self, Background, Owner},
        needs::{AgentInfo, AgentLink, NotTaken, UserScript},
        recorder::Recorder,
    },
    host::{Host, Launch, Line, Output, UserWork},
};
use futures::future::BoxFuture;
use shared::{
    exit::Ended,
    facts::ConsoleUser,
    item::{ItemId, ItemKind},
    layout::MacPath,
    sys::child::Finished,
};
use std::{sync::Arc, time::Duration};
use tokio::sync::{mpsc, watch};

/// How long what is not a script may take: opening an application, writing a file.
const LIMIT: Duration = Duration::from_secs(60);

/// Stands where the link to an agent would.
pub(crate) struct Standalone {
    host: Arc<dyn Host>,
    recorder: Recorder,
    present: watch::Receiver<Option<AgentInfo>>,
    background: Background,
}

impl Standalone {
    /// Works for whoever is at the screen of `host`. Needs a runtime.
    pub(crate) fn new(host: Arc<dyn Host>, recorder: Recorder) -> Self {
        let mut users = host.console_user();
        let of = |user: &Option<ConsoleUser>| {
            let user = user.as_ref().filter(|user| user.is_real());
            user.map(|user| AgentInfo { uid: user.uid })
        };
        let tell = watch::Sender::new(of(&users.borrow_and_update()));
        let present = tell.subscribe();
        tokio::spawn(async move {
            while users.changed().await.is_ok() {
                tell.send_replace(of(&users.borrow_and_update()));
            }
        });
        Self { host, recorder, present, background: Background::default() }
    }

    fn user(&self) -> Result<ConsoleUser, NotTaken> {
        let user = self.host.console_user().borrow().clone().filter(ConsoleUser::is_real);
        user.ok_or_else(|| NotTaken("nobody is at the screen".to_owned()))
    }

    async fn script(&self, script: UserScript<'_>, lines: mpsc::Sender<Line>) -> Result<Finished, NotTaken> {
        let only = |ended| Finished { ended, tail: Vec::new() };
        let log = script.donotwait.then(|| background::log_of(script.id)).flatten();
        let output = log.map_or(Output::Lines(lines), Output::LogFile);
        let launch = Launch { timeout: script.timeout, output };
        let running = match self.host.run_as(&self.user()?, UserWork::Script(script.script), launch).await {
            Ok(running) => running,
            Err(error) => return Ok(only(Ended::NotStarted(error.to_string()))),
        };
        if !script.donotwait || !running.begun {
            return Ok(running.finish().await);
        }
        let file = script.script.path().clone();
        let owner = Owner { id: script.id, kind: ItemKind::UserScript, file };
        self.background.watch(owner, running, None, &self.recorder);
        Ok(only(Ended::Exited(0)))
    }

    /// Does something whose output matters only when it fails; gives the reason then.
    async fn quietly(&self, work: UserWork<'_>) -> Result<Result<(), String>, NotTaken> {
        let (sender, mut lines) = mpsc::channel(16);
        let launch = Launch { timeout: Some(LIMIT), output: Output::Lines(sender) };
        let running = match self.host.run_as(&self.user()?, work, launch).await {
            Ok(running) => running,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let listen = async {
            let mut last = None;
            while let Some(line) = lines.recv().await {
                last = Some(line);
            }
            last
        };
        let (finished, last) = futures::join!(running.finish(), listen);
        Ok(match (finished.ended, last) {
            (ended, _) if ended.is_success() => Ok(()),
            (ended, Some(Line::Output(line))) => Err(format!("{line} ({ended})")),
            (ended, _) => Err(ended.to_string()),
        })
    }
}

impl AgentLink for Standalone {
    fn connected(&self) -> watch::Receiver<Option<AgentInfo>> {
        self.present.clone()
    }

    fn run_script<'a>(
        &'a self,
        script: UserScript<'a>,
        lines: mpsc::Sender<Line>,
    ) -> BoxFuture<'a, Result<Finished, NotTaken>> {
        Box::pin(self.script(script, lines))
    }

    fn place_file<'a>(
        &'a self,
        _: ItemId,
        content: &'a VerifiedArtifact,
        path: &'a MacPath,
    ) -> BoxFuture<'a, Result<Ended, NotTaken>> {
        Box::pin(async move {
            let placed = self.quietly(UserWork::File { content, path }).await?;
            let failed = |why: String| Ended::NotStarted(format!("place {path}: {why}"));
            Ok(placed.map_or_else(failed, |()| Ended::Exited(0)))
        })
    }

    fn open_app<'a>(
        &'a self,
        path: &'a MacPath,
        arguments: &'a [String],
    ) -> BoxFuture<'a, Result<(), NotTaken>> {
        Box::pin(async move { self.quietly(UserWork::App { path, arguments }).await?.map_err(NotTaken) })
    }

    fn settle_background(&self, timeout: Duration) -> BoxFuture<'_, Result<Vec<(ItemId, Ended)>, NotTaken>> {
        // Only packages go on beyond their time, and there are none here.
        Box::pin(async move { Ok(self.background.settle(timeout).await.into_iter().flatten().collect()) })
    }

    fn files_in_use(&self) -> Vec<MacPath> {
        self.background.files_in_use()
    }

    fn shutdown(&self, _: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn uids_seen(&self) -> Vec<u32> {
        Vec::new()
    }
}
