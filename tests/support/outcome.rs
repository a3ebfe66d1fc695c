//! What came of a run: its exit code, its events, and what is on the Mac now.

use shared::{
    event::{Event, EventKind, ItemEnd},
    item::ItemId,
    state::{ItemState, RunState},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};
use tempfile::TempDir;

/// A run that is over.
#[derive(Debug)]
pub struct Outcome {
    /// The exit code; negative: the signal.
    pub code: i32,
    /// Every event.
    pub events: Vec<Event>,
    /// The fold of the events.
    pub state: RunState,
    /// What came of the faults, when there were some.
    pub verdict: Option<serde_json::Value>,
    /// What was written to standard error, then the log of `iasd`.
    pub diagnostics: String,
    root: PathBuf,
    /// The world lasts as long as somebody looks at it.
    _world: Option<TempDir>,
}

impl Outcome {
    /// What a finished `iasctl simulate --json` of the Mac `root` told; the Mac lives as long as `world`, if that is given.
    #[must_use]
    pub fn of(output: &Output, root: &Path, world: Option<TempDir>) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        let text = String::from_utf8_lossy(&output.stdout);
        let read = |line: &str| serde_json::from_str::<Event>(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        // A journal begins with a line of its own, and a rehearsal of faults ends with one.
        let (begins, ends) = ("{\"journal\"", "{\"verdict\"");
        let facts = text.lines().filter(|line| !line.starts_with(begins) && !line.starts_with(ends));
        let events: Vec<_> = facts.map(read).collect();
        let verdict = text.lines().last().filter(|line| line.starts_with(ends));
        let verdict = verdict.map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a verdict"));
        let verdict = verdict.map(|mut line| line["verdict"].take());
        let mut state = RunState::default();
        events.iter().for_each(|event| state.apply(event));
        let log = fs::read_to_string(format!("{}.sim/iasd.log", root.display())).unwrap_or_default();
        let status = output.status;
        Self {
            code: status.code().unwrap_or_else(|| -status.signal().unwrap_or(0)),
            events,
            state,
            verdict,
            diagnostics: format!("{}\n{log}", String::from_utf8_lossy(&output.stderr)),
            root: root.to_owned(),
            _world: world,
        }
    }

    /// Demands an exit code; shows the log when it is another.
    ///
    /// # Panics
    /// When it is another.
    pub fn exits(&self, code: i32) -> &Self {
        assert_eq!(self.code, code, "exit code\n{}", self.diagnostics);
        self
    }

    /// How the item of this name ended.
    ///
    /// # Panics
    /// When there is none of this name, or it has not ended.
    #[must_use]
    pub fn end(&self, name: &str) -> &ItemEnd {
        match &self.state.items[&self.id(name)].state {
            ItemState::Ended(end) => end,
            state => panic!("{name} is {state:?}\n{}", self.diagnostics),
        }
    }

    /// Whether the item's turn never came, or ended without having begun.
    #[must_use]
    pub fn is_not_begun(&self, name: &str) -> bool {
        let state = &self.state.items[&self.id(name)].state;
        matches!(state, ItemState::Pending | ItemState::Ended(ItemEnd::NotStarted))
    }

    /// When the item's effect began, and when it ended, as positions in the events.
    #[must_use]
    pub fn span(&self, name: &str) -> (usize, usize) {
        let item = self.id(name);
        let at = |wanted: &dyn Fn(&EventKind) -> bool| {
            let found = self.events.iter().position(|event| wanted(&event.kind));
            found.unwrap_or_else(|| panic!("{name} has no such event\n{}", self.diagnostics))
        };
        let began = at(&|kind| matches!(kind, EventKind::ItemRunning { id } if *id == item));
        let ended = at(&|kind| matches!(kind, EventKind::ItemFinished { id, .. } if *id == item));
        (began, ended)
    }

    /// The text of a file on the Mac.
    #[must_use]
    pub fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.on_disk(path)).ok()
    }

    /// Whether something is there on the Mac.
    #[must_use]
    pub fn exists(&self, path: &str) -> bool {
        self.on_disk(path).symlink_metadata().is_ok()
    }

    /// Whether a restart was asked for (R83).
    #[must_use]
    pub fn requested_reboot(&self) -> bool {
        self.events.iter().any(|event| event.kind == EventKind::RebootRequested)
    }

    /// Whether something is there beside the Mac, where the simulation keeps what it notes.
    #[must_use]
    pub fn exists_beside(&self, name: &str) -> bool {
        self.beside(name).exists()
    }

    /// The text of a file there.
    #[must_use]
    pub fn read_beside(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.beside(name)).ok()
    }

    /// Where that is on this computer.
    #[must_use]
    pub fn beside(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("{}.sim", self.root.display())).join(name)
    }

    /// Where a path of the Mac is on this computer.
    #[must_use]
    pub fn on_disk(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    fn id(&self, name: &str) -> ItemId {
        let found = self.state.items.values().find(|item| item.listed.name == name);
        found.unwrap_or_else(|| panic!("no item is called {name}\n{}", self.diagnostics)).listed.id
    }
}
