//! Catalogs fetched: each once, from the disk only where the server says that it is still the same (T15–T18, T32).
//!
//! What the work folder holds of a catalog saves a transfer and proves nothing: without the server's answer it is not used,
//! and where catalogs are signed its signature is fetched and verified again.

use super::{Catalog, Catalogs, Titles, TitlesUnavailable, access::Access, exchange::entitled};
use crate::download::{Cause, DownloadError, Place, Request, Store, read_small, shown};
use futures::FutureExt as _;
use shared::{
    digest::Digest,
    layout::MacPath,
    minisign::{LONGEST as LONGEST_SIGNATURE, PublicKey, Signature},
    plan::retry::AttemptFailure,
    title::{address::BadAddress, catalog::MAX_BYTES},
};
use url::Url;

/// The longest catalog.
const LONGEST: u64 = MAX_BYTES as u64;
/// The most that all catalogs of a run may hold together: they are in memory at the same time.
const MOST_TOGETHER: usize = 4 * MAX_BYTES;
/// The longest ETag that is kept, in bytes.
const LONGEST_ETAG: usize = 1024;

/// A catalog that lies in the work folder.
struct Kept {
    etag: String,
    bytes: Vec<u8>,
}

impl Titles {
    /// The catalogs of these names.
    pub(super) async fn fetch(&self, names: &[String]) -> Result<Catalogs, TitlesUnavailable> {
        let mut access = self.access().await?;
        let (mut catalogs, mut renewed, mut held) = (Catalogs::new(), false, 0);
        for name in names {
            if catalogs.contains_key(name) {
                continue;
            }
            let mut found = self.catalog(&access, name).await;
            if let Err(NoCatalog::Failed(error)) = &found
                && matches!(error.cause, Cause::NotEntitled(_))
                && access.is_lent()
                && !renewed
                && let Ok(url) = access.repo.catalog(name)
            {
                renewed = true;
                access = self.access_again(&access.source(url)).await?;
                found = self.catalog(&access, name).await;
            }
            let found = found.map_err(|why| why.told(name)).and_then(|catalog| {
                held = together(held, catalog.bytes.len()).ok_or_else(|| too_much(name))?;
                Ok(catalog)
            });
            catalogs.insert(name.clone(), found);
        }
        Ok(catalogs)
    }

    async fn catalog(&self, access: &Access, name: &str) -> Result<Catalog, NoCatalog> {
        if !access.allows(name) {
            return Err(NoCatalog::NotEntitled);
        }
        let url = access.repo.catalog(name)?;
        let signature = access.repo.catalog_signature(name)?;
        let ask = || self.edition(access, &url, &signature).boxed();
        Ok(self.downloader.insist(&url, ask, &self.recorder).await?)
    }

    /// A catalog, with its signature verified where one is wanted.
    async fn edition(&self, access: &Access, url: &Url, signature: &Url) -> Result<Catalog, Cause> {
        let at = url.clone();
        let kept = self.downloader.on_disk(move |store| Ok(kept(store, &at))).await?;
        let plain = self.downloader.request(&access.source(url.clone()));
        let request = Request { known: kept.as_ref().map(|kept| kept.etag.clone()), ..plain };
        let document = self.downloader.document(&request, LONGEST).await.map_err(entitled)?;
        let (bytes, etag) = match kept {
            Some(kept) if document.is_the_same() => (kept.bytes, None),
            _ => (document.content, document.head.etag),
        };
        if self.settings.wants_signed_catalogs() {
            self.check_signature(access, signature, &bytes).await?;
        }
        let digest = Digest::of(&bytes);
        if let Some(etag) = etag.filter(|etag| etag.len() <= LONGEST_ETAG) {
            let (url, bytes) = (url.clone(), bytes.clone());
            // It would only have saved the next transfer.
            let _ = self.downloader.on_disk(move |store| keep(store, &url, &etag, (digest, &bytes))).await;
        }
        Ok(Catalog { bytes, digest })
    }

    /// Whether one of `TitleCatalogKeys` has signed exactly these bytes.
    async fn check_signature(&self, access: &Access, url: &Url, bytes: &[u8]) -> Result<(), Cause> {
        let request = self.downloader.request(&access.source(url.clone()));
        let at = shown(url);
        let file = match self.downloader.document(&request, LONGEST_SIGNATURE as u64).await.map_err(entitled)
        {
            Ok(document) => document.content,
            Err(cause) if cause.failure() == AttemptFailure::ClientError => {
                return Err(Cause::Unsigned(format!("{at}: {cause}")));
            }
            Err(cause @ Cause::NotEntitled(_)) => return Err(cause),
            Err(cause) => return Err(Cause::Signature { url: at, cause: Box::new(cause) }),
        };
        verify(&file, &self.settings.catalog_keys, bytes)
            .map_err(|why| Cause::Unsigned(format!("{at}: {why}")))
    }
}

fn verify(file: &[u8], keys: &[PublicKey], bytes: &[u8]) -> Result<(), String> {
    let signature = Signature::parse(file).map_err(|why| format!("it cannot be read: {why}"))?;
    let key = keys.iter().find(|key| key.id() == signature.key());
    let key = key.ok_or_else(|| format!("the key {} is not among TitleCatalogKeys", signature.key()))?;
    signature.verify(key, bytes).map(drop).map_err(|why| why.to_string())
}

/// How long the catalogs are with one more; `None`: too long.
fn together(held: usize, more: usize) -> Option<usize> {
    held.checked_add(more).filter(|all| *all <= MOST_TOGETHER)
}

fn too_much(name: &str) -> TitlesUnavailable {
    let name = name.escape_debug();
    let reason = format!("with the catalog {name} the catalogs are longer than {MOST_TOGETHER} bytes");
    TitlesUnavailable::for_good(reason)
}

/// A catalog could not be had.
enum NoCatalog {
    /// The grant does not name it (T54).
    NotEntitled,
    /// It has no address.
    Nowhere(BadAddress),
    /// It could not be fetched, or nobody we know has signed it.
    Failed(DownloadError),
}

impl NoCatalog {
    fn told(self, name: &str) -> TitlesUnavailable {
        let refused = TitlesUnavailable::for_good;
        match self {
            Self::NotEntitled => refused(format!("not entitled to the catalog {}", name.escape_debug())),
            Self::Nowhere(why) => refused(why.to_string()),
            Self::Failed(error) => error.into(),
        }
    }
}

impl From<BadAddress> for NoCatalog {
    fn from(why: BadAddress) -> Self {
        Self::Nowhere(why)
    }
}

impl From<DownloadError> for NoCatalog {
    fn from(error: DownloadError) -> Self {
        Self::Failed(error)
    }
}

/// Where the catalog of this address is kept.
fn place(store: &Store, url: &Url) -> MacPath {
    store.in_work(&format!("catalog-{}", Digest::of(url.as_str().as_bytes())))
}

/// What was kept, if it is as it was written: a line with digest and ETag, then the bytes.
fn kept(store: &Store, url: &Url) -> Option<Kept> {
    let longest = LONGEST + LONGEST_ETAG as u64 + 128;
    let mut content = read_small(store, &place(store, url), longest).ok()??;
    let line = content.iter().position(|byte| *byte == b'\n')?;
    let bytes = content.split_off(line + 1);
    let (digest, etag) = std::str::from_utf8(content.get(..line)?).ok()?.split_once(' ')?;
    // A power cut may have eaten its end.
    let whole = digest.parse() == Ok(Digest::of(&bytes));
    whole.then(|| Kept { etag: etag.to_owned(), bytes })
}

fn keep(
    store: &Store,
    url: &Url,
    etag: &str,
    (digest, bytes): (Digest, &[u8]),
) -> Result<(), crate::download::StoreError> {
    let mut content = format!("{digest} {etag}\n").into_bytes();
    content.extend_from_slice(bytes);
    store.write(&Place::aside(place(store, url)), &content).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t15_all_catalogs_together_have_a_longest_length() {
        let half = MOST_TOGETHER / 2;
        let full = together(together(0, half).unwrap(), half).unwrap();
        assert_eq!(full, MOST_TOGETHER);
        assert_eq!((together(full, 1), together(full, usize::MAX)), (None, None));
        assert_eq!(together(full, 0), Some(full));
    }
}
