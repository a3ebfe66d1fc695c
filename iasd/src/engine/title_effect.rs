//! A title is carried out: its scripts, its package or what is copied out of its image, and whether it is there afterwards.

use super::{
    Ending, Engine,
    step::{LINES_IN_FLIGHT, LastLines, Turn},
    stop::Stop,
};
use crate::{
    download::VerifiedArtifact,
    host::{Attached, Hear, HostError, Launch, Output},
};
use shared::{
    event::{Category, ItemEnd, Level},
    exit::Ended,
    item::Item,
    plan::verdict,
    title::{CopyItem, Method, PackageOptions, Presence, Restart, Step, Verdict},
};
use std::time::Duration;
use tokio::sync::mpsc;

impl Engine {
    /// Carries out a title whose content is there.
    pub(super) async fn carry_out_title(
        &self,
        item: &Item,
        step: &Step,
        content: Option<&VerifiedArtifact>,
        (stop, turn): (&Stop, &mut Turn),
    ) -> Result<ItemEnd, Ending> {
        if matches!(step.method, Method::Package(_) | Method::PackageInImage { .. }) {
            turn.lane = tokio::select! {
                biased;
                () = stop.raised() => return Ok(ItemEnd::NotStarted),
                lane = self.deadline.bound(self.lane()) => Some(lane??),
            };
        }
        // The lane, or an open application, may have kept it waiting for long (R89).
        if let Some(content) = content
            && let Err(changed) = self.contents.confirm(content).await
        {
            return Ok(ItemEnd::DownloadFailed(changed.reason));
        }
        if stop.is_raised() {
            return Ok(ItemEnd::NotStarted);
        }
        self.begin(item).await?;
        let end = self.effect(item, step, content, &mut turn.last).await?;
        // Before the lane is free: the next package of this batch must not slip in (R57).
        stop.judge(item, &end);
        Ok(end)
    }

    async fn effect(
        &self,
        item: &Item,
        step: &Step,
        content: Option<&VerifiedArtifact>,
        last: &mut LastLines,
    ) -> Result<ItemEnd, Ending> {
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
                self.title_package(item, content, options, last).await
            }
            (Some(image), Method::PackageInImage { path, options }) => {
                let from = (image, path.as_deref());
                self.package_in_image(item, from, options, last).await
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
        if let Some(why) = self.not_found(item, step).await {
            return Ok(verdict::failed(item.kind, Ended::Failed(why)));
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

    /// Why it is not there although it was installed, where that is looked at (`confirm`).
    async fn not_found(&self, item: &Item, step: &Step) -> Option<String> {
        let confirm = item.wish.as_ref().is_some_and(|wish| wish.confirm);
        if !confirm || matches!(step.presence, Presence::OnDemand | Presence::Assumed) {
            return None;
        }
        match self.standing(item, step).await {
            Ok(Verdict::Already(_) | Verdict::Newer(_)) => None,
            Ok(Verdict::Malformed(why)) => Some(format!("installed, but not found: {why}")),
            Ok(_) => Some("installed, but not found".to_owned()),
            Err(why) => Some(format!("installed, but nobody can tell: {}", why.reason)),
        }
    }

    async fn title_package(
        &self,
        item: &Item,
        package: &VerifiedArtifact,
        options: &PackageOptions,
        last: &mut LastLines,
    ) -> Ended {
        let (sender, lines) = mpsc::channel(LINES_IN_FLIGHT);
        let launch = Launch { timeout: item.timeout, output: Output::Lines(sender) };
        match self.host.install_with(package, options, launch).await {
            Ok(running) => self.heard(item, running, lines, last).await,
            Err(error) => Ended::NotStarted(error.to_string()),
        }
    }

    async fn package_in_image(
        &self,
        item: &Item,
        (image, path): (&VerifiedArtifact, Option<&str>),
        options: &PackageOptions,
        last: &mut LastLines,
    ) -> Ended {
        let attached = match self.host.attach(image).await {
            Ok(attached) => attached,
            Err(error) => return not_done(&error),
        };
        let (sender, lines) = mpsc::channel(LINES_IN_FLIGHT);
        let launch = Launch { timeout: item.timeout, output: Output::Lines(sender) };
        let ended = match attached.install(path, options, launch).await {
            Ok(running) => self.heard(item, running, lines, last).await,
            Err(error) => Ended::NotStarted(error.to_string()),
        };
        self.detach(item, attached).await;
        ended
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

    /// Runs a script of the pkginfo to its end.
    pub(super) async fn run_text(
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
}

fn not_done(error: &HostError) -> Ended {
    Ended::Failed(error.to_string())
}
