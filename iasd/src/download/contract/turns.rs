//! Whose turn it is while others run: who is held, and goes on (R55).

use super::{
    queue::{id, start},
    *,
};
use support::server::Reply;

/// A large and a small item; the large one comes first, for seconds.
fn large_and_small(site: &Site) -> Vec<Item> {
    let (large, small) = (pattern(2_000_000), pattern(50_000));
    let slow = Reply::ok(large.clone()).etag("\"one\"").throttle(20_000, Duration::from_millis(10));
    site.server.serve("/large", [slow]);
    site.server.serve("/small", [Reply::ok(small.clone()).throttle(10_000, Duration::from_millis(20))]);
    vec![site.item(0, "/large", &large), site.item(1, "/small", &small)]
}

#[tokio::test]
async fn r55_what_execution_waits_for_does_not_wait_for_the_end_of_what_runs() {
    let site = Site::new();
    let queue = start(&site, large_and_small(&site), (1, 4));
    queue.take(id(1)).await.unwrap();
    assert!(queue.arrived(id(0)).is_none());
    queue.take(id(0)).await.unwrap();
    assert_eq!(site.starts(), [0, 0], "it was held, and went on over its connection");
}

#[tokio::test]
async fn a_transfer_that_is_held_for_long_lets_go_and_goes_on_later_where_it_was() {
    let site = Site::new();
    let mut downloader = site.downloader();
    downloader.policy.longest_held = Duration::ZERO;
    let items = large_and_small(&site);
    let queue = DownloadQueue::start(Arc::new(downloader), items, (1, 4), site.recorder());
    queue.take(id(1)).await.unwrap();
    let artifact = queue.take(id(0)).await.unwrap();
    assert_eq!(site.content(&artifact), pattern(2_000_000));
    assert!(matches!(site.starts().as_slice(), [0, 0, later] if *later > 0), "{:?}", site.starts());
    assert_eq!(site.failures(), [""; 0], "nothing failed");
}
