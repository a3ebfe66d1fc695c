//! Where the run stands, for other programs: `status.json`, `status.txt` and `report.json` in the records folder.
//!
//! Each is replaced as a whole, by a thread of its own, not more often than twice a second; the newest wins.
//! They leave the Mac: no user names, addresses, credentials or output of scripts go into them (R102).

mod report;
mod snapshot;

use super::{Reporter, Troubles};
use report::Phases;
use shared::{
    event::{Event, EventKind},
    state::RunState,
    sys::atomic,
    wording::status_line,
};
use snapshot::Snapshot;
use std::{
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

/// The shortest time between two writings.
const PAUSE: Duration = Duration::from_millis(500);

/// Writes the status files.
#[derive(Debug)]
pub(crate) struct Status {
    phases: Phases,
    version: String,
    mailbox: Arc<Mailbox>,
    thread: Option<JoinHandle<()>>,
}

impl Status {
    /// Writes into `folder`, the records folder as this computer sees it.
    pub(crate) fn new(folder: PathBuf, troubles: Troubles) -> Self {
        let mailbox = Arc::new(Mailbox::default());
        let shared = Arc::clone(&mailbox);
        let to = troubles.clone();
        let started =
            thread::Builder::new().name("status".to_owned()).spawn(move || shared.write(&folder, &to));
        if let Err(error) = &started {
            troubles.tell(format!("the status files are not written: {error}"));
        }
        Self { phases: Phases::default(), version: String::new(), mailbox, thread: started.ok() }
    }
}

impl Reporter for Status {
    fn event(&mut self, event: &Event, state: &RunState) {
        if let EventKind::RunStarted { version, .. } = &event.kind {
            self.version.clone_from(version);
        }
        let report = self.phases.apply(&event.kind, state).then(|| self.phases.report(&self.version, state));
        let snapshot = Snapshot::of(&self.version, state);
        self.mailbox.put(|files| {
            files.status = serde_json::to_vec_pretty(&snapshot).ok();
            files.line = Some(status_line(state) + "\n");
            if let Some(report) = report {
                files.report = serde_json::to_vec_pretty(&report).ok();
            }
        });
    }

    fn finish(&mut self) {
        self.mailbox.put(|files| files.last = true);
        if let Some(thread) = self.thread.take() {
            // It writes three small files at most; a panic there is no concern of the run.
            let _ = thread.join();
        }
    }
}

impl Drop for Status {
    fn drop(&mut self) {
        self.finish();
    }
}

/// What is to be written next; newer content replaces older.
#[derive(Debug, Default)]
struct Files {
    status: Option<Vec<u8>>,
    line: Option<String>,
    report: Option<Vec<u8>>,
    last: bool,
}

#[derive(Debug, Default)]
struct Mailbox {
    files: Mutex<Files>,
    changed: Condvar,
}

impl Mailbox {
    fn put(&self, change: impl FnOnce(&mut Files)) {
        change(&mut self.files.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_one();
    }

    fn take(&self) -> Files {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let empty = |files: &mut Files| files.line.is_none() && !files.last;
        let mut files = self.changed.wait_while(files, empty).unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *files)
    }

    fn pause(&self) {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        // Only the end of the run cuts the pause short.
        drop(self.changed.wait_timeout_while(files, PAUSE, |files| !files.last));
    }

    fn write(&self, folder: &std::path::Path, troubles: &Troubles) {
        loop {
            let files = self.take();
            let line = files.line.map(String::into_bytes);
            let all = [("status.json", files.status), ("status.txt", line), ("report.json", files.report)];
            for (name, content) in all {
                let Some(content) = content else { continue };
                if let Err(error) = atomic::replace(&folder.join(name), &content, 0o644) {
                    troubles.tell(format!("{}: {error}", folder.join(name).display()));
                }
            }
            if files.last {
                return;
            }
            self.pause();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::sample, *};
    use serde_json::{Value, json};
    use std::fs;

    #[test]
    fn t100_r102_the_files_tell_the_last_state_when_the_run_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let troubles = Troubles::default();
        let mut reporter = Status::new(folder.path().to_owned(), troubles.clone());
        let state = sample::tell(&mut reporter, sample::failing());
        reporter.finish();
        assert!(troubles.take().is_empty());
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("status.txt"), status_line(&state) + "\n");
        let status: Value = serde_json::from_str(&read("status.json")).unwrap();
        assert_eq!(status["state"], "failed");
        assert_eq!(status["exit_code"], 0);
        assert_eq!(status["failures"][0]["reason"], "exit status 3");
        let report: Value = serde_json::from_str(&read("report.json")).unwrap();
        let item = |phase: &str| report["phases"][phase]["items"][0].clone();
        let (answered, failed) = (item("preflight"), item("userland"));
        assert_eq!(answered["state"], "Completed");
        assert_eq!((&answered["code"], &answered["seconds"]), (&json!(1), &json!(1.5)));
        assert_eq!((&failed["state"], &failed["code"]), (&json!("Failed"), &json!(3)));
        assert_eq!(report["phases"]["userland"]["state"], "Completed");
        assert_eq!(report["last_error"], "C: exit status 3");
    }

    #[test]
    fn a_folder_that_cannot_be_written_to_is_a_trouble_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let troubles = Troubles::default();
        let mut reporter = Status::new(folder.path().join("missing"), troubles.clone());
        sample::tell(&mut reporter, sample::v4());
        reporter.finish();
        assert!(!troubles.take().is_empty());
    }
}
