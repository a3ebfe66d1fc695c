//! What earlier runs make unnecessary: items of an interrupted run that are over, items of a finished one still in place.

use super::presence::trace_of;
use crate::{
    control::Entry,
    digest::Digest,
    event::{ItemEnd, SkipReason},
    facts::{Facts, Found},
    item::{Item, ItemId, ItemKind, Phase},
    journal::Repair,
    state::{ItemState, RunState},
    title::{Presence, Resolution},
    version,
};
use std::cmp::Ordering;

/// How an entry of an interrupted run ended; `None` when it is to be carried out, or carried out again (R79).
pub(super) fn ended(id: ItemId, entry: &Entry, state: &RunState) -> Option<ItemEnd> {
    let status = state.items.get(&id)?;
    // What comes with a title may be something else today.
    if !id.is_listed() && status.listed.fingerprint != entry.listed().fingerprint {
        return None;
    }
    match &status.state {
        ItemState::Ended(ItemEnd::NotStarted) | ItemState::Pending | ItemState::Started => None,
        // Nobody saw a package end that was begun: half of it may be there.
        ItemState::Ended(ItemEnd::Background) => {
            (status.background_end.is_some() || is_background_script(entry)).then_some(ItemEnd::Background)
        }
        ItemState::Ended(end) => Some(end.clone()),
        // Its end was told before that it had started.
        ItemState::Running if status.background_end.is_some() => Some(ItemEnd::Background),
        // In flight: nobody waited for its end, so it is taken for a success.
        ItemState::Running => is_background_script(entry).then_some(ItemEnd::Background),
    }
}

/// Whether the entry is a script nobody waits for; a package is awaited whatever it says (R68).
fn is_background_script(entry: &Entry) -> bool {
    let Entry::Item(item) = entry else { return false };
    let is_script = matches!(item.kind, ItemKind::RootScript | ItemKind::UserScript);
    is_script && item.donotwait && item.id.phase != Phase::Preflight
}

/// Why an item of a finished run needs no repair; `None` when it is missing, changed or failed, or is to be repeated.
///
/// A repair is asked for it by the name `asked_as`.
pub(super) fn needs_no_repair(
    item: &Item,
    asked_as: &str,
    repair: &Repair,
    facts: &Facts,
    titles: &Resolution,
) -> Option<ItemEnd> {
    if let Some(asked) = &repair.asked {
        // Preflight said what it had to say when the Mac was new: it must not keep a repair from being done.
        if item.id.phase == Phase::Preflight || !asked.wants(asked_as) {
            return Some(ItemEnd::Skipped(SkipReason::NotAsked));
        }
        if asked.force {
            return None;
        }
    }
    let digest = repair.done.get(&item.fingerprint())?;
    still_there(item, *digest, facts, titles).then_some(ItemEnd::Skipped(SkipReason::AlreadyDone))
}

/// Whether what an item did, with content of this digest, is still in place. Nobody can tell for a script.
fn still_there(item: &Item, digest: Option<Digest>, facts: &Facts, titles: &Resolution) -> bool {
    match item.kind {
        ItemKind::RootScript | ItemKind::UserScript => true,
        ItemKind::RootFile | ItemKind::UserFile => {
            digest.is_some_and(|digest| facts.placed.get(&item.file) == Some(&digest))
        }
        // Where facts tell whether a title is there, they decide; where only a script does, it is asked; else it was done.
        ItemKind::Title => titles.step(item).is_some_and(|step| matches!(step.presence, Presence::OnDemand)),
        ItemKind::App => item.app.as_ref().is_some_and(|app| {
            let there = facts.found.get(&trace_of(app));
            matches!(there, Some(Found::Plists(_)))
        }),
        ItemKind::Package => item.receipt.as_ref().is_none_or(|receipt| {
            let installed = facts.receipts.get(&receipt.package_id);
            installed.is_some_and(|installed| version::compare(installed, &receipt.version) != Ordering::Less)
        }),
    }
}
