//! One phase: its batches one after the other, the members of a batch side by side (R56–R60).

use super::{Ending, Engine, stop::Stop};
use futures::future::try_join_all;
use shared::{
    event::{EventKind, ItemEnd, PhaseEnd},
    item::Item,
    plan::{Batch, Consequence, PhasePlan, verdict},
};

impl Engine {
    /// Carries out setupassistant or userland.
    pub(super) async fn phase(&self, plan: &PhasePlan) -> Result<(), Ending> {
        let phase = plan.phase;
        if plan.settled.is_empty() && plan.is_empty() {
            return Ok(self
                .recorder
                .record(EventKind::PhaseFinished { phase, end: PhaseEnd::Skipped })
                .await?);
        }
        self.recorder.record(EventKind::PhaseStarted { phase }).await?;
        self.settle(plan).await?;
        let result = self.batches(plan).await;
        let end = if result.is_ok() { PhaseEnd::Completed } else { PhaseEnd::Aborted };
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

    /// Every member runs to its end; then the first failure that may not be tolerated ends the run (R57).
    async fn batch(&self, batch: &Batch) -> Result<(), Ending> {
        let stop = Stop::new();
        let ends = try_join_all(batch.0.iter().map(|item| async {
            let end = self.carry_out(item, &stop).await?;
            if verdict::after(&end, item.fail_policy) == Consequence::Abort {
                stop.raise();
            }
            Ok::<_, Ending>(end)
        }))
        .await?;
        if stop.is_raised() { Err(self.aborted(batch.0.iter().zip(&ends))) } else { Ok(()) }
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

    /// One ending that names every failure that asked for it.
    pub(super) fn aborted<'a>(&self, ends: impl Iterator<Item = (&'a Item, &'a ItemEnd)>) -> Ending {
        let reasons: Vec<String> = ends
            .filter(|(item, end)| verdict::after(end, item.fail_policy) == Consequence::Abort)
            .map(|(item, end)| format!("{} \"{}\" {end} ({})", item.id, item.name, item.fail_policy.key()))
            .collect();
        Ending::Aborted(reasons.join("; "))
    }
}
