//! `report.json`: what became of each phase and item, for those who read it afterwards (R102).

use super::snapshot::code;
use serde::Serialize;
use shared::{
    event::{EventKind, ItemEnd, PhaseEnd, RunEnd},
    exit::ExitCode,
    item::{ItemId, ItemKind, Phase},
    state::{ItemState, ItemStatus, RunState},
    wording::{moment, one_line, reason, tolerates},
};
use std::collections::BTreeMap;

/// How far a phase is, in the words MDM reports know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum PhaseState {
    Starting,
    Running,
    Completed,
    Failed,
    Skipped,
}

/// Follows the phases: what the run's state does not keep.
#[derive(Debug, Default)]
pub(super) struct Phases {
    states: BTreeMap<Phase, PhaseState>,
    last_error: Option<(ItemId, String)>,
}

impl Phases {
    /// Takes a fact; `true` when the report is worth writing again.
    pub(super) fn apply(&mut self, kind: &EventKind, state: &RunState) -> bool {
        match kind {
            EventKind::PhaseStarted { phase } => self.states.insert(*phase, PhaseState::Starting),
            EventKind::ItemStarted { id } => self.states.insert(id.phase, PhaseState::Running),
            EventKind::PhaseFinished { phase, end } => self.states.insert(
                *phase,
                match end {
                    PhaseEnd::Completed => PhaseState::Completed,
                    PhaseEnd::Aborted => PhaseState::Failed,
                    // Not over: the next start goes on with it.
                    PhaseEnd::Paused => PhaseState::Running,
                    PhaseEnd::Skipped => PhaseState::Skipped,
                },
            ),
            EventKind::ItemFinished { id, .. } => {
                let failed = state.items.get(id).and_then(ItemStatus::failure);
                let Some(end) = failed else { return false };
                self.last_error = Some((*id, reason(end)));
                return true;
            }
            EventKind::RunFinished { .. } => None,
            _ => return false,
        };
        true
    }

    /// The report as of now.
    pub(super) fn report(&self, version: &str, state: &RunState) -> Report {
        let over = state.finished.is_some();
        let phase = |phase: Phase| {
            let goes_on = state.end == Some(RunEnd::Paused);
            let not_begun = (over && !goes_on).then_some(PhaseState::Skipped);
            let items = state.items.values().filter(|item| item.listed.id.phase == phase);
            let report = PhaseReport {
                state: self.states.get(&phase).copied().or(not_begun),
                items: items.map(ItemReport::of).collect(),
            };
            (phase.key(), report)
        };
        let named =
            |(id, reason): &(ItemId, String)| format!("{}: {reason}", shared::wording::name(*id, state));
        Report {
            format: 1,
            run_id: state.run_id.clone(),
            version: version.to_owned(),
            start: moment(state.started_ms),
            end: over.then(|| moment(state.now_ms)),
            exit_code: state.finished.as_ref().map(|(exit, _)| ExitCode::code(*exit)),
            phases: Phase::ALL.into_iter().map(phase).collect(),
            last_error: self.last_error.as_ref().map(named),
        }
    }
}

/// The content of the file. Keys are only ever added to `format` 1.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    format: u32,
    run_id: String,
    version: String,
    start: String,
    end: Option<String>,
    exit_code: Option<u8>,
    phases: BTreeMap<&'static str, PhaseReport>,
    last_error: Option<String>,
}

#[derive(Debug, Serialize)]
struct PhaseReport {
    state: Option<PhaseState>,
    items: Vec<ItemReport>,
}

#[derive(Debug, Serialize)]
struct ItemReport {
    name: String,
    kind: Option<ItemKind>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tolerated: bool,
}

impl ItemReport {
    fn of(item: &ItemStatus) -> Self {
        let end = match &item.state {
            ItemState::Ended(end) => Some(end),
            ItemState::Pending | ItemState::Started | ItemState::Running => None,
        };
        let failed = item.failure();
        Self {
            name: one_line(&item.listed.name),
            kind: item.listed.kind,
            state: if failed.is_some() { "Failed" } else { state(item) },
            code: end.and_then(code),
            seconds: end.map(|_| item.ms as f64 / 1000.0),
            error: failed.map(reason),
            tolerated: failed.is_some_and(|end| tolerates(item.listed.fail_policy, end)),
        }
    }
}

fn state(item: &ItemStatus) -> &'static str {
    match &item.state {
        ItemState::Pending => "Pending",
        ItemState::Started => "Starting",
        ItemState::Running => "Running",
        ItemState::Ended(ItemEnd::Background) => "Background",
        ItemState::Ended(ItemEnd::Skipped(_)) => "Skipped",
        ItemState::Ended(ItemEnd::NotStarted) => "NotStarted",
        ItemState::Ended(_) => "Completed",
    }
}
