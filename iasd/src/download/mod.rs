//! From a URL to bytes that were checked: fetch, store, verify, and the queue that orders them.
//!
//! ```text
//! queue ── a permit ──► series ── attempt ──► fetch ── pieces ──► partial ── whole ──► judge ──► place
//!   ▲                     │ failed: wait        (http, file)       (digest on the way)   │
//!   └──── permit back ◄───┘                                                              ▼
//!                                                                               VerifiedArtifact
//! ```
//!
//! Of large files parts may come over connections of their own (`split`), and are digested when it is their turn.
//!
//! A piece is written and digested on the runtime's thread that received it, so that transfers go on side by side and
//! memory stays flat. What may take long (digesting what is there, copying, flushing) has a blocking thread.

mod attempt;
mod auth;
mod busy;
mod cache;
mod control_file;
mod control_signature;
mod document;
mod error;
mod fetch;
mod file;
mod gate;
mod head;
mod hosts;
mod http;
mod identity;
mod local;
mod open_folders;
mod pace;
mod partial;
mod peek;
mod pieces;
mod place;
mod placed;
mod portal;
mod queue;
mod redirect;
mod series;
mod signer;
mod split;
mod stage;
mod stock;
mod store;
mod tls;
mod together;
mod verify;

#[cfg(test)]
mod contract;

pub(crate) use self::{
    cache::Cache,
    control_file::read_small,
    document::Document,
    error::{Cause, DownloadError},
    fetch::{Fetch, FetchError, Identity, Posted, Request, Response, needs_network, shown},
    file::Existing,
    http::{Http, random_token},
    place::Place,
    stage::DownloadStage,
    store::Store,
    tls::Network,
    verify::VerifiedArtifact,
};

pub(crate) use shared::sys::folder::{Folder, Missing, StoreError};

use self::{busy::Busy, gate::LONGEST_HELD, hosts::Hosts, store::Content};
use crate::host::Connectivity;
use shared::{
    digest::Digest,
    flat_package::signature::TrustRoots,
    item::{Fingerprint, HashCheckPolicy, Item, ItemKind, Secret},
    layout::MacPath,
    minisign::PublicKey,
    plan::{retry::PORTAL_PATIENCE, room::LONGEST_UNANNOUNCED},
    settings::{HttpSettings, Settings},
    sys::folder,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};
use tokio::sync::Semaphore;

/// How many files that lie there already are digested at the same time.
const DIGESTS_AT_ONCE: usize = 2;

/// Fetches, checks and places content.
pub(crate) struct Downloader {
    fetch: Arc<dyn Fetch>,
    store: Store,
    connectivity: Connectivity,
    policy: Policy,
    /// What earlier starts of this run downloaded: an item, and the digest of its content (R87).
    earlier: BTreeMap<Fingerprint, Digest>,
    /// Hosts about which the warning of R118 was given.
    warned: Mutex<BTreeSet<String>>,
    hosts: Hosts,
    digests: Semaphore,
    busy: Busy,
    /// What the signature of a package may lead to.
    package_roots: TrustRoots,
    has_seed: OnceLock<bool>,
    /// What earlier runs downloaded, and this one leaves to later ones.
    cache: Option<Arc<Cache>>,
    /// Files whose content a `hash` vouches for: what the cache may want when nobody needs them any more.
    vouched: Mutex<BTreeMap<MacPath, Content>>,
    /// What was put in place, noted while it happens: a cancelled transfer tells nobody that it was the last piece.
    brought: Arc<Mutex<BTreeSet<MacPath>>>,
}

/// The settings that matter here.
#[derive(Debug, Clone)]
struct Policy {
    hash_check: HashCheckPolicy,
    redownloads: u32,
    retry_delay: Duration,
    http: HttpSettings,
    dry_run: bool,
    control_keys: Vec<PublicKey>,
    control_credentials: Option<(String, Secret)>,
    /// The longest body that does not say how long it is.
    longest_unannounced: u64,
    /// How long a network that wants a login is waited for before asking it costs attempts.
    portal_patience: Duration,
    /// How long a transfer that is held for others keeps its connection.
    longest_held: Duration,
}

impl Downloader {
    /// A downloader over `fetch` into `store`, which waits while there is no network.
    pub(crate) fn new(
        fetch: Arc<dyn Fetch>,
        store: Store,
        connectivity: Connectivity,
        settings: &Settings,
    ) -> Self {
        Self {
            fetch,
            store,
            connectivity,
            policy: Policy {
                hash_check: settings.hash_check,
                redownloads: settings.redownloads,
                retry_delay: settings.retry_delay,
                http: settings.http.clone(),
                dry_run: settings.dry_run,
                control_keys: settings.control_keys.clone(),
                control_credentials: settings.control_credentials.clone(),
                longest_unannounced: LONGEST_UNANNOUNCED,
                portal_patience: PORTAL_PATIENCE,
                longest_held: LONGEST_HELD,
            },
            earlier: BTreeMap::new(),
            warned: Mutex::default(),
            hosts: Hosts::default(),
            digests: Semaphore::new(DIGESTS_AT_ONCE),
            busy: Busy::default(),
            package_roots: TrustRoots::apple(),
            has_seed: OnceLock::new(),
            cache: None,
            vouched: Mutex::default(),
            brought: Arc::default(),
        }
    }

    /// How the content of `item` is compared. Of a title only the very file that its catalog names is taken, whatever the
    /// setting says (T31).
    fn hash_check(&self, item: &Item) -> HashCheckPolicy {
        if item.kind == ItemKind::Title { HashCheckPolicy::Strict } else { self.policy.hash_check }
    }

    /// The files that were put in place; complete once nothing is [`busy`](Busy) any more.
    pub(crate) fn brought(&self) -> BTreeSet<MacPath> {
        self.brought.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same, that knows what earlier starts of this run downloaded (R87).
    pub(crate) fn knowing(self, earlier: BTreeMap<Fingerprint, Digest>) -> Self {
        Self { earlier, ..self }
    }

    /// The same, that believes signatures on packages which lead to one of `package_roots`.
    pub(crate) fn believing(self, package_roots: TrustRoots) -> Self {
        Self { package_roots, ..self }
    }

    /// The same, with a cache, which gives way where the disk has no room.
    pub(crate) fn caching(self, cache: Option<Arc<Cache>>) -> Self {
        Self { store: self.store.yielding(cache.clone()), cache, ..self }
    }

    /// Does disk work that takes no longer than a few system calls do: opens, creates, renames what is ours. To hand that
    /// to another thread would cost more, and with many small files more than all the rest.
    pub(crate) fn at_once<T>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        work(&self.store)
    }

    /// Does disk work away from the runtime's thread.
    pub(crate) async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (store, busy) = (self.store.clone(), self.busy.enter());
        let done = tokio::task::spawn_blocking(move || {
            let result = work(&store);
            drop(busy);
            result
        });
        let gone =
            |_| StoreError::io("finish work in", &self.store.in_work("."), "the runtime is shutting down");
        done.await.map_err(gone)?
    }
}
