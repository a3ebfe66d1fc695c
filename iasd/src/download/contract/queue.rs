//! Many downloads at once (R30, R34, R54, R55, R92).

use super::*;
use crate::download::{
    error::Cause,
    fetch::{Fetch, FetchError, Head, Request, Response},
    partial::key,
};
use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream};
use shared::event::AcceptedBecause;
use std::{
    collections::{BTreeSet, HashSet},
    sync::mpsc,
};
use support::server::Reply;

pub(super) fn start(site: &Site, items: Vec<Item>, bounds: (u32, u32)) -> DownloadQueue {
    DownloadQueue::start(Arc::new(site.downloader()), items, bounds, site.recorder())
}

pub(super) fn id(index: u32) -> ItemId {
    ItemId::new(Phase::Userland, index)
}

/// `count` items of a site that answers all of them slowly enough to overlap.
fn many(site: &Site, count: u32) -> Vec<Item> {
    let body = pattern(40_000);
    (0..count)
        .map(|index| {
            let path = format!("/{index}");
            let slow = Reply::ok(body.clone()).throttle(10_000, Duration::from_millis(5));
            site.server.serve(&path, [slow]);
            site.item(index, &path, &body)
        })
        .collect()
}

async fn take_all(queue: &DownloadQueue, count: u32) {
    for index in 0..count {
        queue.take(id(index)).await.unwrap();
    }
}

#[tokio::test]
async fn r55_transfers_ramp_up_and_never_exceed_max() {
    // One after the other these take a second; what one gives is known after a third of that at the latest.
    const COUNT: u32 = 48;
    let site = Site::new();
    let queue = start(&site, many(&site, COUNT), (1, 3));
    take_all(&queue, COUNT).await;
    assert!((2..=3).contains(&site.server.most_at_once()), "{}", site.server.most_at_once());
    assert_eq!(site.server.seen().len(), COUNT as usize);
}

#[tokio::test]
async fn r54_downloads_start_in_file_order() {
    let site = Site::new();
    let queue = start(&site, many(&site, 6), (1, 1));
    take_all(&queue, 6).await;
    let order: Vec<String> = site.server.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(order, ["/0", "/1", "/2", "/3", "/4", "/5"]);
    assert_eq!(site.server.most_at_once(), 1);
}

#[tokio::test]
async fn r55_what_execution_waits_for_comes_next() {
    let site = Site::new();
    let queue = start(&site, many(&site, 6), (1, 1));
    queue.take(id(5)).await.unwrap();
    take_all(&queue, 6).await;
    let place = site.server.seen().iter().position(|seen| seen.target == "/5");
    assert!(place <= Some(1), "{place:?}");
}

#[tokio::test]
async fn r34_a_script_of_root_and_of_the_user_from_one_address_is_one_download_that_serves_both() {
    for hashes in [[true, true], [false, true], [true, false]] {
        let mut site = Site::new();
        site.settings.hash_check = HashCheckPolicy::Warning;
        let body = pattern(40_000);
        site.server.serve("/x", [Reply::ok(body.clone()).throttle(10_000, Duration::from_millis(5))]);
        let whole = site.item(0, "/x", &body);
        let hash = |known: bool| whole.hash.filter(|_| known);
        let root = Item { hash: hash(hashes[0]), ..whole.clone() };
        let kind = ItemKind::UserScript;
        let user = Item { id: id(1), kind, hash: hash(hashes[1]), ..whole.clone() };
        let queue = start(&site, vec![root, user], (4, 4));
        for index in 0..2 {
            let artifact = queue.take(id(index)).await.unwrap();
            artifact.confirm().unwrap();
            assert_eq!((artifact.digest(), site.mode(artifact.path().as_str())), (Digest::of(&body), 0o755));
            assert_eq!(
                artifact.because(),
                AcceptedBecause::HashEqual,
                "one of them says what it is: {hashes:?}"
            );
        }
        assert_eq!(site.server.seen().len(), 1);
    }
}

/// The item, whose content the package brought along.
fn seeded(site: &Site, index: u32, body: &[u8]) -> Item {
    site.put(&format!("{INSTALL_PATH}/seed/{}", Digest::of(body)), body, 0o600);
    site.item(index, "/not-served", body)
}

#[tokio::test]
async fn r55_what_is_seeded_takes_no_download_its_turn() {
    let site = Site::new();
    site.server.serve("/x", [Reply::ok("x")]);
    let items = vec![seeded(&site, 0, b"seeded"), site.item(1, "/x", b"x")];
    let (recorder, mut messages) = Recorder::new();
    let (mut held, release) = tokio::sync::oneshot::channel::<()>();
    tokio::spawn(async move {
        // The seeded one cannot go on before it is told that its beginning was kept.
        let mut beginning = None;
        loop {
            tokio::select! {
                message = messages.recv() => match message {
                    Some(Message::Fact(EventKind::DownloadStarted { id: of, .. }, kept)) if of == id(0) => {
                        beginning = Some(kept);
                    }
                    Some(Message::Fact(_, kept)) => _ = kept.send(()),
                    Some(Message::Progress(_)) => {}
                    None => return,
                },
                () = held.closed(), if beginning.is_some() => {
                    _ = beginning.take().map(|kept: tokio::sync::oneshot::Sender<()>| kept.send(()));
                }
            }
        }
    });
    let queue = DownloadQueue::start(Arc::new(site.downloader()), items, (1, 1), recorder);
    let other = tokio::time::timeout(PATIENCE, queue.take(id(1))).await;
    assert!(other.is_ok_and(|content| content.is_ok()), "it waits for the seeded one's turn");
    drop(release);
    queue.take(id(0)).await.unwrap();
}

#[tokio::test]
async fn r55_what_is_seeded_waits_for_no_download() {
    let site = Site::new();
    site.server.serve("/x", [Reply::ok(pattern(5000)).stall_after(100)]);
    let items = vec![site.item(0, "/x", &pattern(5000)), seeded(&site, 1, b"seeded")];
    let queue = start(&site, items, (1, 1));
    let artifact = queue.take(id(1)).await.unwrap();
    assert_eq!(site.content(&artifact), b"seeded");
}

#[test]
fn r34_downloads_that_share_nothing_have_parts_of_their_own() {
    let one = item(0, "https://files.example/x", Some(Digest::of(b"x")));
    let others = [
        Item { kind: ItemKind::Package, ..one.clone() },
        Item { hash: None, ..one.clone() },
        Item { file: MacPath::new("/Library/Seed/other").unwrap(), ..one.clone() },
        item(0, "https://files.example/y", one.hash),
    ];
    let key = |item: &Item| key(item, item.source.as_ref().unwrap());
    let keys: HashSet<String> = others.iter().chain([&one]).map(key).collect();
    assert_eq!(keys.len(), 5);
}

#[tokio::test]
async fn r34_shared_content_is_fetched_once_and_told_to_all() {
    let site = Site::new();
    site.server.serve("/x", [Reply::ok("x")]);
    let first = site.item(0, "/x", b"x");
    let second = Item { id: id(1), ..first.clone() };
    let queue = start(&site, vec![first, second], (4, 4));
    let (one, two) = (queue.take(id(0)).await.unwrap(), queue.take(id(1)).await.unwrap());
    assert_eq!(one.path(), two.path());
    assert_eq!(site.server.seen().len(), 1);
    let finished = |fact: &EventKind| matches!(fact, EventKind::DownloadFinished { .. });
    assert_eq!(site.told().iter().filter(|fact| finished(fact)).count(), 2);
}

#[tokio::test]
async fn t17_titles_with_one_content_at_two_addresses_are_one_download_from_either() {
    for (first, asked) in [(Reply::ok("x"), &["/a"][..]), (Reply::status(404), &["/a", "/b"])] {
        let site = Site::new();
        site.server.serve("/a", [first]);
        site.server.serve("/b", [Reply::ok("x")]);
        let one = Item { kind: ItemKind::Title, ..site.item(0, "/a", b"x") };
        let file = one.file.clone();
        let two = Item { kind: ItemKind::Title, file, ..site.item(1, "/b", b"x") };
        let queue = start(&site, vec![one, two], (4, 4));
        for index in 0..2 {
            queue.take(id(index)).await.unwrap().confirm().unwrap();
        }
        let seen: Vec<String> = site.server.seen().into_iter().map(|seen| seen.target).collect();
        assert_eq!(seen, asked);
    }
}

#[tokio::test]
async fn r30_an_item_that_waits_gives_its_slot_to_others() {
    let site = Site::new();
    let body = pattern(10);
    site.server.serve("/0", [Reply::status(503).header("Retry-After", "300")]);
    site.server.serve("/1", [Reply::ok(body.clone())]);
    let queue = start(&site, vec![site.item(0, "/0", &body), site.item(1, "/1", &body)], (1, 1));
    queue.take(id(1)).await.unwrap();
}

#[tokio::test]
async fn r55_what_is_there_already_takes_no_permit() {
    let site = Site::new();
    let body = pattern(10);
    site.put("/Library/Seed/1", &body, 0o644);
    site.server.serve("/0", [Reply::ok(body.clone()).stall_after(1)]);
    let mut stalled = site.item(0, "/0", &body);
    options(&mut stalled).connection_timeout = Some(Duration::from_secs(60));
    let queue = start(&site, vec![stalled, site.item(1, "/1", &body)], (1, 1));
    assert!(queue.take(id(1)).await.unwrap().reused());
}

#[tokio::test]
async fn failures_reach_everybody_who_waits() {
    let site = Site::new();
    site.server.serve("/x", [Reply::status(404)]);
    let first = site.item(0, "/x", b"x");
    let second = Item { id: id(1), ..first.clone() };
    let queue = start(&site, vec![first, second], (1, 1));
    for index in 0..2 {
        assert!(queue.take(id(index)).await.unwrap_err().to_string().contains("404"));
    }
    assert!(queue.take(id(9)).await.is_err(), "not one of ours");
}

#[tokio::test]
async fn r92_cancelling_stops_what_is_in_flight_and_keeps_what_came() {
    let mut site = Site::new();
    site.settings.redownloads = 0;
    let body = pattern(100_000);
    let whole = Reply::ok(body.clone()).etag("\"e\"");
    site.server.serve("/0", [whole.clone().stall_after(60_000), whole]);
    let mut item = site.item(0, "/0", &body);
    options(&mut item).connection_timeout = Some(Duration::from_secs(60));
    let queue = start(&site, vec![item.clone()], (1, 1));
    let part = || fs::read_dir(site.on_disk("/Library/installapplications/.work")).ok()?.next();
    let arrived = async {
        while !site.progress.lock().unwrap().iter().any(|news| matches!(news, Progress::Bytes { .. })) {
            tokio::task::yield_now().await;
        }
    };
    arrived.await;
    queue.cancel();
    assert_eq!(queue.take(id(0)).await.unwrap_err().cause, Cause::Cancelled);
    queue.settled().await;
    assert!(part().is_some(), "the beginning is kept");
    site.obtain(&item).await.unwrap();
    assert!(site.server.seen()[1].header("range").is_some());
}

/// A recorder whose listener says how far it came, and never answers to the end of the first item's download.
fn forgetful() -> (Recorder, tokio::sync::oneshot::Receiver<Message>) {
    let (recorder, mut messages) = Recorder::new();
    let (hold, held) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let mut hold = Some(hold);
        while let Some(message) = messages.recv().await {
            match message {
                Message::Fact(EventKind::DownloadFinished { id, .. }, _) if id == self::id(0) => {
                    if let Some(hold) = hold.take() {
                        drop(hold.send(message));
                    }
                }
                Message::Fact(_, kept) => _ = kept.send(()),
                Message::Progress(_) => {}
            }
        }
    });
    (recorder, held)
}

/// Puts content into the seed.
fn seed(site: &Site, content: &[u8]) {
    site.put(&format!("{INSTALL_PATH}/seed/{}", Digest::of(content)), content, 0o600);
}

#[tokio::test]
async fn r82_what_was_put_in_place_is_known_also_when_nobody_was_told_of_it() {
    for seeded in [false, true] {
        let site = Site::new();
        let body = pattern(10);
        site.server.serve("/0", [Reply::ok(body.clone())]);
        if seeded {
            seed(&site, &body);
        }
        let item = site.item(0, "/0", &body);
        let (downloader, (recorder, held)) = (Arc::new(site.downloader()), forgetful());
        let queue = DownloadQueue::start(Arc::clone(&downloader), vec![item.clone()], (1, 1), recorder);
        let untold = held.await.unwrap();
        queue.cancel();
        queue.settled().await;
        assert_eq!(site.server.seen().is_empty(), seeded);
        assert!(site.on_disk("/Library/Seed/0").exists() && queue.arrived(item.id).is_none());
        assert_eq!(downloader.brought(), BTreeSet::from([item.file]), "seeded: {seeded}");
        drop(untold);
    }
}

#[tokio::test]
async fn r47_an_outage_is_a_pause_that_costs_no_attempt_and_no_byte() {
    let mut site = Site::new();
    site.settings.redownloads = 0;
    let (weather, online) = watch::channel(false);
    site.connectivity = Connectivity::new(online);
    site.network.outages = Some(site.connectivity.clone());
    let body = pattern(100_000);
    let whole = Reply::ok(body.clone()).etag("\"e\"");
    site.server.serve("/0", [whole.clone().stall_after(60_000), whole]);
    let elsewhere = site.server.url("/0").replace("127.0.0.1", "files.example");
    site.network.resolve.push(("files.example".into(), site.server.address()));
    let mut item = item(0, &elsewhere, Some(Digest::of(&body)));
    options(&mut item).connection_timeout = Some(Duration::from_secs(60));
    let queue = start(&site, vec![item], (1, 1));
    assert!(queue.take(id(0)).now_or_never().is_none() && site.server.seen().is_empty());
    weather.send_replace(true);
    while !site.progress.lock().unwrap().iter().any(|news| matches!(news, Progress::Bytes { .. })) {
        tokio::task::yield_now().await;
    }
    weather.send_replace(false);
    while site.failures().is_empty() {
        tokio::task::yield_now().await;
    }
    weather.send_replace(true);
    queue.take(id(0)).await.unwrap();
    assert!(site.failures()[0].ends_with("this attempt does not count"), "{:?}", site.failures());
    assert_eq!(site.starts().len(), 2);
    assert!(site.starts()[1] > 0, "it goes on where it was");
}

/// A server whose second piece comes while the thread that waits for it can do nothing else.
struct Stuck {
    reached: tokio::sync::mpsc::UnboundedSender<()>,
    go_on: Mutex<Option<mpsc::Receiver<()>>>,
}

impl Fetch for Stuck {
    fn fetch(&self, request: Request) -> BoxFuture<'_, Result<Response, FetchError>> {
        let (reached, go_on) = (self.reached.clone(), self.go_on.lock().unwrap().take().unwrap());
        let pieces = stream::iter(0..2).map(move |index| {
            if index == 1 {
                reached.send(()).unwrap();
                go_on.recv().unwrap();
            }
            Ok(Bytes::from_static(b"piece"))
        });
        let head = Head { status: 200, length: Some(15), ..Head::default() };
        Box::pin(async move { Ok(Response { url: request.url, head, body: pieces.boxed() }) })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r92_a_transfer_in_the_middle_of_a_piece_is_waited_for() {
    let mut site = Site::new();
    site.settings.redownloads = 0;
    let ((reached, mut stuck), (release, go_on)) = (tokio::sync::mpsc::unbounded_channel(), mpsc::channel());
    let fetch = Stuck { reached, go_on: Mutex::new(Some(go_on)) };
    let downloader = Downloader { fetch: Arc::new(fetch), ..site.downloader() };
    let queue = DownloadQueue::start(
        Arc::new(downloader),
        vec![site.item(0, "/0", b"whatever")],
        (1, 1),
        site.recorder(),
    );
    stuck.recv().await.unwrap();
    queue.cancel();
    assert!(queue.settled().now_or_never().is_none(), "it still has a piece in its hands");
    release.send(()).unwrap();
    queue.settled().await;
}

#[tokio::test]
async fn two_hundred_items_cost_no_two_hundred_connections() {
    let site = Site::new();
    let items: Vec<Item> = (0..200).map(|index| site.item(index, "/x", b"x")).collect();
    site.server.serve("/x", [Reply::ok("x")]);
    let queue = start(&site, items, (4, 8));
    take_all(&queue, 200).await;
    assert!(site.server.most_at_once() <= 8);
}
