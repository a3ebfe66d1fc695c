//! What a start of the daemon is, given the journal it finds: decided once, before anything is touched.

use super::{
    past::{Kept, kept},
    replay::Replay,
};
use crate::state::{Cleanup, RunState};
use std::time::Duration;

/// What a start of the daemon is.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// The first of a new run. `before` holds what finished runs did: then it is a repair.
    Anew {
        /// Empty on a Mac that has seen no run.
        before: Option<Vec<Kept>>,
    },
    /// A run that was killed or paused goes on.
    GoOn {
        /// As its journal left it.
        state: Box<RunState>,
        /// What it started from itself.
        before: Vec<Kept>,
    },
}

/// Decides what a start is.
#[must_use]
pub fn start(replay: Replay) -> Start {
    let Replay { state, before, .. } = replay;
    let finished = state.end.is_some_and(crate::event::RunEnd::is_final) && state.cleanup == Cleanup::Over;
    if state.seq == 0 {
        Start::Anew { before: (!before.is_empty()).then_some(before) }
    } else if finished {
        Start::Anew { before: Some(kept(&state, before)) }
    } else {
        Start::GoOn { state: Box::new(state), before }
    }
}

/// Whether a run was started again and again for so long that the next boot should try (R77): `boot` is the present
/// boot session, `uptime` how long the Mac is up, `patience` how long one boot session tries.
///
/// The wall clock says nothing here: that of a new Mac jumps by years when the network sets it.
#[must_use]
pub fn gives_up(state: &RunState, boot: Option<&str>, uptime: Duration, patience: Duration) -> bool {
    let tried = uptime.saturating_sub(Duration::from_millis(state.first_uptime_ms));
    state.boot.as_deref() == boot && tried > patience
}
