//! The single writer of run state: takes facts in order, keeps them in the journal, tells the reporters, acknowledges.
//!
//! It holds the only `select!` over a whole run: facts, the engine's end, a request to stop.

use super::{Ending, recorder::Message};
use crate::{journal::Journal, report::Reporter};
use shared::{
    event::{Event, EventKind, Leftover},
    state::RunState,
};
use std::{
    sync::mpsc::channel,
    time::{Instant, SystemTime, UNIX_EPOCH},
};
use tokio::{sync::mpsc, time::sleep_until};

/// Owns the state of a run.
pub(crate) struct Dispatcher {
    state: RunState,
    facts: mpsc::Receiver<Message>,
    journal: Journal,
    reporters: Vec<Box<dyn Reporter>>,
}

impl Dispatcher {
    /// A dispatcher that has seen what `state` is the fold of.
    pub(crate) fn new(
        state: RunState,
        facts: mpsc::Receiver<Message>,
        journal: Journal,
        reporters: Vec<Box<dyn Reporter>>,
    ) -> Self {
        Self { state, facts, journal, reporters }
    }

    /// Takes facts while `work` goes on; ends with it, or when `stop` resolves with a reason.
    pub(crate) async fn dispatch<T>(
        &mut self,
        work: impl Future<Output = T>,
        stop: impl Future<Output = T>,
    ) -> T {
        tokio::pin!(work, stop);
        let end = loop {
            let due = self.due();
            tokio::select! {
                biased;
                Some(message) = self.facts.recv() => self.take(message),
                end = &mut stop => break end,
                end = &mut work => break end,
                () = reached(due) => self.catch_up(),
            }
        };
        // What was said before the end is part of the run.
        while let Ok(message) = self.facts.try_recv() {
            self.take(message);
        }
        end
    }

    /// Records the result; only cleanup comes after it (R81). `false` when it could not be kept.
    pub(crate) fn conclude(&mut self, ending: &Ending, leftovers: Vec<Leftover>) -> bool {
        let summary = ending.summary(self.state.failures().count());
        let (exit, end) = (ending.exit(), ending.end());
        self.fact(EventKind::RunFinished { exit, end, summary, leftovers })
    }

    /// Lets the reporters write what they hold, and the journal reach the disk.
    pub(crate) fn finish(&mut self) {
        self.catch_up();
        for reporter in &mut self.reporters {
            reporter.finish();
        }
        self.journal.close();
    }

    /// Records a fact of the dispatcher's own; `false` when it could not be kept.
    pub(crate) fn fact(&mut self, kind: EventKind) -> bool {
        let (kept, wait) = channel();
        // Nobody else is served meanwhile: there are few facts of this kind, before and after the run.
        self.take_fact(kind, Box::new(move || _ = kept.send(())));
        wait.recv().is_ok()
    }

    /// When the first reporter wants to be told of the state again.
    fn due(&self) -> Option<Instant> {
        self.reporters.iter().filter_map(|reporter| reporter.due()).min()
    }

    fn catch_up(&mut self) {
        for reporter in self.reporters.iter_mut().filter(|reporter| reporter.due().is_some()) {
            reporter.catch_up(&self.state);
        }
    }

    fn take_fact(&mut self, kind: EventKind, then: Box<dyn FnOnce() + Send>) {
        let event = Event { seq: self.state.seq.saturating_add(1), at_ms: now_ms(), kind };
        self.state.apply(&event);
        self.journal.keep(&event, then);
        let event = told(event);
        for reporter in &mut self.reporters {
            reporter.event(&event, &self.state);
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            // The worker may have been dropped meanwhile.
            Message::Fact(kind, kept) => self.take_fact(kind, Box::new(move || _ = kept.send(()))),
            Message::Progress(progress) => {
                self.journal.pass(&progress);
                self.state.progress(&progress);
                for reporter in &mut self.reporters {
                    reporter.progress(&progress, &self.state);
                }
            }
        }
    }
}

async fn reached(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}

/// A fact as reporters get it: what repositories keep in scripts is for the journal alone.
fn told(event: Event) -> Event {
    match &event.kind {
        EventKind::TitlesResolved { control, titles, items } => {
            let (control, titles, items) = (*control, titles.without_content(), items.clone());
            Event { kind: EventKind::TitlesResolved { control, titles, items }, ..event }
        }
        _ => event,
    }
}

/// Milliseconds since 1970-01-01 UTC.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
