//! One agent's connection: passes questions on and answers back, and notices when the agent is gone (R110).
//!
//! ```text
//! serving ── another user at the screen ──► retired: nothing new, what runs may end ──► closed
//!    └──── closed, silent, or off the protocol ──────────────────────────────────────► closed
//! ```

use super::{AgentError, office::Office};
use crate::host::Line;
use shared::{
    event::{Category, EventKind, Level},
    exit::Ended,
    ipc::{
        message::{Command, FromAgent, FromDaemon, Outcome, Request, from_bytes, to_bytes},
        roster::{News, Outstanding, Serving},
    },
    item::ItemId,
    sys::link::{Connection, Received},
};
use std::{
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{
        mpsc::{self, error::TrySendError},
        oneshot,
    },
    time::{Instant, MissedTickBehavior, interval, timeout},
};

/// How often a silent agent is asked whether it lives.
const PING_EVERY: Duration = Duration::from_secs(1);
/// An agent silent for this long is lost: with the above, within 5 s (R110).
const SILENCE: Duration = Duration::from_secs(4);

/// How long the last words of an agent that has left are waited for.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Something to ask, and where the answer goes.
pub(super) struct Question {
    pub(super) request: Request,
    pub(super) descriptor: Option<OwnedFd>,
    /// Where the output of a script goes.
    pub(super) lines: Option<mpsc::Sender<Line>>,
    pub(super) answer: oneshot::Sender<Result<Outcome, AgentError>>,
}

/// What is kept of a question that was sent.
struct Waiting {
    lines: Option<mpsc::Sender<Line>>,
    /// Lines nobody kept up with.
    dropped: u64,
    /// Nobody waits for the answer to a ping.
    answer: Option<oneshot::Sender<Result<Outcome, AgentError>>>,
    means: Meaning,
}

impl Waiting {
    fn new(means: Meaning) -> Self {
        Self { lines: None, dropped: 0, answer: None, means }
    }

    fn line(&mut self, line: String) {
        if let Some(Err(TrySendError::Full(_))) =
            self.lines.as_ref().map(|to| to.try_send(Line::Output(line)))
        {
            self.dropped += 1;
        }
    }

    /// Says how many lines are missing (R72), from a task of its own: there was no room.
    fn count_dropped(&mut self) {
        if let (Some(lines), 1..) = (self.lines.take(), self.dropped) {
            let line = Line::Output(format!("({} lines came too fast and are not shown)", self.dropped));
            // Whoever asked has given up.
            tokio::spawn(async move { lines.send(line).await.is_ok() });
        }
    }
}

/// What a good answer means beyond itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Nothing,
    /// The background process of this item has started.
    Starts(ItemId),
    /// The agent is about to exit.
    Leaves,
}

impl Meaning {
    fn of(command: &Command) -> Self {
        match command {
            Command::RunUserScript(script) if script.donotwait => Self::Starts(script.item),
            Command::Shutdown => Self::Leaves,
            _ => Self::Nothing,
        }
    }
}

pub(super) struct Session {
    office: Arc<Office>,
    serving: Serving,
    connection: Connection,
    waiting: Outstanding<Waiting>,
    heard: Instant,
    pinged: bool,
    retired: bool,
    /// Nothing more can be sent to it.
    left: bool,
    /// It was told to exit, and agreed: that it leaves is no news.
    dismissed: bool,
    /// It was told in the log that not all it says is believed.
    doubted: bool,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connection.sender.close();
    }
}

impl Session {
    pub(super) fn new(office: Arc<Office>, serving: Serving, connection: Connection) -> Self {
        let waiting = Outstanding::default();
        let heard = Instant::now();
        let (pinged, retired, left, dismissed, doubted) = (false, false, false, false, false);
        Self { office, serving, connection, waiting, heard, pinged, retired, left, dismissed, doubted }
    }

    /// Serves until the agent is gone.
    pub(super) async fn run(mut self, questions: mpsc::Receiver<Question>) {
        let why = self.serve(questions).await;
        if self.left {
            self.hear_the_rest().await;
        }
        self.retire().await;
        for kept in self.waiting.give_up_all() {
            if let Some(answer) = kept.answer {
                // Whoever asked has given up.
                let _ = answer.send(Err(AgentError::Lost(why.clone())));
            }
        }
    }

    async fn serve(&mut self, mut questions: mpsc::Receiver<Question>) -> String {
        let mut screen = self.office.screen.watch();
        let mut tick = interval(PING_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if screen.borrow_and_update().as_ref().map(|user| user.uid) != Some(self.serving.uid) {
                self.retire().await;
            }
            if self.retired {
                questions.close();
                // Not sent: whoever asked may ask the next agent.
                while questions.try_recv().is_ok() {}
                if self.waiting.is_empty() {
                    return "another user is at the screen".into();
                }
            }
            // In this order: what the agent has said counts before its silence does.
            let step = tokio::select! {
                biased;
                received = self.connection.receiver.receive() => match received {
                    Ok(Some(received)) => self.hear(&received).await,
                    Ok(None) => Err("the agent ended the connection".into()),
                    Err(error) => Err(error.to_string()),
                },
                Some(question) = questions.recv(), if !self.retired => self.ask(question).await,
                _ = tick.tick() => self.check_pulse().await,
                Ok(()) = screen.changed() => Ok(()),
            };
            if let Err(why) = step {
                return why;
            }
        }
    }

    /// What the agent said before it left counts. It is in our system already, but whether this process has been told
    /// of it when a ping finds the agent gone is left to chance; so it is waited for.
    async fn hear_the_rest(&mut self) {
        let until_the_end = async {
            while let Ok(Some(received)) = self.connection.receiver.receive().await {
                if self.hear(&received).await.is_err() {
                    return;
                }
            }
        };
        // One that left only half has had its time.
        let _ = timeout(LAST_WORDS, until_the_end).await;
    }

    async fn hear(&mut self, received: &Received) -> Result<(), String> {
        self.heard = Instant::now();
        self.pinged = false;
        let message: FromAgent = from_bytes(&received.body).map_err(|error| error.to_string())?;
        match self.waiting.heard(message) {
            News::Answered(kept, outcome) => self.answered(kept, outcome),
            News::Line(id, line) => {
                // An agent must not wait for our log: the reply brings the last lines again.
                if let Some(kept) = self.waiting.get_mut(id) {
                    kept.line(line);
                }
            }
            News::BackgroundEnded(item, ended) => self.background_ended(item, ended).await,
            News::Nothing => {}
        }
        Ok(())
    }

    fn answered(&mut self, mut kept: Waiting, outcome: Outcome) {
        kept.count_dropped();
        match (kept.means, &outcome) {
            (Meaning::Starts(item), Outcome::Started) => {
                self.office.desk().background.running.insert(item);
            }
            (Meaning::Leaves, Outcome::Done) => self.dismissed = true,
            _ => {}
        }
        if let Some(answer) = kept.answer {
            // Whoever asked has given up.
            let _ = answer.send(Ok(outcome));
        }
    }

    /// The agent is the user's: what it says of items it was not given, or has told the end of, is not believed.
    async fn background_ended(&mut self, item: ItemId, ended: Ended) {
        if !self.office.desk().background.ends(item, &ended) {
            if !std::mem::replace(&mut self.doubted, true) {
                let text = "the agent says that something ended in the background which it was not given";
                self.office.recorder.notice(Level::Warning, Category::Agent, Some(item), text).await;
            }
            return;
        }
        // A run that is being stopped evaluates it no more.
        let _ = self.office.recorder.record(EventKind::BackgroundEnded { id: item, ended }).await;
    }

    async fn ask(&mut self, question: Question) -> Result<(), String> {
        let Question { request, descriptor, lines, answer } = question;
        if answer.is_closed() {
            // Whoever asked has given up before it was sent.
            return Ok(());
        }
        let means = Meaning::of(&request.command);
        let id = request.id;
        // What fails here was not sent: half a message runs nothing.
        self.send(request, descriptor).await?;
        self.waiting.asked(id, Waiting { lines, answer: Some(answer), ..Waiting::new(means) });
        Ok(())
    }

    async fn send(&mut self, request: Request, descriptor: Option<OwnedFd>) -> Result<(), String> {
        let bytes = to_bytes(&FromDaemon::Request(request)).map_err(|error| error.to_string())?;
        let send = self.connection.sender.send(&bytes, descriptor.as_ref().map(AsFd::as_fd));
        match timeout(SILENCE, send).await {
            Ok(sent) => sent.map_err(|error| {
                self.left = true;
                error.to_string()
            }),
            Err(_) => Err("the agent does not read what it is sent".into()),
        }
    }

    async fn check_pulse(&mut self) -> Result<(), String> {
        if self.heard.elapsed() >= SILENCE {
            return Err(format!("the agent was silent for {} s", SILENCE.as_secs()));
        }
        if self.pinged {
            return Ok(());
        }
        self.pinged = true;
        let ping = self.office.request(Command::Ping, false);
        let id = ping.id;
        self.send(ping, None).await?;
        self.waiting.asked(id, Waiting::new(Meaning::Nothing));
        Ok(())
    }

    /// From here on the engine sees no agent; what was sent may still be answered.
    async fn retire(&mut self) {
        if std::mem::replace(&mut self.retired, true) {
            return;
        }
        {
            let mut desk = self.office.desk();
            // Another agent may serve already.
            if desk.roster.lost(self.serving.connection) {
                desk.line = None;
                self.office.announce(None);
            }
        }
        if self.dismissed {
            return;
        }
        // The journal of a stopped run has no use for it.
        let _ = self.office.recorder.record(EventKind::AgentLost { uid: self.serving.uid }).await;
    }
}
