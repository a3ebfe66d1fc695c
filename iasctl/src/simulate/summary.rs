//! What a rehearsal came to: for the admin who watched it, and for the one who did not.

use super::{
    stage::Stage,
    verdict::{Told, Verdict},
};
use crate::stdout;
use crate::view::{Painter, Run, Style, column};
use serde_json::Value;
use shared::{
    event::ItemEnd,
    item::Phase,
    state::{ItemState, ItemStatus},
    wording::{Tally, bytes, duration, finished, one_line},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::Path,
};

/// Last lines of `iasd`'s log that are shown when it ended without a word.
const LOG_TAIL: usize = 10;

/// Prints the summary: on standard output, or on standard error beside JSON.
pub(crate) fn print(
    run: &Run,
    stage: &Stage,
    (code, verdict): (u8, Option<&Verdict>),
    painter: Painter,
    json: bool,
) {
    let mut text = summary(run, stage, code, painter);
    if let Some(verdict) = verdict {
        faults(&mut text, verdict, painter);
    }
    places(&mut text, stage);
    if !json {
        return stdout::line(text.trim_end());
    }
    eprint!("{text}");
    if let Some(verdict) = verdict {
        stdout::line(&verdict.json().to_string());
    }
}

fn summary(run: &Run, stage: &Stage, code: u8, painter: Painter) -> String {
    let mut text = String::from("\n");
    let style = if code == 0 { Style::Good } else { Style::Bad };
    let how = match &run.state.finished {
        Some((_, summary)) => one_line(summary),
        None => "the run did not come to its end".to_owned(),
    };
    let took = duration(run.state.now_ms.saturating_sub(run.state.started_ms));
    line(&mut text, &format!("{}, exit status {code}", painter.paint(style, &format!("{how}, {took}"))));
    let tally = Tally::of(&run.state);
    line(
        &mut text,
        &format!(
            "{} done, {} already current, {} failed, {} skipped, {} not begun",
            tally.done, tally.current, tally.failed, tally.skipped, tally.open
        ),
    );
    for phase in Phase::ALL {
        phase_lines(&mut text, run, phase, painter);
    }
    if run.state.finished.is_none() {
        log_tail(&mut text, &stage.log());
    }
    effects(&mut text, run, stage);
    text
}

/// What came of the faults.
fn faults(text: &mut String, verdict: &Verdict, painter: Painter) {
    line(text, "");
    line(text, &painter.paint(Style::Bold, "faults"));
    for Told { fault, happened, met } in &verdict.faults {
        let often = format!("{happened}×");
        line(text, &format!("  {often:>3} {} {met}", column(fault, 46)));
    }
    if !verdict.begun_again.is_empty() {
        let items: Vec<_> = verdict.begun_again.iter().map(ToString::to_string).collect();
        line(text, &format!("  begun again after a cut: {}", items.join(", ")));
    }
    let style = match verdict.is_same() {
        Some(true) => Style::Good,
        Some(false) => Style::Bad,
        None => Style::Plain,
    };
    for (at, said) in verdict.conclusion().iter().enumerate() {
        let label = if at == 0 { "verdict" } else { "" };
        line(text, &format!("{label:<14} {}", painter.paint(style, said)));
    }
    line(text, "");
}

fn phase_lines(text: &mut String, run: &Run, phase: Phase, painter: Painter) {
    let mut items = run.state.items.values().filter(|item| item.listed.id.phase == phase).peekable();
    if items.peek().is_none() {
        return;
    }
    line(text, "");
    line(text, &painter.paint(Style::Bold, phase.key()));
    for item in items {
        let (style, symbol) = symbol(item);
        let name = column(&one_line(&item.listed.name), 34);
        let outcome = match &item.state {
            ItemState::Ended(end) => finished(item, end),
            ItemState::Pending if run.state.preflight_passed == Some(true) => {
                "not needed: preflight passed".to_owned()
            }
            ItemState::Pending => "not begun".to_owned(),
            ItemState::Started | ItemState::Running => "not over".to_owned(),
        };
        line(text, &format!("  {} {name} {}", painter.paint(style, symbol), painter.paint(style, &outcome)));
        if item.failure().is_some() {
            for last in run.last_lines.get(&item.listed.id).into_iter().flatten() {
                line(text, &painter.paint(Style::Dim, &format!("      | {last}")));
            }
        }
    }
}

fn symbol(item: &ItemStatus) -> (Style, &'static str) {
    match &item.state {
        ItemState::Ended(_) if item.failure().is_some() => (Style::Bad, "✗"),
        ItemState::Ended(ItemEnd::Skipped(_) | ItemEnd::NotStarted) => (Style::Dim, "–"),
        ItemState::Ended(ItemEnd::Background) => (Style::Plain, "»"),
        ItemState::Ended(_) => (Style::Plain, "✓"),
        ItemState::Pending | ItemState::Started | ItemState::Running => (Style::Dim, "·"),
    }
}

/// What the run did to the Mac.
fn effects(text: &mut String, run: &Run, stage: &Stage) {
    line(text, "");
    line(text, &format!("downloaded     {}", bytes(run.downloaded())));
    let before = stage.installed_before();
    let new: Vec<_> = receipts(&stage.root).into_iter().filter(|(id, _)| !before.contains(id)).collect();
    for (at, (id, version)) in new.iter().enumerate() {
        let label = if at == 0 { "installed" } else { "" };
        line(text, &format!("{label:<14} {id} {version}"));
    }
    let calls = calls(&stage.side.join("inside/calls.ndjson"));
    if !calls.is_empty() {
        let calls: Vec<_> = calls.iter().map(|(name, count)| format!("{name} ×{count}")).collect();
        line(text, &format!("Mac commands   {}", calls.join(", ")));
    }
    if let Ok(lines) = fs::read_to_string(&stage.depnotify) {
        line(text, &format!("DEPNotify      {} lines", lines.lines().count()));
    }
}

fn places(text: &mut String, stage: &Stage) {
    if stage.is_kept() {
        line(text, &format!("the Mac        {}", stage.root.display()));
        line(text, &format!("log            {}", stage.log().display()));
    } else {
        line(text, "the Mac        removed (--keep or --root DIR leaves it)");
    }
}

/// Receipts on the Mac: identifier and version.
pub(super) fn receipts(root: &Path) -> BTreeSet<(String, String)> {
    let Ok(entries) = fs::read_dir(root.join("private/var/db/receipts")) else { return BTreeSet::new() };
    let plists = entries.flatten().map(|entry| entry.path());
    let read = |path: std::path::PathBuf| -> Option<(String, String)> {
        let receipt: plist::Dictionary = plist::from_file(path).ok()?;
        let text = |key: &str| receipt.get(key)?.as_string().map(str::to_owned);
        Some((text("PackageIdentifier")?, text("PackageVersion")?))
    };
    plists.filter(|path| path.extension().is_some_and(|end| end == "plist")).filter_map(read).collect()
}

/// How often scripts called programs that only a Mac has.
fn calls(path: &Path) -> BTreeMap<String, usize> {
    let mut calls = BTreeMap::new();
    for call in fs::read_to_string(path).unwrap_or_default().lines() {
        let call: Value = serde_json::from_str(call).unwrap_or_default();
        if let Some(name) = call.get("command").and_then(Value::as_str) {
            *calls.entry(name.to_owned()).or_default() += 1;
        }
    }
    calls
}

fn log_tail(text: &mut String, log: &Path) {
    let log = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = log.lines().collect();
    line(text, "");
    for last in lines.iter().skip(lines.len().saturating_sub(LOG_TAIL)) {
        line(text, &format!("  {last}"));
    }
}

fn line(text: &mut String, line: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{line}");
}
