//! `RunState`: what is known of a run, as the fold of its events. Nothing else may change it.
//!
//! ```text
//! item:   Pending ─► Started ─► Running ─► Ended(Done | Skipped | Background | …Failed)
//! bytes:  None ─► Fetching(attempt) ─► Ready | Failed      (beside, until the item's turn needs them)
//! run:    Beginning ─► Preflight ─► SetupAssistant ─► Userland ─► Finished(exit) ─► cleanup Due ─► Over
//! ```
//!
//! A run that is started again goes on from the state its journal folds to: items that are over stay over.

use crate::{
    digest::Digest,
    event::{Event, EventKind, ItemEnd, Leftover, Listed, Over, Progress, RunEnd},
    exit::{Ended, ExitCode},
    item::{FailPolicy, Fingerprint, ItemId, ItemKind, Phase},
    title::Resolution,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where an item is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemStatus {
    /// As the control file lists it.
    pub listed: Listed,
    /// Where it is.
    pub state: ItemState,
    /// Where its content is.
    pub bytes: BytesState,
    /// How long it took, once over.
    pub ms: u64,
    /// The digest of its content, once accepted.
    #[serde(default)]
    pub digest: Option<Digest>,
    /// Whether the run asked for its content. Content that came then is the run's own, and no file that was there
    /// before (R82).
    #[serde(default)]
    pub created: bool,
    /// How what was started in the background ended, once it did.
    #[serde(default)]
    pub background_end: Option<Ended>,
}

impl ItemStatus {
    /// Its end, when that was a failure.
    #[must_use]
    pub fn failure(&self) -> Option<&ItemEnd> {
        let ItemState::Ended(end) = &self.state else { return None };
        self.listed.fails_by(end).then_some(end)
    }
}

impl Listed {
    /// Whether this item has failed when it came to `end`.
    ///
    /// A preflight script that ran and said no has answered, not failed (R49), unless its policy ends the run (R51).
    #[must_use]
    pub fn fails_by(&self, end: &ItemEnd) -> bool {
        let answered = self.id.phase == Phase::Preflight
            && self.fail_policy != FailPolicy::FailureIsNotAnOption
            && matches!(end, ItemEnd::ExecutionFailed(Ended::Exited(_)));
        end.is_failure() && !answered
    }
}

/// A run, as far as its events tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunState {
    /// The last event's number.
    pub seq: u64,
    /// Names the run.
    pub run_id: String,
    /// When the first event happened, in milliseconds since 1970.
    pub started_ms: u64,
    /// When the last event happened.
    pub now_ms: u64,
    /// How many times the run was started.
    pub launch: u32,
    /// The boot session of the last start.
    pub boot: Option<String>,
    /// How long the Mac had been up when the run was first started in that boot session (R77), in milliseconds.
    pub first_uptime_ms: u64,
    /// Whether nothing is carried out (R74).
    pub dry_run: bool,
    /// The control file's digest.
    pub control: Option<Digest>,
    /// What the titles of the control file are, once catalogs said so (T13).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub titles: Option<KnownTitles>,
    /// The phase that runs, or ran last.
    pub phase: Option<Phase>,
    /// Every item, in file order.
    #[serde(with = "listed_items")]
    pub items: BTreeMap<ItemId, ItemStatus>,
    /// How preflight decided.
    pub preflight_passed: Option<bool>,
    /// Whether userland waits for somebody.
    pub waiting: Option<Waiting>,
    /// How the run ended: exit code and summary.
    pub finished: Option<(ExitCode, String)>,
    /// How the run ended, in one word.
    pub end: Option<RunEnd>,
    /// How far cleanup is.
    pub cleanup: Cleanup,
}

/// What catalogs said of the titles of one control file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownTitles {
    /// The control file.
    pub control: Digest,
    /// What they said.
    pub titles: Resolution,
}

/// How far cleanup is (R81).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cleanup {
    /// The run is not over for good.
    #[default]
    None,
    /// To be done, with the files the run brought; a start finds it like this after a crash in the middle.
    Due(Vec<Leftover>),
    /// Every step was taken.
    Over,
}

/// What userland waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
            EventKind::RunStarted { run_id, launch, boot, uptime_ms, dry_run, .. } => {
                self.begin(*launch, boot.as_ref(), *uptime_ms);
                self.run_id.clone_from(run_id);
                self.dry_run = *dry_run;
            }
            EventKind::ControlFileLoaded { digest, items, over, .. } => self.list(*digest, items, over),
            EventKind::TitlesResolved { control, titles, items } => {
                self.titles = Some(KnownTitles { control: *control, titles: titles.clone() });
                self.add(items);
            }
            EventKind::PhaseStarted { phase } => self.phase = Some(*phase),
            EventKind::PreflightVerdict { pass } => self.preflight_passed = Some(*pass),
            EventKind::DownloadStarted { id, attempt, resumed_at, .. } => {
                let fetching = BytesState::Fetching { attempt: *attempt, received: *resumed_at, total: None };
                self.with(*id, |item| (item.bytes, item.created) = (fetching, true));
            }
            EventKind::DownloadAttemptFailed { id, attempt, .. } => {
                self.with(*id, |item| item.bytes = BytesState::Failed { attempt: *attempt });
            }
            EventKind::DownloadFinished { id, bytes, digest, .. } => {
                let ready = BytesState::Ready { bytes: *bytes };
                self.with(*id, |item| (item.bytes, item.digest) = (ready, Some(*digest)));
            }
            EventKind::ItemStarted { id } | EventKind::ItemNotTaken { id, .. } => {
                self.with(*id, |item| item.state = ItemState::Started)
            }
            EventKind::ItemRunning { id } => self.with(*id, |item| {
                (item.state, item.background_end) = (ItemState::Running, None);
            }),
            EventKind::ItemFinished { id, end, ms, .. } => self.with(*id, |item| {
                item.state = ItemState::Ended(end.clone());
                item.ms = *ms;
            }),
            EventKind::BackgroundEnded { id, ended } => {
                self.with(*id, |item| item.background_end = Some(ended.clone()));
            }
            EventKind::BackgroundFailed { id, ended } => {
                self.with(*id, |item| item.state = ItemState::Ended(ItemEnd::ExecutionFailed(ended.clone())));
            }
            EventKind::WaitingForUser => self.waiting = Some(Waiting::User),
            EventKind::WaitingForAgent => self.waiting = Some(Waiting::Agent),
            EventKind::UserPresent { .. } | EventKind::AgentCheckedIn { .. } => self.waiting = None,
            EventKind::RunFinished { exit, end, summary, leftovers } => {
                self.finished = Some((*exit, summary.clone()));
                self.finish(*end, leftovers);
            }
            EventKind::CleanupFinished => self.cleanup = Cleanup::Over,
            EventKind::PhaseFinished { .. }
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

    /// The content of items that was downloaded, by what they do (R87).
    #[must_use]
    pub fn downloaded(&self) -> BTreeMap<Fingerprint, Digest> {
        let made = self.items.values().filter(|item| item.created);
        made.filter_map(|item| Some((item.listed.fingerprint.clone()?, item.digest?))).collect()
    }

    /// The items of `kind` that may go on in the background: those handed to it, and those under way, of which it was
    /// perhaps only not told any more.
    pub fn in_the_background(&self, kind: ItemKind) -> impl Iterator<Item = ItemId> {
        let there = move |item: &&ItemStatus| {
            let may_go_on = matches!(item.state, ItemState::Running | ItemState::Ended(ItemEnd::Background));
            item.listed.kind == Some(kind) && may_go_on
        };
        self.items.values().filter(there).map(|item| item.listed.id)
    }

    /// How many items are over.
    #[must_use]
    pub fn ended(&self) -> usize {
        self.items.values().filter(|item| matches!(item.state, ItemState::Ended(_))).count()
    }

    /// The end of a run; what it leaves is to be cleaned up once it is over for good.
    fn finish(&mut self, end: RunEnd, leftovers: &[Leftover]) {
        self.end = Some(end);
        if end.is_final() && !self.dry_run {
            self.cleanup = Cleanup::Due(leftovers.to_vec());
        }
    }

    /// A start: what was under way before is known only from what it left.
    fn begin(&mut self, launch: u32, boot: Option<&String>, uptime_ms: u64) {
        if launch == 1 || self.boot.as_ref() != boot {
            self.first_uptime_ms = uptime_ms;
        }
        (self.launch, self.boot) = (launch, boot.cloned());
        (self.phase, self.waiting) = (None, None);
        // What is over stays over: only cleanup is left of it (R81).
        if !matches!(self.cleanup, Cleanup::Due(_)) {
            (self.finished, self.end) = (None, None);
        }
    }

    /// Digests and created files outlive a start: content is named by where its item stands in the same control file.
    fn list(&mut self, control: Digest, items: &[Listed], over: &[Over]) {
        if self.control.replace(control) != Some(control) {
            // It was taken for another control file.
            self.preflight_passed = None;
        }
        // In a repair they are known before the control file is told.
        self.titles.take_if(|known| known.control != control);
        let mut before = std::mem::take(&mut self.items);
        let new = items.iter().map(|listed| {
            let earlier = before.remove(&listed.id).filter(|earlier| {
                earlier.listed.fingerprint.is_some() && earlier.listed.fingerprint == listed.fingerprint
            });
            let end = over.iter().find(|over| over.id == listed.id).map(|over| over.end.clone());
            let status = ItemStatus {
                listed: listed.clone(),
                state: end.map_or(ItemState::Pending, ItemState::Ended),
                bytes: BytesState::None,
                ms: earlier.as_ref().map_or(0, |earlier| earlier.ms),
                digest: earlier.as_ref().and_then(|earlier| earlier.digest),
                created: earlier.as_ref().is_some_and(|earlier| earlier.created),
                background_end: earlier.and_then(|earlier| earlier.background_end),
            };
            (listed.id, status)
        });
        self.items = new.collect();
    }

    /// Items that nobody knew of before.
    fn add(&mut self, items: &[Listed]) {
        for listed in items {
            let status = ItemStatus {
                listed: listed.clone(),
                state: ItemState::Pending,
                bytes: BytesState::None,
                ms: 0,
                digest: None,
                created: false,
                background_end: None,
            };
            self.items.insert(listed.id, status);
        }
    }

    fn with(&mut self, id: ItemId, change: impl FnOnce(&mut ItemStatus)) {
        if let Some(item) = self.items.get_mut(&id) {
            change(item);
        }
    }
}

/// Items as a list: JSON objects have texts for keys.
mod listed_items {
    use super::{BTreeMap, Deserialize, ItemId, ItemStatus, Serialize};
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        items: &BTreeMap<ItemId, ItemStatus>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        items.values().collect::<Vec<_>>().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<ItemId, ItemStatus>, D::Error> {
        let items = Vec::<ItemStatus>::deserialize(from)?;
        Ok(items.into_iter().map(|item| (item.listed.id, item)).collect())
    }
}
