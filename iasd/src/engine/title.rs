//! One title, from its turn until it is touched: what it needs, whether it is there, its content, whether it may be replaced.

use super::{
    Ending, Engine,
    needs::Unavailable,
    step::{LastLines, Turn, pause_or_fail},
    stop::Stop,
};
use crate::{download::VerifiedArtifact, host::Hear};
use shared::{
    event::{Category, ItemEnd, Level, SkipReason},
    exit::Ended,
    item::{Blocking, Item, Phase, Source},
    plan::presence::skip_reason,
    title::{Download, Part, Presence, Step, Verdict, needed_kib, open_applications},
};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often open applications are looked for.
const GLANCE: Duration = Duration::from_secs(2);

impl Engine {
    /// Carries out one title, or what comes with it.
    pub(super) async fn title(&self, item: &Item, stop: &Stop, turn: &mut Turn) -> Result<ItemEnd, Ending> {
        let titles = self.titles();
        let Some(part) = titles.part(item.id) else {
            return Ok(ItemEnd::DownloadFailed("its catalogs were not asked".to_owned()));
        };
        let step = match &part.outcome {
            Ok(step) => step,
            Err(refusal) => return Ok(ItemEnd::DownloadFailed(refusal.to_string())),
        };
        let prepared = tokio::select! {
            biased;
            () = stop.raised() => return Ok(ItemEnd::NotStarted),
            prepared = self.deadline.bound(self.prepare(item, part, step)) => prepared??,
        };
        let content = match prepared {
            Prepared::Over(end) => return Ok(end),
            Prepared::Ready(content) => content,
        };
        self.carry_out_title(item, step, content.as_ref(), (stop, turn)).await
    }

    /// All that can be done before the title is touched.
    async fn prepare(&self, item: &Item, part: &Part, step: &Step) -> Result<Prepared, Ending> {
        for need in &part.needs {
            if !self.ends.good(*need).await {
                let titles = self.titles();
                let name = titles.part(*need).map_or_else(|| need.to_string(), |part| part.title.clone());
                return Ok(Prepared::failed(format!("prerequisite failed: {name}")));
            }
        }
        if !item.always_install && !self.past.was_cut_off(item) {
            // A dry run runs nothing, so what only a script can tell is not known in it (R74).
            let standing =
                if self.settings.dry_run { self.look(step).await } else { self.standing(item, step).await };
            match standing {
                Err(why) => return pause_or_fail(item, why).map(Prepared::Over),
                Ok(Verdict::Malformed(why)) => return Ok(Prepared::failed(format!("refused: {why}"))),
                Ok(verdict) => {
                    if let Some(reason) = skip_reason(&verdict) {
                        return Ok(Prepared::Over(ItemEnd::Skipped(reason)));
                    }
                }
            }
        }
        let content = match self.title_content(item, step).await? {
            Ok(content) => content,
            Err(end) => return Ok(Prepared::Over(end)),
        };
        if self.settings.dry_run {
            return Ok(Prepared::Over(ItemEnd::Skipped(SkipReason::DryRun)));
        }
        if let Some(why) = self.no_room(item, step) {
            return pause_or_fail(item, why).map(Prepared::Over);
        }
        if let Some(app) = self.blocked(item, step).await {
            return Ok(Prepared::failed(format!("blocked by {app}")));
        }
        Ok(Prepared::Ready(content))
    }

    /// What the repository has of it, if it has any. A credential that has run out is replaced once (T65).
    async fn title_content(
        &self,
        item: &Item,
        step: &Step,
    ) -> Result<Result<Option<VerifiedArtifact>, ItemEnd>, Ending> {
        let Some(download) = &step.download else { return Ok(Ok(None)) };
        let taken = match self.sources.of(item.id) {
            Some(Ok(asked_as)) => match self.contents.take(item.id).await {
                Err(why) if why.refused => self.fetch_anew(item, step, (download, Some(&asked_as))).await,
                taken => taken,
            },
            // The repository could not be asked when downloads began; now it may.
            Some(Err(_)) | None => self.fetch_anew(item, step, (download, None)).await,
        };
        match taken {
            Ok(content) => {
                self.remember(&fetched_as(item, step, None), &content);
                Ok(Ok(Some(content)))
            }
            Err(why) => pause_or_fail(item, why).map(Err),
        }
    }

    /// Fetches it with a credential that is valid now; `refused` was not.
    async fn fetch_anew(
        &self,
        item: &Item,
        step: &Step,
        (download, refused): (&Download, Option<&Source>),
    ) -> Result<VerifiedArtifact, Unavailable> {
        let source = self.repository.package(&download.place, refused).await?;
        self.contents.again(&fetched_as(item, step, Some(source))).await
    }

    /// Removes the content of a title that is installed, unless another one that is not over has the same (T48).
    pub(super) async fn discard_title(&self, item: &Item) {
        let titles = self.titles();
        let digest = |part: &Part| Some(part.outcome.as_ref().ok()?.download.as_ref()?.digest);
        let Some(own) = titles.part(item.id).and_then(digest) else { return };
        let wanted = |part: &Part| digest(part) == Some(own) && !self.ends.knows(part.id);
        if titles.parts.iter().any(wanted) {
            return;
        }
        if let Err(why) = self.contents.discard(&item.file).await {
            self.recorder.notice(Level::Warning, Category::Item, Some(item.id), why).await;
        }
    }

    /// Whether it is there now; asks its script where only that tells.
    pub(super) async fn standing(&self, item: &Item, step: &Step) -> Result<Verdict, Unavailable> {
        let timeout = Some(self.settings.titles.script_timeout);
        Ok(match self.look(step).await? {
            Verdict::AskInstallCheck(script) => {
                let (ended, _) = self.ask(item, &script, (Hear::Everything, timeout)).await;
                shared::title::after_install_check(step, &ended)
            }
            Verdict::AskVersion(script) => {
                let (ended, said) = self.ask(item, &script, (Hear::Output, timeout)).await;
                shared::title::after_version_script(step, &ended, &said.join("\n"))
            }
            verdict => verdict,
        })
    }

    /// Judges from what is on the Mac at this moment.
    async fn look(&self, step: &Step) -> Result<Verdict, Unavailable> {
        let (mut found, mut receipts) = (Default::default(), Default::default());
        match &step.presence {
            Presence::Installs(entries) => {
                let traces: Vec<_> = entries.iter().map(|entry| entry.what.clone()).collect();
                found = self.host.probe(&traces).await;
            }
            Presence::Receipts(_) => match self.host.receipts().await {
                Ok(all) => receipts = all,
                // A tool that does not answer today may tomorrow.
                Err(error) => return Err(Unavailable::for_now(error.to_string())),
            },
            _ => {}
        }
        Ok(shared::title::judge(step, &found, &receipts))
    }

    /// Runs a script that only answers, and gives its end and what it said.
    async fn ask(
        &self,
        item: &Item,
        script: &str,
        (hear, timeout): (Hear, Option<Duration>),
    ) -> (Ended, Vec<String>) {
        let mut last = LastLines::new();
        let ended = self.run_text(item, script, (hear, timeout), &mut last).await;
        (ended, last.into())
    }

    /// Why there is no room for it and what is still to come in its phase (T33). Titles that are over have taken theirs.
    fn no_room(&self, item: &Item, step: &Step) -> Option<Unavailable> {
        let titles = self.titles();
        let others = titles
            .parts
            .iter()
            .filter(|part| part.id != item.id && part.id.phase == item.id.phase && !self.ends.knows(part.id));
        let unfinished = others
            .filter_map(|part| Some((part.outcome.as_ref().ok()?, self.contents.arrived(part.id).is_some())));
        let needed = needed_kib(step, unfinished);
        // Where nobody can tell, the installation will.
        let mut free = self.host.free_kib().ok()?;
        if free < needed {
            self.contents.make_room((needed - free).saturating_mul(1024));
            free = self.host.free_kib().ok()?;
        }
        let why = || {
            let text = format!("it and the titles after it need {needed} KiB, {free} KiB are free");
            Unavailable::for_now(text)
        };
        (free < needed).then(why)
    }

    /// The open application that keeps it from being installed, once nothing more is waited for (T45).
    async fn blocked(&self, item: &Item, step: &Step) -> Option<String> {
        let blocking = item.wish.as_ref().map_or(Blocking::Ignore, |wish| wish.blocking);
        if item.id.phase != Phase::Userland || blocking == Blocking::Ignore {
            return None;
        }
        let deadline = Instant::now() + self.settings.titles.blocking_wait;
        let mut told = false;
        loop {
            // Where nobody can tell which applications are open, none is known to be.
            let processes = self.host.processes().await.unwrap_or_default();
            let open = open_applications(&step.blocking_applications, &processes);
            let app = open.into_iter().next()?;
            if blocking == Blocking::Skip || Instant::now() >= deadline {
                return Some(app);
            }
            if !told {
                let text = format!("waits until {app} is closed");
                self.recorder.notice(Level::Info, Category::Item, Some(item.id), text).await;
                told = true;
            }
            sleep(GLANCE.min(deadline - Instant::now())).await;
        }
    }
}

/// A title before it is touched.
enum Prepared {
    /// Nothing is to be done any more.
    Over(ItemEnd),
    /// It is missing, and this is its content.
    Ready(Option<VerifiedArtifact>),
}

impl Prepared {
    /// It cannot be had: as if its download had failed (T50).
    fn failed(why: String) -> Self {
        Self::Over(ItemEnd::DownloadFailed(why))
    }
}

/// The item as the download stage fetches it: its digest is the only link between catalog and file (T31).
pub(super) fn fetched_as(item: &Item, step: &Step, source: Option<Source>) -> Item {
    Item { source, hash: step.download.as_ref().map(|download| download.digest), ..item.clone() }
}
