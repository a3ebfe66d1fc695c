//! Tells DEPNotify how far the run is, through the file it watches (R95–R101).
//!
//! [`dialect`] decides on the lines.

mod dialect;

use super::{Reporter, Troubles, command_file::CommandFile};
use dialect::Dialect;
use shared::{
    event::{Event, EventKind},
    settings::DepNotifySettings,
    state::RunState,
};
use std::path::Path;

/// Writes DEPNotify's control file.
#[derive(Debug)]
pub(crate) struct DepNotify {
    dialect: Dialect,
    file: CommandFile,
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
        let file = CommandFile::new("DEPNotify", (root, &settings.file), trusted_owner, troubles);
        Self { dialect: Dialect::of(settings), file, dry_run: false }
    }
}

impl Reporter for DepNotify {
    fn event(&mut self, event: &Event, state: &RunState) {
        match &event.kind {
            EventKind::RunStarted { dry_run, .. } => self.dry_run = *dry_run,
            EventKind::UserPresent { user } => self.file.user(user.uid),
            _ => {}
        }
        let lines = if self.dry_run { Vec::new() } else { self.dialect.lines(&event.kind, state) };
        if !lines.is_empty() {
            self.file.write(lines);
        }
    }

    fn finish(&mut self) {
        self.file.write(None);
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
