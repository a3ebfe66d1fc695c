//! The main loop of a run, on one screen: control file, plan, preflight, setupassistant, userland.
//!
//! The engine decides nothing that `shared::plan` can decide, changes no state (the dispatcher does), and touches
//! the world only through [`Host`], [`Contents`] and [`AgentLink`].

mod app;
pub(crate) mod background;
mod control;
mod deadline;
pub(crate) mod dispatcher;
mod earlier;
mod ending;
mod ends;
mod files;
pub(crate) mod needs;
mod phase;
mod preflight;
mod presence;
pub(crate) mod recorder;
mod step;
mod stop;
mod title;
mod title_effect;
mod titles;

pub(crate) use background::Background;
pub(crate) use deadline::Deadline;
pub(crate) use ending::Ending;
pub(crate) use ends::Ends;
pub(crate) use titles::Sources;

use crate::{download::VerifiedArtifact, host::Host, titles::TitleSource};
use needs::{AgentLink, Contents};
use recorder::Recorder;
use shared::{
    control::{ControlFile, Entry},
    event::Leftover,
    item::{Item, ItemKind, Phase},
    journal::Past,
    layout::MacPath,
    plan::{Plan, plan, presence::trace_of},
    settings::Settings,
    title::Resolution,
};
use std::sync::{Arc, OnceLock};
use tokio::sync::Mutex;

/// Carries one control file to its end.
pub(crate) struct Engine {
    pub(crate) host: Arc<dyn Host>,
    pub(crate) contents: Arc<dyn Contents>,
    pub(crate) agents: Arc<dyn AgentLink>,
    /// Where titles come from.
    pub(crate) repository: Arc<dyn TitleSource>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) recorder: Recorder,
    /// What earlier starts and runs did.
    pub(crate) past: Past,
    /// How the run ends, where that was known before it began: nothing is carried out any more.
    pub(crate) decided: Option<Ending>,
    /// When this start pauses.
    pub(crate) deadline: Deadline,
    pub(crate) background: Background,
    /// One package at a time: macOS allows no more (R59).
    pub(crate) package_lane: Arc<Mutex<()>>,
    /// What the titles of this run are, once they are resolved.
    pub(crate) resolution: OnceLock<Arc<Resolution>>,
    /// As whom the repository was asked for the content of titles.
    pub(crate) sources: Sources,
    /// How items ended so far.
    pub(crate) ends: Ends,
    /// What items brought, for cleanup.
    pub(crate) leftovers: std::sync::Mutex<Vec<Leftover>>,
}

impl Engine {
    /// Runs until there is a reason to end.
    pub(crate) async fn run(&self) -> Ending {
        let mut downloads = Vec::new();
        let ending = self.phases(&mut downloads).await.unwrap_or_else(|early| early);
        self.contents.cancel().await;
        self.remember_unused(&downloads);
        if matches!(ending, Ending::Temporary(_)) {
            // Else the next start would install it beside itself (R59); cleanup waits for it in any case.
            self.background.packages_ended(self.settings.background_timeout).await;
        }
        ending
    }

    async fn phases(&self, downloads: &mut Vec<Item>) -> Result<Ending, Ending> {
        if let Some(decided) = &self.decided {
            return Ok(decided.clone());
        }
        let mut read = self.control_file().await?;
        if self.ran_before(read.control.digest) {
            return Ok(Ending::RanBefore);
        }
        if self.titles_come_first(&read.control) {
            read.control = self.with_titles(read.control).await?;
        }
        let plan = self.plan(&read.control).await?;
        self.tell_of_control_file(&read, &plan).await?;
        if !plan.unknown.is_empty() {
            return Ok(Ending::Aborted(format!("nothing was repaired: {}", plan.unknown.join("; "))));
        }
        malformed(&plan).map_or(Ok(()), |why| Err(Ending::ControlFile(why)))?;
        self.recall(&read.control, &plan).await?;
        if self.is_repaired(&plan) {
            return Ok(Ending::NothingToRepair);
        }

        // Nothing has begun yet, and nothing will where it could not be run.
        if Phase::ALL
            .iter()
            .flat_map(|phase| plan.phase(*phase).items())
            .any(|item| item.kind != ItemKind::RootFile)
        {
            self.host.ready().await.map_err(|error| Ending::Temporary(error.to_string()))?;
        }
        let control = read.control;
        self.agents.carry_out(control.digest);
        if self.preflight(&plan).await? {
            return Ok(Ending::PreflightPassed);
        }

        let control = self.with_titles(control).await?;
        // Preflight scripts may have changed this Mac, so the rest is planned from what it is now.
        let plan = self.plan(&control).await?;
        malformed(&plan).map_or(Ok(()), |why| Err(Ending::Aborted(why)))?;
        let (setup_assistant, userland) = (plan.phase(Phase::SetupAssistant), plan.phase(Phase::Userland));
        let work = setup_assistant.items().chain(userland.items()).cloned();
        *downloads = self.to_fetch(work).await?;
        self.contents.start(downloads.clone());

        self.phase(setup_assistant).await?;
        if !userland.is_empty() {
            self.wait_for_user(userland.needs_agent()).await?;
        }
        self.phase(userland).await?;
        Ok(if self.settings.dry_run { Ending::DryRun } else { Ending::Completed })
    }

    /// Plans from the facts of this moment.
    async fn plan(&self, control: &ControlFile) -> Result<Plan, Ending> {
        let receipts = control.entries().filter_map(|entry| match entry {
            Entry::Item(item) => item.receipt.as_ref().map(|receipt| receipt.package_id.clone()),
            Entry::Ignored(..) | Entry::Malformed(..) => None,
        });
        let titles = self.titles();
        let ids: Vec<String> = receipts.chain(titles.receipts().map(str::to_owned)).collect();
        let mut facts = self.host.facts(&ids).await.map_err(|error| Ending::Temporary(error.to_string()))?;
        facts.placed = self.placed(control).await;
        let apps = control.entries().filter_map(|entry| match entry {
            Entry::Item(item) => item.app.as_ref().map(trace_of),
            Entry::Ignored(..) | Entry::Malformed(..) => None,
        });
        let traces: Vec<_> = apps.chain(titles.traces().cloned()).collect();
        if !traces.is_empty() {
            facts.found = self.host.probe(&traces).await;
        }
        Ok(plan(control, &facts, self.settings.hash_check, &self.past, &titles))
    }
}

impl Engine {
    /// The files items brought that are not meant to stay (R82): packages and scripts.
    pub(crate) fn leftovers(&self) -> Vec<Leftover> {
        self.lock_leftovers().clone()
    }

    fn remember(&self, item: &Item, content: &VerifiedArtifact) {
        let fetched = item.source.is_some() || item.kind == ItemKind::Title;
        self.remember_as(item, fetched && (!content.reused() || self.created_before(item)));
    }

    fn remember_as(&self, item: &Item, created: bool) {
        if item.kind.leaves_its_file_to_cleanup() {
            self.lock_leftovers().push(Leftover { path: item.file.clone(), failed: false, created });
        }
    }

    /// Downloads run ahead: what came for items whose turn never came is not meant to stay either.
    fn remember_unused(&self, downloads: &[Item]) {
        let known: Vec<MacPath> = self.leftovers().into_iter().map(|leftover| leftover.path).collect();
        let brought = self.contents.brought();
        for item in downloads.iter().filter(|item| !known.contains(&item.file)) {
            match self.contents.arrived(item.id) {
                Some(content) => self.remember(item, &content),
                // Cancelled in the instant in which it was put in place.
                None if brought.contains(&item.file) => self.remember_as(item, true),
                None => {}
            }
        }
    }

    pub(super) fn mark_failed(&self, file: &MacPath) {
        for leftover in self.lock_leftovers().iter_mut().filter(|leftover| leftover.path == *file) {
            leftover.failed = true;
        }
    }

    fn lock_leftovers(&self) -> std::sync::MutexGuard<'_, Vec<Leftover>> {
        self.leftovers.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Malformed items end the run before anything of it is executed, unless their policy tolerates it (R6, R15).
fn malformed(plan: &Plan) -> Option<String> {
    let refused: Vec<String> = plan
        .forbidding()
        .map(|settled| format!("{} \"{}\": {}", settled.listed.id, settled.listed.name, settled.end))
        .collect();
    (!refused.is_empty()).then(|| refused.join("; "))
}
