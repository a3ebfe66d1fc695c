//! Where the run stands, for other programs: `status.json`, `status.txt` and `report.json` in the records folder.
//!
//! Each is replaced as a whole, by a thread of its own, not more often than twice a second; the newest wins. What is not
//! written is not put into words either: with many items that would cost more than the run itself.
//! The folder is opened anew for each writing: what a script put in its place meanwhile is not followed (R115).
//! They leave the Mac: no user names, addresses, credentials or output of scripts go into them (R102).

mod report;
mod snapshot;

use super::{Reporter, Troubles};
use crate::folders;
use report::Phases;
use rustix::fd::AsFd as _;
use shared::{
    event::{Event, EventKind},
    state::RunState,
    sys::atomic,
    wording::status_line,
};
use snapshot::Snapshot;
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// The shortest time between two writings.
const PAUSE: Duration = Duration::from_millis(500);

/// Writes the status files.
#[derive(Debug)]
pub(crate) struct Status {
    phases: Phases,
    version: String,
    /// When the files may be written next.
    next: Option<Instant>,
    behind: Behind,
    mailbox: Arc<Mailbox>,
    thread: Option<JoinHandle<()>>,
}

/// What has changed since it was last put into words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Behind {
    Nothing,
    Status,
    /// The report, too.
    Report,
}

impl Status {
    /// Writes into the records folder of the Mac whose `/` is `root`, and where `owner` owns what root owns.
    pub(crate) fn new(root: PathBuf, owner: u32, troubles: Troubles) -> Self {
        let mailbox = Arc::new(Mailbox::default());
        let shared = Arc::clone(&mailbox);
        let to = troubles.clone();
        let started =
            thread::Builder::new().name("status".to_owned()).spawn(move || shared.write(&root, owner, &to));
        if let Err(error) = &started {
            troubles.tell(format!("the status files are not written: {error}"));
        }
        let (phases, version, thread) = (Phases::default(), String::new(), started.ok());
        Self { phases, version, next: None, behind: Behind::Nothing, mailbox, thread }
    }

    fn tell(&mut self, state: &RunState) {
        let report = (self.behind == Behind::Report).then(|| self.phases.report(&self.version, state));
        let snapshot = Snapshot::of(&self.version, state);
        self.mailbox.put(|files| {
            files.status = serde_json::to_vec_pretty(&snapshot).ok();
            files.line = Some(status_line(state) + "\n");
            if let Some(report) = report {
                files.report = serde_json::to_vec_pretty(&report).ok();
            }
        });
        (self.behind, self.next) = (Behind::Nothing, Some(Instant::now() + PAUSE));
    }
}

impl Reporter for Status {
    fn event(&mut self, event: &Event, state: &RunState) {
        if let EventKind::RunStarted { version, .. } = &event.kind {
            self.version.clone_from(version);
        }
        let report = self.phases.apply(&event.kind, state);
        self.behind = self.behind.max(if report { Behind::Report } else { Behind::Status });
        if self.next.is_none_or(|next| next <= Instant::now()) {
            self.tell(state);
        }
    }

    fn due(&self) -> Option<Instant> {
        self.next.filter(|_| self.behind > Behind::Nothing)
    }

    fn catch_up(&mut self, state: &RunState) {
        self.tell(state);
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

    fn write(&self, root: &Path, owner: u32, troubles: &Troubles) {
        loop {
            let files = self.take();
            let last = files.last;
            if let Err(error) = write(root, owner, files) {
                troubles.tell(format!("the status files are not written: {error}"));
            }
            if last {
                return;
            }
        }
    }
}

fn write(root: &Path, owner: u32, files: Files) -> Result<(), String> {
    let folder = folders::records(root, owner).map_err(|error| error.to_string())?;
    let line = files.line.map(String::into_bytes);
    for (name, content) in
        [("status.json", files.status), ("status.txt", line), ("report.json", files.report)]
    {
        let Some(content) = content else { continue };
        atomic::replace_in(folder.as_fd(), OsStr::new(name), &content, 0o644)
            .map_err(|error| format!("{}/{name}: {error}", folder.path()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{super::sample, *};
    use serde_json::{Value, json};
    use shared::layout::records_folder;
    use std::{fs, os::unix::fs::symlink};

    fn me() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    #[test]
    fn t100_r102_the_files_tell_the_last_state_when_the_run_is_over() {
        let root = tempfile::tempdir().unwrap();
        let troubles = Troubles::default();
        let mut reporter = Status::new(root.path().to_owned(), me(), troubles.clone());
        let state = sample::tell(&mut reporter, sample::failing());
        reporter.finish();
        assert!(troubles.take().is_empty());
        let read = |name: &str| fs::read_to_string(records_folder().under(root.path()).join(name)).unwrap();
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
    fn r115_a_folder_that_became_a_link_is_a_trouble_and_no_more() {
        let (root, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let folder = records_folder().under(root.path());
        fs::create_dir_all(folder.parent().unwrap()).unwrap();
        symlink(elsewhere.path(), folder).unwrap();
        let troubles = Troubles::default();
        let mut reporter = Status::new(root.path().to_owned(), me(), troubles.clone());
        sample::tell(&mut reporter, sample::v4());
        reporter.finish();
        let told = troubles.take().join("\n");
        assert!(told.contains("ias is not safe to use"), "{told}");
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }
}
