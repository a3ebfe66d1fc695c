//! `download_timeout`: all attempts for an item and the waits between them, together.

use super::*;
use crate::download::{error::Cause, gate::Permit, series::Step};
use support::server::Reply;

fn within(seconds: u32, item: Item) -> Item {
    Item { retry: RetryKeys { within_seconds: Some(seconds), ..item.retry }, ..item }
}

/// A Mac that would try for hours.
fn patient() -> Site {
    let mut site = Site::new();
    site.settings.redownloads = 100;
    site
}

#[tokio::test]
async fn attempts_that_never_end_are_ended_together_and_what_came_is_kept() {
    let (site, body) = (patient(), pattern(100_000));
    let whole = || Reply::ok(body.clone()).etag("\"one\"");
    site.server.serve("/x", [whole().stall_after(30_000)]);
    let mut slow = within(1, site.item(0, "/x", &body));
    options(&mut slow).connection_timeout = Some(Duration::from_secs(600));
    let error = site.obtain(&slow).await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("within 1 s (download_timeout)"), "{error}");
    assert_eq!(site.failures().len(), 1);

    site.server.serve("/x", [whole()]);
    let artifact = site.obtain(&slow).await.unwrap();
    assert_eq!(site.content(&artifact), body);
    assert_eq!(site.starts(), [0, 30_000], "the next start goes on where this one was");
}

#[tokio::test]
async fn r47_an_attempt_that_hangs_because_there_is_no_network_costs_no_time() {
    let mut site = patient();
    let (online, known) = watch::channel(false);
    site.connectivity = Connectivity::new(known);
    site.network.resolve.push(("files.example".into(), site.server.address()));
    site.server.serve("/x", [Reply::ok("x").slow_head()]);
    let digest = Some(Digest::of(b"x"));
    let mut slow = within(1, item(0, &site.server.url_at("files.example", "/x"), digest));
    options(&mut slow).connection_timeout = Some(Duration::from_secs(600));
    let source = slow.source.clone().unwrap();
    let (downloader, recorder) = (site.downloader(), site.recorder());
    let mut series = downloader.series(&slow, &source);

    let step = series.step(&mut Permit::free(), &recorder).await;
    assert!(matches!(step, Ok(Step::CutOff)), "{step:?}");
    assert_eq!(series.left, Some(Duration::from_secs(1)));
    assert!(site.failures()[0].contains("this attempt does not count"), "{:?}", site.failures());

    online.send_replace(true);
    series.left = Some(Duration::ZERO);
    let error = series.step(&mut Permit::free(), &recorder).await.unwrap_err();
    assert!(matches!(error.cause, Cause::Late { limit: 1, last: None }), "with a network it counts: {error}");
}

#[tokio::test]
async fn nobody_waits_for_an_attempt_there_is_no_time_for() {
    for (reply, transient, word) in [
        (Reply::status(503).header("Retry-After", "60"), true, "503"),
        (Reply::status(404), false, "404"),
        (Reply::ok("<html>Welcome to the hotel"), true, "captive portal"),
    ] {
        let mut site = patient();
        site.settings.retry_delay = Duration::from_secs(60);
        site.server.serve("/x", [reply]);
        let error = site.obtain(&within(30, site.item(0, "/x", b"x"))).await.unwrap_err();
        assert!(matches!(error.cause, Cause::Late { limit: 30, last: Some(_) }), "{error}");
        assert!(error.to_string().contains(word) && error.is_transient() == transient, "{error}");
        assert_eq!(site.server.seen().len(), 1, "{word}");
    }
}

#[tokio::test]
async fn mirrors_share_the_time_of_their_item() {
    let (site, other) = (patient(), Server::start().unwrap());
    site.server.serve("/x", [Reply::ok("x").slow_head()]);
    other.serve("/x", [Reply::ok("x")]);
    let mut slow = within(1, site.item(0, "/x", b"x"));
    options(&mut slow).connection_timeout = Some(Duration::from_secs(600));
    let url = url::Url::parse(&other.url("/x")).unwrap();
    let mirror = Source { url, options: options(&mut slow).clone() };
    slow.mirrors.push(mirror);
    assert!(matches!(site.obtain(&slow).await.unwrap_err().cause, Cause::Late { limit: 1, last: None }));
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn r34_two_items_with_one_content_have_the_longer_time() {
    for (first, second, limit) in [(Some(1), Some(30), 30), (Some(30), Some(1), 30)] {
        let mut site = patient();
        site.settings.retry_delay = Duration::from_secs(60);
        site.server.serve("/x", [Reply::status(503)]);
        let item = |index, within_seconds| Item {
            id: ItemId::new(Phase::Userland, index),
            retry: RetryKeys { within_seconds, ..RetryKeys::default() },
            ..site.item(0, "/x", b"x")
        };
        let items = vec![item(0, first), item(1, second)];
        let queue = DownloadQueue::start(Arc::new(site.downloader()), items, (1, 1), site.recorder());
        let error = queue.take(ItemId::new(Phase::Userland, 1)).await.unwrap_err();
        assert!(error.to_string().contains(&format!("within {limit} s")), "{error}");
    }
}
