//! What a start of the daemon is, given the journal it finds: decided once, before anything is touched.

use super::{past::kept, record::Basis, replay::Replay, request::Request};
use crate::{
    digest::Digest,
    state::{Cleanup, RunState},
};
use std::time::Duration;

/// What a start of the daemon is.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// The first of the first run on this Mac.
    First(Basis),
    /// The first of a repair: a run came to its end before, or somebody asked for it.
    Repair(Basis),
    /// A run that was killed or paused goes on.
    GoOn {
        /// As its journal left it.
        state: Box<RunState>,
        /// What it started from itself.
        basis: Basis,
    },
}

impl Start {
    /// What the run starts from, or started from when it began.
    #[must_use]
    pub fn basis(&self) -> &Basis {
        match self {
            Self::First(basis) | Self::Repair(basis) | Self::GoOn { basis, .. } => basis,
        }
    }
}

/// Decides what a start is. `request` is what lies there to be asked; while a run is not over it waits for its end.
#[must_use]
pub fn start(replay: Replay, request: Option<Request>) -> Start {
    let Replay { state, basis, .. } = replay;
    let finished = state.end.is_some_and(crate::event::RunEnd::is_final) && state.cleanup == Cleanup::Over;
    let begun = state.seq > 0;
    if begun && !finished {
        return Start::GoOn { state: Box::new(state), basis };
    }
    let new = request.filter(|request| basis.taken.as_ref() != Some(&request.id));
    let taken = new.as_ref().map(|request| request.id.clone()).or_else(|| basis.taken.clone());
    if finished {
        let carried_out = carried_out(&state, &basis);
        let used = state.control.or(basis.used);
        let before = kept(&state, basis.before);
        return Start::Repair(Basis { before, asked: new, taken, carried_out, used });
    }
    // Its first line is all there is: nothing of what it says was begun.
    let basis = Basis { asked: new.or(basis.asked), taken, ..basis };
    if basis.is_of_first_run() { Start::First(basis) } else { Start::Repair(basis) }
}

/// The control file for which nothing is left to be done after the finished run `state`.
fn carried_out(state: &RunState, basis: &Basis) -> Option<Digest> {
    let of_some_items = basis.asked.as_ref().is_some_and(|asked| !asked.only.is_empty());
    match state.end {
        _ if of_some_items => basis.carried_out,
        Some(end) if end.is_good() => state.control.or(basis.carried_out),
        _ => None,
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
