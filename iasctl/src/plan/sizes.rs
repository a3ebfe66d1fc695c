//! How large downloads are: as a file says, or as the servers say when they are asked.

use crate::{
    chain::chain,
    web::{Follow, Request, Web, WebError},
};
use shared::item::{Item, ItemKind};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};
use url::Url;

/// How long a server may think.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is known.
pub(super) struct Sizes {
    /// By address, id or name of the item.
    given: BTreeMap<String, u64>,
    web: Option<Web>,
    asked: BTreeMap<Url, Result<u64, String>>,
    /// Hosts that cannot be reached: they are asked once.
    silent: BTreeSet<String>,
}

impl Sizes {
    /// With the sizes in a JSON file, and servers to ask when `online`.
    pub(super) fn new(file: Option<&Path>, online: bool) -> Result<Self, String> {
        let given = match file {
            Some(path) => {
                let failed = |why: &dyn std::fmt::Display| format!("error: {}: {why}", path.display());
                let bytes = std::fs::read(path).map_err(|error| failed(&error))?;
                serde_json::from_slice(&bytes)
                    .map_err(|error| failed(&format!("no object of sizes in bytes: {error}")))?
            }
            None => BTreeMap::new(),
        };
        let web = online.then(|| Web::new(Vec::new(), PATIENCE)).transpose();
        let web = web.map_err(|error| format!("error: {}", chain(&error)))?;
        Ok(Self { given, web, asked: BTreeMap::new(), silent: BTreeSet::new() })
    }

    /// The size of what is downloaded for an item.
    ///
    /// # Errors
    /// Why it is not known.
    pub(super) fn of(&mut self, item: &Item) -> Result<u64, String> {
        let addresses = item.source.iter().chain(&item.mirrors).map(|source| &source.url);
        let names = addresses.clone().map(Url::to_string).chain([item.id.to_string(), item.name.clone()]);
        if let Some(size) = names.into_iter().find_map(|name| self.given.get(&name)) {
            return Ok(*size);
        }
        let first = addresses.into_iter().next().cloned();
        match (first, item.kind) {
            (None, ItemKind::Title) => Err("a title: its catalog says how large it is".to_owned()),
            // It is there already.
            (None, _) => Ok(0),
            (Some(url), _) => self.ask(&url),
        }
    }

    fn ask(&mut self, url: &Url) -> Result<u64, String> {
        let Some(web) = &self.web else {
            return Err(
                "its size is not known; ask the servers with --online, or give it with --sizes".to_owned()
            );
        };
        if url.scheme() == "file" {
            return Err("a file on the Mac".to_owned());
        }
        if let Some(known) = self.asked.get(url) {
            return known.clone();
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        if self.silent.contains(&host) {
            return Err(format!("{host} did not answer before"));
        }
        let request = Request { head: true, follow: Follow::Redirects, ..Request::default() };
        let answer = web.ask(url, &request);
        if matches!(answer, Err(WebError::Connect { .. } | WebError::Silence { .. })) {
            self.silent.insert(host);
        }
        let size = match answer {
            Err(error) => Err(chain(&error)),
            Ok((answer, _)) if answer.status != 200 => Err(format!("the server answers {}", answer.status)),
            Ok((answer, _)) => {
                let length = answer.header("content-length").and_then(|text| text.parse().ok());
                length.ok_or_else(|| "the server does not say how long it is".to_owned())
            }
        };
        self.asked.insert(url.clone(), size.clone());
        size
    }
}
