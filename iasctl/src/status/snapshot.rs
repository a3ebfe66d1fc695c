//! `status.json`, which everybody may read: the state of a run, and what is on its way.

use serde::Deserialize;
use shared::{event::Progress, state::RunState, wording::bytes};
use std::{fmt::Write as _, fs, path::Path};

/// The file and what is needed of it.
pub(super) struct Snapshot {
    /// As it stands there.
    pub(super) text: String,
    known: Known,
}

#[derive(Deserialize)]
struct Known {
    run_id: String,
    line: String,
    waiting_for: Option<String>,
    active: Vec<Active>,
}

#[derive(Deserialize)]
struct Active {
    item: String,
    name: String,
    state: String,
    received: Option<u64>,
    total: Option<u64>,
}

impl Snapshot {
    /// # Errors
    /// When there is none, or it is none.
    pub(super) fn read(folder: &Path) -> Result<Self, String> {
        let path = folder.join("status.json");
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let known = serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self { text: format!("{}\n", text.trim_end()), known })
    }

    /// Bytes on their way, if it is about the same run.
    pub(super) fn news(&self, state: &RunState) -> Vec<Progress> {
        let of = |active: &Active| {
            let id = state.items.keys().find(|id| id.to_string() == active.item)?;
            Some(Progress::Bytes { id: *id, received: active.received?, total: active.total })
        };
        let active = self.known.active.iter().filter(|_| self.known.run_id == state.run_id);
        active.filter_map(of).collect()
    }

    /// What it says, for those who may not read more.
    pub(super) fn in_words(&self) -> String {
        let Known { line, waiting_for, active, .. } = &self.known;
        let mut text = format!("{line}\n");
        if let Some(whom) = waiting_for {
            let _ = writeln!(text, "waiting for the {whom}");
        }
        for Active { name, state, received, .. } in active {
            let received = received.map(|received| format!(", {}", bytes(received))).unwrap_or_default();
            let _ = writeln!(text, "{name}: {state}{received}");
        }
        text.push_str("with sudo: every item, and --follow\n");
        text
    }
}
