//! Colours and columns of terminal text.

use std::{
    env,
    io::{self, IsTerminal as _},
};

/// How a piece of text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Bold,
    Dim,
    Good,
    Bad,
    Warn,
    Busy,
}

/// Paints text, or leaves it as it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Painter {
    /// Whether colour is wanted.
    pub(crate) colour: bool,
}

impl Painter {
    /// Colours where standard output is a terminal and nobody asked for none.
    pub(crate) fn of_this_output() -> Self {
        let dumb = env::var_os("TERM").is_some_and(|name| name == "dumb");
        let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colour = io::stdout().is_terminal() && !dumb && !unwanted;
        Self { colour }
    }

    /// `text` in `style`.
    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        let code = match style {
            Style::Plain => return text.to_owned(),
            Style::Bold => "1",
            Style::Dim => "2",
            Style::Good => "32",
            Style::Bad => "31",
            Style::Warn => "33",
            Style::Busy => "36",
        };
        if self.colour && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// `text` cut or filled up to `width` columns.
pub(crate) fn column(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return format!("{text}{}", " ".repeat(width - length));
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// A bar of `width` columns, `done` of `total` full.
pub(crate) fn bar(done: u64, total: u64, width: usize) -> String {
    const EIGHTHS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let share = done.min(total) as f64 / total.max(1) as f64;
    let eighths = (share * (width * 8) as f64) as usize;
    let mut bar = "█".repeat(eighths / 8);
    if let Some(part) = (eighths % 8).checked_sub(1).and_then(|at| EIGHTHS.get(at)) {
        bar.push(*part);
    }
    column(&bar, width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_asked_for() {
        assert_eq!(column("äö", 4), "äö  ");
        assert_eq!(column("abcdef", 4), "abc…");
        assert_eq!(bar(0, 0, 3), "   ");
        assert_eq!(bar(1, 2, 3), "█▌ ");
        assert_eq!(bar(9, 2, 3), "███");
    }
}
