//! Ways to watch a run: a live board on a terminal, plain lines elsewhere, events as JSON for programs.

mod board;
mod frame;
mod run;
mod style;

pub(crate) use frame::table;
pub(crate) use run::{Met, Run};
pub(crate) use style::{Painter, Style, column};

use self::board::Board;
use crate::stdout;
use shared::{
    event::{Event, Level, Progress},
    wording::{self, LogLine, duration},
};
use std::{
    env,
    io::{IsTerminal as _, stdout},
    time::{SystemTime, UNIX_EPOCH},
};

/// Watches a run.
pub(crate) trait View {
    /// Shows a fact; `run` already contains it, and `json` is the line it came as.
    fn event(&mut self, event: &Event, json: &str, run: &Run);

    /// Shows news; `run` already contains it.
    fn progress(&mut self, _progress: &Progress, _run: &Run) {}

    /// Shows something about the rehearsal itself.
    fn note(&mut self, text: &str);

    /// Time has passed.
    fn tick(&mut self, _run: &Run) {}

    /// Nothing more will come.
    fn close(&mut self) {}
}

/// The board where standard output is a terminal that can draw, lines elsewhere.
pub(crate) fn on_this_output(painter: Painter) -> Box<dyn View> {
    let can_draw = stdout().is_terminal() && env::var_os("TERM").is_none_or(|name| name != "dumb");
    if can_draw { Box::new(Board::new(painter)) } else { Box::new(Plain) }
}

/// One event per line on standard output, and nothing else there.
#[derive(Debug)]
pub(crate) struct Json;

impl View for Json {
    fn event(&mut self, _event: &Event, json: &str, _run: &Run) {
        stdout::line(json);
    }

    fn note(&mut self, text: &str) {
        eprintln!("{text}");
    }
}

/// Shows nothing.
#[derive(Debug)]
pub(crate) struct Quiet;

impl View for Quiet {
    fn event(&mut self, _event: &Event, _json: &str, _run: &Run) {}

    fn note(&mut self, _text: &str) {}
}

/// A line for each event worth one, for files, pipes and CI.
#[derive(Debug)]
pub(crate) struct Plain;

impl View for Plain {
    fn event(&mut self, event: &Event, _json: &str, run: &Run) {
        if let Some(line) = wording::line(event, &run.state)
            && line.level > Level::Debug
        {
            stdout::line(&plain(&line, event.at_ms.saturating_sub(run.state.started_ms)));
        }
    }

    fn progress(&mut self, progress: &Progress, run: &Run) {
        if let Some(line) = wording::output(progress, &run.state) {
            stdout::line(&format!("{:>9}  | {}", "", line.text));
        }
    }

    fn note(&mut self, text: &str) {
        stdout::line(text);
    }
}

fn plain(line: &LogLine, elapsed_ms: u64) -> String {
    let level = match line.level {
        Level::Debug | Level::Info => "",
        Level::Warning => "warning: ",
        Level::Error => "error: ",
    };
    let mut text = format!("{:>9}  {level}{}", duration(elapsed_ms), line.text);
    for detail in &line.details {
        text.push_str(&format!("\n{:>9}  | {detail}", ""));
    }
    text
}

/// The time, in milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
