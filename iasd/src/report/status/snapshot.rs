//! `status.json`: the run at this moment.

use serde::Serialize;
use shared::{
    event::ItemEnd,
    exit::{Ended, ExitCode},
    item::{ItemKind, Phase},
    state::{BytesState, ItemState, ItemStatus, RunState, Waiting},
    wording::{Tally, moment, one_line, reason, status_line, tolerates},
};

/// The content of the file. Keys are only ever added to `format` 1.
#[derive(Debug, Serialize)]
pub(super) struct Snapshot {
    format: u32,
    run_id: String,
    version: String,
    started: String,
    updated: String,
    /// `running`, `ok`, `failed`, `aborted` or `paused`, as in `status.txt`.
    state: String,
    phase: Option<Phase>,
    /// `user` or `agent`.
    waiting_for: Option<&'static str>,
    items: Counts,
    /// What is under way now.
    active: Vec<Active>,
    failures: Vec<Failure>,
    exit_code: Option<u8>,
    line: String,
}

impl Snapshot {
    /// The state as other programs see it.
    pub(super) fn of(version: &str, state: &RunState) -> Self {
        let line = status_line(state);
        Self {
            format: 1,
            run_id: state.run_id.clone(),
            version: version.to_owned(),
            started: moment(state.started_ms),
            updated: moment(state.now_ms),
            state: line.split(' ').nth(1).unwrap_or_default().to_owned(),
            phase: state.phase,
            waiting_for: state.waiting.map(|waiting| match waiting {
                Waiting::User => "user",
                Waiting::Agent => "agent",
            }),
            items: Counts::of(state),
            active: state.items.values().filter_map(Active::of).collect(),
            failures: state.failures().map(|(item, end)| Failure::of(item, end)).collect(),
            exit_code: state.finished.as_ref().map(|(exit, _)| ExitCode::code(*exit)),
            line,
        }
    }
}

#[derive(Debug, Serialize)]
struct Counts {
    total: usize,
    installed: usize,
    current: usize,
    failed: usize,
    skipped: usize,
    open: usize,
}

impl Counts {
    fn of(state: &RunState) -> Self {
        let Tally { done, current, failed, skipped, open } = Tally::of(state);
        Self { total: state.items.len(), installed: done, current, failed, skipped, open }
    }
}

#[derive(Debug, Serialize)]
struct Active {
    item: String,
    name: String,
    kind: Option<ItemKind>,
    /// `downloading`, `waiting` (for its content) or `running`.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    received: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
}

impl Active {
    fn of(item: &ItemStatus) -> Option<Self> {
        let (state, received, total) = match (&item.state, item.bytes) {
            (ItemState::Running, _) => ("running", None, None),
            (_, BytesState::Fetching { received, total, .. }) => ("downloading", Some(received), total),
            (ItemState::Started, _) => ("waiting", None, None),
            (ItemState::Pending | ItemState::Ended(_), _) => return None,
        };
        let listed = &item.listed;
        Some(Self {
            item: listed.id.to_string(),
            name: one_line(&listed.name),
            kind: listed.kind,
            state,
            received,
            total,
        })
    }
}

#[derive(Debug, Serialize)]
struct Failure {
    item: String,
    name: String,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<i32>,
    tolerated: bool,
}

impl Failure {
    fn of(item: &ItemStatus, end: &ItemEnd) -> Self {
        Self {
            item: item.listed.id.to_string(),
            name: one_line(&item.listed.name),
            reason: reason(end),
            code: code(end),
            tolerated: tolerates(item.listed.fail_policy, end),
        }
    }
}

/// The exit status or, negative, the signal of a failed item.
pub(super) fn code(end: &ItemEnd) -> Option<i32> {
    match end {
        ItemEnd::ExecutionFailed(Ended::Exited(status)) => Some(*status),
        ItemEnd::ExecutionFailed(Ended::Signalled(signal)) => Some(-signal),
        ItemEnd::Done => Some(0),
        _ => None,
    }
}
