//! Whoever tells others about a run: reporters listen to the dispatcher's events, and only listen.

use shared::{
    event::{Event, Progress},
    state::RunState,
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

    /// The run is over: write what is still unwritten.
    fn finish(&mut self) {}
}
