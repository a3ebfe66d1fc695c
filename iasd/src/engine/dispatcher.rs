//! The single writer of run state: takes facts in order, keeps them, tells the reporters, acknowledges.
//!
//! It holds the only `select!` over a whole run: facts, the engine's end, a request to stop.

use super::{Ending, recorder::Message};
use crate::report::Reporter;
use shared::{
    event::{Event, EventKind},
    state::RunState,
};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;

/// Owns the state of a run.
pub(crate) struct Dispatcher {
    state: RunState,
    facts: mpsc::Receiver<Message>,
    reporters: Vec<Box<dyn Reporter>>,
}

impl Dispatcher {
    /// A dispatcher that has seen nothing.
    pub(crate) fn new(facts: mpsc::Receiver<Message>, reporters: Vec<Box<dyn Reporter>>) -> Self {
        Self { state: RunState::default(), facts, reporters }
    }

    /// Takes facts while `work` goes on; ends with it, or when `stop` resolves with a reason.
    pub(crate) async fn dispatch<T>(
        &mut self,
        work: impl Future<Output = T>,
        stop: impl Future<Output = T>,
    ) -> T {
        tokio::pin!(work, stop);
        let end = loop {
            tokio::select! {
                biased;
                Some(message) = self.facts.recv() => self.take(message),
                end = &mut stop => break end,
                end = &mut work => break end,
            }
        };
        // What was said before the end is part of the run.
        while let Ok(message) = self.facts.try_recv() {
            self.take(message);
        }
        end
    }

    /// Records the result; only cleanup comes after it (R81).
    pub(crate) fn conclude(&mut self, ending: &Ending) {
        let tolerated = self.state.failures().count();
        self.fact(EventKind::RunFinished { exit: ending.exit(), summary: ending.summary(tolerated) });
    }

    /// Lets the reporters write what they hold.
    pub(crate) fn finish(&mut self) {
        for reporter in &mut self.reporters {
            reporter.finish();
        }
    }

    /// Records a fact of the dispatcher's own.
    pub(crate) fn fact(&mut self, kind: EventKind) {
        let event = Event { seq: self.state.seq + 1, at_ms: now_ms(), kind };
        self.state.apply(&event);
        for reporter in &mut self.reporters {
            reporter.event(&event, &self.state);
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Fact(kind, kept) => {
                self.fact(kind);
                // The worker may have been dropped meanwhile.
                let _ = kept.send(());
            }
            Message::Progress(progress) => {
                self.state.progress(&progress);
                for reporter in &mut self.reporters {
                    reporter.progress(&progress, &self.state);
                }
            }
        }
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
