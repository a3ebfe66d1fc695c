//! From facts to stretches of time: what each item, and the run, did from when to when.

use serde::Serialize;
use shared::{
    event::{Event, EventKind, ItemEnd, Level, SkipReason},
    item::{ItemId, ItemKind},
    state::RunState,
    wording,
};
use std::collections::BTreeMap;

/// Where something goes on: one row of the picture, or several where it goes on side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Lane {
    /// Nothing can go on: nobody is there, nothing runs.
    Waiting,
    /// Bytes come over the line.
    Downloads,
    /// One package after the other.
    Packages,
    /// Titles and applications.
    Titles,
    /// As root.
    Scripts,
    /// As the user.
    User,
    /// Put in place.
    Files,
}

/// What it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Doing {
    /// One attempt.
    Downloads,
    /// A failed attempt, until the next one.
    Pauses,
    /// Its turn has come, its content has not.
    WaitsForContent,
    /// Its content is there, the lane is not free.
    WaitsForItsLane,
    /// It is carried out.
    Runs,
    /// Userland waits for a user.
    WaitsForUser,
    /// User items wait for the agent.
    WaitsForAgent,
    /// `iasd` does not run: a power cut, a restart, a pause.
    NotRunning,
}

/// A stretch of time; milliseconds since the run began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Span {
    pub(super) lane: Lane,
    pub(super) doing: Doing,
    /// Which item, by its place in the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) item: Option<usize>,
    pub(super) from: u64,
    pub(super) to: u64,
    /// It did not come to its own end.
    pub(super) cut_off: bool,
}

/// One line about an item, or the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Line {
    pub(super) at: u64,
    pub(super) level: Level,
    pub(super) text: String,
}

/// One item.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Item {
    /// Such as `userland[2]`.
    pub(super) id: String,
    pub(super) name: String,
    pub(super) kind: Option<ItemKind>,
    /// What became of it, and why.
    pub(super) end: String,
    pub(super) outcome: Outcome,
    /// When its turn came, when it began, when it was over.
    pub(super) turn: Option<u64>,
    pub(super) began: Option<u64>,
    pub(super) over: Option<u64>,
    pub(super) bytes: Option<u64>,
    /// Whether it was there already.
    pub(super) reused: bool,
    pub(super) attempts: u32,
    pub(super) failed_attempts: u32,
    pub(super) log: Vec<Line>,
    #[serde(skip)]
    key: Option<ItemId>,
}

/// In one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// It was not over when the recording ends.
    Open,
    Done,
    /// It was there already.
    Current,
    Skipped,
    Failed,
    NotBegun,
}

/// A run in time.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    /// When it began: milliseconds since 1970.
    pub(super) began_ms: u64,
    /// How long it took, up to its end or the end of the recording.
    pub(super) took: u64,
    pub(super) items: Vec<Item>,
    pub(super) spans: Vec<Span>,
    /// What belongs to no item.
    pub(super) log: Vec<Line>,
    /// Settings, as the run said them.
    pub(super) settings: Vec<String>,
    /// As the facts leave it.
    pub(super) state: RunState,
    open: Vec<Span>,
    places: BTreeMap<ItemId, usize>,
}

/// Goes through the facts.
pub(super) fn timeline(events: &[Event]) -> Timeline {
    let mut timeline =
        Timeline { began_ms: events.first().map_or(0, |event| event.at_ms), ..Timeline::default() };
    let (mut now, mut over) = (0, false);
    for event in events {
        // A clock that is set back does not undo what happened.
        let at = event.at_ms.saturating_sub(timeline.began_ms).max(now);
        timeline.take(event, (now, at));
        now = at;
        // What comes after its end, until it goes on, is cleanup.
        over &= !matches!(event.kind, EventKind::RunStarted { .. });
        if !over {
            timeline.took = at;
        }
        over |= matches!(event.kind, EventKind::RunFinished { .. });
    }
    timeline.cut_off(timeline.took);
    timeline.spans.sort_by_key(|span| (span.lane, span.from, span.to));
    let tolerated: Vec<(usize, Outcome)> = timeline.judged().collect();
    for (place, outcome) in tolerated {
        if let Some(item) = timeline.items.get_mut(place) {
            item.outcome = outcome;
        }
    }
    timeline
}

impl Timeline {
    fn take(&mut self, event: &Event, (before, at): (u64, u64)) {
        match &event.kind {
            EventKind::RunStarted { launch, .. } if *launch > 1 && event.seq > 1 => {
                self.cut_off(before);
                self.add(Lane::Waiting, Doing::NotRunning, None, (before, at));
            }
            EventKind::ControlFileLoaded { items, .. } => {
                self.list(items.iter().map(|listed| (listed.id, listed.name.clone(), listed.kind)));
            }
            EventKind::TitlesResolved { items, .. } => {
                self.list(items.iter().map(|listed| (listed.id, listed.name.clone(), listed.kind)));
            }
            EventKind::WaitingForUser => self.begin(Lane::Waiting, Doing::WaitsForUser, None, at),
            EventKind::UserPresent { .. } => self.close_waits(Doing::WaitsForUser, at),
            EventKind::WaitingForAgent => self.begin(Lane::Waiting, Doing::WaitsForAgent, None, at),
            EventKind::AgentCheckedIn { .. } => self.close_waits(Doing::WaitsForAgent, at),
            other => self.take_of_item(other, at),
        }
        self.state.apply(event);
        self.say(event, at);
    }

    fn take_of_item(&mut self, fact: &EventKind, at: u64) {
        match fact {
            EventKind::DownloadStarted { id, .. } => self.downloads(*id, at),
            EventKind::DownloadAttemptFailed { id, retry_in_ms, .. } => {
                self.close(*id, Doing::Downloads, at, true);
                if retry_in_ms.is_some() {
                    self.begin(Lane::Downloads, Doing::Pauses, Some(*id), at);
                }
                self.with(*id, |item| item.failed_attempts += 1);
            }
            EventKind::DownloadFinished { id, bytes, reused, .. } => {
                self.close(*id, Doing::Downloads, at, false);
                let waits = self.close(*id, Doing::WaitsForContent, at, false);
                if let Some(lane) = waits {
                    self.begin(lane, Doing::WaitsForItsLane, Some(*id), at);
                }
                self.with(*id, |item| (item.bytes, item.reused) = (Some(*bytes), *reused));
            }
            EventKind::ItemStarted { id } => self.starts(*id, at),
            EventKind::ItemRunning { id } => {
                self.close(*id, Doing::WaitsForContent, at, false);
                self.close(*id, Doing::WaitsForItsLane, at, false);
                let lane = self.lane(*id);
                self.begin(lane, Doing::Runs, Some(*id), at);
                self.with(*id, |item| item.began = Some(at));
            }
            EventKind::ItemNotTaken { id, .. } => {
                self.close(*id, Doing::Runs, at, true);
            }
            EventKind::ItemFinished { id, end, last_lines, .. } => {
                let failed = end.is_failure();
                for doing in [Doing::WaitsForContent, Doing::WaitsForItsLane, Doing::Runs] {
                    self.close(*id, doing, at, failed);
                }
                self.with(*id, |item| {
                    (item.over, item.end, item.outcome) = (Some(at), end.to_string(), outcome(end));
                    let lines = last_lines.iter().map(|text| Line {
                        at,
                        level: Level::Info,
                        text: wording::one_line(text),
                    });
                    item.log.extend(lines);
                });
            }
            _ => {}
        }
    }

    fn list(&mut self, items: impl Iterator<Item = (ItemId, String, Option<ItemKind>)>) {
        for (id, name, kind) in items {
            if self.places.contains_key(&id) {
                continue;
            }
            self.places.insert(id, self.items.len());
            self.items.push(Item {
                id: id.to_string(),
                name: wording::one_line(&name),
                kind,
                end: "not begun".into(),
                outcome: Outcome::NotBegun,
                turn: None,
                began: None,
                over: None,
                bytes: None,
                reused: false,
                attempts: 0,
                failed_attempts: 0,
                log: Vec::new(),
                key: Some(id),
            });
        }
    }

    fn downloads(&mut self, id: ItemId, at: u64) {
        self.close(id, Doing::Pauses, at, false);
        // One that let go for others goes on where it was.
        self.close(id, Doing::Downloads, at, true);
        self.begin(Lane::Downloads, Doing::Downloads, Some(id), at);
        self.with(id, |item| item.attempts += 1);
    }

    fn starts(&mut self, id: ItemId, at: u64) {
        let lane = self.lane(id);
        let waits = self
            .places
            .get(&id)
            .and_then(|place| self.items.get(*place))
            .is_some_and(|item| item.bytes.is_none());
        let doing = if waits { Doing::WaitsForContent } else { Doing::WaitsForItsLane };
        self.begin(lane, doing, Some(id), at);
        self.with(id, |item| {
            (item.turn, item.outcome, item.end) = (Some(at), Outcome::Open, "not over".into());
        });
    }

    fn with(&mut self, id: ItemId, act: impl FnOnce(&mut Item)) {
        if let Some(item) = self.places.get(&id).and_then(|place| self.items.get_mut(*place)) {
            act(item);
        }
    }

    fn lane(&self, id: ItemId) -> Lane {
        let kind = self.places.get(&id).and_then(|place| self.items.get(*place)).and_then(|item| item.kind);
        match kind {
            Some(ItemKind::Package) => Lane::Packages,
            Some(ItemKind::RootScript) => Lane::Scripts,
            Some(ItemKind::UserScript | ItemKind::UserFile) => Lane::User,
            Some(ItemKind::RootFile) | None => Lane::Files,
            Some(_) => Lane::Titles,
        }
    }

    fn add(&mut self, lane: Lane, doing: Doing, item: Option<usize>, (from, to): (u64, u64)) {
        self.spans.push(Span { lane, doing, item, from, to, cut_off: false });
    }

    fn begin(&mut self, lane: Lane, doing: Doing, id: Option<ItemId>, at: u64) {
        let item = id.and_then(|id| self.places.get(&id).copied());
        self.open.push(Span { lane, doing, item, from: at, to: at, cut_off: false });
    }

    /// Ends what an item is doing, if it is; gives where.
    fn close(&mut self, id: ItemId, doing: Doing, at: u64, cut_off: bool) -> Option<Lane> {
        let item = self.places.get(&id).copied()?;
        let place = self.open.iter().position(|span| span.item == Some(item) && span.doing == doing)?;
        let span = self.open.swap_remove(place);
        let lane = span.lane;
        self.keep(Span { to: at, cut_off, ..span });
        Some(lane)
    }

    fn close_waits(&mut self, doing: Doing, at: u64) {
        while let Some(place) = self.open.iter().position(|span| span.doing == doing) {
            let span = self.open.swap_remove(place);
            self.keep(Span { to: at, ..span });
        }
    }

    /// Ends all that goes on: nothing is known of its end.
    fn cut_off(&mut self, at: u64) {
        for span in std::mem::take(&mut self.open) {
            self.keep(Span { to: at, cut_off: true, ..span });
        }
    }

    /// A wait of no length is none.
    fn keep(&mut self, span: Span) {
        if span.to > span.from || matches!(span.doing, Doing::Runs | Doing::Downloads) {
            self.spans.push(span);
        }
    }

    /// What the log says of it, where it belongs.
    fn say(&mut self, event: &Event, at: u64) {
        let Some(line) = wording::line(event, &self.state) else { return };
        let said = Line { at, level: line.level, text: line.text };
        if line.level == Level::Debug && line.category == shared::event::Category::Settings {
            return self.settings.push(said.text);
        }
        let about = match &event.kind {
            EventKind::DownloadStarted { id, .. }
            | EventKind::DownloadAttemptFailed { id, .. }
            | EventKind::DownloadFinished { id, .. }
            | EventKind::ItemStarted { id }
            | EventKind::ItemRunning { id }
            | EventKind::ItemNotTaken { id, .. }
            | EventKind::ItemFinished { id, .. }
            | EventKind::BackgroundEnded { id, .. }
            | EventKind::BackgroundFailed { id, .. }
            | EventKind::Notice { id: Some(id), .. } => self.places.get(id).copied(),
            _ => None,
        };
        match about.and_then(|place| self.items.get_mut(place)) {
            Some(item) => item.log.push(said),
            None => self.log.push(said),
        }
    }

    /// What the whole run knows better than the item's own end: an answer of preflight is no failure (R49).
    fn judged(&self) -> impl Iterator<Item = (usize, Outcome)> + '_ {
        self.items.iter().enumerate().filter_map(|(place, item)| {
            let status = self.state.items.get(&item.key?)?;
            let answered = item.outcome == Outcome::Failed && status.failure().is_none();
            answered.then_some((place, Outcome::Done))
        })
    }
}

fn outcome(end: &ItemEnd) -> Outcome {
    match end {
        ItemEnd::Done | ItemEnd::Background => Outcome::Done,
        ItemEnd::Skipped(
            SkipReason::Receipt { .. } | SkipReason::Present { .. } | SkipReason::AlreadyDone,
        ) => Outcome::Current,
        ItemEnd::Skipped(_) => Outcome::Skipped,
        ItemEnd::NotStarted => Outcome::NotBegun,
        end if end.is_failure() => Outcome::Failed,
        _ => Outcome::Open,
    }
}
