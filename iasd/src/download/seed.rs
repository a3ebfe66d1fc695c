//! Content that the enrolment package brought along: the folder `seed` below `InstallPath` (R87, R116).
//!
//! A file there is called by its SHA-256, as `iasctl pack --seed` does, or as the item's own file is called. Whatever it is
//! called, only its content counts: it has to be what the item's `hash` says, whatever `HashCheckPolicy` would accept.

use super::{
    Downloader,
    error::{Cause, DownloadError},
    fetch::shown,
    file::{Existing, Opened},
    folder::StoreError,
    local::finished,
    partial::key,
    store::Content,
    verify::{Accepted, VerifiedArtifact, judge_seed},
};
use crate::engine::recorder::Recorder;
use shared::{
    digest::Digest,
    event::{Category, EventKind, Level},
    item::{Item, Source},
    layout::{MacPath, SEED_FOLDER},
};
use std::sync::{Arc, PoisonError};
use url::Url;

impl Downloader {
    /// The content of an item from the seed, put in its place; `None` when the seed has none that may be used. It costs
    /// no attempt, no permit and no network.
    ///
    /// # Errors
    /// When the run is being stopped.
    pub(super) async fn seeded(
        &self,
        item: &Item,
        source: &Source,
        recorder: &Recorder,
    ) -> Result<Option<VerifiedArtifact>, DownloadError> {
        let Some(hash) = item.hash.filter(|_| self.has_seed()) else { return Ok(None) };
        for name in names(item, source, hash) {
            let used = match self.seed_file(&name, hash).await {
                Ok(Some((opened, accepted))) => {
                    self.take_seed((opened, accepted), (item, source), recorder).await
                }
                Ok(None) => continue,
                Err(error) => Err(error.into()),
            };
            match used {
                Ok(artifact) => return Ok(Some(artifact)),
                Err(Cause::Cancelled) => {
                    let what = shown(&source.url);
                    return Err(DownloadError { what, attempts: 0, cause: Cause::Cancelled });
                }
                Err(why) => {
                    let text = format!("the seed is not used: {why}");
                    recorder.notice(Level::Warning, Category::Item, Some(item.id), text).await;
                }
            }
        }
        Ok(None)
    }

    /// Whether the seed has a file for an item, without a look at what is in it.
    pub(super) fn may_be_seeded(&self, item: &Item, source: &Source) -> bool {
        let Some(hash) = item.hash.filter(|_| self.has_seed()) else { return false };
        let paths = names(item, source, hash).into_iter().map(|name| self.seed_path(&name));
        let paths: Vec<MacPath> = paths.collect();
        let found = self.at_once(|store| {
            Ok(paths.iter().any(|path| matches!(store.existing(path), Ok(Existing::Usable(_)))))
        });
        found.unwrap_or(false)
    }

    /// Whether the package brought anything along: it is there from the beginning, or not at all.
    pub(super) fn has_seed(&self) -> bool {
        *self.has_seed.get_or_init(|| self.store.has_anything_at(&self.store.in_install(SEED_FOLDER)))
    }

    fn seed_path(&self, name: &str) -> MacPath {
        self.store.in_install(&format!("{SEED_FOLDER}/{name}"))
    }

    /// The seed's file of this name, if it holds what `hash` says.
    async fn seed_file(
        &self,
        name: &str,
        hash: Digest,
    ) -> Result<Option<((Opened, Content), Accepted)>, StoreError> {
        let path = self.seed_path(name);
        let opened = match self.at_once(|store| store.existing(&path))? {
            Existing::Usable(opened) => opened,
            Existing::Unusable(error) => return Err(error),
            Existing::Absent => return Ok(None),
        };
        let content = self.digest(opened.clone()).await?;
        Ok(judge_seed(hash, content).map(|accepted| ((opened, content), accepted)))
    }

    async fn take_seed(
        &self,
        ((opened, content), accepted): ((Opened, Content), Accepted),
        (item, source): (&Item, &Source),
        recorder: &Recorder,
    ) -> Result<VerifiedArtifact, Cause> {
        // From here on the file at the item's place is the run's own, and goes with it (R82).
        let url = Url::from_file_path(opened.path.as_str()).map_or_else(|()| String::new(), String::from);
        let fact = EventKind::DownloadStarted { id: item.id, url, attempt: 1, resumed_at: 0 };
        recorder.record(fact).await.map_err(|_| Cause::Cancelled)?;
        let key = key(item, source);
        let (place, name) = (self.place_for(item, &key), format!("{key}.seed"));
        let brought = Arc::clone(&self.brought);
        let artifact = self
            .on_disk(move |store| {
                let placed = store.copy_in((&opened.file, content), &name, &place)?;
                brought.lock().unwrap_or_else(PoisonError::into_inner).insert(place.path);
                VerifiedArtifact::new(placed, content, accepted, false)
            })
            .await?;
        finished(item, &artifact, recorder).await?;
        Ok(artifact)
    }
}

/// What the seed may call the content of an item, best first.
fn names(item: &Item, source: &Source, hash: Digest) -> Vec<String> {
    let own = item.file.file_name().to_owned();
    let served = source.url.path().rsplit('/').next().filter(|name| !name.is_empty()).map(str::to_owned);
    let mut names = vec![hash.to_string(), own];
    names.extend(served.filter(|name| *name != names[1]));
    names
}
