//! The contract of the download stage, told against a server that misbehaves (P83).

mod cache;
mod control_file;
mod control_signature;
mod faults;
mod in_time;
mod mirrors;
mod parts;
mod place;
mod portal;
mod queue;
mod resume;
mod root_file;
mod trust;
mod turns;

use super::{Downloader, Http, Network, Store, VerifiedArtifact, error::DownloadError, queue::DownloadQueue};
use crate::{
    engine::recorder::{Message, Recorder},
    host::Connectivity,
};
use shared::{
    digest::Digest,
    event::{EventKind, Progress},
    item::{
        FailPolicy, FetchOptions, FollowRedirects, HashCheckPolicy, Item, ItemId, ItemKind, Phase, RetryKeys,
        Source,
    },
    layout::MacPath,
    settings::Settings,
};
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};
use support::server::{Authority, Server};
use tempfile::TempDir;
use tokio::sync::watch;

const INSTALL_PATH: &str = "/Library/installapplications";

/// A Mac-shaped folder, a server, and what the download stage said.
struct Site {
    root: TempDir,
    server: Server,
    settings: Settings,
    network: Network,
    connectivity: Connectivity,
    told: Arc<Mutex<Vec<EventKind>>>,
    progress: Arc<Mutex<Vec<Progress>>>,
}

impl Site {
    fn new() -> Self {
        Self::with(Server::start().unwrap())
    }

    /// A server with TLS under the name `files.example`, trusted by the downloader.
    fn tls() -> Self {
        let authority = Authority::new("known").unwrap();
        let mut site = Self::with(Server::start_tls(authority.server(&["files.example"]).unwrap()).unwrap());
        site.trust(&authority);
        site.network.resolve.push(("files.example".into(), site.server.address()));
        site
    }

    fn with(server: Server) -> Self {
        let root = tempfile::tempdir().unwrap();
        let settings = Settings {
            install_path: MacPath::new(INSTALL_PATH).unwrap(),
            hash_check: HashCheckPolicy::Strict,
            redownloads: 1,
            retry_delay: Duration::ZERO,
            ..Settings::default()
        };
        let network = Network::default();
        let connectivity = Connectivity::new(watch::channel(true).1);
        Self { root, server, settings, network, connectivity, told: Arc::default(), progress: Arc::default() }
    }

    fn trust(&mut self, authority: &Authority) {
        let pem = self.root.path().join("authority.pem");
        authority.write_pem(&pem).unwrap();
        self.network.trust_pem_file(&pem).unwrap();
    }

    fn downloader(&self) -> Downloader {
        let owner = rustix::process::geteuid().as_raw();
        let store = Store::new(self.root.path().to_owned(), &self.settings.install_path, owner);
        Downloader::new(
            Arc::new(Http::new(self.network.clone())),
            store,
            self.connectivity.clone(),
            &self.settings,
        )
    }

    /// A recorder whose facts are kept in `told`.
    fn recorder(&self) -> Recorder {
        let (recorder, mut messages) = Recorder::new();
        let (told, progress) = (Arc::clone(&self.told), Arc::clone(&self.progress));
        tokio::spawn(async move {
            while let Some(message) = messages.recv().await {
                match message {
                    Message::Fact(fact, kept) => {
                        told.lock().unwrap().push(fact);
                        let _ = kept.send(());
                    }
                    Message::Progress(news) => progress.lock().unwrap().push(news),
                }
            }
        });
        recorder
    }

    /// One item obtained by a stage of its own, as in a run.
    async fn obtain(&self, item: &Item) -> Result<VerifiedArtifact, DownloadError> {
        self.obtain_by(self.downloader(), item).await
    }

    /// The same, where a body that does not say how long it is may have `longest` bytes.
    async fn obtain_below(&self, item: &Item, longest: u64) -> Result<VerifiedArtifact, DownloadError> {
        let mut downloader = self.downloader();
        downloader.policy.longest_unannounced = longest;
        self.obtain_by(downloader, item).await
    }

    async fn obtain_by(
        &self,
        downloader: Downloader,
        item: &Item,
    ) -> Result<VerifiedArtifact, DownloadError> {
        let (downloader, recorder) = (Arc::new(downloader), self.recorder());
        if item.source.is_none() {
            return downloader.local(item, &recorder).await;
        }
        let queue = DownloadQueue::start(downloader, vec![item.clone()], (1, 1), recorder);
        queue.take(item.id).await.map_err(|error| (*error).clone())
    }

    /// The `index`th root script, to be fetched from `path` of the server, with the digest of `content`.
    fn item(&self, index: u32, path: &str, content: &[u8]) -> Item {
        item(index, &self.server.url(path), Some(Digest::of(content)))
    }

    fn on_disk(&self, path: &str) -> PathBuf {
        MacPath::new(path).unwrap().under(self.root.path())
    }

    fn content(&self, artifact: &VerifiedArtifact) -> Vec<u8> {
        fs::read(artifact.path().under(self.root.path())).unwrap()
    }

    fn mode(&self, path: &str) -> u32 {
        fs::metadata(self.on_disk(path)).unwrap().permissions().mode() & 0o7777
    }

    /// Puts a file where the Mac would have it, in folders that are safe.
    fn put(&self, path: &str, content: &[u8], mode: u32) {
        let file = self.on_disk(path);
        let mut folder = self.root.path().to_owned();
        for part in MacPath::new(path).unwrap().parent().unwrap().relative() {
            folder.push(part);
            if !folder.exists() {
                fs::create_dir(&folder).unwrap();
                fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
        fs::write(&file, content).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn told(&self) -> Vec<EventKind> {
        self.told.lock().unwrap().clone()
    }

    /// The bytes at which the attempts began.
    fn starts(&self) -> Vec<u64> {
        let resumed = |fact| match fact {
            EventKind::DownloadStarted { resumed_at, .. } => Some(resumed_at),
            _ => None,
        };
        self.told().into_iter().filter_map(resumed).collect()
    }

    /// The failures of attempts.
    fn failures(&self) -> Vec<String> {
        let failed = |fact| match fact {
            EventKind::DownloadAttemptFailed { error, .. } => Some(error),
            _ => None,
        };
        self.told().into_iter().filter_map(failed).collect()
    }
}

/// Long enough for a loaded computer; where silence is what is tested, [`impatient`] shortens it.
const PATIENCE: Duration = Duration::from_secs(10);

fn item(index: u32, url: &str, hash: Option<Digest>) -> Item {
    let url = url::Url::parse(url).unwrap();
    let options = FetchOptions {
        connection_timeout: Some(PATIENCE),
        follow_redirects: Some(FollowRedirects::All),
        ..FetchOptions::default()
    };
    Item {
        id: ItemId::new(Phase::Userland, index),
        name: format!("item {index}"),
        kind: ItemKind::RootScript,
        file: MacPath::new(&format!("/Library/Seed/{index}")).unwrap(),
        source: Some(Source { url, options }),
        hash,
        receipt: None,
        mirrors: Vec::new(),
        team_ids: Vec::new(),
        always_install: false,
        skip_if: Vec::new(),
        retry: RetryKeys::default(),
        donotwait: false,
        fail_policy: FailPolicy::default(),
        group: None,
        timeout: None,
        app: None,
        wish: None,
    }
}

/// An item whose first server may be silent for a short time only.
fn impatient(mut item: Item) -> Item {
    options(&mut item).connection_timeout = Some(Duration::from_secs(1));
    item
}

fn options(item: &mut Item) -> &mut FetchOptions {
    &mut item.source.as_mut().unwrap().options
}

/// Content that shows where a piece of it belongs.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at / 7 + at % 251) as u8).collect()
}
