//! Content that is on this computer before the run: the folder `seed` below `InstallPath`, which the enrolment package
//! brought along, and the cache, which earlier runs have filled (R87, R116).
//!
//! A file of the seed is called by its SHA-256, as `iasctl pack --seed` does, or as the item's own file is called; one of
//! the cache always by its SHA-256. Whatever it is called, only its content counts: it has to be what the item's `hash`
//! says, whatever `HashCheckPolicy` would accept.

use super::{
    Downloader,
    cache::Cache,
    error::{Cause, DownloadError},
    fetch::shown,
    file::{Existing, Opened},
    folder::StoreError,
    partial::key,
    store::{Content, Store},
    verify::{Accepted, VerifiedArtifact, judge_seed},
};
use crate::engine::recorder::Recorder;
use shared::{
    digest::Digest,
    event::{Category, EventKind, Level},
    item::{Item, Source},
    layout::{MacPath, SEED_FOLDER},
};
use std::{
    fmt,
    sync::{Arc, PoisonError},
};
use url::Url;

/// A file that may hold the content of an item.
struct Candidate<'a> {
    from: Stock<'a>,
    path: MacPath,
}

/// Who has it.
#[derive(Clone, Copy)]
enum Stock<'a> {
    Seed(&'a Store),
    Cache(&'a Cache),
}

impl fmt::Display for Stock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Seed(_) => "seed",
            Self::Cache(_) => "cache",
        })
    }
}

impl Candidate<'_> {
    fn store(&self) -> &Store {
        match self.from {
            Stock::Seed(store) => store,
            Stock::Cache(cache) => cache.store(),
        }
    }

    /// Its address, for those who read what happened.
    fn url(&self) -> String {
        let path = match self.from {
            Stock::Seed(_) => self.path.as_str().into(),
            Stock::Cache(cache) => cache.shown(&self.path),
        };
        Url::from_file_path(path).map_or_else(|()| String::new(), String::from)
    }
}

impl Downloader {
    /// The content of an item from seed or cache, put in its place; `None` when none of them has any that may be used. It
    /// costs no attempt, no permit and no network.
    ///
    /// # Errors
    /// When the run is being stopped.
    pub(super) async fn stocked(
        &self,
        item: &Item,
        source: &Source,
        recorder: &Recorder,
    ) -> Result<Option<VerifiedArtifact>, DownloadError> {
        let Some(hash) = item.hash.filter(|_| self.has_stock()) else { return Ok(None) };
        for candidate in self.candidates(item, source, hash) {
            let used = match self.judged(&candidate, hash).await {
                Ok(Some(found)) => self.take_stock(&candidate, found, (item, source), recorder).await,
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
                    let text = format!("the {} is not used: {why}", candidate.from);
                    recorder.notice(Level::Warning, Category::Item, Some(item.id), text).await;
                }
            }
        }
        Ok(None)
    }

    /// Whether seed or cache have a file for an item, without a look at what is in it.
    pub(super) fn may_be_stocked(&self, item: &Item, source: &Source) -> bool {
        let Some(hash) = item.hash.filter(|_| self.has_stock()) else { return false };
        let is_there = |candidate: &Candidate<'_>| {
            matches!(candidate.store().existing(&candidate.path), Ok(Existing::Usable(_)))
        };
        self.candidates(item, source, hash).iter().any(is_there)
    }

    /// Whether there is anything to look at.
    pub(super) fn has_stock(&self) -> bool {
        self.cache.is_some() || self.has_seed()
    }

    /// Moves a file of the run that nobody needs any more into the cache, if a later run may want it; gives whether it
    /// is there now.
    ///
    /// # Errors
    /// When a folder is unsafe, there is no room, or the system refuses.
    pub(super) fn stock_up(&self, path: &MacPath) -> Result<bool, StoreError> {
        let content = self.vouched.lock().unwrap_or_else(PoisonError::into_inner).remove(path);
        let Some((content, cache)) = content.zip(self.cache.as_ref()) else { return Ok(false) };
        match self.store.existing(path)? {
            Existing::Usable(opened) => cache.keep(&opened, content),
            Existing::Unusable(_) | Existing::Absent => Ok(false),
        }
    }

    /// Whether the package brought anything along: it is there from the beginning, or not at all.
    fn has_seed(&self) -> bool {
        *self.has_seed.get_or_init(|| self.store.has_anything_at(&self.store.in_install(SEED_FOLDER)))
    }

    /// Where the content of an item may be, best first.
    fn candidates(&self, item: &Item, source: &Source, hash: Digest) -> Vec<Candidate<'_>> {
        let seed = |name: String| Candidate {
            from: Stock::Seed(&self.store),
            path: self.store.in_install(&format!("{SEED_FOLDER}/{name}")),
        };
        let seeds = if self.has_seed() { names(item, source, hash) } else { Vec::new() };
        let cached =
            self.cache.iter().map(|cache| Candidate { path: cache.path(hash), from: Stock::Cache(cache) });
        seeds.into_iter().map(seed).chain(cached).collect()
    }

    /// A candidate, if it holds what `hash` says. The cache does not keep what does not.
    async fn judged(
        &self,
        candidate: &Candidate<'_>,
        hash: Digest,
    ) -> Result<Option<((Opened, Content), Accepted)>, StoreError> {
        let opened = match candidate.store().existing(&candidate.path)? {
            Existing::Usable(opened) => opened,
            Existing::Unusable(error) => return Err(error),
            Existing::Absent => return Ok(None),
        };
        let content = self.digest(opened.clone()).await?;
        let accepted = judge_seed(hash, content);
        match candidate.from {
            Stock::Cache(cache) if accepted.is_none() => cache.forget(hash)?,
            Stock::Cache(cache) => cache.is_used(&opened),
            Stock::Seed(_) => {}
        }
        Ok(accepted.map(|accepted| ((opened, content), accepted)))
    }

    async fn take_stock(
        &self,
        candidate: &Candidate<'_>,
        ((opened, content), accepted): ((Opened, Content), Accepted),
        (item, source): (&Item, &Source),
        recorder: &Recorder,
    ) -> Result<VerifiedArtifact, Cause> {
        // From here on the file at the item's place is the run's own, and goes with it (R82).
        let url = candidate.url();
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
        self.finished(item, &artifact, recorder).await?;
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
