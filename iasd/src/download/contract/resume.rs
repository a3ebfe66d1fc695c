//! Downloads that are gone on with: only where the server proves that it is still the same content (R125, P14).

use super::*;
use support::server::Reply;

const CUT: u64 = 300_000;

fn body() -> Vec<u8> {
    pattern(1_000_000)
}

fn whole() -> Reply {
    Reply::ok(body()).etag("\"one\"")
}

/// The second attempt meets `then` after the first one was cut; gives the site and the `Range` that was sent.
async fn cut_then(then: Vec<Reply>) -> (Site, Option<String>) {
    let mut site = Site::new();
    site.settings.redownloads = 1;
    site.server.serve("/x", std::iter::once(whole().drop_after(CUT)).chain(then));
    let artifact = site.obtain(&site.item(0, "/x", &body())).await.unwrap();
    assert_eq!(site.content(&artifact), body());
    artifact.confirm().unwrap();
    let range = site.server.seen()[1].header("range").map(str::to_owned);
    (site, range)
}

#[tokio::test]
async fn r125_a_broken_transfer_goes_on_where_it_was() {
    let (site, range) = cut_then(vec![whole()]).await;
    assert_eq!(range.as_deref(), Some("bytes=300000-"));
    assert_eq!(site.server.seen()[1].header("if-range"), Some("\"one\""));
    assert_eq!(site.starts(), [0, CUT]);
}

#[tokio::test]
async fn r125_whatever_a_server_makes_of_a_range_the_content_is_right() {
    for (then, requests) in [
        (whole().ignoring_ranges(), 2),
        (whole().etag("\"two\""), 2),
        (whole().content_range("bytes 0-999999/1000000"), 3),
        (whole().content_range("bytes 300000-999999/2000000"), 3),
        (whole().content_range("nonsense"), 3),
        (whole().refusing_ranges(), 3),
    ] {
        let label = format!("{then:?}").chars().filter(char::is_ascii).take(80).collect::<String>();
        let (site, _) = cut_then(vec![then]).await;
        assert_eq!(site.server.seen().len(), requests, "{label}");
        assert_eq!(site.starts().len(), 2, "one more request is not one more attempt: {label}");
    }
}

#[tokio::test]
async fn p14_without_a_strong_validator_the_download_starts_over() {
    for first in [Reply::ok(body()), Reply::ok(body()).etag("W/\"weak\"")] {
        let site = Site::new();
        site.server.serve("/x", [first.clone().drop_after(CUT), first]);
        site.obtain(&site.item(0, "/x", &body())).await.unwrap();
        assert_eq!(site.server.seen()[1].header("range"), None);
        assert_eq!(site.starts(), [0, 0]);
    }
}

#[tokio::test]
async fn r125_the_next_run_goes_on_with_what_a_killed_one_left() {
    let mut site = Site::new();
    site.settings.redownloads = 0;
    site.server.serve("/x", [whole().drop_after(CUT), whole()]);
    let item = site.item(0, "/x", &body());
    assert!(site.obtain(&item).await.is_err());
    let artifact = site.obtain(&item).await.unwrap();
    assert_eq!(site.content(&artifact), body());
    assert_eq!(site.starts(), [0, CUT]);
    let left = fs::read_dir(site.on_disk("/Library/installapplications/.work")).unwrap().count();
    assert_eq!(left, 0, "nothing stays behind");
}

#[tokio::test]
async fn r125_what_an_earlier_run_left_counts_only_where_a_hash_decides() {
    let mut site = Site::new();
    site.settings.redownloads = 0;
    site.settings.hash_check = HashCheckPolicy::Ignore;
    site.server.serve("/x", [whole().drop_after(CUT), whole()]);
    let item = site.item(0, "/x", &body());
    assert!(site.obtain(&item).await.is_err());
    let artifact = site.obtain(&item).await.unwrap();
    assert_eq!(site.content(&artifact), body());
    assert_eq!(site.server.seen()[1].header("range"), None);
}

#[tokio::test]
async fn r125_a_mismatch_after_a_resume_costs_no_attempt_once() {
    let site = Site::new();
    let mut rotten = body();
    rotten[999_999] ^= 1;
    let lying = Reply::ok(rotten).etag("\"one\"");
    site.server.serve("/x", [whole().drop_after(CUT), lying, whole()]);
    let artifact = site.obtain(&site.item(0, "/x", &body())).await.unwrap();
    assert_eq!(site.content(&artifact), body());
    assert_eq!(site.starts(), [0, CUT, 0]);
    let attempts: Vec<u32> = site
        .told()
        .iter()
        .filter_map(|fact| match fact {
            EventKind::DownloadStarted { attempt, .. } => Some(*attempt),
            _ => None,
        })
        .collect();
    assert_eq!(attempts, [1, 2, 2], "the budget was two");
}

#[tokio::test]
async fn r114_a_partial_file_that_others_could_have_touched_counts_for_nothing() {
    let mut site = Site::new();
    site.settings.redownloads = 0;
    site.server.serve("/x", [whole().drop_after(CUT), whole()]);
    let item = site.item(0, "/x", &body());
    assert!(site.obtain(&item).await.is_err());
    let work = site.on_disk("/Library/installapplications/.work");
    assert_eq!(site.mode("/Library/installapplications/.work"), 0o700);
    for entry in fs::read_dir(&work).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    }
    site.obtain(&item).await.unwrap();
    assert_eq!(site.server.seen()[1].header("range"), None);
}

#[tokio::test]
async fn a_torn_note_starts_the_download_over() {
    let mut site = Site::new();
    site.settings.redownloads = 0;
    site.server.serve("/x", [whole().drop_after(CUT), whole()]);
    let item = site.item(0, "/x", &body());
    assert!(site.obtain(&item).await.is_err());
    for entry in fs::read_dir(site.on_disk("/Library/installapplications/.work")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            fs::write(&path, "{\"url\": \"htt").unwrap();
        }
    }
    site.obtain(&item).await.unwrap();
    assert_eq!(site.starts(), [0, 0]);
}
