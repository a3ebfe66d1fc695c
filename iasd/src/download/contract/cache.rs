//! Content across runs (`CachePath`): what a run has brought serves the next one, if it is still what its name says.

use super::*;
use crate::download::Cache;
use std::{
    path::Path,
    time::{Duration, SystemTime},
};

const FOLDER: &str = "/Library/Caches/ias";

impl Site {
    /// A downloader with a cache of at most `limit` bytes in `folder` below `root`.
    fn caching(&self, (root, folder): (&Path, &str), limit: u64) -> Downloader {
        let owner = rustix::process::geteuid().as_raw();
        let cache = Cache::new(root.to_owned(), MacPath::new(folder).unwrap(), owner, limit);
        self.downloader().caching(Some(Arc::new(cache)))
    }

    fn here(&self, limit: u64) -> Downloader {
        self.caching((self.root.path(), FOLDER), limit)
    }

    /// One item obtained, and put away when it has served; gives whether the cache has it.
    async fn used_up(&self, downloader: Downloader, item: &Item) -> bool {
        let (downloader, recorder) = (Arc::new(downloader), self.recorder());
        let queue = DownloadQueue::start(Arc::clone(&downloader), vec![item.clone()], (1, 1), recorder);
        let artifact = queue.take(item.id).await.unwrap();
        artifact.confirm().unwrap();
        let kept = downloader.stock_up(&item.file).unwrap();
        assert_eq!(kept, !self.on_disk(item.file.as_str()).exists(), "it is moved or left");
        kept
    }

    fn serves(&self, index: u32, length: usize) -> (Item, Vec<u8>) {
        let (path, body) = (format!("/{index}"), pattern(length + index as usize));
        self.server.serve(&path, [support::server::Reply::ok(body.clone())]);
        (self.item(index, &path, &body), body)
    }

    fn cached(&self, body: &[u8]) -> PathBuf {
        self.on_disk(&format!("{FOLDER}/{}", Digest::of(body)))
    }
}

#[tokio::test]
async fn what_one_run_brought_serves_the_next_one_without_a_download() {
    let site = Site::new();
    let (item, body) = site.serves(0, 100_000);
    assert!(site.used_up(site.here(1 << 20), &item).await);
    assert_eq!(site.mode(&format!("{FOLDER}/{}", Digest::of(&body))), 0o600, "whatever it was in its place");
    let again = site.obtain_by(site.here(1 << 20), &item).await.unwrap();
    assert!(site.content(&again) == body && site.mode("/Library/Seed/0") == 0o700);
    assert_eq!(site.server.seen().len(), 1);
    let from = site.told().into_iter().rev().find_map(|fact| match fact {
        EventKind::DownloadStarted { url, .. } => Some(url),
        _ => None,
    });
    assert_eq!(from, Some(format!("file://{FOLDER}/{}", Digest::of(&body))));
}

#[tokio::test]
async fn what_is_not_what_its_name_says_is_fetched_and_forgotten() {
    let site = Site::new();
    let (item, body) = site.serves(0, 5000);
    assert!(site.used_up(site.here(1 << 20), &item).await);
    let mut rotten = body.clone();
    rotten[4000] ^= 1;
    fs::write(site.cached(&body), rotten).unwrap();
    let again = site.obtain_by(site.here(1 << 20), &item).await.unwrap();
    assert!(site.content(&again) == body);
    assert_eq!((site.server.seen().len(), site.cached(&body).exists()), (2, false));
    // Somebody else's file is not even read.
    site.put(&format!("{FOLDER}/{}", Digest::of(&body)), &body, 0o666);
    fs::remove_file(site.on_disk("/Library/Seed/0")).unwrap();
    site.obtain_by(site.here(1 << 20), &item).await.unwrap();
    assert_eq!(site.server.seen().len(), 3, "R116");
}

#[tokio::test]
async fn what_no_hash_vouches_for_is_not_kept() {
    let mut site = Site::new();
    site.settings.hash_check = HashCheckPolicy::Warning;
    let (mut other, _) = site.serves(0, 100);
    other.hash = None;
    let (mut wrong, _) = site.serves(1, 100);
    wrong.hash = Some(Digest::of(b"something else"));
    for item in [other, wrong] {
        assert!(!site.used_up(site.here(1 << 20), &item).await);
    }
    assert!(!site.on_disk(FOLDER).exists());
}

#[tokio::test]
async fn beyond_its_limit_the_cache_gives_up_what_was_not_used_for_longest() {
    let site = Site::new();
    let bodies = [0, 1, 2, 3].map(|index| site.serves(index, 1000));
    let old = |days: u64, body: &[u8]| {
        let file = fs::File::open(site.cached(body)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(days * 86_400)).unwrap();
    };
    for (days, (item, body)) in [(3, &bodies[0]), (2, &bodies[1]), (1, &bodies[2])] {
        assert!(site.used_up(site.here(3500), item).await);
        old(days, body);
    }
    // The first one is used again, so the second one goes when there are too many.
    site.obtain_by(site.here(3500), &bodies[0].0).await.unwrap();
    assert!(site.used_up(site.here(3500), &bodies[3].0).await);
    let there = bodies.each_ref().map(|(_, body)| site.cached(body).exists());
    assert_eq!(there, [true, false, true, true]);
    let (large, _) = site.serves(4, 4000);
    assert!(!site.used_up(site.here(3500), &large).await, "more than all of it may have");
}

#[tokio::test]
async fn r117_the_cache_gives_way_where_the_disk_has_no_room_and_nobody_else_does() {
    let site = Site::new();
    let (item, body) = site.serves(0, 5000);
    assert!(site.used_up(site.here(1 << 20), &item).await);
    site.put(&format!("{FOLDER}/notes.txt"), b"not ours", 0o644);
    let downloader = site.here(1 << 20);
    downloader.at_once(|store| store.make_room(1)).unwrap();
    assert!(!site.cached(&body).exists() && site.on_disk(&format!("{FOLDER}/notes.txt")).exists());
    let huge = EXBIBYTE;
    let endless = downloader.at_once(|store| store.reserve(&*store.work()?, 0, Some(huge)));
    assert!(endless.unwrap_err().to_string().contains("bytes"), "what is not there cannot be given");
}

/// More than any disk has.
const EXBIBYTE: u64 = 1 << 60;

#[tokio::test]
async fn a_cache_on_another_volume_gets_copies() {
    let memory = Path::new("/dev/shm");
    let site = Site::new();
    let device = |path: &Path| fs::metadata(path).map(|found| std::os::unix::fs::MetadataExt::dev(&found));
    if device(memory).ok().is_none_or(|other| other == device(site.root.path()).unwrap()) {
        println!("skipped: there is no other volume here");
        return;
    }
    let place = tempfile::tempdir_in(memory).unwrap();
    let (item, body) = site.serves(0, 5000);
    let caching = || site.caching((place.path(), "/ias"), 1 << 20);
    let (downloader, recorder) = (Arc::new(caching()), site.recorder());
    let queue = DownloadQueue::start(Arc::clone(&downloader), vec![item.clone()], (1, 1), recorder);
    queue.take(item.id).await.unwrap();
    assert!(downloader.stock_up(&item.file).unwrap());
    fs::remove_file(site.on_disk("/Library/Seed/0")).unwrap();
    assert!(fs::read(place.path().join("ias").join(Digest::of(&body).to_string())).unwrap() == body);
    let again = site.obtain_by(caching(), &item).await.unwrap();
    assert!(site.content(&again) == body && site.server.seen().len() == 1);
}
