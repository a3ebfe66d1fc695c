//! Writes the journal: a thread of its own takes whatever waits, writes it at once and flushes once for all of it (R78).
//!
//! A full disk makes the run wait; anything else that keeps the journal from being written ends it: without a journal
//! nothing more is begun.

use super::found::{JournalError, Opened};
use crate::{
    disk::Disk,
    gathered::{Receiver, Sender, channel},
};
use rustix::process::{Signal, getpid, kill_process};
use shared::{
    event::{Event, EventKind, Progress},
    journal::{Durability, durability, line},
    sys::folder::is_full,
};
use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    sync::mpsc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// How long a full disk is waited for, and how often it is looked at.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
const PAUSE: Duration = Duration::from_secs(1);

/// How long what nobody waits for may wait for more, to be written and flushed with it.
const GATHERED: Duration = Duration::from_millis(2);

/// Called when a fact is on the disk; dropped when it will never be.
type Then = Box<dyn FnOnce() + Send>;

/// What passes the journal; only facts are kept.
#[cfg_attr(not(feature = "simulated"), expect(dead_code, reason = "only rehearsals look at it"))]
pub(crate) enum Passing<'a> {
    /// A fact.
    Fact(&'a Event),
    /// News.
    Progress(&'a Progress),
}

/// When a rehearsed power cut hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "simulated"), expect(dead_code, reason = "only rehearsals look at it"))]
pub(crate) enum Death {
    /// Before what passes is kept.
    Before,
    /// When half of its line is written.
    Torn,
    /// When it is on the disk, and nobody knows that yet.
    After,
}

/// Decides whether this is the instant at which the process dies; for rehearsals only.
pub(crate) type Checkpoint = Box<dyn Fn(Passing<'_>) -> Option<Death> + Send>;

/// The journal, being written.
pub(crate) struct Journal {
    lines: Option<Sender<Entry>>,
    thread: Option<JoinHandle<()>>,
    trouble: watch::Receiver<Trouble>,
    checkpoint: Option<Checkpoint>,
}

/// What keeps the journal from being written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Trouble {
    /// Nothing.
    #[default]
    None,
    /// It is tried again.
    Waiting(String),
    /// It was given up: nothing more may begin.
    Broken(String),
}

struct Entry {
    line: String,
    durability: Durability,
    then: Option<Then>,
}

impl Journal {
    /// Begins to write.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub(crate) fn new(
        opened: Opened,
        checkpoint: Option<Checkpoint>,
        disk: Disk,
    ) -> Result<Self, JournalError> {
        let Opened { path, file, length, .. } = opened;
        let (lines, entries) = channel();
        let (tell, trouble) = watch::channel(Trouble::None);
        let writer = Writer { path: path.clone(), file, disk, length, entries, tell };
        let thread = thread::Builder::new().name("journal".to_owned()).spawn(move || writer.run());
        let thread = thread.map_err(|source| JournalError { path, source })?;
        Ok(Self { lines: Some(lines), thread: Some(thread), trouble, checkpoint })
    }

    /// Writes a fact. `then` is called at once if nobody has to wait for it, else when it is on the disk.
    pub(crate) fn keep(&self, event: &Event, then: Then) {
        // An event is plain data: it always has a JSON form.
        let Ok(line) = line(event) else { return };
        let death = self.checkpoint.as_ref().and_then(|checkpoint| checkpoint(Passing::Fact(event)));
        match death {
            Some(Death::Before) => self.die(String::new()),
            Some(Death::Torn) => self.die(line.chars().take(line.len() / 2).collect()),
            Some(Death::After) => self.die(line),
            None => {
                let durability = durability(&event.kind);
                // Effects that are over must be known to be, also when this process is killed in the next instant. A
                // download that began may wait for others: there are many, and nothing is done twice for one.
                let waits = matches!(event.kind, EventKind::DownloadStarted { .. });
                self.send(line, (durability, durability > Durability::Lazy && !waits), then);
            }
        }
    }

    /// Lets news pass.
    pub(crate) fn pass(&self, progress: &Progress) {
        let death = self.checkpoint.as_ref().and_then(|checkpoint| checkpoint(Passing::Progress(progress)));
        if death.is_some() {
            self.die(String::new());
        }
    }

    fn send(&self, line: String, (durability, urgent): (Durability, bool), then: Then) {
        let then = if durability == Durability::First {
            Some(then)
        } else {
            then();
            None
        };
        if let Some(lines) = &self.lines {
            // Gone: `then` is dropped, and whoever waits for it learns that.
            lines.send(Entry { line, durability, then }, urgent);
        }
    }

    /// Writes `last`, and kills this process as a power cut would: no destructor runs.
    fn die(&self, last: String) {
        let (written, wait) = mpsc::channel();
        let then = Box::new(move || _ = written.send(()));
        self.send(last, (Durability::First, true), then);
        let _ = wait.recv();
        // Nobody is left to be told of an error.
        let _ = kill_process(getpid(), Signal::KILL);
    }

    /// What keeps it from being written; changes.
    pub(crate) fn trouble(&self) -> watch::Receiver<Trouble> {
        self.trouble.clone()
    }

    /// Waits until everything is on the disk, or given up.
    pub(crate) fn close(&mut self) {
        self.lines = None;
        if let Some(thread) = self.thread.take() {
            // It has told its troubles itself.
            let _ = thread.join();
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.close();
    }
}

struct Writer {
    path: String,
    file: File,
    disk: Disk,
    length: u64,
    entries: Receiver<Entry>,
    tell: watch::Sender<Trouble>,
}

impl Writer {
    fn run(mut self) {
        while let Some(batch) = self.entries.take(GATHERED) {
            if let Err(error) = self.write_patiently(&batch) {
                let why = format!("{}: {error}", self.path);
                self.tell.send_replace(Trouble::Broken(why));
                // What waits is dropped with the channel: nothing of it was kept.
                return;
            }
            batch.into_iter().filter_map(|entry| entry.then).for_each(|then| then());
        }
        // The last facts are those of cleanup; on a failure the next start finds the last ones that were kept.
        let _ = self.file.sync_data();
    }

    /// Waits out a full disk, because what fills it may go away; whoever waits for these lines waits too.
    fn write_patiently(&mut self, batch: &[Entry]) -> io::Result<()> {
        let text: String = batch.iter().map(|entry| entry.line.as_str()).collect();
        let first_tried = Instant::now();
        loop {
            let room = self.disk.takes_more();
            match room.and_then(|()| self.file.write_all_at(text.as_bytes(), self.length)) {
                Ok(()) => break,
                Err(error) if is_full(&error) && first_tried.elapsed() < PATIENCE => {
                    self.tell.send_if_modified(|told| {
                        let first = *told == Trouble::None;
                        *told = Trouble::Waiting(format!("{}: {error}", self.path));
                        first
                    });
                    thread::sleep(PAUSE);
                }
                Err(error) => return Err(error),
            }
        }
        self.tell.send_if_modified(|told| std::mem::take(told) != Trouble::None);
        self.length += text.len() as u64;
        let durability = batch.iter().map(|entry| entry.durability).max().unwrap_or(Durability::Lazy);
        if durability == Durability::Lazy { Ok(()) } else { self.file.sync_data() }
    }
}
