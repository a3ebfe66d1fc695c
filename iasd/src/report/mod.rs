//! Whoever tells others about a run: reporters listen to the dispatcher's events, and only listen.

mod append;
mod command_file;
pub(crate) mod depnotify;
mod lines;
pub(crate) mod log;
pub(crate) mod mask;
pub(crate) mod ndjson;
pub(crate) mod notifier;
#[cfg(test)]
mod sample;
pub(crate) mod status;
pub(crate) mod swiftdialog;
pub(crate) mod system_log;

use shared::{
    event::{Event, Progress},
    state::RunState,
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

/// Listens to a run.
///
/// A reporter never fails a run and never holds it up: it writes little, waits for nobody, and keeps its
/// troubles to itself (R98). What it cannot write now it tries again with the next event, or drops.
pub(crate) trait Reporter: Send {
    /// Takes a fact; `state` already contains it.
    fn event(&mut self, event: &Event, state: &RunState);

    /// Takes news that may be lost; `state` already contains it.
    fn progress(&mut self, _progress: &Progress, _state: &RunState) {}

    /// When it wants to be told of the state although nothing more may happen: it has put something off.
    fn due(&self) -> Option<Instant> {
        None
    }

    /// It is due, or close to it.
    fn catch_up(&mut self, _state: &RunState) {}

    /// The run is over: write what is still unwritten.
    fn finish(&mut self) {}
}

/// What went wrong in reporters, on its way to the log: the log takes it with the next event.
#[derive(Debug, Clone, Default)]
pub(crate) struct Troubles(Arc<Mutex<Vec<String>>>);

impl Troubles {
    /// Keeps a trouble; one that is already waiting is not kept twice.
    pub(crate) fn tell(&self, text: String) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < 64 && !waiting.contains(&text) {
            waiting.push(text);
        }
    }

    /// What has been kept since the last time.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A finished run in which an item failed.
#[cfg(test)]
pub(crate) fn sample_of_a_failure() -> RunState {
    struct Deaf;
    impl Reporter for Deaf {
        fn event(&mut self, _: &Event, _: &RunState) {}
    }
    sample::tell(&mut Deaf, sample::failing())
}
