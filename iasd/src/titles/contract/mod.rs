//! The contract of titles' sources, told against a service and a repository that misbehave (T15–T19, T32, T51–T70).

mod catalogs;
mod clock;
mod grants;
mod keys;
mod packages;

use super::{Catalogs, TitleSource as _, Titles, TitlesUnavailable};
use crate::{
    download::{Downloader, Http, Network, Store},
    engine::recorder::{Message, Recorder},
    host::{Connectivity, mac::MacHost},
};
use serde_json::{Value, json};
use shared::{
    base64::{decode_url, encode_url},
    event::EventKind,
    settings::{Settings, TitleSettings},
    title::grant::{Key, Keys, issue},
};
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};
use support::server::{Reply, Seen, Server};
use tempfile::TempDir;
use time::OffsetDateTime;
use tokio::sync::watch;
use url::Url;

/// The credential the service lends.
const LENT: &str = "Basic bGVudC1zZWNyZXQ=";
const UUID: &str = "4C4C4544-0044-4A10-8053-B7C04F4E3132";
const CATALOG: &str = "<?xml version=\"1.0\"?><plist><array/></plist>";

/// A Mac, a service, a repository, and what was told.
struct Site {
    root: TempDir,
    service: Server,
    repository: Server,
    settings: TitleSettings,
    dry_run: bool,
    told: Arc<Mutex<Vec<String>>>,
}

impl Site {
    /// With a service that gives good grants, and a repository with one catalog.
    fn new() -> Self {
        let (service, repository) = (Server::start().unwrap(), Server::start().unwrap());
        let settings = TitleSettings {
            env_query: Some(Url::parse(&service.url("/v1")).unwrap()),
            keys: Keys::new(vec![key("k1", 1)]).unwrap(),
            ..TitleSettings::default()
        };
        let (root, told) = (tempfile::tempdir().unwrap(), Arc::default());
        let site = Self { root, service, repository, settings, dry_run: false, told };
        site.answer([site.grant(|_| {})]);
        site.repository.serve("/repo/catalogs/production", [Reply::ok(CATALOG)]);
        let ioreg = format!("echo '    \"IOPlatformUUID\" = \"{}\"'", UUID.to_lowercase());
        site.tool("/usr/sbin/ioreg", &ioreg);
        site.tool("/usr/bin/sntp", "echo \"$*\" >> \"${0%/*}/called\"");
        site
    }

    /// With a repository that is known, and wants this credential.
    fn known(auth: Option<&str>) -> Self {
        let mut site = Self::new();
        site.settings.env_query = None;
        site.settings.keys = Keys::default();
        site.settings.repo = Some(Url::parse(&site.repository.url("/repo")).unwrap());
        site.settings.repo_auth = auth.map(|auth| shared::item::Secret(auth.to_owned()));
        site
    }

    fn answer(&self, replies: impl IntoIterator<Item = Reply>) {
        self.service.serve("/v1", replies);
    }

    /// The claims of a good grant with something changed, signed with K1.
    fn grant(&self, change: impl Fn(&mut Value) + Send + Sync + 'static) -> Reply {
        self.grant_by(key("k1", 1), change)
    }

    fn grant_by(&self, key: Key, change: impl Fn(&mut Value) + Send + Sync + 'static) -> Reply {
        let (service, repo) = (self.service.url(""), self.repository.url("/repo"));
        Reply::made(move |seen| {
            let request = claims(&seen.body);
            let now = OffsetDateTime::now_utc().unix_timestamp();
            let mut grant = json!({
                "iss": service, "aud": request["iss"], "sub": request["sub"], "iat": now - 1, "nbf": now - 1,
                "exp": now + 600, "rid": request["jti"], "repo": repo, "auth": LENT,
            });
            change(&mut grant);
            issue(&grant, &key).unwrap().into_bytes()
        })
    }

    /// What a start of the daemon has; like another start, each knows nothing of the others.
    fn titles(&self) -> Titles {
        let settings = Settings {
            redownloads: 1,
            retry_delay: Duration::ZERO,
            titles: self.settings.clone(),
            dry_run: self.dry_run,
            ..Settings::default()
        };
        let owner = rustix::process::geteuid().as_raw();
        let store = Store::new(self.root.path().to_owned(), &settings.install_path, owner);
        let connectivity = Connectivity::new(watch::channel(true).1);
        let http = Arc::new(Http::new(Network::default()));
        let downloader = Downloader::new(http, store, connectivity, &settings);
        let (host, _) = MacHost::below(self.root.path()).unwrap();
        Titles::new(Arc::new(downloader), Arc::new(host), &settings, self.recorder())
    }

    fn recorder(&self) -> Recorder {
        let (recorder, mut messages) = Recorder::new();
        let told = Arc::clone(&self.told);
        tokio::spawn(async move {
            while let Some(message) = messages.recv().await {
                if let Message::Fact(fact, kept) = message {
                    if let EventKind::Notice { text, .. } = fact {
                        told.lock().unwrap().push(text);
                    }
                    let _ = kept.send(());
                }
            }
        });
        recorder
    }

    async fn open(&self) -> Result<Catalogs, TitlesUnavailable> {
        self.titles().open(&["production".to_owned()]).await
    }

    /// The only catalog that was asked for.
    async fn production(&self) -> Result<Vec<u8>, TitlesUnavailable> {
        let mut catalogs = self.open().await?;
        catalogs.remove("production").unwrap().map(|catalog| catalog.bytes)
    }

    fn told(&self) -> String {
        self.told.lock().unwrap().join("\n")
    }

    /// Everything that was told or failed, which must hold no secret.
    fn assert_discreet(&self, failures: &[&TitlesUnavailable]) {
        let told = format!("{}\n{failures:?}", self.told());
        let secret = encode_url(&[1; 32]);
        assert!(!told.contains("bGVudC") && !told.contains(&secret) && !told.contains("eyJ"), "{told}");
    }

    fn on_disk(&self, path: &str) -> PathBuf {
        self.root.path().join(path.trim_start_matches('/'))
    }

    fn put(&self, path: &str, content: &[u8], mode: u32) {
        let mut folder = self.root.path().to_owned();
        let (folders, name) = path.trim_start_matches('/').rsplit_once('/').unwrap();
        for part in folders.split('/') {
            folder.push(part);
            if !folder.exists() {
                fs::create_dir(&folder).unwrap();
                fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
        fs::write(folder.join(name), content).unwrap();
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn tool(&self, path: &str, script: &str) {
        self.put(path, format!("#!/bin/sh\n{script}\n").as_bytes(), 0o755);
    }

    /// How the clock was set.
    fn clock_was_set(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.on_disk("/usr/bin/called")).unwrap_or_default();
        calls.lines().map(str::to_owned).collect()
    }
}

/// A secret key of 32 equal bytes.
fn key(kid: &str, byte: u8) -> Key {
    Key::new(kid, "HS256", &encode_url(&[byte; 32]), None).unwrap()
}

/// The claims of a token, believed.
fn claims(token: &[u8]) -> Value {
    let token = std::str::from_utf8(token).unwrap();
    serde_json::from_slice(&decode_url(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

fn authorizations(seen: &[Seen]) -> Vec<Option<&str>> {
    seen.iter().map(|seen| seen.header("authorization")).collect()
}
