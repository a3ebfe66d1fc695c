//! What is known of earlier runs, in the form a plan needs it.

use super::{record::Basis, request::Request};
use crate::{
    digest::Digest,
    event::{ItemEnd, RunEnd, SkipReason},
    item::{Fingerprint, Item},
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
    /// The control file that was carried out last, to a good end.
    pub carried_out: Option<Digest>,
    /// The control file that was read last, however that run ended.
    pub used: Option<Digest>,
    /// What it was asked for; `None` when the daemon was only started again.
    pub asked: Option<Request>,
}

impl Repair {
    /// The repair that starts from `basis`.
    #[must_use]
    pub fn of(basis: &Basis) -> Self {
        Self {
            done: by_item(&basis.before),
            carried_out: basis.carried_out,
            used: basis.used,
            asked: basis.asked.clone(),
        }
    }

    /// Whether the control file of this digest was carried out before, and nobody asks for more.
    #[must_use]
    pub fn has_carried_out(&self, control: Digest) -> bool {
        self.asked.is_none() && self.carried_out == Some(control)
    }

    /// Whether what is there already is to be repeated.
    #[must_use]
    pub fn is_forced(&self) -> bool {
        self.asked.as_ref().is_some_and(|asked| asked.force)
    }
}

/// What happened before.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Past {
    /// Nothing that counts.
    #[default]
    Nothing,
    /// This run was begun, and was killed or paused.
    Interrupted {
        /// As its journal left it.
        state: Box<RunState>,
        /// What is done already, if it was a repair: that still holds when the control file is another one now.
        repair: Option<Repair>,
    },
    /// A run came to its end.
    Finished(Repair),
}

impl Past {
    /// The past of a run that is gone on with; `basis` is what it started from itself.
    #[must_use]
    pub fn interrupted(state: RunState, basis: &Basis) -> Self {
        let repair = (!basis.is_of_first_run()).then(|| {
            let mut repair = Repair::of(basis);
            let new: Vec<Kept> = done_in(&state, &repair.done).collect();
            repair.done.extend(new.into_iter().map(|kept| (kept.item, kept.digest)));
            repair
        });
        Self::Interrupted { state: Box::new(state), repair }
    }

    /// Whether `item` was under way when an earlier start of this run was cut off: then half of it may be there, and its
    /// scripts may not have run, whatever can be found of it (R79).
    #[must_use]
    pub fn was_cut_off(&self, item: &Item) -> bool {
        let Self::Interrupted { state, .. } = self else { return false };
        state.items.get(&item.id).is_some_and(|before| {
            // Another control file may have another item there.
            before.state == ItemState::Running && before.listed.fingerprint == Some(item.fingerprint())
        })
    }

    /// The control file this Mac used last, as far as that is known.
    #[must_use]
    pub fn control(&self) -> Option<Digest> {
        let finished = self.repair().and_then(|repair| repair.used);
        match self {
            Self::Interrupted { state, .. } => state.control.or(finished),
            Self::Nothing | Self::Finished(_) => finished,
        }
    }

    /// What is done already, if a run was finished before.
    #[must_use]
    pub fn repair(&self) -> Option<&Repair> {
        match self {
            Self::Nothing => None,
            Self::Interrupted { repair, .. } => repair.as_ref(),
            Self::Finished(repair) => Some(repair),
        }
    }
}

/// What `state`, the state of a finished run, leaves for the next one: the items that are done. `before` is what the
/// run itself started from.
pub(super) fn kept(state: &RunState, before: Vec<Kept>) -> Vec<Kept> {
    // It looked at nothing else, so what was done before is all that is known.
    if matches!(state.end, Some(RunEnd::PreflightPassed | RunEnd::RanBefore)) {
        return before;
    }
    done_in(state, &by_item(&before)).collect()
}

fn by_item(kept: &[Kept]) -> BTreeMap<Fingerprint, Option<Digest>> {
    kept.iter().map(|kept| (kept.item.clone(), kept.digest)).collect()
}

/// The items that a run has done, or has found done `before`.
fn done_in(state: &RunState, before: &BTreeMap<Fingerprint, Option<Digest>>) -> impl Iterator<Item = Kept> {
    state.items.values().filter_map(|item: &ItemStatus| {
        let fingerprint = item.listed.fingerprint.clone()?;
        let ItemState::Ended(end) = &item.state else { return None };
        let digest = match end {
            ItemEnd::NotStarted => return None,
            ItemEnd::Skipped(SkipReason::AlreadyDone | SkipReason::NotAsked) => *before.get(&fingerprint)?,
            ItemEnd::Skipped(SkipReason::Receipt { .. } | SkipReason::Present { .. }) => item.digest,
            ItemEnd::Skipped(_) => return None,
            _ if item.failure().is_some() => return None,
            _ => item.digest,
        };
        Some(Kept { item: fingerprint, digest })
    })
}
