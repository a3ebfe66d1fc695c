//! A repository of titles: who lends its credential, and its catalogs, fetched and checked (T15–T19, T51–T70).
//!
//! ```text
//! settings ──┬─ TitleRepoURL ──────────────────────────┐
//!            └─ TitleEnvQueryURL ─ exchange ─► Grant ──┴─► Access ─┬─► catalogs ─► bytes and digest of each
//!                        one verdict against it: Aborted           └─► where a package is, and as whom to ask
//! ```
//!
//! What these catalogs say is not read here (`shared::title`). The credential is kept in memory only (T66).

mod access;
mod catalogs;
mod exchange;
mod keys;

#[cfg(test)]
mod contract;

use crate::{download::Downloader, engine::recorder::Recorder, host::Host};
use access::State;
use futures::future::BoxFuture;
use shared::{
    digest::Digest,
    item::Source,
    settings::{Settings, TitleSettings},
    title::Place,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
};
use tokio::sync::Mutex;

/// Something of the titles could not be had: why, without any secret, and whether waiting may help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct TitlesUnavailable {
    /// What was tried, where, and what went wrong; a grant that is not believed begins with `grant: ` and the verdict.
    pub(crate) reason: String,
    /// Network or server may recover by themselves.
    pub(crate) transient: bool,
}

impl TitlesUnavailable {
    /// Something that does not pass by itself.
    pub(crate) fn for_good(reason: String) -> Self {
        Self { reason, transient: false }
    }
}

/// A catalog as it was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Catalog {
    /// Its bytes: a property list.
    pub(crate) bytes: Vec<u8>,
    /// Their SHA-256, for the journal (T13).
    pub(crate) digest: Digest,
}

/// The catalogs that were asked for, by name. One that cannot be had is no reason to go on without it: a title must not be
/// searched in the next one instead.
pub(crate) type Catalogs = BTreeMap<String, Result<Catalog, TitlesUnavailable>>;

/// Where titles come from.
///
/// Once a grant was not believed, every further call fails with the same reason and nothing is asked any more (T64).
pub(crate) trait TitleSource: Send + Sync {
    /// Fetches the catalogs of these names; once for each run is enough (T13).
    ///
    /// Fails as a whole when the repository cannot be reached or its credential not be had; else each catalog says for
    /// itself whether it was.
    fn open<'a>(&'a self, catalogs: &'a [String]) -> BoxFuture<'a, Result<Catalogs, TitlesUnavailable>>;

    /// The host of the repository, once it was opened: files may be there, and on those that `TitleHosts` names (T16).
    fn host(&self) -> Option<String>;

    /// Where a package is and how to ask for it, with a credential that is valid now (T16, T65).
    ///
    /// `refused` is what this gave before, when the server answered 401 or 403 to it: then there is one more grant. Whoever
    /// is refused twice has failed.
    fn package<'a>(
        &'a self,
        place: &'a Place,
        refused: Option<&'a Source>,
    ) -> BoxFuture<'a, Result<Source, TitlesUnavailable>>;
}

/// Titles from the repository that the settings name, over the download stage's own HTTP.
pub(crate) struct Titles {
    downloader: Arc<Downloader>,
    host: Arc<dyn Host>,
    settings: TitleSettings,
    /// The clock of this Mac is left as it is (R74).
    dry_run: bool,
    recorder: Recorder,
    /// One caller at a time asks for a grant; the others wait for it.
    state: Mutex<State>,
    /// The host of the repository that was read last.
    of_repository: std::sync::Mutex<Option<String>>,
}

impl Titles {
    /// Nothing is asked before somebody wants something.
    pub(crate) fn new(
        downloader: Arc<Downloader>,
        host: Arc<dyn Host>,
        settings: &Settings,
        recorder: Recorder,
    ) -> Self {
        let (state, of_repository) = (Mutex::new(State::Nothing), std::sync::Mutex::default());
        let (settings, dry_run) = (settings.titles.clone(), settings.dry_run);
        Self { downloader, host, settings, dry_run, recorder, state, of_repository }
    }

    /// A repository may be read.
    fn opened(&self, host: &str) {
        *self.of_repository.lock().unwrap_or_else(PoisonError::into_inner) = Some(host.to_owned());
    }
}

impl TitleSource for Titles {
    fn open<'a>(&'a self, catalogs: &'a [String]) -> BoxFuture<'a, Result<Catalogs, TitlesUnavailable>> {
        Box::pin(self.fetch(catalogs))
    }

    fn host(&self) -> Option<String> {
        self.of_repository.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn package<'a>(
        &'a self,
        place: &'a Place,
        refused: Option<&'a Source>,
    ) -> BoxFuture<'a, Result<Source, TitlesUnavailable>> {
        Box::pin(async move {
            let access = match refused {
                None => self.access().await?,
                Some(refused) => self.access_again(refused).await?,
            };
            let url = access.repo.package(place, &self.settings.hosts);
            let url = url.map_err(|why| TitlesUnavailable::for_good(format!("refused: {why}")))?;
            Ok(access.source(url))
        })
    }
}
