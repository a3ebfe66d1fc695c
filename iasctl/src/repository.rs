//! A repository of titles as an admin names it: a folder, or an address.

use crate::{
    chain::chain,
    first_line::first_line,
    pem,
    web::{Follow, Request, Web},
};
use shared::title::{Catalog, MAX_BYTES, address::Repo};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use url::Url;

/// How long a server may think, or pause.
const PATIENCE: Duration = Duration::from_secs(30);

/// The options about it.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Options {
    /// A repository of titles: a folder with `catalogs`, or its https address
    #[arg(long, value_name = "DIR|URL")]
    pub(crate) repo: Option<String>,
    /// A file whose first line is the value of the header Authorization for it
    #[arg(long, value_name = "FILE", requires = "repo")]
    pub(crate) repo_auth: Option<PathBuf>,
    /// A certificate that is trusted beside the system's, in PEM or DER
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Vec<PathBuf>,
}

/// A repository.
pub(crate) enum Repository {
    Folder(PathBuf),
    Server(Box<Served>),
}

/// One on a server.
pub(crate) struct Served {
    pub(crate) repo: Repo,
    web: Web,
    authorization: Option<String>,
}

impl Options {
    /// The repository that was named.
    ///
    /// # Errors
    /// When its address, the file with what is to be shown to it, or a certificate cannot be used.
    pub(crate) fn open(&self) -> Result<Option<Repository>, String> {
        let Some(place) = &self.repo else { return Ok(None) };
        if !place.contains("://") {
            return Ok(Some(Repository::Folder(place.into())));
        }
        let authorization = self.repo_auth.as_deref().map(first_line).transpose()?;
        if let (Some(path), Some("")) = (&self.repo_auth, authorization.as_deref()) {
            return Err(format!("{}: its first line is empty", path.display()));
        }
        Repository::at(place, authorization, &self.ca).map(Some)
    }
}

impl Repository {
    /// The one at an address.
    ///
    /// # Errors
    /// When it is no address, or a certificate cannot be used.
    pub(crate) fn at(address: &str, authorization: Option<String>, ca: &[PathBuf]) -> Result<Self, String> {
        let repo = Repo::new(address).map_err(|why| format!("{address}: {why}"))?;
        let web = Web::new(pem::authorities(ca)?, PATIENCE).map_err(|error| chain(&error))?;
        Ok(Self::Server(Box::new(Served { repo, web, authorization })))
    }

    /// A catalog; `None`: it has none of this name.
    ///
    /// # Errors
    /// When it cannot be had, or read.
    pub(crate) fn catalog(&self, name: &str) -> Result<Option<Catalog>, String> {
        match self {
            Self::Folder(folder) => {
                let file = folder.join("catalogs").join(name);
                if file.exists() { read_catalog(&file).map(Some) } else { Ok(None) }
            }
            Self::Server(served) => {
                let url = served.repo.catalog(name).map_err(|why| format!("{name}: {why}"))?;
                let Some(bytes) = served.fetch(&url)? else { return Ok(None) };
                Catalog::read(name, &bytes).map(Some).map_err(|why| format!("{url}: {why}"))
            }
        }
    }

    /// The names of its catalogs: what a folder has; a server tells nobody.
    ///
    /// # Errors
    /// When the folder cannot be read, or has none.
    pub(crate) fn names(&self) -> Result<Vec<String>, String> {
        match self {
            Self::Folder(folder) => listed(&folder.join("catalogs")),
            Self::Server(_) => Ok(vec!["production".to_owned()]),
        }
    }
}

impl Served {
    /// `None`: it is not there.
    fn fetch(&self, url: &Url) -> Result<Option<Vec<u8>>, String> {
        let headers = self.authorization.iter().map(|value| ("authorization".to_owned(), value.clone()));
        let request = Request {
            headers: headers.collect(),
            follow: Follow::Redirects,
            limit: MAX_BYTES as u64,
            ..Request::default()
        };
        let (answer, body) = self.web.ask(url, &request).map_err(|error| chain(&error))?;
        match answer.status {
            200 => Ok(Some(body)),
            404 => Ok(None),
            401 | 403 => Err(format!("{url}: the server answers {}: give --repo-auth", answer.status)),
            status => Err(format!("{url}: the server answers {status}")),
        }
    }
}

/// Reads one catalog, whose name is that of its file (T3).
///
/// # Errors
/// When it cannot be read.
pub(crate) fn read_catalog(path: &Path) -> Result<Catalog, String> {
    let here = path.display();
    let name = name_of(path).ok_or_else(|| format!("{here}: no name for a catalog"))?;
    let bytes = fs::read(path).map_err(|error| format!("{here}: {error}"))?;
    Catalog::read(&name, &bytes).map_err(|why| format!("{here}: {why}"))
}

/// The name of a catalog: that of its file (T3).
pub(crate) fn name_of(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_str()?.to_owned())
}

fn listed(folder: &Path) -> Result<Vec<String>, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if let Some(name) = name_of(&path).filter(|name| path.is_file() && !name.starts_with('.')) {
            names.push(name);
        }
    }
    if names.is_empty() {
        return Err(format!("{}: there is no catalog in it", folder.display()));
    }
    names.sort();
    Ok(names)
}
