//! The simulated Mac as a [`TitleHost`].

use super::{
    SimulatedHost, accounts,
    image::{Image, Site},
    install::{self, Computer},
    owners::Record,
    receipt,
};
use crate::{
    download::VerifiedArtifact,
    host::{
        AppCopy, Attached, Hear, HostError, Launch, Running, TitleHost,
        archive::{self, Kind},
        launch, pkginfo_script,
        probe::probe,
    },
};
use cap_std::fs::Dir;
use futures::future::BoxFuture;
use shared::{
    exit::Ended,
    facts::ConsoleUser,
    item::SignerId,
    plan::signer,
    sys::signed_app,
    title::{Found, PackageOptions, Trace},
};
use std::{collections::BTreeMap, io, path::Path, sync::Arc};

impl TitleHost for SimulatedHost {
    fn probe<'a>(&'a self, traces: &'a [Trace]) -> BoxFuture<'a, BTreeMap<Trace, Found>> {
        Box::pin(async move {
            let (dir, traces) = (self.dir.clone(), traces.to_vec());
            tokio::task::spawn_blocking(move || probe(&dir, &traces)).await.unwrap_or_default()
        })
    }

    fn receipts(&self) -> BoxFuture<'_, Result<BTreeMap<String, String>, HostError>> {
        Box::pin(async move {
            let failed = HostError::failed("read the receipts".to_owned());
            let mut receipts = self.scenario.installed.clone();
            for id in receipt::ids(&self.dir).map_err(&failed)? {
                if let Some(found) = receipt::read(&self.dir, &id).map_err(&failed)? {
                    receipts.insert(id, found.version);
                }
            }
            Ok(receipts)
        })
    }

    fn processes(&self) -> BoxFuture<'_, Result<Vec<String>, HostError>> {
        Box::pin(async move {
            let is_there = self.users.borrow().is_some();
            Ok(self.scenario.running(self.faults.elapsed(), is_there))
        })
    }

    fn run_text<'a>(
        &'a self,
        script: &'a str,
        hear: Hear,
        launch: Launch,
    ) -> BoxFuture<'a, Result<Running, HostError>> {
        Box::pin(async move {
            let written = pkginfo_script::written(&self.dir, Path::new("/"), script)
                .map_err(HostError::failed("run a script of a title".to_owned()))?;
            let Some((program, folder)) = written else {
                return Ok(launch::never(Ended::NotStarted(pkginfo_script::NO_INTERPRETER.to_owned())));
            };
            Ok(self.runner.launch_and_hear(&self.dir, program, hear, launch).await.holding(folder))
        })
    }

    fn install_with<'a>(
        &'a self,
        package: &'a VerifiedArtifact,
        options: &'a PackageOptions,
        launch: Launch,
    ) -> BoxFuture<'a, Result<Running, HostError>> {
        Box::pin(async move { self.start_installation(package, options, launch) })
    }

    fn attach<'a>(
        &'a self,
        image: &'a VerifiedArtifact,
    ) -> BoxFuture<'a, Result<Box<dyn Attached>, HostError>> {
        Box::pin(async move {
            let failed = HostError::failed(format!("attach {}", image.path()));
            let file = image.file().try_clone().map_err(|error| failed(error.to_string()))?;
            let site = self.site();
            let content = site.lay_out(file, Kind::Image).await.map_err(failed)?;
            let image = Image::of(site, image.path().to_string(), content);
            Ok(Box::new(image) as Box<dyn Attached>)
        })
    }

    fn copy_app<'a>(&'a self, order: AppCopy<'a>) -> BoxFuture<'a, Result<(), HostError>> {
        Box::pin(async move {
            let failed = HostError::failed(format!("take {} out of {}", order.app, order.archive.path()));
            let io = |error: io::Error| failed(error.to_string());
            let kind = Kind::of(order.archive.file(), order.archive.path().file_name()).map_err(io)?;
            let kind = kind.ok_or_else(|| failed(archive::NONE.to_owned()))?;
            let file = order.archive.file().try_clone().map_err(io)?;
            let site = self.site();
            let content = site.lay_out(file, kind).await.map_err(&failed)?;
            let dir = content.open().map_err(io)?;
            let app = archive::application(&dir, order.app).map_err(&failed)?;
            self.check_signer(dir, &app, order.team_ids).await?;
            site.put(&content, app, &order.item()).await
        })
    }

    fn free_kib(&self) -> Result<u64, HostError> {
        launch::free_kib(&self.dir)
    }
}

impl SimulatedHost {
    /// Starts to install a checked package.
    pub(super) fn start_installation(
        &self,
        package: &VerifiedArtifact,
        options: &PackageOptions,
        launch: Launch,
    ) -> Result<Running, HostError> {
        let failed = HostError::failed(format!("install {}", package.path()));
        let Site { computer, .. } = self.site();
        let wish = self
            .site()
            .wish(options)
            .map_err(|why| HostError { what: format!("install {}", package.path()), why })?;
        let file = package.file().try_clone().map_err(&failed)?;
        let scripts = Arc::new(self.runner.hanging(self.faults.hang(package.path())));
        install::launch((file, package.path().clone()), computer, wish, scripts, launch).map_err(failed)
    }

    /// That `app` in `folder` is intact and signed by one of `teams`, if there are any (P62).
    async fn check_signer(&self, folder: Dir, app: &Path, teams: &[SignerId]) -> Result<(), HostError> {
        if teams.is_empty() {
            return Ok(());
        }
        let name = app.file_name().unwrap_or_default().to_string_lossy();
        let failed = HostError::failed(format!("check who signed {name}"));
        let (app, roots) = (app.to_owned(), self.package_roots.clone());
        let verified = tokio::task::spawn_blocking(move || {
            signed_app::verify(&folder, &app, &roots).map_err(|flaw| flaw.to_string())
        });
        let verified = verified.await.map_err(|error| failed(error.to_string()))?;
        signer::accept_application(verified.as_ref().map_err(String::as_str), teams)
            .map_err(|wrong| failed(wrong.to_string()))
    }

    fn site(&self) -> Site {
        let user = self.users.borrow().clone().filter(ConsoleUser::is_real);
        Site {
            computer: Computer {
                root: self.dir.clone(),
                arch: self.scenario.arch,
                os_version: self.scenario.os_version.clone(),
                name: self.scenario.computer.name.clone(),
                disk: self.disk(),
            },
            scripts: Arc::new(self.runner.clone()),
            record: Record { ids: self.ids, side: self.side.clone() },
            person: user.map(|user| accounts::account(&user)),
        }
    }
}
