//! The signature of the control file: fetched from beside it, judged, and the edition remembered before it is used.

use super::{
    Downloader, control_file::read_small, error::Cause, fetch::shown, folder::StoreError, place::Place,
    store::Store,
};
use crate::engine::recorder::Recorder;
use shared::{
    control::signed::{Endorsement, Newest, judge},
    event::{Category, Level},
    layout::newest_control_file,
    minisign,
    plan::retry::AttemptFailure,
};
use time::OffsetDateTime;
use url::Url;

/// Longest signature, in bytes.
pub(super) const LONGEST_SIGNATURE: u64 = minisign::LONGEST as u64;
/// Longest record, in bytes: a line for each key there ever was.
const LONGEST_RECORD: u64 = 64 * 1024;

impl Downloader {
    /// The signature file beside the control file at `url`: the same host, path with `.sig`, query.
    pub(super) async fn signature(&self, url: &Url) -> Result<Vec<u8>, Cause> {
        let url = beside(url);
        let at = shown(&url);
        let request = self.control_request(url);
        let document = self.document(&request, LONGEST_SIGNATURE).await;
        document.map(|document| document.content).map_err(|cause| match cause {
            cause if cause.failure() == AttemptFailure::ClientError => {
                Cause::Unsigned(format!("{at}: {cause}"))
            }
            cause => Cause::Signature { url: at, cause: Box::new(cause) },
        })
    }

    /// Accepts `content` by its signature, and remembers its serial: from now on no older edition is accepted.
    pub(super) async fn endorsed(
        &self,
        content: &[u8],
        signature: &[u8],
        recorder: &Recorder,
    ) -> Result<(), Cause> {
        let newest = self.on_disk(read_newest).await?;
        let now = OffsetDateTime::now_utc();
        let endorsement = judge(content, signature, &self.policy.control_keys, &newest, now)?;
        let (level, text) = told(&endorsement);
        recorder.notice(level, Category::Main, None, text).await;
        if let Some(newest) = endorsement.remember.filter(|_| !self.policy.dry_run) {
            self.on_disk(move |store| write_newest(store, &newest)).await?;
        }
        Ok(())
    }
}

/// Where the signature of what `url` names is.
fn beside(url: &Url) -> Url {
    let mut beside = url.clone();
    beside.set_path(&format!("{}{}", url.path(), minisign::SUFFIX));
    beside
}

fn told(endorsement: &Endorsement) -> (Level, String) {
    let Endorsement { key, terms, .. } = endorsement;
    match terms.serial {
        Some(_) => (Level::Info, format!("the control file is signed with the key {key}: {terms}")),
        None => {
            let missing = "without a serial, so an older one could be put in its place";
            (Level::Warning, format!("the control file is signed with the key {key}, {missing}"))
        }
    }
}

/// What cannot be read is not taken for "none": that would let an older edition in.
fn read_newest(store: &Store) -> Result<Newest, StoreError> {
    let path = newest_control_file();
    let Some(content) = read_small(store, &path, LONGEST_RECORD)? else { return Ok(Newest::default()) };
    let why = "it does not say which control file was the newest; remove it if you know why";
    serde_json::from_slice(&content).map_err(|_| StoreError::io("use", &path, why))
}

fn write_newest(store: &Store, newest: &Newest) -> Result<(), StoreError> {
    let place = Place { path: newest_control_file(), mode: 0o644, flush: true };
    let content = serde_json::to_vec(newest).map_err(|error| StoreError::io("write", &place.path, error))?;
    store.write(&place, &content).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_beside_the_control_file() {
        for (url, signature) in [
            ("https://a.example/ias/mac.json", "https://a.example/ias/mac.json.sig"),
            (
                "https://a.example:8443/a%20b.json?sv=1&sig=x#y",
                "https://a.example:8443/a%20b.json.sig?sv=1&sig=x#y",
            ),
            ("https://a.example/", "https://a.example/.sig"),
            ("file:///private/seed.json", "file:///private/seed.json.sig"),
        ] {
            assert_eq!(beside(&Url::parse(url).unwrap()).as_str(), signature);
        }
    }
}
