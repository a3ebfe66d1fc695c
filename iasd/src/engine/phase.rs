//! One phase: its batches one after the other, the members of a batch side by side (R56–R60).

use super::{Ending, Engine, stop::Stop};
use futures::future::join_all;
use shared::{
    event::{EventKind, ItemEnd, PhaseEnd},
    item::Item,
    plan::{Batch, Consequence, PhasePlan, verdict},
};

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

    async fn batches(&self, plan: &PhasePlan) -> Result<(), Ending> {
        for batch in &plan.batches {
            self.batch(batch).await?;
        }
        if self.settings.track_background {
            self.settle_background(plan).await?;
        }
        Ok(())
    }

    /// Every member that has begun runs to its end; then a failure that may not be tolerated ends the run (R57).
    async fn batch(&self, batch: &Batch) -> Result<(), Ending> {
        let stop = Stop::new();
        let results = join_all(batch.0.iter().map(|item| async {
            let result = self.carry_out(item, &stop).await;
            match &result {
                Ok(end) => stop.judge(item, end),
                Err(_) => stop.raise(),
            }
            result
        }))
        .await;
        let ends =
            batch.0.iter().zip(&results).filter_map(|(item, result)| Some((item, result.as_ref().ok()?)));
        // What a policy ends is not to be started again, whatever else went wrong beside it.
        self.judge(ends)?;
        results.into_iter().try_for_each(|result| result.map(drop))
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
