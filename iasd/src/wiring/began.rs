//! What a start begins with: a new run, a repair, or the run that was cut off (R76–R79).

use crate::{engine::Ending, host::Host};
use shared::{
    journal::{Past, Repair, Start, gives_up},
    state::RunState,
    sys::clock::uptime,
};
use std::time::Duration;

/// How long one boot session tries, however often the daemon has to be started (R77).
const GIVE_UP_AFTER: Duration = Duration::from_secs(86_400);

/// What is there when a start begins.
pub(super) struct Began {
    /// The run so far.
    pub(super) state: RunState,
    /// What earlier starts and runs did.
    pub(super) past: Past,
    /// How the run ends, where that is known already.
    pub(super) decided: Option<Ending>,
}

/// What a start begins with: decided by the journal, the boot session and the time.
pub(super) async fn began(start: &Start, host: &dyn Host) -> Began {
    let (state, basis) = match start {
        Start::First(_) => {
            return Began { state: RunState::default(), past: Past::Nothing, decided: None };
        }
        Start::Repair(basis) => {
            let past = Past::Finished(Repair::of(basis));
            return Began { state: RunState::default(), past, decided: None };
        }
        Start::GoOn { state, basis } => ((**state).clone(), basis),
    };
    let summary = state.finished.as_ref().map_or("", |(_, summary)| summary);
    let kept = state.end.and_then(|end| Ending::kept(end, summary));
    let boot = host.boot_session().await;
    let decided = match kept {
        // Only cleanup is left of it (R81).
        Some(ending) => Some(ending),
        None if gives_up(&state, boot.as_deref(), uptime(), GIVE_UP_AFTER) => Some(Ending::GaveUp),
        None => None,
    };
    let past = Past::interrupted(state.clone(), basis);
    Began { state, past, decided }
}
