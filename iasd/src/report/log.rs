//! The readable log: on standard error and in `LogFilePath` (R94, R102, R103).

use super::{Reporter, Troubles, append, lines::Lines};
use rustix::fs::Mode;
use shared::{
    event::{Category, Event, EventKind, Level, Progress},
    layout::MacPath,
    state::RunState,
    wording::{self, LogLine},
};
use std::{
    io::{self, IsTerminal as _},
    path::Path,
};

/// Writes a line for each event worth one.
#[derive(Debug)]
pub(crate) struct Log {
    lines: Lines,
    least: Level,
    colour: bool,
    troubles: Troubles,
    result: Option<String>,
}

impl Log {
    /// Writes to standard error; in colour when that is a terminal.
    pub(crate) fn to_stderr(least: Level, troubles: Troubles) -> Self {
        let lines = Lines::new(Box::new(io::stderr()), "the log".to_owned(), troubles.clone());
        Self { lines, least, colour: io::stderr().is_terminal(), troubles, result: None }
    }

    /// Appends to `path` below `root`; the file is opened as DEPNotify's is, and created 0640.
    ///
    /// # Errors
    /// Why the file cannot be used, in one line that names it.
    pub(crate) fn to_file(
        root: &Path,
        path: &MacPath,
        least: Level,
        trusted_owner: u32,
        troubles: Troubles,
    ) -> Result<Self, String> {
        let file = append::open(root, path, Mode::from_bits_truncate(0o640), &[trusted_owner])?;
        let lines = Lines::new(Box::new(file), path.to_string(), troubles.clone());
        Ok(Self { lines, least, colour: false, troubles, result: None })
    }

    /// The least level that is logged under the settings `Debug` and `Verbose`.
    pub(crate) fn least(debug: bool, verbose: bool) -> Level {
        if debug || verbose { Level::Debug } else { Level::Info }
    }

    fn write(&self, at_ms: u64, line: &LogLine) {
        if line.level < self.least {
            return;
        }
        self.lines.write(format(at_ms, line, self.colour), false);
    }
}

impl Reporter for Log {
    fn event(&mut self, event: &Event, state: &RunState) {
        for text in self.troubles.take() {
            let line = LogLine { level: Level::Warning, category: Category::Main, text, details: Vec::new() };
            self.write(event.at_ms, &line);
        }
        if let Some(line) = wording::line(event, state) {
            self.write(event.at_ms, &line);
        }
        if matches!(event.kind, EventKind::RunFinished { .. }) {
            self.result = Some(wording::status_line(state));
        }
    }

    fn progress(&mut self, progress: &Progress, state: &RunState) {
        if let Some(line) = wording::output(progress, state) {
            self.write(state.now_ms, &line);
        }
    }

    fn finish(&mut self) {
        if let Some(result) = self.result.take() {
            // The last line states the result, so that an MDM attribute can read it (R102).
            self.lines.write(result, false);
        }
        self.lines.finish();
    }
}

/// `<time> <level> <category> <text>`, and its details below it.
fn format(at_ms: u64, line: &LogLine, colour: bool) -> String {
    let (level, paint) = match line.level {
        Level::Debug => ("debug", "2"),
        Level::Info => ("info", "0"),
        Level::Warning => ("warning", "33"),
        Level::Error => ("error", "31"),
    };
    let category = wording::category_name(line.category);
    let time = wording::exact_moment(at_ms);
    let mut text = if colour {
        format!(
            "\x1b[2m{time}\x1b[0m \x1b[{paint}m{level:<7}\x1b[0m \x1b[2m{category:<14}\x1b[0m {}",
            line.text
        )
    } else {
        format!("{time} {level:<7} {category:<14} {}", line.text)
    };
    for detail in &line.details {
        text.push_str("\n    | ");
        text.push_str(detail);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{super::sample, *};
    use std::{fs, os::unix::fs::PermissionsExt as _};

    fn logged(least: Level) -> String {
        let root = tempfile::tempdir().unwrap();
        let path = MacPath::new("/ias.log").unwrap();
        let me = rustix::process::geteuid().as_raw();
        let troubles = Troubles::default();
        let mut log = Log::to_file(root.path(), &path, least, me, troubles.clone()).unwrap();
        troubles.tell("DEPNotify is not told".to_owned());
        sample::tell(&mut log, sample::failing());
        log.finish();
        let path = path.under(root.path());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn r102_the_last_line_is_the_status_line() {
        let log = logged(Level::Info);
        let expected = "2026-03-01T10:15:38Z failed 2 installed, 0 current, 1 failed, 0 skipped: C exit status 3, run 7f3a";
        assert_eq!(log.lines().last().unwrap(), expected);
    }

    #[test]
    fn r94_a_failure_stands_with_its_last_lines_and_troubles_of_others_are_warnings() {
        let log = logged(Level::Info);
        let error = "2026-03-01T10:15:37.500Z error   item           C: failed: exit status 3; \
                     tolerated (failable_execution)\n    | last words\n";
        assert!(log.contains(error), "{log}");
        assert!(log.contains(" warning main           DEPNotify is not told\n"), "{log}");
    }

    #[test]
    fn debug_lines_are_for_those_who_ask() {
        assert!(!logged(Level::Info).contains("its turn has come"));
        assert!(logged(Log::least(true, false)).contains("its turn has come"));
        assert_eq!(Log::least(false, false), Level::Info);
    }
}
