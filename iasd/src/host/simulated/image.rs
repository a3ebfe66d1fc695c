//! Disk images and archives in a rehearsal: what is in one is laid out in a private folder of the simulated Mac, and used
//! from there (T36).

use super::{
    copying::Copying,
    install::{self, Computer, Wish},
    layout::lay_out,
    mode::Change,
    owners::{Owners, Record},
    runner::Runner,
};
use crate::host::{
    Attached, HostError, Launch, Running,
    archive::{self, Kind},
    landing::Landing,
    package_environment::environment,
    private::Private,
};
use futures::future::BoxFuture;
use shared::{
    sys::child::Account,
    title::{CopyItem, PackageOptions},
};
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// What is needed to put something from an image on the Mac.
#[derive(Clone)]
pub(super) struct Site {
    /// The Mac.
    pub(super) computer: Computer,
    /// What runs the scripts of packages.
    pub(super) scripts: Arc<Runner>,
    /// Where owners are recorded.
    pub(super) record: Record,
    /// The account of the person at the screen.
    pub(super) person: Option<Account>,
}

impl Site {
    /// What `options` say of a package (T35).
    pub(super) fn wish(&self, options: &PackageOptions) -> Result<Wish, String> {
        Wish::of(options, environment(options, self.person.as_ref()))
    }

    /// Lays out what is in `file`, which is a `kind`.
    pub(super) async fn lay_out(&self, file: File, kind: Kind) -> Result<Private, String> {
        let root = self.computer.root.clone();
        let laid = tokio::task::spawn_blocking(move || lay_out(file, kind, &root));
        laid.await.map_err(|error| error.to_string())?
    }

    /// Makes a copy of `path` in `from` and puts it in the place of `item`.
    pub(super) async fn put(&self, from: &Private, path: PathBuf, item: &CopyItem) -> Result<(), HostError> {
        let what = format!("copy {} to {}/{}", item.source, item.folder.trim_end_matches('/'), item.name);
        let failed = HostError::failed(what);
        let root = self.computer.root.clone();
        let change = Change::parse(&item.mode)
            .ok_or_else(|| failed(format!("chmod: Invalid file mode: {}", item.mode)))?;
        let owners = Owners::find(&root, &item.user, &item.group).map_err(&failed)?;
        let stop = Arc::new(AtomicBool::new(false));
        let copying = Copying { change, owners: owners.clone(), stop: stop.clone() };
        let unwanted = Unwanted(stop);
        let (from, item, place) = (
            from.open().map_err(|error| failed(error.to_string()))?,
            item.clone(),
            format!("{}/{}", item.folder.trim_end_matches('/'), item.name),
        );
        let copied = tokio::task::spawn_blocking(move || -> Result<(), String> {
            let landing = Landing::prepare(&root, &item).map_err(|error| error.to_string())?;
            let (folder, name) = landing.workshop().map_err(|error| error.to_string())?;
            copying.copy(&from, &path, &folder, Path::new(name)).map_err(|error| error.to_string())?;
            drop(folder);
            landing.land().map_err(|error| error.to_string())
        });
        copied.await.map_err(|error| failed(error.to_string()))?.map_err(&failed)?;
        drop(unwanted);
        owners.note(&self.record, &place).map_err(|error| failed(error.to_string()))
    }
}

/// Ends what copies when nobody waits for it.
struct Unwanted(Arc<AtomicBool>);

impl Drop for Unwanted {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// An image whose content is laid out.
pub(super) struct Image {
    site: Site,
    /// What it is called in errors.
    name: String,
    content: Arc<Private>,
}

impl Image {
    /// The image called `name`, with its content.
    pub(super) fn of(site: Site, name: String, content: Private) -> Self {
        Self { site, name, content: Arc::new(content) }
    }

    fn failed(&self, verb: &str) -> impl Fn(String) -> HostError + use<> {
        let what = format!("{verb} {}", self.name);
        move |why| HostError { what: what.clone(), why }
    }
}

impl Attached for Image {
    fn install<'a>(
        &'a self,
        path: Option<&'a str>,
        options: &'a PackageOptions,
        launch: Launch,
    ) -> BoxFuture<'a, Result<Running, HostError>> {
        Box::pin(async move {
            let failed = self.failed("install from");
            let io = |error: io::Error| failed(error.to_string());
            let dir = self.content.open().map_err(io)?;
            let package = archive::package(&dir, path).map_err(&failed)?;
            let wish = self.site.wish(options).map_err(&failed)?;
            let file = dir.open(&package).map_err(io)?.into_std();
            let place = self.content.join(&package.to_string_lossy()).map_err(io)?;
            let Site { computer, scripts, .. } = self.site.clone();
            let running = install::launch((file, place), computer, wish, scripts, launch).map_err(io)?;
            Ok(running.holding(self.content.clone()))
        })
    }

    fn copy<'a>(&'a self, item: &'a CopyItem) -> BoxFuture<'a, Result<(), HostError>> {
        Box::pin(async move {
            let failed = self.failed("copy from");
            let dir = self.content.open().map_err(|error| failed(error.to_string()))?;
            let path = archive::inside(&dir, &item.source).map_err(failed)?;
            self.site.put(&self.content, path, item).await
        })
    }

    fn detach(self: Box<Self>) -> BoxFuture<'static, Result<(), HostError>> {
        Box::pin(async { Ok(()) })
    }
}
