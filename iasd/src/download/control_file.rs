//! The control file fetched: one series of attempts, in memory, kept under its local name (R7, R47, R90).
//!
//! Where `ControlFileKeys` are configured it comes with its signature, and nothing of it is kept, or given to anybody
//! who would read it, before [`Downloader::endorsed`] has accepted the pair.

use super::{
    Downloader,
    control_signature::LONGEST_SIGNATURE,
    error::{Cause, DownloadError},
    fetch::{Request, shown},
    file::Existing,
    folder::StoreError,
    place::Place,
    store::Store,
};
use crate::engine::recorder::Recorder;
use futures::FutureExt as _;
use shared::{
    control::{USUAL_NAME, local_name},
    digest::Digest,
    item::{FetchOptions, Source},
    layout::{MacPath, SEED_FOLDER},
    minisign::SUFFIX,
};
use std::io::Read as _;
use url::Url;

/// R4.
const LONGEST: u64 = 16 * 1024 * 1024;

impl Downloader {
    /// Fetches the control file and keeps it, readable by us only, in `InstallPath`.
    ///
    /// The attempts and waits are those of an item without retry keys (R27); going on for hours is the caller's
    /// business (R47), who asks [`DownloadError::is_transient`]. `digest` (`JSONHash`) is enforced whatever
    /// `HashCheckPolicy` says (R90). An attempt that finds a wrong signature fetches both files again in the next one.
    ///
    /// # Errors
    /// When every attempt failed, another could not help, or the run is being stopped.
    pub(crate) async fn control_file(
        &self,
        url: &Url,
        digest: Option<Digest>,
        recorder: &Recorder,
    ) -> Result<Vec<u8>, DownloadError> {
        let request = self.control_request(url.clone());
        self.warn_of_http(url, recorder).await;
        let ask = || self.edition(&request, digest, recorder).boxed();
        let edition = self.insist(url, ask, recorder).await?;
        self.keep(url, edition).await.map_err(|error| self.control_error(url, 1, Cause::Store(error)))
    }

    /// The control file an earlier run left, under the name of `url` or the usual one (R7, R43), with the signature it
    /// left beside it where one is required.
    ///
    /// # Errors
    /// When there is none, none that is safe to use (R116), or none whose signature is accepted.
    pub(crate) async fn kept_control_file(
        &self,
        url: &Url,
        recorder: &Recorder,
    ) -> Result<Vec<u8>, DownloadError> {
        self.local_control_file("", url, recorder).await
    }

    /// The control file that came with the package, under the same names and conditions.
    ///
    /// # Errors
    /// As [`Self::kept_control_file`].
    pub(crate) async fn seeded_control_file(
        &self,
        url: &Url,
        recorder: &Recorder,
    ) -> Result<Vec<u8>, DownloadError> {
        self.local_control_file(&format!("{SEED_FOLDER}/"), url, recorder).await
    }

    async fn local_control_file(
        &self,
        folder: &str,
        url: &Url,
        recorder: &Recorder,
    ) -> Result<Vec<u8>, DownloadError> {
        let mut cause = Cause::Missing;
        let own = format!("{folder}{}", local_name(url));
        for name in [&own, &format!("{folder}{USUAL_NAME}")] {
            match self.kept(name, recorder).await {
                Ok(Some(content)) => return Ok(content),
                Ok(None) => {}
                Err(why) => cause = why,
            }
        }
        Err(DownloadError { what: self.store.in_install(&own).to_string(), attempts: 0, cause })
    }

    fn control_error(&self, url: &Url, attempts: u32, cause: Cause) -> DownloadError {
        DownloadError { what: shown(url), attempts, cause }
    }

    /// The control file with its signature, checked.
    async fn edition(
        &self,
        request: &Request,
        expected: Option<Digest>,
        recorder: &Recorder,
    ) -> Result<Edition, Cause> {
        let content = self.document(request, LONGEST).await?.content;
        let (found, bytes) = (Digest::of(&content), content.len() as u64);
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            return Err(Cause::Mismatch { expected, found, bytes, hint: None, resumed: false });
        }
        if self.policy.control_keys.is_empty() {
            return Ok(Edition { content, signature: None });
        }
        let signature = self.signature(&request.url).await?;
        self.endorsed(&content, &signature, recorder).await?;
        Ok(Edition { content, signature: Some(signature) })
    }

    async fn keep(&self, url: &Url, edition: Edition) -> Result<Vec<u8>, StoreError> {
        let path = self.store.in_install(local_name(url));
        let beside = self.store.in_install(&format!("{}{SUFFIX}", local_name(url)));
        self.on_disk(move |store| {
            store.write(&Place { path, mode: 0o600, flush: true }, &edition.content)?;
            if let Some(signature) = edition.signature {
                store.write(&Place { path: beside, mode: 0o600, flush: true }, &signature)?;
            }
            Ok(edition.content)
        })
        .await
    }

    /// How to ask for the control file, or for what belongs to it on the same host.
    pub(super) fn control_request(&self, url: Url) -> Request {
        let credentials = self.policy.control_credentials.clone();
        self.request(&Source { url, options: FetchOptions { credentials, ..FetchOptions::default() } })
    }

    /// What was kept as `name`, checked.
    async fn kept(&self, name: &str, recorder: &Recorder) -> Result<Option<Vec<u8>>, Cause> {
        let (path, beside) = (self.store.in_install(name), self.store.in_install(&format!("{name}{SUFFIX}")));
        let Some(content) = self.on_disk(move |store| read_small(store, &path, LONGEST)).await? else {
            return Ok(None);
        };
        if self.policy.control_keys.is_empty() {
            return Ok(Some(content));
        }
        let path = beside.clone();
        let signature = self.on_disk(move |store| read_small(store, &path, LONGEST_SIGNATURE)).await?;
        let signature = signature.ok_or_else(|| Cause::Unsigned(format!("there is no {beside}")))?;
        self.endorsed(&content, &signature, recorder).await?;
        Ok(Some(content))
    }
}

/// The control file, and its signature where one is required.
struct Edition {
    content: Vec<u8>,
    signature: Option<Vec<u8>>,
}

/// Reads a file of at most `longest` bytes, if it is there.
pub(crate) fn read_small(store: &Store, path: &MacPath, longest: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let opened = match store.existing(path)? {
        Existing::Usable(opened) => opened,
        Existing::Unusable(error) => return Err(error),
        Existing::Absent => return Ok(None),
    };
    let mut content = Vec::new();
    let read = (&*opened.file).take(longest + 1).read_to_end(&mut content);
    match read {
        Ok(_) if content.len() as u64 <= longest => Ok(Some(content)),
        Ok(_) => Err(StoreError::io("use", path, format!("it is longer than {longest} bytes"))),
        Err(error) => Err(StoreError::io("read", path, error)),
    }
}
