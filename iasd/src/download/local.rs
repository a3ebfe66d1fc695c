//! Content that lies on this Mac: `file` URLs (R118), files that already serve (R87), items without `url` (R32, R33).

use super::{
    Downloader,
    error::{Cause, DownloadError},
    fetch::{FetchError, Head, Response},
    file::{Existing, Opened},
    folder::StoreError,
    partial::key,
    pieces::PIECE,
    place::Place,
    store::Content,
    verify::{Verdict, VerifiedArtifact, digest, judge_existing, judge_local},
};
use crate::engine::recorder::Recorder;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use shared::{
    digest::Digest,
    event::EventKind,
    item::{HashCheckPolicy, Item, ItemKind, Source},
    layout::MacPath,
};
use std::{os::unix::fs::FileExt as _, sync::PoisonError};
use url::Url;

/// Files that serve if their digest is right, best first.
#[derive(Debug)]
pub(super) struct Found(Vec<Opened>);

impl Found {
    /// Whether there is none.
    pub(super) fn is_nothing(&self) -> bool {
        self.0.is_empty()
    }
}

impl Downloader {
    /// The content of an item without `url`: to be asked for when the item is about to run (R32).
    ///
    /// # Errors
    /// When the file is missing, fails R115 or R116, or is not what `hash` says.
    pub(crate) async fn local(
        &self,
        item: &Item,
        recorder: &Recorder,
    ) -> Result<VerifiedArtifact, DownloadError> {
        let failed = |cause| DownloadError { what: item.file.to_string(), attempts: 0, cause };
        let artifact = self.local_content(item).await.map_err(failed)?;
        self.finished(item, &artifact, recorder).await.map_err(failed)?;
        Ok(artifact)
    }

    async fn local_content(&self, item: &Item) -> Result<VerifiedArtifact, Cause> {
        let (file, place) = (item.file.clone(), Place::of(item.kind, item.file.clone()));
        let opened = match self.on_disk(move |store| store.existing(&file)).await? {
            Existing::Usable(opened) => opened,
            Existing::Unusable(error) => return Err(error.into()),
            Existing::Absent => return Err(Cause::Missing),
        };
        let content = self.digest(opened.clone()).await?;
        match (judge_local(self.hash_check(item), item.hash, content), item.hash) {
            (Verdict::Accepted(accepted), _) => {
                let dry_run = self.policy.dry_run;
                let artifact = self.on_disk(move |store| {
                    if !dry_run {
                        store.own(&opened.file, place.mode, &opened.path)?;
                    }
                    VerifiedArtifact::new(opened, content, accepted, true)
                });
                Ok(artifact.await?)
            }
            (_, Some(expected)) => Err(Cause::Mismatch {
                expected,
                found: content.digest,
                bytes: content.bytes,
                hint: None,
                resumed: false,
            }),
            (_, None) => Err(Cause::NoHash),
        }
    }

    /// Looks at what lies where the content of an item is to be; reads none of it.
    ///
    /// # Errors
    /// When its folder is unsafe (R115): found here, before anything is downloaded. The folder of a root file is
    /// judged when the file is placed, because an earlier item may mend it.
    pub(super) fn look(&self, item: &Item, source: &Source) -> Result<Found, Cause> {
        let target = self.place_for(item, &key(item, source)).path;
        let compared = self.hash_check(item) != HashCheckPolicy::Ignore && item.hash.is_some();
        let useful = compared || self.earlier(item).is_some();
        let final_place = (item.kind == ItemKind::RootFile).then(|| item.file.clone());
        let found = self.at_once(|store| {
            let there = final_place.filter(|path| store.has_anything_at(path));
            let there = there.and_then(|path| store.existing(&path).ok());
            Ok([there, Some(store.existing(&target)?)])
        })?;
        let usable = |existing| match existing {
            Existing::Usable(opened) if useful => Some(opened),
            _ => None,
        };
        Ok(Found(found.into_iter().flatten().filter_map(usable).collect()))
    }

    /// The content that is there already, if it serves (R87); costs no attempt and no permit (R30, R55).
    pub(super) async fn already_there(
        &self,
        item: &Item,
        found: Found,
        recorder: &Recorder,
    ) -> Result<Option<VerifiedArtifact>, DownloadError> {
        let failed = |cause| DownloadError { what: item.file.to_string(), attempts: 0, cause };
        for opened in found.0 {
            let served = self.serve(item, opened).await.map_err(|error| failed(error.into()))?;
            if let Some(artifact) = served {
                self.finished(item, &artifact, recorder).await.map_err(failed)?;
                return Ok(Some(artifact));
            }
        }
        Ok(None)
    }

    /// A file that is there, if it is what the item wants.
    async fn serve(&self, item: &Item, opened: Opened) -> Result<Option<VerifiedArtifact>, StoreError> {
        let content = self.digest(opened.clone()).await?;
        let Some(accepted) = judge_existing(self.hash_check(item), item.hash, content, self.earlier(item))
        else {
            return Ok(None);
        };
        let place = Place::of(item.kind, opened.path.clone());
        // A root file gets its mode when its turn comes.
        let touched = item.kind != ItemKind::RootFile;
        self.on_disk(move |store| {
            if touched {
                store.own(&opened.file, place.mode, &opened.path)?;
            }
            VerifiedArtifact::new(opened, content, accepted, true).map(Some)
        })
        .await
    }

    /// The digest of what an earlier start of this run downloaded for the item.
    fn earlier(&self, item: &Item) -> Option<Digest> {
        if self.earlier.is_empty() { None } else { self.earlier.get(&item.fingerprint()).copied() }
    }

    /// Digests a file that lies there, when its turn has come.
    pub(super) async fn digest(&self, opened: Opened) -> Result<Content, StoreError> {
        // Never closed, so this only waits for its turn.
        let _turn = self.digests.acquire().await;
        self.on_disk(move |_| digest(&opened)).await
    }

    /// Opens a `file` URL as if a server had answered (R118).
    pub(super) async fn open_url(&self, url: &Url) -> Result<Response, Cause> {
        let path = url.to_file_path().ok().and_then(|path| MacPath::new(path.to_str()?).ok());
        let path = path.ok_or(Cause::Scheme)?;
        let (opened, length) = self
            .on_disk(move |store| match store.existing(&path)? {
                Existing::Usable(opened) => {
                    let length =
                        opened.file.metadata().map_err(|error| StoreError::io("look at", &path, error))?;
                    Ok((opened, length.len()))
                }
                Existing::Unusable(error) => Err(error),
                Existing::Absent => Err(StoreError::io("open", &path, "there is no such file")),
            })
            .await
            .map_err(Cause::Unreadable)?;
        let head = Head { status: 200, length: Some(length), ..Head::default() };
        Ok(Response { url: url.clone(), head, body: pieces(opened).boxed() })
    }

    /// Where an item's content is put when it has come: a `userfile` waits in the work folder for the agent (R108,
    /// R113), a `rootfile` for its turn, and in a dry run nothing leaves that folder (R74).
    pub(super) fn place_for(&self, item: &Item, key: &str) -> Place {
        let aside = |name: String| Place::aside(self.store.in_work(&name));
        match item.kind {
            _ if self.policy.dry_run => aside(format!("{key}.dry")),
            ItemKind::UserFile => aside(format!("{key}.user")),
            ItemKind::RootFile => aside(format!("{key}.root")),
            _ => Place::of(item.kind, item.file.clone()),
        }
    }

    /// Tells that the content of an item is there.
    pub(super) async fn finished(
        &self,
        item: &Item,
        artifact: &VerifiedArtifact,
        recorder: &Recorder,
    ) -> Result<(), Cause> {
        let content = Content { digest: artifact.digest(), bytes: artifact.bytes() };
        if self.cache.is_some() && item.hash == Some(content.digest) {
            let mut vouched = self.vouched.lock().unwrap_or_else(PoisonError::into_inner);
            vouched.insert(item.file.clone(), content);
        }
        let fact = EventKind::DownloadFinished {
            id: item.id,
            bytes: content.bytes,
            digest: content.digest,
            because: artifact.because(),
            reused: artifact.reused(),
        };
        recorder.record(fact).await.map_err(|_| Cause::Cancelled)
    }

    /// Puts a root file under its final name, now that its turn has come (R13, R113–R115).
    ///
    /// # Errors
    /// When its content changed, its folder is unsafe, or the disk refuses.
    pub(super) async fn place(&self, item: &Item, artifact: &VerifiedArtifact) -> Result<(), StoreError> {
        let (artifact, place) = (artifact.clone(), Place::of(item.kind, item.file.clone()));
        let name = format!("{}-{}.placing", item.id.phase, item.id.index);
        self.on_disk(move |store| artifact.put(store, &name, &place)).await
    }
}

fn pieces(opened: Opened) -> impl stream::Stream<Item = Result<Bytes, FetchError>> + Send {
    stream::unfold(Some(0), move |at| {
        let opened = opened.clone();
        async move {
            let at = at?;
            let read = tokio::task::spawn_blocking(move || {
                let mut piece = vec![0; PIECE];
                let count = opened.file.read_at(&mut piece, at)?;
                piece.truncate(count);
                Ok::<_, std::io::Error>(piece)
            });
            match read.await.map_err(std::io::Error::other).and_then(|piece| piece) {
                Ok(piece) if piece.is_empty() => None,
                Ok(piece) => {
                    let next = at + piece.len() as u64;
                    Some((Ok(Bytes::from(piece)), Some(next)))
                }
                Err(error) => Some((Err(FetchError::Broken(error.to_string())), None)),
            }
        }
    })
}
