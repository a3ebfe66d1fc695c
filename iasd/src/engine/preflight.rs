//! Preflight: all scripts at once, and one verdict when all have ended (R48–R53).

use super::{Ending, Engine, stop::Stop};
use futures::future::join_all;
use shared::{
    event::{EventKind, ItemEnd, PhaseEnd},
    item::{FailPolicy, Item, Phase},
    plan::{Plan, verdict, verdict::PreflightVerdict},
};

impl Engine {
    /// Whether this Mac needs nothing.
    pub(super) async fn preflight(&self, plan: &Plan) -> Result<bool, Ending> {
        let (phase, decided) = (Phase::Preflight, plan.preflight_passed);
        let plan = plan.phase(phase);
        let nothing_new = plan.settled.is_empty() && plan.is_empty();
        if nothing_new && (plan.over.is_empty() || decided.is_some()) {
            let end = if plan.over.is_empty() { PhaseEnd::Skipped } else { PhaseEnd::Completed };
            self.recorder.record(EventKind::PhaseFinished { phase, end }).await?;
            return Ok(decided.unwrap_or(false));
        }
        self.recorder.record(EventKind::PhaseStarted { phase }).await?;
        self.settle(plan).await?;
        self.contents.start(plan.items().cloned().collect());
        // A failing script does not keep the others from running: the verdict is taken after all ended.
        let stop = Stop::new();
        let results = join_all(plan.items().map(|item| async {
            let result = self.carry_out(item, &stop).await;
            if result.is_err() {
                // The run pauses: what has not begun is left to the next start.
                stop.raise();
            }
            result
        }))
        .await;
        let ended: Vec<(&Item, &ItemEnd)> = plan
            .items()
            .zip(&results)
            .filter_map(|(item, result)| Some((item, result.as_ref().ok()?)))
            .collect();

        let settled = plan.over.iter().chain(&plan.settled);
        let settled = settled.map(|settled| (&settled.end, settled.listed.fail_policy));
        let ran = ended.iter().map(|(item, end)| (*end, item.fail_policy));
        let ends: Vec<(&ItemEnd, FailPolicy)> = settled.chain(ran).collect();
        let verdict = verdict::preflight(ends);
        // What a policy ends is not to be started again, whatever else went wrong beside it.
        if verdict != PreflightVerdict::Abort
            && let Some(pause) = results.iter().find_map(|result| result.as_ref().err())
        {
            self.recorder.record(EventKind::PhaseFinished { phase, end: PhaseEnd::Paused }).await?;
            return Err(pause.clone());
        }
        let pass = verdict == PreflightVerdict::Pass;
        if verdict != PreflightVerdict::Abort {
            self.recorder.record(EventKind::PreflightVerdict { pass }).await?;
        }
        let end = if verdict == PreflightVerdict::Abort { PhaseEnd::Aborted } else { PhaseEnd::Completed };
        self.recorder.record(EventKind::PhaseFinished { phase, end }).await?;
        match verdict {
            PreflightVerdict::Pass => Ok(true),
            PreflightVerdict::Continue => Ok(false),
            PreflightVerdict::Abort => self.judge(ended.into_iter()).and(Ok(false)),
        }
    }
}
