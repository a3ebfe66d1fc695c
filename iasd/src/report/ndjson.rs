//! The event stream for programs: one JSON object in a line, for `--events` and `events.ndjson`.

use super::{Reporter, Troubles, lines::Lines};
use shared::{
    event::{Event, Progress},
    state::RunState,
};
use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

/// Writes every event, and progress for those who asked for it.
#[derive(Debug)]
pub(crate) struct Ndjson {
    lines: Lines,
    with_progress: bool,
}

impl Ndjson {
    /// Writes to `writer`, such as standard output or an inherited pipe.
    pub(crate) fn new(writer: Box<dyn Write + Send>, with_progress: bool, troubles: Troubles) -> Self {
        Self { lines: Lines::new(writer, "the event stream".to_owned(), troubles), with_progress }
    }

    /// Writes to a new file, readable for its owner only: events name the user.
    ///
    /// # Errors
    /// When the file cannot be created; an older one is replaced.
    pub(crate) fn to_file(path: &Path, with_progress: bool, troubles: Troubles) -> io::Result<Self> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(named(error)),
            _ => {}
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(named)?;
        let what = path.display().to_string();
        Ok(Self { lines: Lines::new(Box::new(file), what, troubles), with_progress })
    }
}

impl Reporter for Ndjson {
    fn event(&mut self, event: &Event, _state: &RunState) {
        // An event is plain data: it always has a JSON form.
        if let Ok(line) = serde_json::to_string(event) {
            self.lines.write(line, false);
        }
    }

    fn progress(&mut self, progress: &Progress, _state: &RunState) {
        if !self.with_progress {
            return;
        }
        if let Ok(line) = serde_json::to_string(progress) {
            self.lines.write(line, true);
        }
    }

    fn finish(&mut self) {
        self.lines.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::{super::sample, *};
    use shared::item::{ItemId, Phase};

    #[test]
    fn every_event_is_one_line_that_reads_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.ndjson");
        std::fs::write(&path, "of an older run").unwrap();
        let mut reporter = Ndjson::to_file(&path, true, Troubles::default()).unwrap();
        let state = sample::tell(&mut reporter, sample::v4());
        let id = ItemId::new(Phase::Userland, 0);
        let progress = Progress::Bytes { id, received: 1, total: None };
        reporter.progress(&progress, &state);
        reporter.finish();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut lines: Vec<_> = text.lines().collect();
        assert_eq!(serde_json::from_str::<Progress>(lines.pop().unwrap()).unwrap(), progress);
        let mut folded = RunState::default();
        for line in &lines {
            folded.apply(&serde_json::from_str(line).unwrap());
        }
        assert_eq!(lines.len(), sample::v4().len());
        assert_eq!(folded, state);
    }
}
