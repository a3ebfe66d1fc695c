//! A run told in numbers: the one source of the page, the text and the JSON.

use super::{
    critical::{Cause, Stretch, costs, critical, share},
    recording::Recording,
    timeline::{Doing, Item, Lane, Line, Outcome, Span, timeline},
};
use serde::Serialize;
use shared::{
    event::{EventKind, Level, RunEnd},
    wording::{bytes, duration, moment},
};
use std::fmt::Write as _;

/// The version of the JSON; it grows when a field changes its meaning or goes.
const FORMAT: u32 = 1;

/// Milliseconds below which something is nobody's business.
pub(super) const WORTH_A_LINE: u64 = 50;

/// A run. Times are milliseconds since it began.
#[derive(Debug, Serialize)]
pub(super) struct Story {
    format: u32,
    /// Where it was read.
    pub(super) source: String,
    pub(super) run: String,
    /// When it began, in UTC.
    pub(super) began: String,
    pub(super) took: u64,
    /// One sentence: how it ended.
    pub(super) summary: String,
    pub(super) good: bool,
    /// Whether the recording has its end.
    pub(super) over: bool,
    /// How often `iasd` was started for it.
    pub(super) starts: u32,
    pub(super) counts: Counts,
    /// What came over the line, and what was there already.
    pub(super) received: u64,
    pub(super) reused: u64,
    /// Bytes a second while anything was downloaded.
    pub(super) rate: Option<u64>,
    pub(super) failed_attempts: u32,
    /// What the run waited for, from its beginning to its end.
    pub(super) way: Vec<Stretch>,
    pub(super) costs: Vec<Cost>,
    pub(super) items: Vec<Told>,
    pub(super) spans: Vec<Span>,
    /// The Mac, the programs, the control file.
    pub(super) environment: Vec<(String, String)>,
    pub(super) settings: Vec<String>,
    /// What belongs to no item.
    pub(super) log: Vec<Line>,
    pub(super) unreadable: usize,
}

/// How many items ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    pub(super) done: usize,
    pub(super) current: usize,
    pub(super) skipped: usize,
    pub(super) failed: usize,
    pub(super) open: usize,
}

/// What a part of the way came to.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Cost {
    pub(super) cause: Cause,
    pub(super) ms: u64,
}

/// An item, and what it cost.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    #[serde(flatten)]
    pub(super) item: Item,
    /// How long its content took to come, without the pauses between attempts.
    pub(super) download_ms: u64,
    /// How long it was carried out.
    pub(super) run_ms: u64,
    /// How much of the way is its own: the run would have been shorter by about that much without it.
    pub(super) cost_ms: u64,
    /// Bytes a second.
    pub(super) rate: Option<u64>,
}

/// Tells a recorded run.
pub(super) fn story(recording: &Recording) -> Story {
    let timeline = timeline(&recording.events);
    let way = critical(&timeline.spans, timeline.took);
    let (state, mut counts) = (&timeline.state, Counts::default());
    let spent = |item: usize, doing: Doing| -> u64 {
        let own = timeline.spans.iter().filter(|span| span.item == Some(item) && span.doing == doing);
        own.map(|span| span.to - span.from).sum()
    };
    let mut items = Vec::new();
    for (place, item) in timeline.items.into_iter().enumerate() {
        match item.outcome {
            Outcome::Done => counts.done += 1,
            Outcome::Current => counts.current += 1,
            Outcome::Skipped => counts.skipped += 1,
            Outcome::Failed => counts.failed += 1,
            Outcome::Open | Outcome::NotBegun => counts.open += 1,
        }
        let download_ms = spent(place, Doing::Downloads);
        let rate =
            item.bytes.filter(|_| !item.reused && download_ms > 0).map(|bytes| bytes * 1000 / download_ms);
        let (run_ms, cost_ms) = (spent(place, Doing::Runs), share(&way, place));
        items.push(Told { item, download_ms, run_ms, cost_ms, rate });
    }
    let total = |reused: bool| -> u64 {
        items.iter().filter(|told| told.item.reused == reused).filter_map(|told| told.item.bytes).sum()
    };
    let (received, reused) = (total(false), total(true));
    let busy =
        covered(&timeline.spans, |span| span.lane == Lane::Downloads && span.doing == Doing::Downloads);
    let over = state.finished.is_some();
    Story {
        format: FORMAT,
        source: recording.source.clone(),
        run: state.run_id.clone(),
        began: moment(timeline.began_ms),
        took: timeline.took,
        summary: match &state.finished {
            Some((_, summary)) => shared::wording::one_line(summary),
            None => "not over when this was recorded".to_owned(),
        },
        good: state.end.is_some_and(|end| end.is_good() || end == RunEnd::DryRun),
        over,
        starts: state.launch,
        counts,
        received,
        reused,
        rate: (busy > 0 && received > 0).then(|| received * 1000 / busy),
        failed_attempts: items.iter().map(|told| told.item.failed_attempts).sum(),
        costs: costs(&way).into_iter().map(|(cause, ms)| Cost { cause, ms }).collect(),
        way,
        items,
        spans: timeline.spans,
        environment: environment(recording),
        settings: timeline.settings,
        log: timeline.log,
        unreadable: recording.unreadable,
    }
}

/// How long anything of it went on.
fn covered(spans: &[Span], which: impl Fn(&Span) -> bool) -> u64 {
    let mut parts: Vec<(u64, u64)> =
        spans.iter().filter(|span| which(span)).map(|span| (span.from, span.to)).collect();
    parts.sort_unstable();
    let (mut sum, mut until) = (0, 0);
    for (from, to) in parts {
        sum += to.saturating_sub(from.max(until));
        until = until.max(to);
    }
    sum
}

fn environment(recording: &Recording) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    let mut row = |name: &str, value: String| rows.push((name.to_owned(), value));
    for event in &recording.events {
        match &event.kind {
            EventKind::RunStarted { version, facts, launch: 1, dry_run, .. } => {
                row("Mac", format!("macOS {}, {}", facts.os_version, facts.arch.as_str()));
                row("iasd", version.clone());
                if *dry_run {
                    row("Dry run", "nothing was carried out".into());
                }
            }
            EventKind::ControlFileLoaded { source, digest, errors, warnings, .. } => {
                row("Control file", source.clone());
                row("Its SHA-256", digest.to_string());
                if errors + warnings > 0 {
                    row("Found in it", format!("{errors} errors, {warnings} warnings"));
                }
            }
            EventKind::UserPresent { user } => row("User", user.name.clone()),
            _ => {}
        }
    }
    rows.dedup();
    rows
}

impl Story {
    /// How it went, in one sentence.
    pub(super) fn headline(&self) -> String {
        let all = self.items.len();
        let Counts { done, current, skipped, failed, open } = self.counts;
        let there = done + current;
        let may = if self.good { " (tolerated)" } else { "" };
        let others = [(skipped, "skipped", ""), (failed, "failed", may), (open, "not done", "")];
        let mut how = format!("{there} of {all} items in place");
        for (count, what, more) in others.iter().filter(|(count, ..)| *count > 0) {
            // Writing to a string cannot fail.
            let _ = write!(how, ", {count} {what}{more}");
        }
        let after = if self.over { "after" } else { "so far, after" };
        format!("{how}, {after} {}", duration(self.took))
    }

    /// The item that cost most, if any did.
    pub(super) fn slowest(&self) -> Option<&Told> {
        self.items.iter().filter(|told| told.cost_ms >= WORTH_A_LINE).max_by_key(|told| told.cost_ms)
    }

    /// The items that cost anything to speak of, the dearest first.
    pub(super) fn by_cost(&self) -> Vec<(usize, &Told)> {
        let dear = |(_, told): &(usize, &Told)| told.cost_ms >= WORTH_A_LINE;
        let mut items: Vec<_> = self.items.iter().enumerate().filter(dear).collect();
        items.sort_by_key(|(place, told)| (std::cmp::Reverse(told.cost_ms), *place));
        items
    }

    /// What came over the line, in words.
    pub(super) fn traffic(&self) -> String {
        let rate = self.rate.map_or(String::new(), |rate| format!(" at {}/s", bytes(rate)));
        let reused = if self.reused > 0 {
            format!(", {} were there already", bytes(self.reused))
        } else {
            String::new()
        };
        let failed = match self.failed_attempts {
            0 => String::new(),
            1 => ", 1 attempt failed".into(),
            count => format!(", {count} attempts failed"),
        };
        format!("{} downloaded{rate}{reused}{failed}", bytes(self.received))
    }
}

impl Told {
    /// What its time went into, in words.
    pub(super) fn parts(&self) -> String {
        let mut parts = Vec::new();
        if self.download_ms >= WORTH_A_LINE {
            let rate = self.rate.map_or(String::new(), |rate| format!(" at {}/s", bytes(rate)));
            let size = self.item.bytes.map_or(String::new(), |size| format!(" for {}{rate}", bytes(size)));
            parts.push(format!("{} download{size}", duration(self.download_ms)));
        }
        if self.run_ms >= WORTH_A_LINE {
            parts.push(format!("{} carried out", duration(self.run_ms)));
        }
        if self.item.failed_attempts > 0 {
            parts.push(format!("{} failed attempts", self.item.failed_attempts));
        }
        if parts.is_empty() { "hardly any".into() } else { parts.join(", ") }
    }
}

/// The word for a level, where it is worth one.
pub(super) fn loudness(level: Level) -> &'static str {
    match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warning => "warning",
        Level::Error => "error",
    }
}
