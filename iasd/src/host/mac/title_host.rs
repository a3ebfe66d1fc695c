//! The real Mac as a [`TitleHost`].

use super::{MacHost, codesign, ditto, image::From, install::Package, pkgutil, ps, tar};
use crate::{
    download::VerifiedArtifact,
    host::{
        AppCopy, Attached, Hear, HostError, Launch, Running, TitleHost,
        archive::{self, Kind},
        launch, pkginfo_script,
        private::Private,
        probe::probe,
    },
};
use futures::future::BoxFuture;
use shared::{
    exit::Ended,
    item::{SignerId, any_of},
    title::{Found, PackageOptions, Trace},
};
use std::{collections::BTreeMap, path::Path};

impl TitleHost for MacHost {
    fn probe<'a>(&'a self, traces: &'a [Trace]) -> BoxFuture<'a, BTreeMap<Trace, Found>> {
        Box::pin(async move {
            let (dir, traces) = (self.dir.clone(), traces.to_vec());
            tokio::task::spawn_blocking(move || probe(&dir, &traces)).await.unwrap_or_default()
        })
    }

    fn receipts(&self) -> BoxFuture<'_, Result<BTreeMap<String, String>, HostError>> {
        Box::pin(async move {
            let request = pkgutil::receipts();
            let answer = self.tools.long_answer(&request).await?;
            pkgutil::versions(&answer).map_err(|why| HostError { what: request.what(), why })
        })
    }

    fn processes(&self) -> BoxFuture<'_, Result<Vec<String>, HostError>> {
        Box::pin(async move {
            let answer = self.tools.long_answer(&ps::running()).await?;
            Ok(ps::first_arguments(&String::from_utf8_lossy(&answer)))
        })
    }

    fn run_text<'a>(
        &'a self,
        script: &'a str,
        hear: Hear,
        launch: Launch,
    ) -> BoxFuture<'a, Result<Running, HostError>> {
        Box::pin(async move {
            let failed = HostError::failed("run a script of a title".to_owned());
            let Some((program, folder)) =
                pkginfo_script::written(&self.dir, &self.root, script).map_err(&failed)?
            else {
                return Ok(launch::never(Ended::NotStarted(pkginfo_script::NO_INTERPRETER.to_owned())));
            };
            Ok(self.start_and_hear(&program, hear, launch).await.map_err(failed)?.holding(folder))
        })
    }

    fn install_with<'a>(
        &'a self,
        package: &'a VerifiedArtifact,
        options: &'a PackageOptions,
        launch: Launch,
    ) -> BoxFuture<'a, Result<Running, HostError>> {
        Box::pin(self.start_installer(package, options, launch))
    }

    fn attach<'a>(
        &'a self,
        image: &'a VerifiedArtifact,
    ) -> BoxFuture<'a, Result<Box<dyn Attached>, HostError>> {
        Box::pin(async move {
            let site = self.site();
            self.mounts.clear(&site).await;
            self.is_itself(image, "attach")?;
            let image = site.attach(&image.path().under(&self.root), image.path().as_str()).await?;
            Ok(Box::new(image) as Box<dyn Attached>)
        })
    }

    fn copy_app<'a>(&'a self, order: AppCopy<'a>) -> BoxFuture<'a, Result<(), HostError>> {
        Box::pin(self.take_app(order))
    }

    fn free_kib(&self) -> Result<u64, HostError> {
        launch::free_kib(&self.dir)
    }
}

impl MacHost {
    /// Starts to install a checked package.
    pub(super) async fn start_installer(
        &self,
        package: &VerifiedArtifact,
        options: &PackageOptions,
        launch: Launch,
    ) -> Result<Running, HostError> {
        self.is_itself(package, "install")?;
        let name = package.path().to_string();
        let package = Package { name, place: package.path().under(&self.root), file: Some(package.file()) };
        self.site().install(package, options, launch).await
    }

    /// That the file at the path of `artifact` still is what was checked: the tools open it by that path.
    fn is_itself(&self, artifact: &VerifiedArtifact, verb: &str) -> Result<(), HostError> {
        launch::unreplaced(artifact.file(), &self.dir, artifact.path())
            .map_err(HostError::failed(format!("{verb} {}", artifact.path())))
    }

    async fn take_app(&self, order: AppCopy<'_>) -> Result<(), HostError> {
        let path = order.archive.path();
        let failed = |why: String| HostError { what: format!("take {} out of {path}", order.app), why };
        self.is_itself(order.archive, "unpack")?;
        let kind =
            Kind::of(order.archive.file(), path.file_name()).map_err(|error| failed(error.to_string()))?;
        let archive = path.under(&self.root);
        let folder = Private::make(&self.dir).map_err(|error| failed(error.to_string()))?;
        let unpacked = self.root.join(folder.relative());
        match kind {
            Some(Kind::Image) => {
                let site = self.site();
                self.mounts.clear(&site).await;
                let image = site.attach(&archive, path.as_str()).await?;
                let app = image.application(order.app)?;
                self.check_signer(&app, order.team_ids).await?;
                let copied = site.put(From::Elsewhere(&app), &order.item()).await;
                // What came of the copy matters more.
                let detached = Box::new(image).detach().await;
                return copied.and(detached);
            }
            Some(Kind::Zip) => self.tools.work(&ditto::unpack(&archive, &unpacked)).await?,
            Some(Kind::Tar) => self.tools.work(&tar::unpack(&archive, &unpacked)).await?,
            None => return Err(failed(archive::NONE.to_owned())),
        }
        let dir = folder.open().map_err(|error| failed(error.to_string()))?;
        let app = unpacked.join(archive::application(&dir, order.app).map_err(failed)?);
        self.check_signer(&app, order.team_ids).await?;
        self.site().put(From::Private(&app), &order.item()).await
    }

    /// That `app` is intact and signed by one of `teams`, if there are any (P62).
    async fn check_signer(&self, app: &Path, teams: &[SignerId]) -> Result<(), HostError> {
        let Some(request) = codesign::verify(app, teams) else { return Ok(()) };
        let name = app.file_name().unwrap_or_default().to_string_lossy();
        let failed = |why| Err(HostError { what: format!("check who signed {name}"), why });
        match self.tools.work(&request).await {
            Ok(()) => Ok(()),
            Err(HostError { why, .. }) => {
                let told = self.tools.ask(&codesign::display(app)).await;
                let signer = match codesign::team(&String::from_utf8_lossy(&told.errors)) {
                    Some(team) => format!("its signature names team {team}"),
                    None => "no team signed it".to_owned(),
                };
                failed(format!("{signer}, {} wanted: {why}", any_of(teams)))
            }
        }
    }
}
