//! What the views know of a run beyond its state: times, rates, last words.

use shared::{
    event::{Event, EventKind, Progress, WRONG_DIGEST},
    item::ItemId,
    state::{BytesState, RunState},
    wording::one_line,
};
use std::collections::BTreeMap;

/// A run as it is being watched.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// The fold of its events.
    pub(crate) state: RunState,
    /// When the present wait began, in milliseconds since 1970.
    pub(crate) waiting_since: Option<u64>,
    /// Whether something was served that is not what its `hash` says.
    pub(crate) wrong_digests: bool,
    /// What went wrong on the way.
    pub(crate) met: Met,
    /// The last lines of items that failed.
    pub(crate) last_lines: BTreeMap<ItemId, Vec<String>>,
    items: BTreeMap<ItemId, Watched>,
}

/// What went wrong on the way of a run, over all its starts.
#[derive(Debug, Default)]
pub(crate) struct Met {
    /// Attempts to download that failed.
    pub(crate) failed_attempts: BTreeMap<ItemId, u32>,
    /// How often the agent went away, and came.
    pub(crate) agents_lost: u32,
    /// See [`Self::agents_lost`].
    pub(crate) agents_came: u32,
    /// How often `iasd` was started.
    pub(crate) starts: u32,
}

impl Met {
    fn event(&mut self, event: &Event) {
        match &event.kind {
            EventKind::DownloadAttemptFailed { id, .. } => *self.failed_attempts.entry(*id).or_default() += 1,
            EventKind::AgentLost { .. } => self.agents_lost += 1,
            EventKind::AgentCheckedIn { .. } => self.agents_came += 1,
            EventKind::RunStarted { .. } => self.starts += 1,
            _ => {}
        }
    }
}

#[derive(Debug, Default)]
struct Watched {
    began_ms: Option<u64>,
    last_output: Option<String>,
    percent: Option<f32>,
    /// When and how many bytes were there when the rate was last taken.
    bytes: Option<(u64, u64)>,
    rate: Option<u64>,
    /// Bytes that came over the network, not those that were here before.
    downloaded: u64,
}

impl Run {
    /// Takes the next event.
    pub(crate) fn event(&mut self, event: &Event) {
        self.state.apply(event);
        self.met.event(event);
        let watched = |id: &ItemId, items: &mut BTreeMap<ItemId, Watched>, change: &dyn Fn(&mut Watched)| {
            change(items.entry(*id).or_default());
        };
        match &event.kind {
            EventKind::ItemStarted { id } => {
                watched(id, &mut self.items, &|item| item.began_ms = Some(event.at_ms));
            }
            EventKind::DownloadStarted { id, resumed_at, .. } => {
                watched(id, &mut self.items, &|item| item.bytes = Some((event.at_ms, *resumed_at)));
            }
            EventKind::DownloadAttemptFailed { error, .. } if error.contains(WRONG_DIGEST) => {
                self.wrong_digests = true;
            }
            EventKind::DownloadFinished { id, bytes, reused: false, .. } => {
                watched(id, &mut self.items, &|item| item.downloaded = *bytes);
            }
            EventKind::ItemFinished { id, last_lines, .. } if !last_lines.is_empty() => {
                self.last_lines.insert(*id, last_lines.iter().map(|line| one_line(line)).collect());
            }
            _ => {}
        }
        self.waiting_since = match self.state.waiting {
            Some(_) => self.waiting_since.or(Some(event.at_ms)),
            None => None,
        };
    }

    /// Takes news; `now_ms` is when it came.
    pub(crate) fn progress(&mut self, progress: &Progress, now_ms: u64) {
        self.state.progress(progress);
        match progress {
            Progress::Bytes { id, received, .. } => {
                self.items.entry(*id).or_default().took(*received, now_ms);
            }
            Progress::Output { id, line } => {
                self.items.entry(*id).or_default().last_output = Some(one_line(line));
            }
            Progress::Installed { id, percent } => {
                self.items.entry(*id).or_default().percent = Some(*percent);
            }
        }
    }

    /// How long an item has taken, or took, once its turn has come.
    pub(crate) fn elapsed(&self, id: ItemId, now_ms: u64) -> Option<u64> {
        let item = self.state.items.get(&id)?;
        if matches!(item.state, shared::state::ItemState::Ended(_)) {
            return Some(item.ms).filter(|ms| *ms > 0);
        }
        self.items.get(&id)?.began_ms.map(|began| now_ms.saturating_sub(began))
    }

    /// How fast an item's bytes arrive, per second.
    pub(crate) fn rate(&self, id: ItemId) -> Option<u64> {
        self.items.get(&id)?.rate
    }

    /// How far an installation is.
    pub(crate) fn percent(&self, id: ItemId) -> Option<f32> {
        self.items.get(&id)?.percent
    }

    /// The last line an item wrote.
    pub(crate) fn last_output(&self, id: ItemId) -> Option<&str> {
        self.items.get(&id)?.last_output.as_deref()
    }

    /// Bytes that have come over the network.
    pub(crate) fn downloaded(&self) -> u64 {
        let on_the_way = |bytes: BytesState| match bytes {
            BytesState::Fetching { received, .. } => received,
            BytesState::None | BytesState::Ready { .. } | BytesState::Failed { .. } => 0,
        };
        let ready: u64 = self.items.values().map(|item| item.downloaded).sum();
        ready + self.state.items.values().map(|item| on_the_way(item.bytes)).sum::<u64>()
    }
}

impl Watched {
    fn took(&mut self, received: u64, now_ms: u64) {
        let Some((since, before)) = self.bytes else {
            self.bytes = Some((now_ms, received));
            return;
        };
        let ms = now_ms.saturating_sub(since);
        if ms < 200 {
            return;
        }
        let now = received.saturating_sub(before).saturating_mul(1000) / ms;
        // Half of the old value, so that the number can be read.
        self.rate = Some(self.rate.map_or(now, |rate| u64::midpoint(rate, now)));
        self.bytes = Some((now_ms, received));
    }
}
