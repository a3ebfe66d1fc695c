//! Disk images on the real Mac: attached where only root can reach them, and detached again whatever happens (P51, T36).

use super::{
    Site, ditto,
    hdiutil::{self, Entities},
    install::Package,
    ownership, quarantine,
};
use crate::host::{Attached, HostError, Launch, Running, archive, landing::Landing};
use cap_std::{
    ambient_authority,
    fs::{Dir, DirBuilder, DirBuilderExt as _},
};
use futures::future::BoxFuture;
use shared::{
    sys::child::{Limits, Program, ask},
    title::{CopyItem, PackageOptions},
};
use std::{
    fs::File,
    io::{self, Write as _},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{runtime::Handle, sync::OnceCell};

/// Where images are mounted; emptied when the Mac starts.
const PLACE: &str = "/private/var/run/ias/mounts";
/// How long attaching an image may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// The images that are attached. What an earlier process left is detached before the first of ours.
#[derive(Default)]
pub(super) struct Mounts(OnceCell<()>);

impl Mounts {
    /// Detaches what is left; once. What something still uses stays: it may be a package that installs on without us.
    pub(super) async fn clear(&self, site: &Site) {
        let clear = async {
            let place = site.tools.place(PLACE);
            if !place.exists() {
                return;
            }
            let answer = site.tools.ask(&hdiutil::info()).await;
            let left = hdiutil::images(&answer.output).unwrap_or_default();
            let left = left.into_iter().flat_map(|image| image.mounts.into_iter().take(1));
            for mount in left.filter(|mount| Path::new(mount).starts_with(&place)) {
                let detached = site.tools.text(&hdiutil::detach(&mount)).await;
                site.notices.tell(match detached {
                    Ok(_) => format!("detached the disk image at {mount}, which an earlier start left"),
                    Err(error) => format!("a disk image that an earlier start left stays attached: {error}"),
                });
            }
        };
        self.0.get_or_init(|| clear).await;
    }
}

impl Site {
    /// Attaches the image at `image`, which is `name` to people. It is done to its end: an image that nobody waits for any
    /// more is detached as soon as it is attached.
    pub(super) async fn attach(&self, image: &Path, name: &str) -> Result<Image, HostError> {
        let (site, image, what) = (self.clone(), image.to_owned(), name.to_owned());
        let attached = tokio::spawn(async move { site.attach_now(&image, what).await });
        attached.await.map_err(HostError::failed(format!("attach {name}")))?
    }

    async fn attach_now(&self, image: &Path, name: String) -> Result<Image, HostError> {
        let failed = |why: String| HostError { what: format!("attach {name}"), why };
        let folder = self.mount_folder().map_err(|error| failed(error.to_string()))?;
        let stdin = said(hdiutil::AGREEMENT).map_err(|error| failed(error.to_string()))?;
        let program = Program { stdin: Some(stdin), ..self.tools.program(&hdiutil::attach(image, &folder)) };
        let answer = ask(&program, Limits { timeout: Some(PATIENCE), ..Limits::default() }).await;
        if !answer.ended.is_success() {
            // It may have been attached all the same, above all where this took too long.
            self.detach_image(image, &folder).await;
            return Err(failed(answer.reason()));
        }
        let Entities { mounts, devices, .. } = hdiutil::entities(&answer.output).unwrap_or_default();
        let Some(mount) = mounts.into_iter().find(|mount| Path::new(mount).starts_with(&folder)) else {
            // It was attached for nothing, and the next start tries again.
            match devices.first() {
                Some(device) => drop(self.tools.ask(&hdiutil::detach(device)).await),
                None => self.detach_image(image, &folder).await,
            }
            return Err(failed("nothing in it can be mounted".to_owned()));
        };
        let mount = Arc::new(Mount { site: self.clone(), at: mount.into(), is_detached: false });
        let dir = Dir::open_ambient_dir(&mount.at, ambient_authority())
            .map_err(|error| failed(error.to_string()))?;
        Ok(Image { name, dir, mount })
    }

    /// Detaches the image at `image`, if it is attached, except where somebody else has mounted it: elsewhere than below
    /// `folder`.
    async fn detach_image(&self, image: &Path, folder: &Path) {
        let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let answer = self.tools.ask(&hdiutil::info()).await;
        for Entities { image: path, mounts, devices } in hdiutil::images(&answer.output).unwrap_or_default() {
            let is_it = path.is_some_and(|path| whole(&path) == whole(image));
            let is_ours = is_it && mounts.iter().all(|mount| Path::new(mount).starts_with(folder));
            if let Some(place) = devices.first().or(mounts.first()).filter(|_| is_ours)
                && let Err(error) = self.detach(place).await
            {
                self.notices.tell(format!("a disk image stays attached: {error}"));
            }
        }
    }

    /// The folder below which images are mounted: root's alone.
    fn mount_folder(&self) -> io::Result<PathBuf> {
        let path = Path::new(PLACE.trim_start_matches('/'));
        if let Some(parent) = path.parent() {
            self.dir.create_dir_with(parent, DirBuilder::new().recursive(true).mode(0o755))?;
        }
        match self.dir.create_dir_with(path, DirBuilder::new().mode(0o700)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        // Mount points are told without links in them.
        self.root.join(path).canonicalize()
    }

    /// Detaches what is mounted at `mount`, by force if need be.
    async fn detach(&self, mount: &str) -> Result<(), HostError> {
        match self.tools.text(&hdiutil::detach(mount)).await {
            Ok(_) => Ok(()),
            Err(_) => self.tools.text(&hdiutil::detach_by_force(mount)).await.map(drop),
        }
    }

    /// Makes a copy of what lies at `from` and puts it in the place of `item` (T36).
    pub(super) async fn put(&self, from: From<'_>, item: &CopyItem) -> Result<(), HostError> {
        let what = format!("copy {} to {}/{}", item.source, item.folder.trim_end_matches('/'), item.name);
        let failed = |why: String| HostError { what: what.clone(), why };
        let landing = Landing::prepare(&self.dir, item).map_err(|error| failed(error.to_string()))?;
        let copy = landing.copy().map_err(|error| failed(error.to_string()))?.under(&self.root);
        match from {
            From::Elsewhere(path) => self.tools.work(&ditto::copy(path, &copy)).await?,
            From::Private(path) => std::fs::rename(path, &copy).map_err(|error| failed(error.to_string()))?,
        }
        let unmarked = copy.clone();
        let unmarked = tokio::task::spawn_blocking(move || quarantine::remove(&unmarked)).await;
        unmarked.map_err(io::Error::other).flatten().map_err(|error| failed(error.to_string()))?;
        self.tools.work(&ownership::own(&copy, &item.user, &item.group)).await?;
        self.tools.work(&ownership::allow(&copy, &item.mode)).await?;
        // With what was there before a great deal may have to be removed.
        let landed = tokio::task::spawn_blocking(move || landing.land()).await;
        landed.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))
    }
}

/// Where an item comes from.
pub(super) enum From<'a> {
    /// It stays there.
    Elsewhere(&'a Path),
    /// A private folder of ours, which has no further use for it.
    Private(&'a Path),
}

/// A standard input that says `text` and ends.
fn said(text: &[u8]) -> io::Result<Arc<OwnedFd>> {
    let (reader, mut writer) = io::pipe()?;
    writer.write_all(text)?;
    Ok(Arc::new(reader.into()))
}

/// A place where an image is mounted, until this is dropped.
struct Mount {
    site: Site,
    at: PathBuf,
    is_detached: bool,
}

impl Mount {
    async fn detach(mut self) -> Result<(), HostError> {
        self.is_detached = true;
        self.site.detach(&self.at.to_string_lossy()).await
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Without a runtime the process is about to end: the next start does it.
        let Ok(runtime) = Handle::try_current() else { return };
        if self.is_detached {
            return;
        }
        let (site, at) = (self.site.clone(), self.at.to_string_lossy().into_owned());
        runtime.spawn(async move {
            if let Err(error) = site.detach(&at).await {
                site.notices.tell(format!("a disk image stays attached: {error}"));
            }
        });
    }
}

/// An attached image.
pub(super) struct Image {
    /// What it is called in errors.
    name: String,
    dir: Dir,
    mount: Arc<Mount>,
}

impl Image {
    /// Where its application `app` is on the Mac.
    pub(super) fn application(&self, app: &str) -> Result<PathBuf, HostError> {
        archive::application(&self.dir, app)
            .map(|path| self.mount.at.join(path))
            .map_err(self.failed("copy from"))
    }

    /// Where in it something is, and where that is on the Mac.
    fn place(&self, path: &str) -> Result<PathBuf, HostError> {
        archive::inside(&self.dir, path)
            .map(|path| self.mount.at.join(path))
            .map_err(self.failed("copy from"))
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
            let package = archive::package(&self.dir, path).map_err(self.failed("install from"))?;
            let place = self.mount.at.join(&package);
            let file = File::open(&place).ok();
            let name = format!("{} from {}", package.display(), self.name);
            let package = Package { name, place, file: file.as_ref() };
            let running = self.mount.site.install(package, options, launch).await?;
            // What installs goes on reading.
            Ok(running.holding(self.mount.clone()))
        })
    }

    fn copy<'a>(&'a self, item: &'a CopyItem) -> BoxFuture<'a, Result<(), HostError>> {
        Box::pin(async move {
            let from = self.place(&item.source)?;
            self.mount.site.put(From::Elsewhere(&from), item).await
        })
    }

    fn detach(self: Box<Self>) -> BoxFuture<'static, Result<(), HostError>> {
        Box::pin(async move {
            let Self { dir, mount, .. } = *self;
            // An open folder would keep it busy.
            drop(dir);
            match Arc::try_unwrap(mount) {
                Ok(mount) => mount.detach().await,
                // The last one who uses it detaches it.
                Err(_) => Ok(()),
            }
        })
    }
}
