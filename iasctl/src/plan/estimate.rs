//! How long a plan takes on a line, as far as the sizes of downloads and packages can tell: a model, no measurement.
//!
//! Downloads come one after the other, in the order of the file, and have the whole line. An item begins when those before it are
//! over and its content is there; packages are installed one at a time. Scripts are taken to need no time, and nothing is waited for.

use super::line::Line;
use serde_json::{Value, json};
use shared::{
    item::{Item, ItemId, ItemKind},
    plan::Plan,
    wording::{bytes as sized, duration},
};
use std::{collections::BTreeSet, fmt::Write as _};

/// What `installer` needs for a package besides its content: assumed, for want of a measurement.
const PACKAGE_SECONDS: f64 = 2.0;
/// How much of a package it installs in a second, in bytes as they were downloaded: assumed, too.
const PACKAGE_BYTES_PER_SECOND: f64 = 40e6;

/// When an item is where.
#[derive(Debug, PartialEq)]
struct Step {
    id: ItemId,
    name: String,
    bytes: Option<u64>,
    content_at: f64,
    done_at: f64,
}

/// When everything is where.
#[derive(Debug)]
pub(super) struct Estimate {
    line: Line,
    steps: Vec<Step>,
    /// Items whose size is not known, and why.
    unknown: Vec<(ItemId, String)>,
    /// How many scripts were taken to need no time.
    scripts: usize,
    /// What is downloaded, as far as it is known.
    bytes: u64,
}

impl Estimate {
    /// Of the plan; `size` tells the size of what is downloaded for an item, or why it is not known.
    pub(super) fn of(plan: &Plan, line: Line, mut size: impl FnMut(&Item) -> Result<u64, String>) -> Self {
        let mut estimate = Self { line, steps: Vec::new(), unknown: Vec::new(), scripts: 0, bytes: 0 };
        let (mut lane, mut installer, mut content) = (0.0_f64, 0.0_f64, 0.0_f64);
        let mut downloaded = BTreeSet::new();
        for batch in plan.phases.iter().flat_map(|phase| &phase.batches) {
            let mut over = lane;
            for item in &batch.0 {
                let bytes = size(item).map_err(|why| estimate.unknown.push((item.id, why))).ok();
                // What several items share is downloaded once.
                if downloaded.insert(item.file.as_str().to_lowercase()) {
                    content += line.seconds(bytes.unwrap_or_default());
                    estimate.bytes = estimate.bytes.saturating_add(bytes.unwrap_or_default());
                }
                let begin = lane.max(content);
                let done = match item.kind {
                    ItemKind::Package | ItemKind::App | ItemKind::Title => {
                        installer = begin.max(installer)
                            + PACKAGE_SECONDS
                            + bytes.unwrap_or_default() as f64 / PACKAGE_BYTES_PER_SECOND;
                        installer
                    }
                    ItemKind::RootScript | ItemKind::UserScript => {
                        estimate.scripts += 1;
                        begin
                    }
                    ItemKind::RootFile | ItemKind::UserFile => begin,
                };
                if !item.donotwait {
                    over = over.max(done);
                }
                estimate.steps.push(Step {
                    id: item.id,
                    name: item.name.clone(),
                    bytes,
                    content_at: content,
                    done_at: done,
                });
            }
            lane = over;
        }
        estimate
    }

    fn last(&self, when: impl Fn(&Step) -> f64) -> f64 {
        self.steps.iter().map(when).fold(0.0, f64::max)
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut text = format!("estimate for a line of {}, a model and no measurement:\n", self.line);
        for step in &self.steps {
            let size = step.bytes.map_or("? B".to_owned(), sized);
            let (content, done) = (shown(step.content_at), shown(step.done_at));
            let _ =
                writeln!(text, "  {} \"{}\": {size}, there at {content}, done at {done}", step.id, step.name);
        }
        let least = if self.unknown.is_empty() { "" } else { "at least " };
        let (content, done) =
            (shown(self.last(|step| step.content_at)), shown(self.last(|step| step.done_at)));
        let _ = writeln!(
            text,
            "  in all {least}{}: everything there at {content}, everything done at {done}",
            sized(self.bytes)
        );
        for (id, why) in &self.unknown {
            let _ = writeln!(text, "  not counted: {id}: {why}");
        }
        let _ = writeln!(
            text,
            "  not counted: what {} scripts need, waiting for a login, and whatever fails",
            self.scripts
        );
        let _ = writeln!(
            text,
            "  assumed: {PACKAGE_SECONDS} s for each package, and {} of it in a second",
            sized(PACKAGE_BYTES_PER_SECOND as u64)
        );
        text
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let step = |step: &Step| {
            json!({
                "id": step.id.to_string(),
                "bytes": step.bytes,
                "content_at": step.content_at,
                "done_at": step.done_at,
            })
        };
        let unknown = |(id, why): &(ItemId, String)| json!({ "id": id.to_string(), "why": why });
        json!({
            "line_bytes_per_second": self.line.bytes_per_second(),
            "bytes": self.bytes,
            "content_at": self.last(|step| step.content_at),
            "done_at": self.last(|step| step.done_at),
            "items": self.steps.iter().map(step).collect::<Vec<_>>(),
            "unknown": self.unknown.iter().map(unknown).collect::<Vec<_>>(),
            "scripts_not_counted": self.scripts,
            "assumed": { "package_seconds": PACKAGE_SECONDS, "package_bytes_per_second": PACKAGE_BYTES_PER_SECOND },
        })
    }
}

fn shown(seconds: f64) -> String {
    duration((seconds * 1000.0).round() as u64)
}
