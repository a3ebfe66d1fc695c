//! Checked content for the tests of hosts: files that lie on a Mac already, taken in as a run takes them.

use super::Connectivity;
use crate::{
    download::{Downloader, Http, Network, Store, VerifiedArtifact},
    engine::recorder::{Message, Recorder},
};
use shared::{
    item::{FailPolicy, HashCheckPolicy, Item, ItemId, ItemKind, Phase, RetryKeys},
    layout::MacPath,
    settings::Settings,
};
use std::{path::Path, sync::Arc};
use tokio::sync::watch;

/// The file at `path` of the Mac whose `/` is `root`.
pub(super) async fn verified(root: &Path, kind: ItemKind, path: &str) -> VerifiedArtifact {
    let settings = Settings { hash_check: HashCheckPolicy::Ignore, ..Settings::default() };
    let owner = rustix::process::geteuid().as_raw();
    let store = Store::new(root.to_owned(), &settings.install_path, owner);
    let downloader = Downloader::new(
        Arc::new(Http::new(Network::default())),
        store,
        Connectivity::new(watch::channel(true).1),
        &settings,
    );
    let (recorder, mut messages) = Recorder::new();
    tokio::spawn(async move {
        while let Some(message) = messages.recv().await {
            if let Message::Fact(_, kept) = message {
                let _ = kept.send(());
            }
        }
    });
    downloader.local(&item(kind, path), &recorder).await.unwrap()
}

fn item(kind: ItemKind, path: &str) -> Item {
    Item {
        id: ItemId::new(Phase::SetupAssistant, 0),
        name: "Acme Tools".into(),
        kind,
        file: MacPath::new(path).unwrap(),
        source: None,
        hash: None,
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
