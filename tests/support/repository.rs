//! A repository of titles, as Munki reads them, for a [`World`].

use crate::{
    server::{Reply, Server},
    world::{HOST, World, component},
};
use plist::{Dictionary, Value};
use serde_json::json;
use shared::digest::Digest;

/// The service that lends the credential of a repository.
const SERVICE: &str = "https://titles.example.com/v1";
/// The secret that Macs share with it.
pub const SERVICE_KEY: &str = "YSBrZXkgdGhhdCBpcyB1c2VkIGJ5IHN0b3JpZXMgb25seQ";
/// The credential it lends first; later ones begin with it.
pub const SERVICE_AUTH: &str = "Basic bGVudC10by10aGlzLU1hYzpvbmx5";

/// What a title needs, besides its name and its version.
pub type Keys<'a> = &'a [(&'a str, Value)];

/// A repository, being built.
#[derive(Debug, Default)]
pub struct Repository {
    catalog: Vec<Value>,
    files: Vec<(String, Vec<u8>)>,
}

impl Repository {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A title in a package that installs `/usr/local/share/<name>`, found by its receipt.
    #[must_use]
    pub fn package(self, name: &str, version: &str, keys: Keys<'_>) -> Self {
        let receipt = Dictionary::from_iter([
            ("packageid".to_owned(), Value::from(name)),
            ("version".to_owned(), Value::from(version)),
        ]);
        let content = component((name, version), &[]);
        let receipts = ("receipts", Value::Array(vec![Value::Dictionary(receipt)]));
        let keys: Vec<_> = [receipts].into_iter().chain(keys.iter().cloned()).collect();
        self.file(name, version, ("pkg", &content), &keys)
    }

    /// A title in any file; `kind` is the end of its name.
    #[must_use]
    pub fn file(mut self, name: &str, version: &str, (kind, content): (&str, &[u8]), keys: Keys<'_>) -> Self {
        let location = format!("apps/{name}-{version}.{kind}");
        let own = [
            ("installer_item_location", Value::from(location.as_str())),
            ("installer_item_hash", Value::from(Digest::of(content).to_string())),
            ("installer_item_size", Value::from(content.len() as u64 / 1024)),
        ];
        self.files.push((location, content.to_vec()));
        let keys: Vec<_> = own.into_iter().chain(keys.iter().cloned()).collect();
        self.title(name, version, &keys)
    }

    /// A title of nothing but these keys.
    #[must_use]
    pub fn title(mut self, name: &str, version: &str, keys: Keys<'_>) -> Self {
        let own = [("name", Value::from(name)), ("version", Value::from(version))];
        let keys = own.into_iter().chain(keys.iter().cloned()).map(|(key, value)| (key.to_owned(), value));
        self.catalog.push(Value::Dictionary(keys.collect()));
        self
    }

    /// Serves it below `/repo` of a server.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn on(self, server: &Server) {
        let mut catalog = Vec::new();
        Value::Array(self.catalog).to_writer_xml(&mut catalog).expect("a catalog");
        server.serve("/repo/catalogs/production", [Reply::ok(catalog)]);
        for (location, content) in self.files {
            server.serve(&format!("/repo/pkgs/{location}"), [Reply::ok(content)]);
        }
    }

    /// Puts it on the host of a world, whose settings name it.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    pub fn in_world(self, world: World) -> World {
        self.hosted_by(world).setting("TitleRepoURL", format!("{HOST}/repo"))
    }

    /// Puts it on a host of its own, whose credential a service lends; `changes` are keys of the scenario's
    /// `title_service` that are to be other ones.
    ///
    /// # Panics
    /// When it cannot be written, or `changes` are no keys.
    #[must_use]
    pub fn lent(self, world: World, changes: serde_json::Value) -> World {
        let mut service = json!({
            "url": SERVICE,
            "repo": "https://cdn.example.com/repo",
            "auth": SERVICE_AUTH,
            "key": {"kid": "k1", "alg": "HS256", "key": SERVICE_KEY},
        });
        for (key, value) in changes.as_object().expect("keys of a service") {
            service[key] = value.clone();
        }
        let key = [("kid", "k1"), ("alg", "HS256"), ("key", SERVICE_KEY)];
        let key = key.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value)));
        let keys = Value::Array(vec![Value::Dictionary(key.collect())]);
        let served = json!({format!("{HOST}/"): ".", "https://cdn.example.com/repo/": "repo"});
        let world = self.hosted_by(world).scenario("serve", served).scenario("title_service", service);
        world.setting("TitleEnvQueryURL", SERVICE).setting("TitleKeys", keys)
    }

    /// Puts it among what the host of a world serves, in place of what was there.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    pub fn hosted_by(self, world: World) -> World {
        let mut catalog = Vec::new();
        Value::Array(self.catalog).to_writer_xml(&mut catalog).expect("a catalog");
        let mut world = world.hosted("repo/catalogs/production", &catalog);
        for (location, content) in &self.files {
            world = world.hosted(&format!("repo/pkgs/{location}"), content);
        }
        world
    }
}
