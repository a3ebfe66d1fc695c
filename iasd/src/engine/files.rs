//! Root files whose turn comes one after the other: those whose content is there are put in place together.
//!
//! What happens is what happens to them one by one, in the same order. But the journal and the disk are waited for once
//! for all of them, where each of many small files would wait three times for itself.

use super::{Ending, Engine, step::Turn, stop::Stop};
use crate::download::VerifiedArtifact;
use futures::future::try_join_all;
use shared::{
    event::{EventKind, ItemEnd},
    item::{Item, ItemKind},
    plan::Batch,
};
use std::time::Instant;

/// The most that are put in place together: after a power cut as many are done again.
const MOST: usize = 64;

/// A root file, and its content.
pub(super) type Ready<'i> = (&'i Item, VerifiedArtifact);

impl Engine {
    /// The root files with which `batches` begin, one in each, as far as their content has come; none where there is
    /// nothing to be gained.
    pub(super) fn ready_files<'i>(&self, batches: &'i [Batch]) -> Vec<Ready<'i>> {
        let ready = |batch: &'i Batch| match batch.0.as_slice() {
            [item] if item.kind == ItemKind::RootFile && item.source.is_some() => {
                Some((item, self.contents.arrived(item.id)?))
            }
            _ => None,
        };
        let files: Vec<_> = batches.iter().take(MOST).map_while(ready).collect();
        if files.len() > 1 && !self.settings.dry_run { files } else { Vec::new() }
    }

    /// Carries out `files`; gives how each ended, or why the run cannot go on.
    pub(super) async fn place_files<'i>(
        &self,
        files: &[Ready<'i>],
        stop: &Stop,
    ) -> Vec<(&'i Item, Result<ItemEnd, Ending>)> {
        let begun = Instant::now();
        let placed = match self.place_together(files).await {
            Ok(placed) => placed,
            Err(ending) => {
                stop.raise();
                return files.iter().take(1).map(|(item, _)| (*item, Err(ending.clone()))).collect();
            }
        };
        let mut ended = Vec::new();
        for (index, (item, content)) in files.iter().enumerate() {
            let mut turn = Turn::default();
            let result = async {
                let end = if index < placed {
                    self.remember(item, content);
                    ItemEnd::Done
                } else if stop.is_raised() {
                    ItemEnd::NotStarted
                } else {
                    // What could not be done for many is done for this one, and says what is wrong.
                    self.work(item, stop, &mut turn).await?
                };
                self.finished(item, end, (begun, turn)).await
            };
            ended.push(self.judged(item, result.await, stop));
        }
        ended
    }

    /// Begins all of `files` and puts them in place, up to the first that cannot be; gives how many are.
    async fn place_together(&self, files: &[Ready<'_>]) -> Result<usize, Ending> {
        self.deadline.check()?;
        let started =
            files.iter().map(|(item, _)| self.recorder.record(EventKind::ItemStarted { id: item.id }));
        try_join_all(started).await?;
        // All are on their way to the journal before the first is waited for.
        let begun =
            files.iter().map(|(item, _)| self.recorder.record(EventKind::ItemRunning { id: item.id }));
        try_join_all(begun).await?;
        Ok(self.contents.place_together(files).await)
    }
}
