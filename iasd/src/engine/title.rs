//! One title, from its turn to its end: is it there, may it be replaced, its content, its scripts, its installation (T37–T50).

use super::{
    Ending, Engine,
    needs::Unavailable,
    step::{LINES_IN_FLIGHT, LastLines, pause_or_fail},
    stop::Stop,
};
use crate::{
    download::VerifiedArtifact,
    host::{Attached, Hear, HostError, Launch, Output},
};
use shared::{
    event::{Category, ItemEnd, Level, SkipReason},
    exit::Ended,
    item::{Blocking, Item, Phase, Source},
    plan::{presence::skip_reason, verdict},
    title::{
        CopyItem, Download, Method, PackageOptions, Part, Presence, Restart, Step, Verdict, open_applications,
    },
};
use std::time::Duration;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};

/// Room that is left on the volume, in KiB (T33).
const SPARE_KIB: u64 = 102_400;
/// How often open applications are looked for.
const GLANCE: Duration = Duration::from_secs(2);

impl Engine {
    /// Carries out one title, or what comes with it.
    pub(super) async fn title(
        &self,
        item: &Item,
        stop: &Stop,
        last: &mut LastLines,
    ) -> Result<ItemEnd, Ending> {
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
        self.carry_out_title(item, step, content.as_ref(), (stop, last)).await
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
        if !item.always_install {
            match self.standing(item, step).await {
                Verdict::Malformed(why) => return Ok(Prepared::failed(format!("refused: {why}"))),
                verdict => {
                    if let Some(reason) = skip_reason(&verdict) {
                        return Ok(Prepared::Over(ItemEnd::Skipped(reason)));
                    }
                }
            }
        }
        if self.settings.dry_run {
            return Ok(Prepared::Over(ItemEnd::Skipped(SkipReason::DryRun)));
        }
        let content = match self.title_content(item, step).await? {
            Ok(content) => content,
            Err(end) => return Ok(Prepared::Over(end)),
        };
        if let Some(why) = self.no_room(step) {
            return Ok(Prepared::failed(why));
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
            Ok(content) => match self.contents.confirm(&content).await {
                Ok(()) => Ok(Ok(Some(content))),
                Err(changed) => Ok(Err(ItemEnd::DownloadFailed(changed.reason))),
            },
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
        self.contents.again(&fetched_as(item, step, source)).await
    }

    /// Whether it is there now; asks its script where only that tells.
    async fn standing(&self, item: &Item, step: &Step) -> Verdict {
        let timeout = Some(self.settings.titles.script_timeout);
        match self.look(step).await {
            Verdict::AskInstallCheck(script) => {
                let (ended, _) = self.ask(item, &script, (Hear::Everything, timeout)).await;
                shared::title::after_install_check(step, &ended)
            }
            Verdict::AskVersion(script) => {
                let (ended, said) = self.ask(item, &script, (Hear::Output, timeout)).await;
                shared::title::after_version_script(step, &ended, &said.join("\n"))
            }
            verdict => verdict,
        }
    }

    /// Judges from what is on the Mac at this moment.
    async fn look(&self, step: &Step) -> Verdict {
        let (mut found, mut receipts) = (Default::default(), Default::default());
        match &step.presence {
            Presence::Installs(entries) => {
                let traces: Vec<_> = entries.iter().map(|entry| entry.what.clone()).collect();
                found = self.host.probe(&traces).await;
            }
            Presence::Receipts(_) => match self.host.receipts().await {
                Ok(all) => receipts = all,
                Err(error) => return Verdict::Malformed(error.to_string()),
            },
            _ => {}
        }
        shared::title::judge(step, &found, &receipts)
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

    async fn run_text(
        &self,
        item: &Item,
        script: &str,
        (hear, timeout): (Hear, Option<Duration>),
        last: &mut LastLines,
    ) -> Ended {
        let (sender, lines) = mpsc::channel(LINES_IN_FLIGHT);
        let launch = Launch { timeout, output: Output::Lines(sender) };
        match self.host.run_text(script, hear, launch).await {
            Ok(running) => self.heard(item, running, lines, last).await,
            Err(error) => Ended::NotStarted(error.to_string()),
        }
    }

    /// Why there is no room for it (T33). Titles that were installed before it have taken theirs already.
    fn no_room(&self, step: &Step) -> Option<String> {
        let needed = step.installed_kib.saturating_add(SPARE_KIB);
        // Where nobody can tell, the installation will.
        let free = self.host.free_kib().ok()?;
        (free < needed).then(|| format!("it needs {needed} KiB, {free} KiB are free"))
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

    async fn carry_out_title(
        &self,
        item: &Item,
        step: &Step,
        content: Option<&VerifiedArtifact>,
        (stop, last): (&Stop, &mut LastLines),
    ) -> Result<ItemEnd, Ending> {
        if stop.is_raised() {
            return Ok(ItemEnd::NotStarted);
        }
        self.begin(item).await?;
        if let Some(script) = &step.preinstall_script {
            let ended = self.run_text(item, script, (Hear::Everything, item.timeout), last).await;
            if !ended.is_success() {
                let text = "its preinstall_script failed: nothing is installed";
                self.recorder.notice(Level::Error, Category::Item, Some(item.id), text).await;
                return Ok(verdict::failed(item.kind, ended));
            }
        }
        let ended = match (content, &step.method) {
            (_, Method::ScriptsOnly) => Ended::Exited(0),
            (Some(content), Method::Package(options)) => {
                self.title_package(item, content, options, last).await?
            }
            (Some(image), Method::PackageInImage { path, options }) => {
                let from = (image, path.as_deref());
                self.package_in_image(item, from, options, last).await?
            }
            (Some(image), Method::CopyFromImage(items)) => self.copy_from_image(item, image, items).await,
            (None, _) => Ended::NotStarted("the catalog names no file to install from".to_owned()),
        };
        if !ended.is_success() {
            return Ok(verdict::failed(item.kind, ended));
        }
        self.after_installation(item, step, last).await
    }

    /// What follows a good installation.
    async fn after_installation(
        &self,
        item: &Item,
        step: &Step,
        last: &mut LastLines,
    ) -> Result<ItemEnd, Ending> {
        if let Some(script) = &step.postinstall_script {
            let ended = self.run_text(item, script, (Hear::Everything, item.timeout), last).await;
            if !ended.is_success() {
                let text = format!("its postinstall_script: {ended}; the title counts as installed");
                self.recorder.notice(Level::Warning, Category::Item, Some(item.id), text).await;
            }
        }
        let confirm = item.wish.as_ref().is_some_and(|wish| wish.confirm);
        let tells = !matches!(step.presence, Presence::OnDemand | Presence::Assumed);
        if confirm
            && tells
            && !matches!(self.standing(item, step).await, Verdict::Already(_) | Verdict::Newer(_))
        {
            return Ok(verdict::failed(item.kind, Ended::Failed("installed, but not found".to_owned())));
        }
        let wanted = match step.restart {
            Restart::Nothing => None,
            Restart::Logout => Some("wants the user to log out and in again"),
            Restart::Mac if self.settings.reboot => None,
            Restart::Mac => {
                Some("wants this Mac restarted: `Reboot` is not set, so nothing is done about it")
            }
        };
        if let Some(text) = wanted {
            self.recorder.notice(Level::Warning, Category::Item, Some(item.id), text).await;
        }
        Ok(ItemEnd::Done)
    }

    async fn title_package(
        &self,
        item: &Item,
        package: &VerifiedArtifact,
        options: &PackageOptions,
        last: &mut LastLines,
    ) -> Result<Ended, Ending> {
        let _lane = self.deadline.bound(self.lane()).await??;
        let (sender, lines) = mpsc::channel(LINES_IN_FLIGHT);
        let launch = Launch { timeout: item.timeout, output: Output::Lines(sender) };
        Ok(match self.host.install_with(package, options, launch).await {
            Ok(running) => self.heard(item, running, lines, last).await,
            Err(error) => Ended::NotStarted(error.to_string()),
        })
    }

    async fn package_in_image(
        &self,
        item: &Item,
        (image, path): (&VerifiedArtifact, Option<&str>),
        options: &PackageOptions,
        last: &mut LastLines,
    ) -> Result<Ended, Ending> {
        // Attached beside what the lane does.
        let attached = match self.host.attach(image).await {
            Ok(attached) => attached,
            Err(error) => return Ok(not_done(&error)),
        };
        let ended = {
            let _lane = self.deadline.bound(self.lane()).await??;
            let (sender, lines) = mpsc::channel(LINES_IN_FLIGHT);
            let launch = Launch { timeout: item.timeout, output: Output::Lines(sender) };
            match attached.install(path, options, launch).await {
                Ok(running) => self.heard(item, running, lines, last).await,
                Err(error) => Ended::NotStarted(error.to_string()),
            }
        };
        self.detach(item, attached).await;
        Ok(ended)
    }

    /// Copies beside everything else: only packages need the lane.
    async fn copy_from_image(&self, item: &Item, image: &VerifiedArtifact, items: &[CopyItem]) -> Ended {
        let attached = match self.host.attach(image).await {
            Ok(attached) => attached,
            Err(error) => return not_done(&error),
        };
        let mut ended = Ended::Exited(0);
        for copied in items {
            if let Err(error) = attached.copy(copied).await {
                ended = not_done(&error);
                break;
            }
        }
        self.detach(item, attached).await;
        ended
    }

    async fn detach(&self, item: &Item, attached: Box<dyn Attached>) {
        if let Err(error) = attached.detach().await {
            self.recorder.notice(Level::Warning, Category::Item, Some(item.id), error.to_string()).await;
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

fn not_done(error: &HostError) -> Ended {
    Ended::Failed(error.to_string())
}

/// The item as the download stage fetches it: its digest is the only link between catalog and file (T31).
pub(super) fn fetched_as(item: &Item, step: &Step, source: Source) -> Item {
    Item {
        source: Some(source),
        hash: step.download.as_ref().map(|download| download.digest),
        ..item.clone()
    }
}
