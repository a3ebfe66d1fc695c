//! The live board: drawn at the foot of the terminal, with the log scrolling past above it.

use super::{
    Run, View,
    frame::{Paper, frame},
    now_ms,
    style::{Painter, Style},
};
use shared::{
    event::{Event, EventKind, Level, Progress},
    wording,
};
use std::{
    io::{self, Stdout, Write as _},
    time::{Duration, Instant},
};

/// The shortest time between two drawings.
const PAUSE: Duration = Duration::from_millis(60);

/// Draws on a terminal; the terminal is as it was once this is dropped.
#[derive(Debug)]
pub(crate) struct Board {
    terminal: Stdout,
    painter: Painter,
    /// Lines of the board on the screen.
    drawn: usize,
    drawn_at: Option<Instant>,
    /// Lines to be printed above the board.
    above: Vec<String>,
}

impl Board {
    /// A board on standard output.
    pub(crate) fn new(painter: Painter) -> Self {
        let mut terminal = io::stdout();
        // No cursor: it would jump about. A terminal that is gone is noticed nowhere, and need not be.
        let _ = terminal.write_all(b"\x1b[?25l");
        Self { terminal, painter, drawn: 0, drawn_at: None, above: Vec::new() }
    }

    fn draw(&mut self, run: &Run) {
        let (width, height) = size(&self.terminal);
        let paper = Paper { width, height, now_ms: now_ms(), painter: self.painter };
        self.replace(&frame(run, paper));
    }

    /// Prints what is to stand above, and `lines` instead of the board on the screen.
    fn replace(&mut self, lines: &[String]) {
        // Shown at once where terminals can, and long lines are cut instead of wrapped.
        let mut text = String::from("\x1b[?2026h\x1b[?7l\r");
        if self.drawn > 0 {
            text.push_str(&format!("\x1b[{}A", self.drawn));
        }
        for line in self.above.drain(..).chain(lines.iter().cloned()) {
            text.push_str("\x1b[2K");
            text.push_str(&line);
            text.push('\n');
        }
        text.push_str("\x1b[0J\x1b[?7h\x1b[?2026l");
        let _ = self.terminal.write_all(text.as_bytes()).and_then(|()| self.terminal.flush());
        self.drawn = lines.len();
        self.drawn_at = Some(Instant::now());
    }

    fn draw_soon(&mut self, run: &Run) {
        if self.drawn_at.is_none_or(|at| at.elapsed() >= PAUSE) {
            self.draw(run);
        }
    }
}

impl View for Board {
    fn event(&mut self, event: &Event, _json: &str, run: &Run) {
        let shown = |level| match event.kind {
            EventKind::Notice { .. } => level > Level::Debug,
            // What the board shows need not be said.
            _ => level > Level::Info,
        };
        if let Some(line) = wording::line(event, &run.state).filter(|line| shown(line.level)) {
            let (style, mark) = match line.level {
                Level::Debug | Level::Info => (Style::Dim, "i"),
                Level::Warning => (Style::Warn, "!"),
                Level::Error => (Style::Bad, "✗"),
            };
            self.above.push(format!(" {} {}", self.painter.paint(style, mark), line.text));
            let details = line.details.iter().map(|detail| format!("   | {detail}"));
            self.above.extend(details.map(|detail| self.painter.paint(Style::Dim, &detail)));
        }
        self.draw_soon(run);
    }

    fn progress(&mut self, progress: &Progress, run: &Run) {
        if let Some(line) = wording::output(progress, &run.state) {
            self.above.push(self.painter.paint(Style::Dim, &format!(" | {}", line.text)));
        }
        self.draw_soon(run);
    }

    fn note(&mut self, text: &str) {
        self.above.push(text.to_owned());
    }

    fn tick(&mut self, run: &Run) {
        self.draw_soon(run);
    }

    fn close(&mut self) {
        // The summary says it all again.
        self.replace(&[]);
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        let _ = self.terminal.write_all(b"\x1b[?25h").and_then(|()| self.terminal.flush());
    }
}

fn size(terminal: &Stdout) -> (usize, usize) {
    match rustix::termios::tcgetwinsize(terminal) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
        _ => (100, 40),
    }
}
