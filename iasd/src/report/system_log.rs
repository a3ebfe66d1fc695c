//! The system's own log, as `log show --predicate 'subsystem == "…"'` reads it (P68, R103).

use super::{Reporter, mask::Mask};
use shared::{
    event::{Category, Event, Level, Progress},
    state::RunState,
    sys::mac::LogLevel,
    wording::{self, LogLine},
};

/// The system cuts what is longer than about a kilobyte; we cut before, and go on in another entry.
const MOST_BYTES: usize = 900;

/// Where entries go: category, level, text.
pub(crate) type Sink = Box<dyn Fn(Category, LogLevel, &str) + Send>;

/// Writes an entry for each event worth a line, and for each line that belongs below it.
pub(crate) struct SystemLog {
    sink: Sink,
    least: Level,
    mask: Mask,
}

impl SystemLog {
    /// Writes to `sink` what is at least as loud as `least`, without what `mask` knows.
    pub(crate) fn new(sink: Sink, least: Level, mask: Mask) -> Self {
        Self { sink, least, mask }
    }

    fn write(&self, line: &LogLine) {
        if line.level < self.least {
            return;
        }
        let (level, prefix) = match line.level {
            Level::Debug => (LogLevel::Debug, ""),
            // `Info` would be gone with the next restart of the Mac.
            Level::Info => (LogLevel::Default, ""),
            Level::Warning => (LogLevel::Error, "warning: "),
            Level::Error => (LogLevel::Error, ""),
        };
        self.entry(line.category, level, &format!("{prefix}{}", line.text));
        for detail in &line.details {
            self.entry(line.category, level, &format!("| {detail}"));
        }
    }

    /// Every entry is public, so secrets are taken out here, before it is cut into pieces (P34).
    fn entry(&self, category: Category, level: LogLevel, text: &str) {
        let text = self.mask.apply(text);
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let mut at = rest.len().min(MOST_BYTES);
            while !rest.is_char_boundary(at) {
                at -= 1;
            }
            let (piece, others) = rest.split_at(at);
            (self.sink)(category, level, piece);
            rest = others;
        }
    }
}

impl Reporter for SystemLog {
    fn event(&mut self, event: &Event, state: &RunState) {
        if let Some(line) = wording::line(event, state) {
            self.write(&line);
        }
    }

    fn progress(&mut self, progress: &Progress, state: &RunState) {
        if let Some(line) = wording::output(progress, state) {
            self.write(&line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::sample, *};
    use shared::{item::Secret, settings::Settings};
    use std::sync::{Arc, Mutex};

    type Entries = Arc<Mutex<Vec<(Category, LogLevel, String)>>>;

    fn log(least: Level) -> (SystemLog, Entries) {
        let entries = Entries::default();
        let written = Arc::clone(&entries);
        let sink: Sink = Box::new(move |category, level, text| {
            written.lock().unwrap().push((category, level, text.to_owned()));
        });
        let mut http = Settings::default().http;
        http.headers = vec![("Authorization".into(), Secret("Bearer s3cr3t-token".into()))];
        (SystemLog::new(sink, least, Mask::of(&http)), entries)
    }

    #[test]
    fn p68_what_matters_outlives_a_restart() {
        let (mut log, entries) = log(Level::Info);
        sample::tell(&mut log, sample::failing());
        let entries = entries.lock().unwrap();
        let failure = "C: failed: exit status 3; tolerated (failable_execution)".to_owned();
        let below = (Category::Item, LogLevel::Error, "| last words".to_owned());
        assert!(entries.contains(&(Category::Item, LogLevel::Error, failure)) && entries.contains(&below));
        assert!(entries.iter().all(|(_, level, _)| matches!(level, LogLevel::Default | LogLevel::Error)));
        assert!(entries.iter().any(|(category, _, _)| *category == Category::Userland));
    }

    #[test]
    fn p34_secrets_are_masked_before_they_are_public() {
        let (mut log, entries) = log(Level::Debug);
        let id = sample::V4_IDS[0];
        let state = sample::tell(&mut log, sample::named("fetch with s3cr3t-token"));
        let line = "curl -H 'Authorization: Bearer s3cr3t-token'".to_owned();
        log.progress(&Progress::Output { id, line }, &state);
        let text: String = entries.lock().unwrap().iter().map(|(_, _, text)| text.as_str()).collect();
        assert!(
            text.contains("fetch with <redacted>") && text.contains("Authorization: <redacted>"),
            "{text}"
        );
        assert!(!text.contains("s3cr3t"));
    }

    #[test]
    fn p68_long_text_goes_on_in_another_entry() {
        let (log, entries) = log(Level::Info);
        let text = "ä".repeat(MOST_BYTES);
        log.entry(Category::Main, LogLevel::Default, &text);
        let entries = entries.lock().unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!(entries.iter().map(|(_, _, piece)| piece.as_str()).collect::<String>(), text);
    }
}
