//! One phase: its batches one after the other, the members of a batch side by side (R56–R60).

use super::{Ending, Engine, stop::Stop};
use futures::{StreamExt as _, future::join_all, stream::FuturesUnordered};
use shared::{
    event::{EventKind, ItemEnd, PhaseEnd},
    item::{Item, ItemKind},
    plan::{Batch, Consequence, PhasePlan, verdict},
};
use std::pin::pin;

/// An item, and how it ended or why the run cannot go on.
type Carried<'i> = (&'i Item, Result<ItemEnd, Ending>);

/// Whether what follows does not wait for it: a title with `donotwait`. What needs it does, and so does the end of its phase.
fn goes_on_behind(item: &Item) -> bool {
    item.kind == ItemKind::Title && item.donotwait
}

/// The outcome of `work`, while what goes on behind it goes on.
async fn beside<W: Future, B: Future>(
    work: W,
    behind: &mut FuturesUnordered<B>,
    ended: &mut Vec<B::Output>,
) -> W::Output {
    let mut work = pin!(work);
    loop {
        tokio::select! {
            biased;
            outcome = &mut work => return outcome,
            Some(one) = behind.next() => ended.push(one),
        }
    }
}

impl Engine {
    /// Carries out setupassistant or userland.
    pub(super) async fn phase(&self, plan: &PhasePlan) -> Result<(), Ending> {
        let phase = plan.phase;
        // Titles of a later phase may need them, also where nothing is left of this one.
        for settled in plan.over.iter().chain(&plan.settled) {
            self.ends.set(settled.listed.id, &settled.end);
        }
        if plan.settled.is_empty() && plan.is_empty() {
            let end = if plan.over.is_empty() { PhaseEnd::Skipped } else { PhaseEnd::Completed };
            return Ok(self.recorder.record(EventKind::PhaseFinished { phase, end }).await?);
        }
        self.recorder.record(EventKind::PhaseStarted { phase }).await?;
        self.settle(plan).await?;
        let result = self.batches(plan).await;
        let end = match &result {
            Ok(()) => PhaseEnd::Completed,
            Err(Ending::Temporary(_)) => PhaseEnd::Paused,
            Err(_) => PhaseEnd::Aborted,
        };
        self.recorder.record(EventKind::PhaseFinished { phase, end }).await?;
        result
    }

    /// Whatever ends the phase keeps everything that has not begun from beginning, behind it and beside it; what has begun
    /// runs to its end, and then its failures are judged (R57).
    async fn batches(&self, plan: &PhasePlan) -> Result<(), Ending> {
        let stop = Stop::new();
        let (mut behind, mut ended) = (FuturesUnordered::new(), Vec::new());
        let mut batches = plan.batches.as_slice();
        while let [Batch(items), others @ ..] = batches {
            let files = self.ready_files(batches);
            if !files.is_empty() {
                batches = batches.get(files.len()..).unwrap_or_default();
                let placed = self.place_files(&files, &stop);
                let results = beside(placed, &mut behind, &mut ended).await;
                ended.extend(results);
                if stop.is_raised() {
                    break;
                }
                continue;
            }
            batches = others;
            let (left, waited): (Vec<&Item>, Vec<&Item>) =
                items.iter().partition(|item| goes_on_behind(item));
            behind.extend(left.into_iter().map(|item| self.carry(item, &stop)));
            let batch = join_all(waited.into_iter().map(|item| self.carry(item, &stop)));
            let results = beside(batch, &mut behind, &mut ended).await;
            ended.extend(results);
            if stop.is_raised() {
                break;
            }
        }
        ended.extend(behind.collect::<Vec<_>>().await);
        // What a policy ends is not to be started again, whatever else went wrong beside it.
        self.judge(ended.iter().filter_map(|(item, result)| Some((*item, result.as_ref().ok()?))))?;
        ended.into_iter().try_for_each(|(_, result)| result.map(drop))?;
        if self.settings.track_background {
            self.settle_background(plan).await?;
        }
        Ok(())
    }

    async fn carry<'i>(&self, item: &'i Item, stop: &Stop) -> Carried<'i> {
        self.judged(item, self.carry_out(item, stop).await, stop)
    }

    /// Whether what follows `item` may begin after this `result`.
    pub(super) fn judged<'i>(
        &self,
        item: &'i Item,
        result: Result<ItemEnd, Ending>,
        stop: &Stop,
    ) -> Carried<'i> {
        match &result {
            Ok(end) => stop.judge(item, end),
            Err(_) => stop.raise(),
        }
        (item, result)
    }

    /// Reports the entries that were decided beforehand; each takes its step (R96).
    pub(super) async fn settle(&self, plan: &PhasePlan) -> Result<(), Ending> {
        for settled in &plan.settled {
            let fact = EventKind::ItemFinished {
                id: settled.listed.id,
                end: settled.end.clone(),
                ms: 0,
                last_lines: Vec::new(),
            };
            self.recorder.record(fact).await?;
        }
        Ok(())
    }

    /// One ending that names every failure that asked for it, if any did.
    pub(super) fn judge<'a>(
        &self,
        ends: impl Iterator<Item = (&'a Item, &'a ItemEnd)>,
    ) -> Result<(), Ending> {
        let reasons: Vec<String> = ends
            .filter(|(item, end)| verdict::after(end, item.fail_policy) == Consequence::Abort)
            .map(|(item, end)| format!("{} \"{}\": {end} ({})", item.id, item.name, item.fail_policy.key()))
            .collect();
        if reasons.is_empty() { Ok(()) } else { Err(Ending::Aborted(reasons.join("; "))) }
    }
}
