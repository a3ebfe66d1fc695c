//! What earlier starts and runs left: files to look at, items that are over, and whether anything is left to repair.

use super::{Ending, Engine};
use shared::{
    control::{ControlFile, Entry},
    digest::Digest,
    event::{Category, EventKind, ItemEnd, Leftover, Level},
    item::{Item, ItemId, ItemKind},
    journal::Past,
    layout::MacPath,
    plan::{Consequence, Plan, verdict},
    state::{ItemState, ItemStatus},
};
use std::collections::BTreeMap;

impl Engine {
    /// Files that a finished run placed, with the digests they have now.
    pub(super) async fn placed(&self, control: &ControlFile) -> BTreeMap<MacPath, Digest> {
        let mut placed = BTreeMap::new();
        let Some(repair) = self.past.repair() else { return placed };
        for item in items(control).filter(|item| matches!(item.kind, ItemKind::RootFile | ItemKind::UserFile))
        {
            if repair.done.contains_key(&item.fingerprint())
                && let Some(digest) = self.contents.placed(&item.file).await
            {
                placed.insert(item.file.clone(), digest);
            }
        }
        placed
    }

    /// Takes over what earlier starts of this run did: their files for cleanup, and an end that was already decided.
    pub(super) async fn recall(&self, control: &ControlFile, plan: &Plan) -> Result<(), Ending> {
        let Past::Interrupted { state, .. } = &self.past else { return Ok(()) };
        let mut reasons = Vec::new();
        for settled in plan.phases.iter().flat_map(|phase| &phase.over) {
            let listed = &settled.listed;
            let before = state.items.get(&listed.id);
            let before = before.filter(|before| before.listed.fingerprint == listed.fingerprint);
            let in_flight =
                |before: &ItemStatus| before.state == ItemState::Running && before.background_end.is_none();
            if before.is_some_and(in_flight) {
                let text =
                    "was under way when the run was cut off; nobody waits for it, so it counts as started";
                self.recorder.notice(Level::Warning, Category::Item, Some(listed.id), text).await;
            }
            let end = self.end_known_now(&settled.end, before).await?;
            // Asked for in vain it brought nothing: what lies there was there before.
            let came = before.is_some_and(|before| before.created && before.digest.is_some());
            if let Some(item) = brought(control, listed.id).filter(|_| came) {
                let failed = end.is_failure();
                self.lock_leftovers().push(Leftover { path: item.file.clone(), failed, created: true });
            }
            if verdict::after(&end, listed.fail_policy) == Consequence::Abort {
                let policy = listed.fail_policy.key();
                reasons.push(format!("{} \"{}\": {} ({policy})", listed.id, listed.name, end));
            }
        }
        if reasons.is_empty() { Ok(()) } else { Err(Ending::Aborted(reasons.join("; "))) }
    }

    /// The end of an item that was over before. A failure in the background that came when the run was being paused or
    /// cut off was kept, but judged by nobody: with `TrackBackgroundProcesses` that is made up for (R69).
    async fn end_known_now(&self, end: &ItemEnd, before: Option<&ItemStatus>) -> Result<ItemEnd, Ending> {
        let late = before.filter(|_| self.settings.track_background && *end == ItemEnd::Background);
        let failed = late.and_then(|before| Some((before.listed.id, before.background_end.clone()?)));
        let Some((id, ended)) = failed.filter(|(_, ended)| !ended.is_success()) else {
            return Ok(end.clone());
        };
        self.recorder.record(EventKind::BackgroundFailed { id, ended: ended.clone() }).await?;
        Ok(ItemEnd::ExecutionFailed(ended))
    }

    /// Whether an earlier start of this run downloaded the item's file: then it is not one that was there before.
    pub(super) fn created_before(&self, item: &Item) -> bool {
        let Past::Interrupted { state, .. } = &self.past else { return false };
        let before = state.items.get(&item.id).filter(|before| before.created);
        before.is_some_and(|before| before.listed.fingerprint == Some(item.fingerprint()))
    }

    /// Whether this control file was carried out before, and is not to be again.
    pub(super) fn ran_before(&self, control: Digest) -> bool {
        self.settings.run_once && self.past.repair().is_some_and(|repair| repair.has_carried_out(control))
    }

    /// Whether a run was finished before, and nothing of what it did is missing, changed or failed.
    pub(super) fn is_repaired(&self, plan: &Plan) -> bool {
        self.past.repair().is_some() && plan.is_over() && plan.over().all(|over| over.end.is_skipped())
    }
}

fn items(control: &ControlFile) -> impl Iterator<Item = &Item> {
    control.entries().filter_map(|entry| match entry {
        Entry::Item(item) => Some(&**item),
        Entry::Ignored(..) | Entry::Malformed(..) => None,
    })
}

/// The item, if it is of a kind whose file is not meant to stay (R82).
fn brought(control: &ControlFile, id: ItemId) -> Option<&Item> {
    items(control).find(|item| item.id == id && item.kind.leaves_its_file_to_cleanup())
}
