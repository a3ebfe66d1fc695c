//! Tells DEPNotify how far the run is, through the file it watches (R95–R101).
//!
//! [`dialect`] decides on the lines, this file gets them into the control file: in order, one write each, and
//! again with the next line when one could not be written.

mod dialect;

use super::{Reporter, Troubles, append};
use dialect::Dialect;
use rustix::fs::Mode;
use shared::{
    event::{Event, EventKind},
    layout::MacPath,
    settings::DepNotifySettings,
    state::RunState,
};
use std::{
    collections::VecDeque,
    io::Write as _,
    path::{Path, PathBuf},
};

/// Unwritten lines that are kept; beyond this nobody is watching.
const MOST_WAITING: usize = 4096;

/// Writes DEPNotify's control file.
#[derive(Debug)]
pub(crate) struct DepNotify {
    dialect: Dialect,
    root: PathBuf,
    path: MacPath,
    /// Whose file may be written to: the trusted owner's, and the console user's once known.
    owners: Vec<u32>,
    waiting: VecDeque<Vec<u8>>,
    last_trouble: Option<String>,
    troubles: Troubles,
    dry_run: bool,
}

impl DepNotify {
    /// A reporter for the Mac whose `/` is `root`, and where `trusted_owner` owns what root owns.
    ///
    /// The file is touched first when there is something to write, and not at all in a dry run (R74).
    pub(crate) fn new(
        root: &Path,
        settings: &DepNotifySettings,
        trusted_owner: u32,
        troubles: Troubles,
    ) -> Self {
        Self {
            dialect: Dialect::of(settings),
            root: root.to_owned(),
            path: settings.file.clone(),
            owners: vec![trusted_owner],
            waiting: VecDeque::new(),
            last_trouble: None,
            troubles,
            dry_run: false,
        }
    }

    fn write_waiting(&mut self) {
        while let Some(line) = self.waiting.front() {
            let written = append::open(&self.root, &self.path, Mode::from_bits_truncate(0o644), &self.owners)
                .and_then(|mut file| file.write(line).map_err(|error| format!("{}: {error}", self.path)));
            match written {
                Ok(count) if count == line.len() => {
                    self.waiting.pop_front();
                    self.last_trouble = None;
                }
                Ok(count) => {
                    // The disk is full: the rest goes first next time.
                    self.waiting.front_mut().map(|line| line.drain(..count));
                    return self.trouble(format!("{}: the disk is full", self.path));
                }
                Err(error) => return self.trouble(error),
            }
        }
    }

    fn trouble(&mut self, text: String) {
        if self.last_trouble.as_ref() != Some(&text) {
            self.troubles.tell(format!("DEPNotify is not told: {text}; trying again with the next line"));
            self.last_trouble = Some(text);
        }
    }
}

impl Reporter for DepNotify {
    fn event(&mut self, event: &Event, state: &RunState) {
        match &event.kind {
            EventKind::RunStarted { dry_run, .. } => self.dry_run = *dry_run,
            EventKind::UserPresent { user } => {
                self.owners.truncate(1);
                self.owners.push(user.uid);
            }
            _ => {}
        }
        if self.dry_run {
            return;
        }
        let lines = self.dialect.lines(&event.kind, state);
        if lines.is_empty() {
            return;
        }
        self.waiting.extend(lines.into_iter().map(|line| (line + "\n").into_bytes()));
        let surplus = self.waiting.len().saturating_sub(MOST_WAITING);
        self.waiting.drain(..surplus);
        self.write_waiting();
    }

    fn finish(&mut self) {
        self.write_waiting();
    }
}

#[cfg(test)]
mod tests {
    use super::{super::sample, *};
    use std::fs;

    fn reporter(root: &Path) -> (DepNotify, Troubles) {
        let settings = sample::depnotify(&[]);
        let troubles = Troubles::default();
        let me = rustix::process::geteuid().as_raw();
        (DepNotify::new(root, &settings, me, troubles.clone()), troubles)
    }

    #[test]
    fn r98_lines_reach_the_file_in_event_order() {
        let root = tempfile::tempdir().unwrap();
        let (mut reporter, troubles) = reporter(root.path());
        sample::tell(&mut reporter, sample::v4());
        let written = fs::read_to_string(root.path().join("depnotify.log")).unwrap();
        assert_eq!(written, sample::V4_LINES);
        assert_eq!(troubles.take(), Vec::<String>::new());
    }

    #[test]
    fn r99_what_could_not_be_written_is_written_with_the_next_line_after_one_warning() {
        let root = tempfile::tempdir().unwrap();
        let (mut reporter, troubles) = reporter(root.path());
        let path = root.path().join("depnotify.log");
        fs::create_dir(&path).unwrap();
        let mut events = sample::v4();
        let rest = events.split_off(4);
        let state = sample::tell_from(&mut reporter, events, RunState::default());
        assert_eq!(troubles.take().len(), 1);
        fs::remove_dir(&path).unwrap();
        sample::tell_from(&mut reporter, rest, state);
        assert_eq!(fs::read_to_string(&path).unwrap(), sample::V4_LINES);
        assert!(troubles.take().is_empty());
    }

    #[test]
    fn r74_a_dry_run_makes_no_file() {
        let root = tempfile::tempdir().unwrap();
        let (mut reporter, _) = reporter(root.path());
        let mut events = sample::v4();
        events[0] = sample::started(true);
        sample::tell(&mut reporter, events);
        reporter.finish();
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }
}
