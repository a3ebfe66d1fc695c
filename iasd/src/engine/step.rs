//! One item, from its turn to its end: content, last checks, effect.

use super::{
    Ending, Engine, background,
    needs::{NotTaken, Unavailable, UserScript},
    stop::Stop,
};
use crate::{
    download::VerifiedArtifact,
    host::{HostError, Launch, Line, Output, Running},
};
use shared::{
    event::{EventKind, ItemEnd, Progress, SkipReason},
    exit::Ended,
    item::{Item, ItemKind, Phase},
    layout::MacPath,
    plan::{Consequence, planner, verdict},
    sys::child::Finished,
};
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};
use tokio::sync::{OwnedMutexGuard, mpsc};

/// How many of the last output lines a failure shows (R94).
const LAST_LINES: usize = 20;
/// Lines on their way from a process to the log.
pub(super) const LINES_IN_FLIGHT: usize = 64;

/// The pause after an agent turned out to be gone.
const AGENT_BREATH: Duration = Duration::from_millis(250);

pub(super) type LastLines = VecDeque<String>;

/// What an item has while it is its turn.
#[derive(Default)]
pub(super) struct Turn {
    /// The last lines of its output.
    pub(super) last: LastLines,
    /// The lane, for a package: kept until its end is on the disk, so that whoever gets the lane next knows that nothing
    /// of this one is lost.
    pub(super) lane: Option<OwnedMutexGuard<()>>,
}

impl Engine {
    /// Carries out one item and reports it.
    pub(super) async fn carry_out(&self, item: &Item, stop: &Stop) -> Result<ItemEnd, Ending> {
        self.deadline.check()?;
        let begun = Instant::now();
        self.recorder.record(EventKind::ItemStarted { id: item.id }).await?;
        let mut turn = Turn::default();
        let end = self.work(item, stop, &mut turn).await?;
        self.finished(item, end, (begun, turn)).await
    }

    /// Reports how `item` ended.
    pub(super) async fn finished(
        &self,
        item: &Item,
        end: ItemEnd,
        (begun, turn): (Instant, Turn),
    ) -> Result<ItemEnd, Ending> {
        if end.is_failure() {
            self.mark_failed(&item.file);
        }
        let fact = EventKind::ItemFinished {
            id: item.id,
            end: end.clone(),
            ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            last_lines: if end.is_failure() { turn.last.into() } else { Vec::new() },
        };
        self.recorder.record(fact).await?;
        self.ends.set(item.id, &end);
        if end == ItemEnd::Done && item.kind == ItemKind::Title {
            self.discard_title(item).await;
        }
        Ok(end)
    }

    pub(super) async fn work(&self, item: &Item, stop: &Stop, turn: &mut Turn) -> Result<ItemEnd, Ending> {
        if item.kind == ItemKind::Title {
            return self.title(item, stop, turn).await;
        }
        let content = tokio::select! {
            biased;
            () = stop.raised() => return Ok(ItemEnd::NotStarted),
            content = self.deadline.bound(self.content(item)) => content?,
        };
        let content = match content {
            Ok(content) => content,
            Err(error) => return pause_or_fail(item, error),
        };
        self.remember(item, &content);
        if let Some(reason) = self.unneeded(item).await {
            return Ok(ItemEnd::Skipped(reason));
        }
        // Placing a root file confirms it.
        if item.kind != ItemKind::RootFile
            && let Err(changed) = self.contents.confirm(&content).await
        {
            return Ok(ItemEnd::DownloadFailed(changed.reason));
        }
        if stop.is_raised() {
            return Ok(ItemEnd::NotStarted);
        }
        match item.kind {
            ItemKind::Package => self.package(item, &content, stop, turn).await,
            ItemKind::RootScript => self.root_script(item, &content, turn).await,
            ItemKind::UserScript => self.user_script(item, &content, stop, &mut turn.last).await,
            ItemKind::RootFile => self.root_file(item, &content).await,
            ItemKind::UserFile => self.user_file(item, &content, stop).await,
            ItemKind::App => self.app(item, &content).await,
            // It went its own way before.
            ItemKind::Title => self.title(item, stop, turn).await,
        }
    }

    /// The effect of `item` may begin as soon as that is on the disk; none does when the run has to pause.
    pub(super) async fn begin(&self, item: &Item) -> Result<(), Ending> {
        self.deadline.check()?;
        Ok(self.recorder.record(EventKind::ItemRunning { id: item.id }).await?)
    }

    async fn content(&self, item: &Item) -> Result<VerifiedArtifact, Unavailable> {
        match item.source {
            Some(_) => self.contents.take(item.id).await,
            None => self.contents.local(item).await,
        }
    }

    /// The receipt may have appeared meanwhile: another item may have installed it (R21). A dry run ends here (R74).
    async fn unneeded(&self, item: &Item) -> Option<SkipReason> {
        if let Some(receipt) = item.receipt.as_ref().filter(|_| item.kind == ItemKind::Package) {
            let installed = self.host.receipt(&receipt.package_id).await.unwrap_or(None);
            if let Some(reason) = planner::satisfied(item, installed.as_deref()) {
                return Some(reason);
            }
        }
        if let Some(app) = &item.app
            && let Some(reason) = self.app_is_there(item, app).await
        {
            return Some(reason);
        }
        self.settings.dry_run.then_some(SkipReason::DryRun)
    }

    async fn package(
        &self,
        item: &Item,
        content: &VerifiedArtifact,
        stop: &Stop,
        turn: &mut Turn,
    ) -> Result<ItemEnd, Ending> {
        turn.lane = tokio::select! {
            biased;
            () = stop.raised() => return Ok(ItemEnd::NotStarted),
            lane = self.deadline.bound(self.lane()) => Some(lane??),
        };
        let end = match self.contents.signed_by(content, &item.team_ids).await {
            Err(refused) => ItemEnd::SignatureRefused(refused.reason),
            // A large package takes a while to read.
            Ok(()) if stop.is_raised() => return Ok(ItemEnd::NotStarted),
            Ok(()) => self.install(item, content, turn).await?,
        };
        // Before the lane is free: the next package of this batch must not slip in (R57).
        stop.judge(item, &end);
        Ok(end)
    }

    async fn install(
        &self,
        item: &Item,
        package: &VerifiedArtifact,
        turn: &mut Turn,
    ) -> Result<ItemEnd, Ending> {
        self.begin(item).await?;
        let (sender, lines) = mpsc::channel(LINES_IN_FLIGHT);
        let output = background_log(item).map_or(Output::Lines(sender), Output::LogFile);
        let started = self.host.install(package, Launch { timeout: item.timeout, output }).await;
        Ok(self.follow(item, started, lines, turn).await)
    }

    async fn root_script(
        &self,
        item: &Item,
        content: &VerifiedArtifact,
        turn: &mut Turn,
    ) -> Result<ItemEnd, Ending> {
        self.begin(item).await?;
        let (sender, lines) = mpsc::channel(LINES_IN_FLIGHT);
        // Preflight waits for every script, whatever `donotwait` says (R52); the checker said so already.
        let output = background_log(item).map_or(Output::Lines(sender), Output::LogFile);
        let started = self.host.run_script(content, Launch { timeout: item.timeout, output }).await;
        Ok(self.follow(item, started, lines, turn).await)
    }

    /// Waits for a started effect, or hands it to the background.
    async fn follow(
        &self,
        item: &Item,
        started: Result<Running, HostError>,
        lines: mpsc::Receiver<Line>,
        turn: &mut Turn,
    ) -> ItemEnd {
        let running = match started {
            Ok(running) => running,
            Err(error) => return verdict::failed(item.kind, Ended::NotStarted(error.to_string())),
        };
        if waits_for_nobody(item) && running.begun {
            self.background.watch(item.into(), running, turn.lane.take(), &self.recorder);
            return ItemEnd::Background;
        }
        let ended = self.heard(item, running, lines, &mut turn.last).await;
        if ended.is_success() { ItemEnd::Done } else { verdict::failed(item.kind, ended) }
    }

    /// Waits for a process, and passes on what it says.
    pub(super) async fn heard(
        &self,
        item: &Item,
        running: Running,
        lines: mpsc::Receiver<Line>,
        last: &mut LastLines,
    ) -> Ended {
        let (finished, ()) = futures::join!(running.finish(), self.read(item, lines, last));
        end_of(finished, last)
    }

    async fn read(&self, item: &Item, mut lines: mpsc::Receiver<Line>, last: &mut LastLines) {
        while let Some(line) = lines.recv().await {
            match line {
                Line::Percent(percent) => {
                    self.recorder.progress(Progress::Installed { id: item.id, percent })
                }
                Line::Output(line) => {
                    // The phases of `installer` say how far it came, not why it failed.
                    if !line.starts_with("installer:PHASE:") && !line.starts_with("installer:STATUS:") {
                        if last.len() == LAST_LINES {
                            last.pop_front();
                        }
                        last.push_back(line.clone());
                    }
                    self.recorder.output(item.id, line).await;
                }
            }
        }
    }

    async fn user_script(
        &self,
        item: &Item,
        content: &VerifiedArtifact,
        stop: &Stop,
        last: &mut LastLines,
    ) -> Result<ItemEnd, Ending> {
        while self.agent_may_be_asked(stop).await? {
            self.begin(item).await?;
            let (sender, lines) = mpsc::channel(LINES_IN_FLIGHT);
            let script = UserScript {
                id: item.id,
                name: &item.name,
                script: content,
                donotwait: item.donotwait,
                timeout: item.timeout,
            };
            let run = self.agents.run_script(script, sender);
            let (finished, ()) = futures::join!(run, self.read(item, lines, last));
            match finished.map(|finished| end_of(finished, last)) {
                Ok(ended) if !ended.is_success() => return Ok(verdict::failed(item.kind, ended)),
                Ok(_) if item.donotwait => return Ok(ItemEnd::Background),
                Ok(_) => return Ok(ItemEnd::Done),
                // It had not started, so it may be repeated (R64).
                Err(not_taken) => self.not_taken(item, not_taken).await?,
            }
        }
        Ok(ItemEnd::NotStarted)
    }

    async fn root_file(&self, item: &Item, content: &VerifiedArtifact) -> Result<ItemEnd, Ending> {
        self.begin(item).await?;
        match self.contents.place(item, content).await {
            Ok(()) => Ok(ItemEnd::Done),
            Err(refused) => Ok(ItemEnd::PlacementFailed(refused.reason)),
        }
    }

    async fn user_file(
        &self,
        item: &Item,
        content: &VerifiedArtifact,
        stop: &Stop,
    ) -> Result<ItemEnd, Ending> {
        while self.agent_may_be_asked(stop).await? {
            self.begin(item).await?;
            match self.agents.place_file(item.id, content, &item.file).await {
                Ok(ended) if ended.is_success() => return Ok(ItemEnd::Done),
                Ok(ended) => return Ok(verdict::failed(item.kind, ended)),
                Err(not_taken) => self.not_taken(item, not_taken).await?,
            }
        }
        Ok(ItemEnd::NotStarted)
    }

    /// Waits for the agent, unless the batch is to end meanwhile (R57, R64).
    async fn agent_may_be_asked(&self, stop: &Stop) -> Result<bool, Ending> {
        tokio::select! {
            biased;
            () = stop.raised() => Ok(false),
            present = self.agent_still_present() => present.map(|()| true),
        }
    }

    /// An agent that went away before it took the request: its successor gets it (R64).
    async fn not_taken(&self, item: &Item, not_taken: NotTaken) -> Result<(), Ending> {
        self.recorder.record(EventKind::ItemNotTaken { id: item.id, why: not_taken.to_string() }).await?;
        // The link notices the loss a moment later than the request; do not ask a dead agent again.
        tokio::time::sleep(AGENT_BREATH).await;
        Ok(())
    }
}

/// How a process ended. What it says of its last lines counts: not all it wrote may have been delivered (R72, R94).
fn end_of(finished: Finished, last: &mut LastLines) -> Ended {
    if !finished.tail.is_empty() {
        *last = finished.tail.into();
    }
    finished.ended
}

/// What passes by itself never ends a run for good: where its policy would, the run pauses, and goes on with this item
/// when it is started again (docs/decisions/0007).
pub(super) fn pause_or_fail(
    item: &Item,
    Unavailable { reason, transient, .. }: Unavailable,
) -> Result<ItemEnd, Ending> {
    let end = ItemEnd::DownloadFailed(reason);
    let ends_the_run = verdict::after(&end, item.fail_policy) == Consequence::Abort;
    match end {
        ItemEnd::DownloadFailed(reason) if transient && ends_the_run => {
            Err(Ending::Temporary(format!("{} \"{}\": {reason}", item.id, item.name)))
        }
        end => Ok(end),
    }
}

fn waits_for_nobody(item: &Item) -> bool {
    item.donotwait && item.id.phase != Phase::Preflight
}

fn background_log(item: &Item) -> Option<MacPath> {
    waits_for_nobody(item).then(|| background::log_of(item.id)).flatten()
}
