//! What is known of earlier runs, in the form a plan needs it.

use crate::{
    digest::Digest,
    event::{ItemEnd, RunEnd, SkipReason},
    item::Fingerprint,
    state::{ItemState, ItemStatus, RunState},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One item of a finished run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// What it does.
    pub item: Fingerprint,
    /// The digest of its content.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub digest: Option<Digest>,
}

/// What a repair starts from, and what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repair {
    /// The items that are done.
    pub done: BTreeMap<Fingerprint, Option<Digest>>,
    /// Names of the only items to look at; empty for all.
    pub only: Vec<String>,
    /// Do them whether or not they are done.
    pub force: bool,
}

/// What happened before.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Past {
    /// Nothing that counts.
    #[default]
    Nothing,
    /// This run was begun, and was killed or paused.
    Interrupted(Box<RunState>),
    /// A run came to its end.
    Finished(Repair),
}

/// What `state`, the state of a finished run, leaves for the next one: the items that are done. `before` is what the
/// run itself started from.
pub(super) fn kept(state: &RunState, before: Vec<Kept>) -> Vec<Kept> {
    // It looked at nothing else, so what was done before is all that is known.
    if state.end == Some(RunEnd::PreflightPassed) {
        return before;
    }
    let before: BTreeMap<Fingerprint, Option<Digest>> =
        before.into_iter().map(|kept| (kept.item, kept.digest)).collect();
    let done = |item: &ItemStatus| -> Option<Kept> {
        let fingerprint = item.listed.fingerprint.clone()?;
        let ItemState::Ended(end) = &item.state else { return None };
        let digest = match end {
            ItemEnd::NotStarted => return None,
            ItemEnd::Skipped(SkipReason::AlreadyDone | SkipReason::NotAsked) => *before.get(&fingerprint)?,
            ItemEnd::Skipped(SkipReason::Receipt { .. }) => item.digest,
            ItemEnd::Skipped(_) => return None,
            _ if item.failure().is_some() => return None,
            _ => item.digest,
        };
        Some(Kept { item: fingerprint, digest })
    };
    state.items.values().filter_map(done).collect()
}
