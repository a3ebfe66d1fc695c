//! `RunState`: what is known of a run, as the fold of its events. Nothing else may change it.
//!
//! ```text
//! item:   Pending ─► Started ─► Running ─► Ended(Done | Skipped | Background | …Failed)
//! bytes:  None ─► Fetching(attempt) ─► Ready | Failed      (beside, until the item's turn needs them)
//! run:    Beginning ─► Preflight ─► SetupAssistant ─► Userland ─► Finished(exit)
//! ```

use crate::{
    event::{Event, EventKind, ItemEnd, Listed, Progress},
    exit::{Ended, ExitCode},
    item::{FailPolicy, ItemId, Phase},
};
use std::collections::BTreeMap;

/// Where an item is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ItemState {
    /// Its turn has not come.
    #[default]
    Pending,
    /// Its turn has come, its effect has not begun.
    Started,
    /// Its effect has begun.
    Running,
    /// It is over.
    Ended(ItemEnd),
}

/// Where an item's content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BytesState {
    /// Nothing was asked for.
    #[default]
    None,
    /// On the way.
    Fetching {
        /// Counts from 1.
        attempt: u32,
        /// Bytes so far.
        received: u64,
        /// Bytes in all, when the server said so.
        total: Option<u64>,
    },
    /// There, checked.
    Ready {
        /// Length.
        bytes: u64,
    },
    /// An attempt failed; another may follow.
    Failed {
        /// The attempt that failed.
        attempt: u32,
    },
}

/// One item of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemStatus {
    /// As the control file lists it.
    pub listed: Listed,
    /// Where it is.
    pub state: ItemState,
    /// Where its content is.
    pub bytes: BytesState,
    /// How long it took, once over.
    pub ms: u64,
}

impl ItemStatus {
    /// Its end, when that was a failure.
    ///
    /// A preflight script that ran and said no has answered, not failed (R49), unless its policy ends the run (R51).
    #[must_use]
    pub fn failure(&self) -> Option<&ItemEnd> {
        let ItemState::Ended(end) = &self.state else { return None };
        let answered = self.listed.id.phase == Phase::Preflight
            && self.listed.fail_policy != FailPolicy::FailureIsNotAnOption
            && matches!(end, ItemEnd::ExecutionFailed(Ended::Exited(_)));
        (end.is_failure() && !answered).then_some(end)
    }
}

/// A run, as far as its events tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunState {
    /// The last event's number.
    pub seq: u64,
    /// Names the run.
    pub run_id: String,
    /// When the first event happened, in milliseconds since 1970.
    pub started_ms: u64,
    /// When the last event happened.
    pub now_ms: u64,
    /// The phase that runs, or ran last.
    pub phase: Option<Phase>,
    /// Every item, in file order.
    pub items: BTreeMap<ItemId, ItemStatus>,
    /// How preflight decided.
    pub preflight_passed: Option<bool>,
    /// Whether userland waits for somebody.
    pub waiting: Option<Waiting>,
    /// How the run ended.
    pub finished: Option<(ExitCode, String)>,
}

/// What userland waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// A real user at the screen.
    User,
    /// That user's agent.
    Agent,
}

impl RunState {
    /// Takes the next event.
    pub fn apply(&mut self, event: &Event) {
        if self.seq == 0 {
            self.started_ms = event.at_ms;
        }
        self.seq = event.seq;
        self.now_ms = event.at_ms;
        match &event.kind {
            EventKind::RunStarted { run_id, .. } => self.run_id.clone_from(run_id),
            EventKind::ControlFileLoaded { items, .. } => self.list(items),
            EventKind::PhaseStarted { phase } => self.phase = Some(*phase),
            EventKind::PreflightVerdict { pass } => self.preflight_passed = Some(*pass),
            EventKind::DownloadStarted { id, attempt, resumed_at, .. } => {
                let fetching = BytesState::Fetching { attempt: *attempt, received: *resumed_at, total: None };
                self.with(*id, |item| item.bytes = fetching);
            }
            EventKind::DownloadAttemptFailed { id, attempt, .. } => {
                self.with(*id, |item| item.bytes = BytesState::Failed { attempt: *attempt });
            }
            EventKind::DownloadFinished { id, bytes, .. } => {
                self.with(*id, |item| item.bytes = BytesState::Ready { bytes: *bytes });
            }
            EventKind::ItemStarted { id } => self.with(*id, |item| item.state = ItemState::Started),
            EventKind::ItemRunning { id } => self.with(*id, |item| item.state = ItemState::Running),
            EventKind::ItemFinished { id, end, ms, .. } => self.with(*id, |item| {
                item.state = ItemState::Ended(end.clone());
                item.ms = *ms;
            }),
            EventKind::BackgroundFailed { id, ended } => {
                self.with(*id, |item| item.state = ItemState::Ended(ItemEnd::ExecutionFailed(ended.clone())));
            }
            EventKind::WaitingForUser => self.waiting = Some(Waiting::User),
            EventKind::WaitingForAgent => self.waiting = Some(Waiting::Agent),
            EventKind::UserPresent { .. } | EventKind::AgentCheckedIn { .. } => self.waiting = None,
            EventKind::RunFinished { exit, summary } => self.finished = Some((*exit, summary.clone())),
            EventKind::PhaseFinished { .. }
            | EventKind::BackgroundEnded { .. }
            | EventKind::AgentLost { .. }
            | EventKind::Notice { .. }
            | EventKind::Cleanup { .. }
            | EventKind::RebootRequested => {}
        }
    }

    /// Takes news that may be lost without harm.
    pub fn progress(&mut self, progress: &Progress) {
        if let Progress::Bytes { id, received: now, total: of } = progress {
            self.with(*id, |item| {
                if let BytesState::Fetching { received, total, .. } = &mut item.bytes {
                    (*received, *total) = (*now, *of);
                }
            });
        }
    }

    /// Items that failed, with their ends, in file order.
    pub fn failures(&self) -> impl Iterator<Item = (&ItemStatus, &ItemEnd)> {
        self.items.values().filter_map(|item| item.failure().map(|end| (item, end)))
    }

    /// How many items are over.
    #[must_use]
    pub fn ended(&self) -> usize {
        self.items.values().filter(|item| matches!(item.state, ItemState::Ended(_))).count()
    }

    fn list(&mut self, items: &[Listed]) {
        self.items = items
            .iter()
            .map(|listed| {
                let status = ItemStatus {
                    listed: listed.clone(),
                    state: ItemState::Pending,
                    bytes: BytesState::None,
                    ms: 0,
                };
                (listed.id, status)
            })
            .collect();
    }

    fn with(&mut self, id: ItemId, change: impl FnOnce(&mut ItemStatus)) {
        if let Some(item) = self.items.get_mut(&id) {
            change(item);
        }
    }
}
