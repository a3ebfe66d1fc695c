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

/// What a start begins with: decided by the journal, the boot session and the time, and by whether a request `waits` for
/// the end of the run.
pub(super) async fn began(start: &Start, host: &dyn Host, waits: bool) -> Began {
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
    let boot = host.boot_session().await;
    let decided = decided(&state, waits, (boot.as_deref(), uptime()));
    let past = Past::interrupted(state.clone(), basis);
    Began { state, past, decided }
}

/// How the run ends, where that is known before it goes on: `boot` is the present boot session, `uptime` its age.
fn decided(state: &RunState, waits: bool, (boot, uptime): (Option<&str>, Duration)) -> Option<Ending> {
    let summary = state.finished.as_ref().map_or("", |(_, summary)| summary);
    match state.end.and_then(|end| Ending::kept(end, summary)) {
        // Only cleanup is left of it (R81).
        Some(ending) => Some(ending),
        // Somebody wants it done now: the request is carried out when this run has come to its end.
        None if waits => None,
        None => gives_up(state, boot, uptime, GIVE_UP_AFTER).then_some(Ending::GaveUp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::event::RunEnd;

    #[test]
    fn r77_a_run_that_gave_up_goes_on_when_a_repair_is_asked_for() {
        let paused = RunState { boot: Some("one".to_owned()), ..RunState::default() };
        let later = (Some("one"), GIVE_UP_AFTER + Duration::from_secs(1));
        assert_eq!(decided(&paused, false, later), Some(Ending::GaveUp));
        assert_eq!(decided(&paused, true, later), None);
        let over = RunState { end: Some(RunEnd::Completed), ..paused };
        for waits in [false, true] {
            assert_eq!(decided(&over, waits, later), Some(Ending::Completed), "only cleanup is left");
        }
    }
}
