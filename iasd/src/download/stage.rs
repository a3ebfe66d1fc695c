//! The download stage as the engine sees it: one queue at a time over one downloader.

use super::{Downloader, VerifiedArtifact, error::DownloadError, folder::StoreError, queue::DownloadQueue};
use crate::engine::{
    needs::{Contents, NoControlFile, Unavailable},
    recorder::Recorder,
};
use futures::future::BoxFuture;
use shared::{
    digest::Digest,
    item::{Item, ItemId, SignerId},
    layout::MacPath,
    settings::Settings,
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use url::Url;

/// Downloads for a run.
pub(crate) struct DownloadStage {
    downloader: Arc<Downloader>,
    recorder: Recorder,
    /// The smallest and the largest number of transfers at a time (R55).
    transfers: (u32, u32),
    queue: Mutex<Option<Arc<DownloadQueue>>>,
    /// Who fetches this file again, one at a time: what is received lies in one place until it is whole.
    again: Mutex<HashMap<String, Arc<Turn>>>,
}

type Turn = tokio::sync::Mutex<()>;

impl DownloadStage {
    /// A stage that has nothing to do yet.
    pub(crate) fn new(downloader: Arc<Downloader>, settings: &Settings, recorder: Recorder) -> Self {
        Self {
            downloader,
            recorder,
            transfers: (settings.min_downloads, settings.max_downloads),
            queue: Mutex::new(None),
            again: Mutex::default(),
        }
    }

    async fn fetch_again(&self, item: &Item) -> Result<VerifiedArtifact, Unavailable> {
        let turn = self.turn(&item.file);
        let _mine = turn.lock().await;
        let (downloader, recorder) = (Arc::clone(&self.downloader), self.recorder.clone());
        let queue = DownloadQueue::start(downloader, vec![item.clone()], (1, 1), recorder);
        queue.take(item.id).await.map_err(|error| error.as_ref().into())
    }

    fn turn(&self, file: &MacPath) -> Arc<Turn> {
        let mut again = self.again.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(again.entry(file.as_str().to_lowercase()).or_default())
    }

    fn queue(&self) -> MutexGuard<'_, Option<Arc<DownloadQueue>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<&DownloadError> for Unavailable {
    fn from(error: &DownloadError) -> Self {
        Self { reason: error.to_string(), transient: error.is_transient(), refused: error.wants_credential() }
    }
}

impl From<DownloadError> for NoControlFile {
    fn from(error: DownloadError) -> Self {
        let reason = error.to_string();
        match error {
            error if error.is_refusal() => Self::Refused(reason),
            error if error.is_transient() => Self::Later { why: reason, after: error.retry_after() },
            _ => Self::Failed(reason),
        }
    }
}

impl Contents for DownloadStage {
    fn control_file<'a>(
        &'a self,
        url: &'a Url,
        digest: Option<Digest>,
    ) -> BoxFuture<'a, Result<Vec<u8>, NoControlFile>> {
        Box::pin(async move {
            self.downloader.control_file(url, digest, &self.recorder).await.map_err(Into::into)
        })
    }

    fn kept_control_file<'a>(&'a self, url: &'a Url) -> BoxFuture<'a, Result<Vec<u8>, NoControlFile>> {
        Box::pin(
            async move { self.downloader.kept_control_file(url, &self.recorder).await.map_err(Into::into) },
        )
    }

    fn seeded_control_file<'a>(&'a self, url: &'a Url) -> BoxFuture<'a, Result<Vec<u8>, NoControlFile>> {
        Box::pin(
            async move { self.downloader.seeded_control_file(url, &self.recorder).await.map_err(Into::into) },
        )
    }

    fn start(&self, items: Vec<Item>) {
        let downloader = Arc::clone(&self.downloader);
        let queue = DownloadQueue::start(downloader, items, self.transfers, self.recorder.clone());
        *self.queue() = Some(Arc::new(queue));
    }

    fn take(&self, id: ItemId) -> BoxFuture<'_, Result<VerifiedArtifact, Unavailable>> {
        let queue = self.queue().clone();
        Box::pin(async move {
            let nothing = || Unavailable::for_good(format!("{id}: no download was begun"));
            let queue = queue.ok_or_else(nothing)?;
            queue.take(id).await.map_err(|error| error.as_ref().into())
        })
    }

    fn again<'a>(&'a self, item: &'a Item) -> BoxFuture<'a, Result<VerifiedArtifact, Unavailable>> {
        Box::pin(self.fetch_again(item))
    }

    fn arrived(&self, id: ItemId) -> Option<VerifiedArtifact> {
        self.queue().as_ref()?.arrived(id)
    }

    fn brought(&self) -> BTreeSet<MacPath> {
        self.downloader.brought()
    }

    fn local<'a>(&'a self, item: &'a Item) -> BoxFuture<'a, Result<VerifiedArtifact, Unavailable>> {
        Box::pin(
            async move { self.downloader.local(item, &self.recorder).await.map_err(|error| (&error).into()) },
        )
    }

    fn placed<'a>(&'a self, path: &'a MacPath) -> BoxFuture<'a, Option<Digest>> {
        Box::pin(self.downloader.placed(path))
    }

    fn confirm<'a>(&'a self, artifact: &'a VerifiedArtifact) -> BoxFuture<'a, Result<(), Unavailable>> {
        let artifact = artifact.clone();
        Box::pin(async move {
            let confirmed = tokio::task::spawn_blocking(move || artifact.confirm()).await;
            let refused = Unavailable::for_good;
            confirmed.map_err(|error| refused(error.to_string()))?.map_err(|error| refused(error.to_string()))
        })
    }

    fn signed_by<'a>(
        &'a self,
        package: &'a VerifiedArtifact,
        wanted: &'a [SignerId],
    ) -> BoxFuture<'a, Result<(), Unavailable>> {
        Box::pin(async move {
            let refused = Unavailable::for_good;
            self.downloader.signed_by(package, wanted).await.map_err(refused)
        })
    }

    fn place<'a>(
        &'a self,
        item: &'a Item,
        artifact: &'a VerifiedArtifact,
    ) -> BoxFuture<'a, Result<(), Unavailable>> {
        let refused = |error: StoreError| Unavailable::for_good(error.to_string());
        Box::pin(async move {
            match self.downloader.place(item, artifact).await {
                // It was in its place already, and an item before this one has written over it there.
                Err(StoreError::Unsafe { path, .. }) if path == item.file && artifact.reused() => {
                    let again = self.fetch_again(item).await?;
                    self.downloader.place(item, &again).await.map_err(refused)
                }
                placed => placed.map_err(refused),
            }
        })
    }

    fn place_together<'a>(&'a self, files: &'a [(&'a Item, VerifiedArtifact)]) -> BoxFuture<'a, usize> {
        Box::pin(self.downloader.place_together(files))
    }

    fn discard<'a>(&'a self, path: &'a MacPath) -> BoxFuture<'a, Result<(), String>> {
        let path = path.clone();
        Box::pin(async move {
            let downloader = Arc::clone(&self.downloader);
            let gone = self.downloader.on_disk(move |store| {
                let kept = downloader.stock_up(&path);
                if !matches!(kept, Ok(true)) {
                    store.discard(&path)?;
                }
                kept.map(drop)
            });
            gone.await.map_err(|error| error.to_string())
        })
    }

    fn keep<'a>(&'a self, path: &'a MacPath) -> BoxFuture<'a, Result<bool, String>> {
        let path = path.clone();
        Box::pin(async move {
            let downloader = Arc::clone(&self.downloader);
            let kept = self.downloader.on_disk(move |_| downloader.stock_up(&path)).await;
            kept.map_err(|error| error.to_string())
        })
    }

    fn make_room(&self, bytes: u64) {
        // Whoever needs the room looks how much there is.
        let _ = self.downloader.at_once(|store| store.make_room(bytes));
    }

    fn cancel(&self) -> BoxFuture<'_, ()> {
        let queue = self.queue().clone();
        Box::pin(async move {
            if let Some(queue) = queue {
                queue.cancel();
                queue.settled().await;
            }
        })
    }
}
