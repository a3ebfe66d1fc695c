//! Large content in parts over several connections: whatever servers and power cuts make of it, it is right in the end.

use super::{
    queue::{id, start},
    *,
};
use std::sync::OnceLock;
use support::server::Reply;

const MIB: usize = 1 << 20;

/// Made once: it takes a while.
fn body() -> &'static [u8] {
    static BODY: OnceLock<Vec<u8>> = OnceLock::new();
    BODY.get_or_init(|| pattern(40 * MIB))
}

/// Slow enough for others to come beside it.
fn whole() -> Reply {
    Reply::ok(body()).etag("\"one\"").throttle(MIB, Duration::from_millis(5))
}

/// The content, with at least two connections from the beginning.
async fn obtained(site: &Site, item: Item) -> VerifiedArtifact {
    let queue = start(site, vec![item], (2, 3));
    let artifact = queue.take(id(0)).await.unwrap();
    assert!(site.content(&artifact) == body(), "the very content");
    artifact.confirm().unwrap();
    let left = fs::read_dir(site.on_disk("/Library/installapplications/.work")).unwrap().count();
    assert_eq!(left, 0, "nothing stays behind");
    artifact
}

fn ranges(site: &Site) -> Vec<String> {
    let seen = site.server.seen();
    seen.iter().filter_map(|seen| seen.header("range").map(str::to_owned)).collect()
}

#[tokio::test]
async fn a_large_file_comes_over_several_connections_and_each_byte_once() {
    let site = Site::new();
    site.server.serve("/x", [whole()]);
    obtained(&site, site.item(0, "/x", body())).await;
    assert!((2..=3).contains(&site.server.most_at_once()), "{}", site.server.most_at_once());
    assert_eq!(site.starts(), [0], "it is one download");
    let mut bounds: Vec<(usize, usize)> = ranges(&site)
        .iter()
        .filter_map(|range| range.strip_prefix("bytes=")?.split_once('-'))
        .map(|(first, last)| (first.parse().unwrap(), last.parse::<usize>().unwrap() + 1))
        .collect();
    bounds.sort_unstable();
    // From the second part to the end, without a gap, and nothing twice.
    assert!(bounds[0].0 >= 16 * MIB && bounds.last().unwrap().1 == body().len(), "{bounds:?}");
    assert!(bounds.windows(2).all(|two| two[0].1 == two[1].0), "{bounds:?}");
    let known = site.server.seen().iter().skip(1).all(|seen| seen.header("if-range") == Some("\"one\""));
    assert!(known, "parts are of the same content");
}

#[tokio::test]
async fn a_server_that_does_not_divide_is_asked_once_and_believed() {
    for other in [
        whole().ignoring_ranges(),
        whole().etag("\"two\""),
        whole().content_range("bytes 0-9/41943040"),
        whole().refusing_ranges(),
        Reply::status(503),
        whole().drop_after(3 * MIB as u64),
    ] {
        let label = format!("{other:?}").chars().filter(char::is_ascii).take(60).collect::<String>();
        let site = Site::new();
        site.server.serve("/x", [whole(), other]);
        obtained(&site, site.item(0, "/x", body())).await;
        assert_eq!((site.starts(), site.failures()), (vec![0], vec![]), "{label}");
        assert_eq!(site.server.seen().len(), 2, "{label}: {:?}", ranges(&site));
    }
}

#[tokio::test]
async fn what_no_hash_or_no_validator_holds_together_is_not_divided() {
    let weak = Reply::ok(body()).etag("W/\"weak\"").throttle(MIB, Duration::from_millis(5));
    for (check, reply) in [(HashCheckPolicy::Ignore, whole()), (HashCheckPolicy::Strict, weak)] {
        let mut site = Site::new();
        site.settings.hash_check = check;
        site.server.serve("/x", [reply]);
        obtained(&site, site.item(0, "/x", body())).await;
        assert_eq!(site.server.seen().len(), 1, "{check:?}");
    }
}

#[tokio::test]
async fn r125_what_breaks_off_goes_on_after_what_is_in_order() {
    let mut site = Site::new();
    site.settings.redownloads = 9;
    site.settings.retry_delay = Duration::from_millis(10);
    // Its own connection breaks in front of the first part, then each for a part once.
    let (early, broken) = (whole().drop_after(10 * MIB as u64), whole().drop_after(4 * MIB as u64));
    site.server.serve("/x", [early, whole(), broken.clone(), broken, whole()]);
    obtained(&site, site.item(0, "/x", body())).await;
    let starts = site.starts();
    assert_eq!(starts.first_chunk(), Some(&[0, 10 * MIB as u64]));
    assert!(starts.is_sorted() && starts.len() <= 4, "{starts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn r125_a_run_that_is_cut_off_leaves_what_is_in_order_and_no_gap_counts_as_content() {
    for requests in 2..5 {
        let mut site = Site::new();
        site.settings.redownloads = 0;
        // Its own connection gets stuck, while parts behind come.
        site.server.serve("/x", [whole().stall_after(2 * MIB as u64), whole()]);
        let queue = start(&site, vec![site.item(0, "/x", body())], (2, 3));
        assert!(tokio::task::block_in_place(|| site.server.wait_for(requests)));
        queue.cancel();
        queue.settled().await;
        drop(queue);
        obtained(&site, site.item(0, "/x", body())).await;
        let starts = site.starts();
        assert!(starts.len() == 2 && starts[1] <= 2 * MIB as u64, "{starts:?}");
    }
}

#[tokio::test]
async fn r125_parts_that_do_not_make_the_content_are_fetched_again_as_a_whole() {
    let mut site = Site::new();
    site.settings.redownloads = 2;
    let mut rotten = body().to_vec();
    rotten[20 * MIB] ^= 1;
    let lying = Reply::ok(rotten).etag("\"one\"").throttle(MIB, Duration::from_millis(5));
    site.server.serve("/x", [whole(), lying, whole()]);
    obtained(&site, site.item(0, "/x", body())).await;
    assert_eq!(site.starts(), [0, 0]);
}
