//! Events in words: the one place where a fact about a run becomes a line for people.
//!
//! The daemon's log and `iasctl`'s screen say the same thing because both ask here. No output, no clock.

mod item;
mod result;
#[cfg(test)]
mod sample;
mod units;
pub mod user;

pub use item::{finished, tolerates, working};
pub use result::{Tally, reason, status_line};
pub use units::{bytes, duration, exact_moment, moment, one_line};

use crate::{
    event::{Category, Event, EventKind, Level, PhaseEnd, Progress},
    exit::ExitCode,
    item::{ItemId, Phase},
    state::RunState,
    title::Resolution,
};

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How loud.
    pub level: Level,
    /// Where it belongs (R103).
    pub category: Category,
    /// The text, on one line.
    pub text: String,
    /// Lines that belong below it, such as the last output of a failed item (R94).
    pub details: Vec<String>,
}

impl LogLine {
    fn new(level: Level, category: Category, text: impl AsRef<str>) -> Self {
        Self { level, category, text: one_line(text.as_ref()), details: Vec::new() }
    }
}

/// What `event` has to say, if it is worth a line; `state` already contains it.
#[must_use]
pub fn line(event: &Event, state: &RunState) -> Option<LogLine> {
    use Level::{Debug, Error, Info, Warning};
    let line = match &event.kind {
        EventKind::RunStarted { run_id, version, dry_run, facts, launch, .. } => {
            let dry = if *dry_run { "; dry run: nothing will be carried out" } else { "" };
            let (os, arch) = (&facts.os_version, facts.arch.as_str());
            let verb = if *launch > 1 { "goes on with" } else { "begins" };
            let again = if *launch > 1 { format!(", start {launch}") } else { String::new() };
            let text = format!("iasd {version} {verb} run {run_id} on macOS {os}, {arch}{again}{dry}");
            LogLine::new(Info, Category::Main, text)
        }
        EventKind::ControlFileLoaded { source, digest, items, errors, warnings, over } => {
            let level = if *errors > 0 { Warning } else { Info };
            let found = |count: &u32, what| format!(", {}", counted(*count as usize, what));
            let errors = if *errors > 0 { found(errors, "error") } else { String::new() };
            let warnings = if *warnings > 0 { found(warnings, "warning") } else { String::new() };
            let items = counted(items.len(), "item");
            let over = if over.is_empty() { String::new() } else { format!(", {} over already", over.len()) };
            let text = format!("control file {source}: {items}{over}{errors}{warnings}, sha256 {digest}");
            LogLine::new(level, Category::Main, text)
        }
        EventKind::TitlesResolved { titles, .. } => resolved(titles),
        EventKind::PhaseStarted { phase } => {
            let items = state.items.keys().filter(|id| id.phase == *phase).count();
            LogLine::new(Info, category(*phase), format!("{phase} begins, {}", counted(items, "item")))
        }
        EventKind::PhaseFinished { phase, end } => {
            let (level, word) = match end {
                PhaseEnd::Completed => (Info, "completed"),
                PhaseEnd::Aborted => (Error, "aborted"),
                PhaseEnd::Paused => (Warning, "paused"),
                PhaseEnd::Skipped => (Info, "skipped"),
            };
            LogLine::new(level, category(*phase), format!("{phase} {word}"))
        }
        EventKind::PreflightVerdict { pass } => {
            let passed = "preflight passed: nothing else is needed on this Mac";
            let text = if *pass { passed } else { "preflight did not pass: going on" };
            LogLine::new(Info, Category::Preflight, text)
        }
        EventKind::Notice { level, category, id, text } => {
            let item = id.map(|id| format!("{}: ", name(id, state))).unwrap_or_default();
            LogLine::new(*level, *category, format!("{item}{text}"))
        }
        EventKind::ItemNotTaken { id, why } => {
            LogLine::new(Warning, Category::Agent, format!("{}: {why}", name(*id, state)))
        }
        EventKind::Cleanup { what, error: None } => LogLine::new(Debug, Category::Main, what),
        EventKind::Cleanup { what, error: Some(error) } => {
            LogLine::new(Warning, Category::Main, format!("{what}: {error}; going on"))
        }
        EventKind::RebootRequested => LogLine::new(Info, Category::Main, "restarting in five seconds"),
        EventKind::CleanupFinished => LogLine::new(Debug, Category::Main, "cleaned up"),
        EventKind::RunFinished { exit, summary, .. } => {
            let level = if *exit == ExitCode::Finished { Info } else { Error };
            let text = format!("run {summary} (exit status {})", exit.code());
            LogLine::new(level, Category::Main, text)
        }
        kind => return item::line(kind, state).or_else(|| background(kind, state)).or_else(|| people(kind)),
    };
    Some(line)
}

fn resolved(titles: &Resolution) -> LogLine {
    let refused = titles.parts.iter().filter(|part| part.outcome.is_err()).count();
    let level = if refused == 0 { Level::Info } else { Level::Warning };
    let parts = counted(titles.parts.len(), "title");
    LogLine::new(level, Category::Main, format!("{parts} resolved, {refused} of them cannot be had"))
}

/// What is said of processes that nobody waited for.
fn background(kind: &EventKind, state: &RunState) -> Option<LogLine> {
    let (level, id, text) = match kind {
        EventKind::BackgroundEnded { id, ended } if ended.is_success() => {
            (Level::Info, *id, format!("background: {ended}"))
        }
        EventKind::BackgroundEnded { id, ended } => (Level::Warning, *id, format!("background: {ended}")),
        EventKind::BackgroundFailed { id, ended } => {
            (Level::Error, *id, format!("failed in the background: {ended}"))
        }
        _ => return None,
    };
    Some(LogLine::new(level, Category::Item, format!("{}: {text}", name(id, state))))
}

/// What a piece of news has to say: only output lines are worth a line (R72).
#[must_use]
pub fn output(progress: &Progress, state: &RunState) -> Option<LogLine> {
    let Progress::Output { id, line } = progress else { return None };
    Some(LogLine::new(Level::Info, Category::Item, format!("{}: {line}", name(*id, state))))
}

/// An item's display text.
#[must_use]
pub fn name(id: ItemId, state: &RunState) -> String {
    state.items.get(&id).map_or_else(|| id.to_string(), |item| one_line(&item.listed.name))
}

/// `1 item`, `2 items`.
fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// The log category of a phase (R103).
#[must_use]
pub fn category(phase: Phase) -> Category {
    match phase {
        Phase::Preflight => Category::Preflight,
        Phase::SetupAssistant => Category::SetupAssistant,
        Phase::Userland => Category::Userland,
    }
}

/// A category's name in the log (R103).
#[must_use]
pub fn category_name(category: Category) -> &'static str {
    match category {
        Category::Settings => "settings",
        Category::Main => "main",
        Category::Item => "item",
        Category::Preflight => "preflight",
        Category::SetupAssistant => "setupassistant",
        Category::Userland => "userland",
        Category::Xpc => "xpc",
        Category::DepNotify => "DEPNotify",
        Category::Agent => "agent",
    }
}

/// Lines about the user and the agent; uids, not names: logs leave the Mac (R102).
fn people(kind: &EventKind) -> Option<LogLine> {
    let (level, category, text) = match kind {
        EventKind::WaitingForUser => {
            (Level::Info, Category::Userland, "waiting for somebody to log in".to_owned())
        }
        EventKind::UserPresent { user } => {
            (Level::Info, Category::Userland, format!("a user is logged in (uid {})", user.uid))
        }
        EventKind::WaitingForAgent => (Level::Info, Category::Xpc, "waiting for the agent".to_owned()),
        EventKind::AgentCheckedIn { uid, pid } => {
            (Level::Info, Category::Xpc, format!("the agent checked in (uid {uid}, process {pid})"))
        }
        EventKind::AgentLost { uid } => {
            (Level::Warning, Category::Xpc, format!("the agent of uid {uid} went away"))
        }
        _ => return None,
    };
    Some(LogLine::new(level, category, text))
}
