//! Small runs to put into words.

use crate::{
    digest::Digest,
    event::{Event, EventKind, Listed},
    item::{FailPolicy, ItemId, ItemKind, Phase},
    state::RunState,
};

/// 2026-03-01T10:15:30.042Z.
const NOW_MS: u64 = 1_772_360_130_042;

/// The item at `index` of setupassistant.
pub(super) fn id(index: u32) -> ItemId {
    ItemId::new(Phase::SetupAssistant, index)
}

/// A control file with root scripts of these names.
pub(super) fn loaded(names: &[&str]) -> EventKind {
    let listed = |(index, name): (usize, &&str)| Listed {
        id: id(index as u32),
        name: (*name).to_owned(),
        kind: Some(ItemKind::RootScript),
        fail_policy: FailPolicy::default(),
        fingerprint: None,
    };
    EventKind::ControlFileLoaded {
        source: "https://example.com/bootstrap.json".to_owned(),
        digest: Digest::of(b"{}"),
        items: names.iter().enumerate().map(listed).collect(),
        errors: 0,
        warnings: 0,
        over: Vec::new(),
    }
}

/// Run `7f3a` after these facts.
pub(super) fn told(kinds: impl IntoIterator<Item = EventKind>) -> RunState {
    let mut state = RunState { run_id: "7f3a".to_owned(), ..RunState::default() };
    for (seq, kind) in (1..).zip(kinds) {
        state.apply(&Event { seq, at_ms: NOW_MS, kind });
    }
    state
}
