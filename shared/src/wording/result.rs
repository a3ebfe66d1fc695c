//! How a run stands or ended, in one line: the status line, which is also the last line of the log (R102, T100).

use super::units::moment;
use crate::{
    event::{ItemEnd, SkipReason},
    exit::{Ended, ExitCode},
    state::{ItemState, RunState, Waiting},
};

/// The most a status line may take, because extension attributes and pagers cut it (T100).
const LONGEST: usize = 200;

/// How many items came to which end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Carried out, or running in the background.
    pub done: usize,
    /// Not needed, because a receipt or an earlier run says so.
    pub current: usize,
    /// Failed, tolerated or not.
    pub failed: usize,
    /// Not wanted on this Mac, or not understood.
    pub skipped: usize,
    /// Not over yet, or never begun.
    pub open: usize,
}

impl Tally {
    /// Counts the items of a run.
    #[must_use]
    pub fn of(state: &RunState) -> Self {
        let mut tally = Self::default();
        for item in state.items.values() {
            match &item.state {
                ItemState::Ended(ItemEnd::Skipped(
                    SkipReason::Receipt { .. } | SkipReason::Present { .. } | SkipReason::AlreadyDone,
                )) => {
                    tally.current += 1;
                }
                ItemState::Ended(ItemEnd::Skipped(_)) => tally.skipped += 1,
                ItemState::Ended(ItemEnd::NotStarted) => tally.open += 1,
                ItemState::Ended(_) if item.failure().is_some() => tally.failed += 1,
                ItemState::Ended(_) => tally.done += 1,
                ItemState::Pending | ItemState::Started | ItemState::Running => tally.open += 1,
            }
        }
        tally
    }
}

/// The status line: `<time> <word> <details>, run <id>`; ASCII, at most 200 characters (T100).
///
/// The word is `running`, or how the run ended: `ok`, `failed` (something failed, tolerated or not),
/// `aborted` (by a failure policy), `paused` (launchd will start it again).
#[must_use]
pub fn status_line(state: &RunState) -> String {
    let tally = Tally::of(state);
    let counts = format!(
        "{} installed, {} current, {} failed, {} skipped",
        tally.done, tally.current, tally.failed, tally.skipped
    );
    let text = match &state.finished {
        None => format!("running {}", under_way(state)),
        Some((ExitCode::Finished, _)) if tally.failed == 0 => format!("ok {counts}"),
        Some((ExitCode::Finished, _)) => format!("failed {counts}: {}", failures(state)),
        Some((ExitCode::Aborted, summary)) => format!("aborted {}", failures_or(state, summary)),
        Some((ExitCode::Temporary, summary)) => format!("paused {summary}"),
        Some((_, summary)) => format!("failed {summary}"),
    };
    let end = format!(", run {}", state.run_id);
    let begin = ascii(&format!("{} {text}", moment(state.now_ms)));
    let room = LONGEST.saturating_sub(end.len());
    let begin: String = if begin.len() <= room {
        begin
    } else {
        begin.chars().take(room.saturating_sub(3)).chain("...".chars()).collect()
    };
    ascii(&(begin + &end)).chars().take(LONGEST).collect()
}

/// Why a failed item failed, in a few words and without any of its output.
#[must_use]
pub fn reason(end: &ItemEnd) -> String {
    match end {
        ItemEnd::DownloadFailed(_) => "download failed".to_owned(),
        ItemEnd::SignatureRefused(_) => "signature refused".to_owned(),
        ItemEnd::PlacementFailed(_) => "could not be placed".to_owned(),
        ItemEnd::ExecutionFailed(Ended::NotStarted(_)) => "could not be started".to_owned(),
        ItemEnd::ExecutionFailed(Ended::Lost(_)) => "its end was not seen".to_owned(),
        ItemEnd::ExecutionFailed(ended) => ended.to_string(),
        ItemEnd::Done | ItemEnd::Skipped(_) | ItemEnd::Background | ItemEnd::NotStarted => String::new(),
    }
}

fn under_way(state: &RunState) -> String {
    let Some(phase) = state.phase else { return "before the first phase".to_owned() };
    let place = format!("{phase}, {} of {} items over", state.ended(), state.items.len());
    match state.waiting {
        Some(Waiting::User) => format!("{place}, waiting for a user"),
        Some(Waiting::Agent) => format!("{place}, waiting for the agent"),
        None => place,
    }
}

fn failures(state: &RunState) -> String {
    let failures: Vec<_> =
        state.failures().map(|(item, end)| format!("{} {}", item.listed.name, reason(end))).collect();
    failures.join(", ")
}

fn failures_or(state: &RunState, summary: &str) -> String {
    let failures = failures(state);
    if failures.is_empty() { summary.to_owned() } else { failures }
}

fn ascii(text: &str) -> String {
    text.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::{
        super::sample::{self, told},
        *,
    };
    use crate::event::EventKind;

    #[test]
    fn t100_the_line_of_a_run_without_failures_says_ok() {
        let mut state = told([sample::loaded(&["A"])]);
        state.finished = Some((ExitCode::Finished, String::new()));
        assert_eq!(
            status_line(&state),
            "2026-03-01T10:15:30Z ok 0 installed, 0 current, 0 failed, 0 skipped, run 7f3a"
        );
    }

    #[test]
    fn t100_failures_are_named_and_the_line_stays_within_200_ascii_characters() {
        let name = "Zoöm \u{1f600} ".repeat(60);
        let end = ItemEnd::DownloadFailed("https://user:secret@example.com".to_owned());
        let mut state = told([
            sample::loaded(&[&name]),
            EventKind::ItemFinished { id: sample::id(0), end, ms: 1, last_lines: vec![] },
        ]);
        state.finished = Some((ExitCode::Finished, String::new()));
        let line = status_line(&state);
        assert!(line.len() <= LONGEST && line.is_ascii(), "{line}");
        assert!(line.starts_with("2026-03-01T10:15:30Z failed 0 installed, 0 current, 1 failed"), "{line}");
        assert!(line.ends_with("..., run 7f3a"), "{line}");
        assert!(!line.contains("secret"));
    }

    #[test]
    fn t100_a_run_under_way_says_where_it_is() {
        let mut state = told([
            sample::loaded(&["A", "B"]),
            EventKind::PhaseStarted { phase: crate::item::Phase::Userland },
            EventKind::WaitingForUser,
        ]);
        let line = status_line(&state);
        assert!(
            line.ends_with("running userland, 0 of 2 items over, waiting for a user, run 7f3a"),
            "{line}"
        );
        state.finished = Some((ExitCode::Temporary, "no agent checked in".to_owned()));
        assert!(status_line(&state).contains(" paused no agent checked in, run"));
    }
}
