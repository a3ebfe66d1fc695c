//! Carries requests out, and remembers what outlives a connection (R58, R69, R111).

use crate::{
    app,
    background::{Backgrounds, Running},
    content, file, script,
    serve::Outbox,
};
use shared::{
    exit::Ended,
    ipc::{
        message::{Command, FromAgent, Outcome, Reply, Request, RequestId, RunUserScript},
        replay::{Replay, Verdict},
    },
    sys::child::{Account, Stop},
};
use std::{
    collections::HashMap,
    fs::File,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};

/// How long scripts may take to end when the agent is told to.
const LEAVING: Duration = Duration::from_secs(1);

/// The agent's hands and memory.
pub(crate) struct Worker {
    account: Account,
    replay: Mutex<Replay>,
    /// Changes with each recorded answer.
    answers: watch::Sender<()>,
    /// Scripts somebody waits for; changes with each end.
    foreground: watch::Sender<HashMap<RequestId, Option<Stop>>>,
    backgrounds: Backgrounds,
}

impl Worker {
    pub(crate) fn new(account: Account) -> Self {
        content::sweep(&account.temporary);
        Self {
            account,
            replay: Mutex::default(),
            answers: watch::Sender::new(()),
            foreground: watch::Sender::default(),
            backgrounds: Backgrounds::default(),
        }
    }

    /// From now on, ends of background processes are told there; those not told yet first.
    pub(crate) async fn report_to(&self, outbox: Outbox) {
        self.backgrounds.report_to(outbox).await;
    }

    /// Whether a request is to be run.
    pub(crate) fn ask(&self, id: RequestId) -> Verdict {
        self.replay().ask(id)
    }

    /// Waits for the answer to a request that is being run.
    pub(crate) async fn answered(&self, id: RequestId) -> Reply {
        let mut answers = self.answers.subscribe();
        loop {
            if let Some(reply) = self.replay().reply(id) {
                return reply.clone();
            }
            if answers.changed().await.is_err() {
                return Reply::new(id, Outcome::Failed { error: "the agent ends".into() });
            }
        }
    }

    /// How many background processes run.
    pub(crate) fn background_count(&self) -> u32 {
        self.backgrounds.count()
    }

    /// Runs a request to its end, also when the connection breaks in between; then watches over the background
    /// process it started, if any.
    pub(crate) async fn run(&self, request: Request, content: Option<File>, outbox: Outbox) {
        let id = request.id;
        let (outcome, background) = self.carry_out(request, content, &outbox).await;
        let reply = Reply::new(id, outcome);
        self.replay().finish(reply.clone());
        self.answers.send_replace(());
        // A connection that ended takes its answers along; the daemon may ask again.
        let _ = outbox.send(FromAgent::Reply(reply)).await;
        drop(outbox);
        if let Some(running) = background {
            // After the answer, so that no end is told before the beginning.
            self.backgrounds.watch(running).await;
        }
    }

    /// Ends the scripts somebody waits for; background processes live on (R66).
    pub(crate) async fn leave(&self) {
        self.foreground.send_modify(|scripts| {
            for stop in scripts.values_mut().filter_map(Option::take) {
                stop.stop();
            }
        });
        let mut foreground = self.foreground.subscribe();
        // What ignores SIGTERM is left to the end of the session.
        let _ = timeout(LEAVING, foreground.wait_for(HashMap::is_empty)).await;
    }

    async fn carry_out(
        &self,
        request: Request,
        content: Option<File>,
        outbox: &Outbox,
    ) -> (Outcome, Option<Running>) {
        let without_content = request.command.has_descriptor() && content.is_none();
        if without_content {
            return (Outcome::Refused { error: "the content is missing".into() }, None);
        }
        let executes = !matches!(request.command, Command::WaitForBackground { .. });
        if request.dry_run && executes {
            return (Outcome::DryRun, None);
        }
        let outcome = match (request.command, content) {
            (Command::RunUserScript(wanted), Some(content)) if wanted.donotwait => {
                return self.start_background(request.id, wanted, content).await;
            }
            (Command::RunUserScript(wanted), Some(content)) => {
                self.run_script(request.id, &wanted, content, outbox).await
            }
            (Command::PlaceUserFile(wanted), Some(content)) => file::place(wanted, content).await,
            (Command::OpenApp { path, arguments }, _) => app::open(&path, &arguments, &self.account).await,
            (Command::WaitForBackground { timeout_ms }, _) => {
                self.backgrounds.wait(Duration::from_millis(timeout_ms)).await;
                Outcome::Background(self.backgrounds.count())
            }
            _ => Outcome::Refused { error: "this needs no work".into() },
        };
        (outcome, None)
    }

    async fn run_script(
        &self,
        id: RequestId,
        wanted: &RunUserScript,
        content: File,
        outbox: &Outbox,
    ) -> Outcome {
        let (lines, written) = mpsc::channel(64);
        let started = script::start(wanted, content, &self.account, Some(lines)).await;
        let (child, copy) = match started {
            Ok(started) => started,
            Err(ended) => return Outcome::ended(ended, Vec::new()),
        };
        let (finished, stop) = child.split();
        self.foreground.send_modify(|scripts| {
            scripts.insert(id, Some(stop));
        });
        let (finished, ()) = tokio::join!(finished, forward(id, written, outbox));
        drop(copy);
        self.foreground.send_modify(|scripts| {
            scripts.remove(&id);
        });
        Outcome::ended(finished.ended, finished.tail)
    }

    async fn start_background(
        &self,
        id: RequestId,
        wanted: RunUserScript,
        content: File,
    ) -> (Outcome, Option<Running>) {
        match script::start(&wanted, content, &self.account, None).await {
            Ok((child, copy)) => (Outcome::Started, Some(self.backgrounds.add(id, wanted.item, child, copy))),
            Err(ended @ Ended::NotStarted(_)) => (Outcome::ended(ended, Vec::new()), None),
            Err(other) => (Outcome::Failed { error: other.to_string() }, None),
        }
    }

    fn replay(&self) -> MutexGuard<'_, Replay> {
        self.replay.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Passes a script's lines on until it has written its last; a daemon that is gone misses them.
async fn forward(id: RequestId, mut lines: mpsc::Receiver<String>, outbox: &Outbox) {
    while let Some(line) = lines.recv().await {
        if outbox.send(FromAgent::Output { id, line }).await.is_err() {
            return;
        }
    }
}
