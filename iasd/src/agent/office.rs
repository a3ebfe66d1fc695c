//! What the tasks of the agent link share: who serves, what was asked, what runs in the background.

use super::{AgentError, AgentInfo, SHORT, Screen, session::Question};
use crate::{engine::recorder::Recorder, host::Line};
use shared::{
    digest::Digest,
    exit::Ended,
    ipc::{
        message::{Command, Outcome, PROTOCOL, Request, RequestId, RunUserScript},
        roster::Roster,
    },
    item::ItemId,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    os::fd::OwnedFd,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::timeout,
};

/// What all tasks of the link know.
pub(super) struct Office {
    pub(super) screen: Screen,
    pub(super) recorder: Recorder,
    pub(super) request_timeout: Option<Duration>,
    /// The run's name.
    run: String,
    daemon: u64,
    numbers: AtomicU64,
    desk: Mutex<Desk>,
    connected: watch::Sender<Option<AgentInfo>>,
}

/// What changes.
#[derive(Default)]
pub(super) struct Desk {
    pub(super) roster: Roster,
    /// To the session that serves.
    pub(super) line: Option<mpsc::Sender<Question>>,
    /// The users whose agents checked in.
    pub(super) seen: BTreeSet<u32>,
    /// The control file that is carried out.
    pub(super) control: Option<Digest>,
    pub(super) background: Background,
}

/// The user's background processes.
#[derive(Default)]
pub(super) struct Background {
    pub(super) running: BTreeSet<ItemId>,
    pub(super) ended: BTreeMap<ItemId, Ended>,
    /// Started by earlier daemons of this run: their ends are news, but nobody waits for them.
    earlier: BTreeSet<ItemId>,
}

impl Background {
    /// Takes an end an agent tells; `false` when nothing of that item runs: then it is no fact.
    pub(super) fn ends(&mut self, item: ItemId, ended: &Ended) -> bool {
        let known = self.running.remove(&item) | self.earlier.remove(&item);
        if known {
            self.ended.insert(item, ended.clone());
        }
        known
    }

    /// How those ended that have not been given yet; those that still run are given up.
    pub(super) fn take(&mut self) -> Vec<(ItemId, Ended)> {
        let lost = || Ended::Lost("the agent that started it is gone".into());
        let mut all = std::mem::take(&mut self.ended);
        all.extend(std::mem::take(&mut self.running).into_iter().map(|id| (id, lost())));
        all.into_iter().collect()
    }
}

/// What the link has to know of the run.
#[derive(Debug, Clone, Default)]
pub(crate) struct OfRun {
    /// Its name.
    pub(crate) run: String,
    /// The items that earlier daemons of the run left in the background.
    pub(crate) earlier: BTreeSet<ItemId>,
}

/// A question without the machinery of asking.
pub(super) struct Ask {
    pub(super) command: Command,
    pub(super) dry_run: bool,
    /// How long the answer may take.
    pub(super) patience: Option<Duration>,
    /// Where the output of a script goes.
    pub(super) lines: Option<mpsc::Sender<Line>>,
}

impl Ask {
    /// A question that is answered soon.
    pub(super) fn short(command: Command) -> Self {
        Self { command, dry_run: false, patience: Some(SHORT), lines: None }
    }
}

impl Office {
    pub(super) fn new(
        screen: Screen,
        recorder: Recorder,
        request_timeout: Option<Duration>,
        OfRun { run, earlier }: OfRun,
    ) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        Self {
            screen,
            recorder,
            request_timeout,
            run,
            // Its low bits differ from daemon to daemon.
            daemon: now as u64,
            numbers: AtomicU64::new(1),
            desk: Mutex::new(Desk {
                background: Background { earlier, ..Background::default() },
                ..Desk::default()
            }),
            connected: watch::Sender::new(None),
        }
    }

    /// The agent that serves now.
    pub(super) fn connected(&self) -> watch::Receiver<Option<AgentInfo>> {
        self.connected.subscribe()
    }

    /// Tells the engine who serves now.
    pub(super) fn announce(&self, agent: Option<AgentInfo>) {
        self.connected.send_replace(agent);
    }

    pub(super) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request; one to run a script has a name of its own, any other gets the next number.
    pub(super) fn request(&self, command: Command, dry_run: bool) -> Request {
        let id = match &command {
            Command::RunUserScript(script) => self.name_of(script),
            _ => RequestId { daemon: self.daemon, number: self.numbers.fetch_add(1, Ordering::Relaxed) },
        };
        Request { id, protocol: PROTOCOL, dry_run, command }
    }

    /// The same for every daemon of a run: when one dies while the agent runs a script, the next one asks for the end of
    /// that script, and does not start it a second time (R111). A run carries out an item once, unless its control file
    /// is replaced.
    fn name_of(&self, script: &RunUserScript) -> RequestId {
        let control = self.desk().control.map(|digest| digest.to_string()).unwrap_or_default();
        let what = format!("{} {control} {} {}", self.run, script.item, script.digest);
        let digits = Digest::of(what.as_bytes()).to_string();
        let hash = digits.get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok());
        RequestId { daemon: hash.unwrap_or(self.daemon), number: 1 }
    }

    /// Asks the agent that serves now, and waits for its answer.
    pub(super) async fn ask(&self, ask: Ask, descriptor: Option<OwnedFd>) -> Result<Outcome, AgentError> {
        let line = self.desk().line.clone().ok_or(AgentError::Absent)?;
        let (answer, answered) = oneshot::channel();
        let request = self.request(ask.command, ask.dry_run);
        let question = Question { request, descriptor, lines: ask.lines, answer };
        line.send(question).await.map_err(|_| AgentError::Absent)?;
        drop(line);
        let answer = match ask.patience {
            None => answered.await,
            Some(patience) => timeout(patience, answered).await.map_err(|_| {
                AgentError::Lost(format!("the agent did not answer within {} s", patience.as_secs()))
            })?,
        };
        // A session that ends answers everything it has sent; what it drops was not sent.
        answer.unwrap_or(Err(AgentError::Absent))
    }
}
