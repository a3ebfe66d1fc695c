//! Servers that fail: what is tried again, how often, and what the failure is called (R27–R30, R88, R123, R124).

use super::*;
use crate::download::error::Cause;
use shared::event::AcceptedBecause;
use support::server::Reply;

/// Serves `replies`, then asks for `good`.
async fn fetch(replies: Vec<Reply>, good: &[u8]) -> (Site, Result<VerifiedArtifact, DownloadError>) {
    let site = Site::new();
    site.server.serve("/x", replies);
    let result = site.obtain(&site.item(0, "/x", good)).await;
    (site, result)
}

#[tokio::test]
async fn content_arrives_checked_in_its_place() {
    let body = pattern(700_000);
    let (site, result) = fetch(vec![Reply::ok(body.clone())], &body).await;
    let artifact = result.unwrap();
    assert_eq!((artifact.digest(), artifact.bytes()), (Digest::of(&body), body.len() as u64));
    assert_eq!((artifact.because(), artifact.reused()), (AcceptedBecause::HashEqual, false));
    assert_eq!(artifact.path().as_str(), "/Library/Seed/0");
    assert_eq!(site.content(&artifact), body);
    artifact.confirm().unwrap();
    let told = site.told();
    assert!(matches!(told[0], EventKind::DownloadStarted { attempt: 1, resumed_at: 0, .. }), "{told:?}");
    assert!(matches!(told[1], EventKind::DownloadFinished { bytes: 700_000, reused: false, .. }), "{told:?}");
    let request = &site.server.seen()[0];
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    assert!(request.header("user-agent").unwrap().starts_with("ias/"));
    assert_eq!(request.header("range"), None);
}

#[tokio::test]
async fn r29_a_failing_server_is_asked_again() {
    let body = pattern(50_000);
    let bad = [
        (Reply::status(503), "503"),
        (Reply::status(429), "429"),
        (Reply::ok(body.clone()).drop_after(20_000), "broke"),
        (Reply::ok(body.clone()).drop_after(0), "broke"),
        (Reply::ok(body.clone()).announcing(60_000), "broke"),
        (Reply::ok(body.clone()).announcing(40_000), "SHA-256"),
        (Reply::ok(body.clone()).chunked().drop_after(1000), "broke"),
        (Reply::garbage("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\nno"), "broke"),
        (Reply::garbage("SSH-2.0-OpenSSH_9.9\r\n"), "broke"),
        (Reply::garbage(""), "broke"),
    ];
    for (reply, word) in bad {
        let label = format!("{reply:?}").chars().take(60).collect::<String>();
        let (site, result) = fetch(vec![reply, Reply::ok(body.clone())], &body).await;
        assert_eq!(site.content(&result.unwrap()), body, "{label}");
        let failures = site.failures();
        assert!(failures.len() == 1 && failures[0].contains(word), "{label}: {failures:?}");
    }
}

#[tokio::test]
async fn r29_a_server_that_falls_silent_is_asked_again() {
    let body = pattern(50_000);
    for silent in [Reply::ok(body.clone()).slow_head(), Reply::ok(body.clone()).stall_after(100)] {
        let mut site = Site::new();
        // As often as a loaded computer takes to answer in time.
        site.settings.redownloads = 100;
        site.server.serve("/x", [silent, Reply::ok(body.clone())]);
        let artifact = site.obtain(&impatient(site.item(0, "/x", &body))).await.unwrap();
        assert_eq!(site.content(&artifact), body);
        assert!(site.server.seen().len() > 1);
        let failures = site.failures();
        assert!(failures[0].contains("nothing arrived"), "{failures:?}");
    }
}

#[tokio::test]
async fn chunked_bodies_without_a_length_are_whole() {
    let body = pattern(300_000);
    let (site, result) = fetch(vec![Reply::ok(body.clone()).chunked()], &body).await;
    assert_eq!(site.content(&result.unwrap()), body);
}

#[tokio::test]
async fn r29_other_client_errors_are_tried_once_more_only() {
    let mut site = Site::new();
    site.settings.redownloads = 5;
    site.server.serve("/x", [Reply::status(404)]);
    let error = site.obtain(&site.item(0, "/x", b"x")).await.unwrap_err();
    assert_eq!(site.server.seen().len(), 2);
    assert!(
        error.to_string().ends_with("/x: the server answered 404 (not found) (after 2 attempts)"),
        "{error}"
    );
    assert!(!error.is_transient());
}

#[tokio::test]
async fn r27_no_more_attempts_are_made_than_the_budget_allows() {
    let (site, result) = fetch(vec![Reply::status(500)], b"x").await;
    assert!(result.unwrap_err().is_transient());
    assert_eq!(site.server.seen().len(), 2);
    let site = Site::new();
    let once =
        Item { retry: RetryKeys { retries: Some(0), ..RetryKeys::default() }, ..site.item(0, "/x", b"x") };
    assert!(site.obtain(&once).await.is_err());
    assert_eq!(site.server.seen().len(), 1);
}

#[tokio::test]
async fn r29_retry_after_is_honoured() {
    let body = pattern(10);
    let busy = Reply::status(503).header("Retry-After", "1");
    let (site, result) = fetch(vec![busy, Reply::ok(body.clone())], &body).await;
    assert!(result.is_ok());
    let waited = site.told().into_iter().find_map(|fact| match fact {
        EventKind::DownloadAttemptFailed { retry_in_ms, .. } => retry_in_ms,
        _ => None,
    });
    assert!(waited.is_some_and(|ms| (1000..=1100).contains(&ms)), "{waited:?}");
}

#[tokio::test]
async fn v6_a_good_body_after_bad_ones_is_accepted_within_the_budget() {
    let (good, bad) = (pattern(5000), Reply::ok(pattern(4999)));
    let mut site = Site::new();
    site.settings.redownloads = 2;
    site.server.serve("/x", [bad.clone(), bad, Reply::ok(good.clone())]);
    let artifact = site.obtain(&site.item(0, "/x", &good)).await.unwrap();
    assert_eq!(artifact.because(), AcceptedBecause::HashEqual);
    assert_eq!(site.failures().len(), 2);
}

#[tokio::test]
async fn v6_policy_warning_accepts_two_downloads_that_agree() {
    let mut site = Site::new();
    site.settings.hash_check = HashCheckPolicy::Warning;
    site.settings.redownloads = 2;
    site.server.serve("/x", [Reply::ok("x"), Reply::ok("y"), Reply::ok("y")]);
    let artifact = site.obtain(&site.item(0, "/x", b"z")).await.unwrap();
    assert_eq!(artifact.because(), AcceptedBecause::TwoDownloadsAgree);
    assert_eq!(site.content(&artifact), b"y");
}

#[tokio::test]
async fn a_mismatch_leaves_nothing_behind() {
    let (site, result) = fetch(vec![Reply::ok("evil")], b"good").await;
    let error = result.unwrap_err();
    assert!(matches!(error.cause, Cause::Mismatch { bytes: 4, .. }), "{error}");
    assert!(!site.on_disk("/Library/Seed/0").exists());
    assert_eq!(fs::read_dir(site.on_disk("/Library/installapplications/.work")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_compressed_body_nobody_asked_for_is_named_as_the_reason() {
    let zipped = Reply::ok("\x1f\u{8b}...").header("Content-Encoding", "gzip");
    let (_, result) = fetch(vec![zipped.clone()], b"plain").await;
    assert!(result.unwrap_err().to_string().contains("sent it compressed"));

    let mut site = Site::new();
    site.settings.hash_check = HashCheckPolicy::Ignore;
    site.server.serve("/x", [zipped]);
    assert!(site.obtain(&site.item(0, "/x", b"plain")).await.is_err(), "nothing else would notice");
}

#[tokio::test]
async fn r117_a_transfer_that_cannot_fit_is_not_begun() {
    let (site, result) = fetch(vec![Reply::ok("x").announcing(1 << 60)], b"x").await;
    let error = result.unwrap_err();
    assert!(error.to_string().contains("bytes free"), "{error}");
    assert_eq!(site.server.seen().len(), 1, "another attempt would not help");
    assert!(error.is_transient(), "what fills the disk may go away: the run pauses");
}

/// How many files are in the work folder.
fn left_behind(site: &Site) -> usize {
    fs::read_dir(site.on_disk("/Library/installapplications/.work")).unwrap().count()
}

#[tokio::test]
async fn r117_a_body_without_end_is_cut_off_and_gives_back_the_disk() {
    let (site, other) = (Site::new(), Server::start().unwrap());
    site.server.serve("/x", [Reply::ok(pattern(100_000)).endless().etag("\"one\"")]);
    other.serve("/x", [Reply::ok("good")]);
    let mut wanted = site.item(0, "/x", b"good");
    let error = site.obtain_below(&wanted, 1 << 20).await.unwrap_err();
    assert!(error.to_string().contains("no end of it was announced") && !error.is_transient(), "{error}");
    assert_eq!(
        (site.server.seen().len(), left_behind(&site)),
        (1, 0),
        "it would not end the next time either"
    );

    let mirror =
        Source { url: url::Url::parse(&other.url("/x")).unwrap(), options: options(&mut wanted).clone() };
    wanted.mirrors.push(mirror);
    site.obtain_below(&wanted, 1 << 20).await.expect("another server may do better");
}

#[tokio::test]
async fn r124_a_body_that_goes_on_behind_its_announced_end_is_a_failure() {
    let body = pattern(50_000);
    let first = Reply::ok(body.clone()).etag("\"one\"").drop_after(20_000);
    let rest = Reply::ok(body.clone()).etag("\"one\"").endless();
    let (site, result) = fetch(vec![first, rest], &body).await;
    let error = result.unwrap_err();
    assert!(error.to_string().contains("50000 were announced") && error.is_transient(), "{error}");
    assert_eq!(left_behind(&site), 0, "too many bytes are the beginning of nothing");
}

#[tokio::test]
async fn r125_what_no_later_attempt_can_go_on_with_is_not_kept() {
    let mut site = Site::new();
    site.settings.hash_check = HashCheckPolicy::Ignore;
    for (place, reply) in
        [Reply::ok(pattern(5000)), Reply::ok(pattern(5000)).etag("\"one\"")].into_iter().enumerate()
    {
        site.server.serve("/x", [reply.drop_after(1000)]);
        let error = site.obtain(&site.item(u32::try_from(place).unwrap(), "/x", b"x")).await.unwrap_err();
        assert!(error.is_transient(), "{error}");
        assert_eq!(left_behind(&site), 0);
    }
}

#[tokio::test]
async fn an_answer_that_is_all_headers_is_given_up() {
    let many = format!("HTTP/1.1 200 OK\r\n{}", "X-Filler: and so on\r\n".repeat(100_000));
    let one = format!("HTTP/1.1 200 OK\r\nX-Filler: {}\r\n\r\n", "x".repeat(4 << 20));
    for head in [many, one] {
        let (_, result) = fetch(vec![Reply::garbage(head), Reply::ok("x")], b"x").await;
        assert!(result.is_ok(), "the next attempt met a server that answers: {result:?}");
    }
}

#[tokio::test]
async fn r123_headers_that_trickle_have_no_more_time_than_headers_that_do_not_come() {
    let body = pattern(1000);
    let head = format!("HTTP/1.1 200 OK\r\n{}", "X: y\r\n".repeat(1000));
    let trickle = Reply::garbage(head).throttle(1, Duration::from_millis(100));
    let (site, result) = fetch(vec![trickle, Reply::ok(body.clone())], &body).await;
    assert_eq!(site.content(&result.unwrap()), body);
    assert!(site.failures()[0].contains("nothing arrived"), "{:?}", site.failures());
}

#[tokio::test]
async fn r122_a_server_that_redirects_for_ever_is_asked_eleven_times() {
    let site = Site::new();
    for hop in 0..30 {
        site.server.serve(&format!("/{hop}"), [Reply::redirect(&format!("/{}", hop + 1))]);
    }
    let error = site.obtain(&site.item(0, "/0", b"x")).await.unwrap_err();
    assert!(error.to_string().contains("more than ten redirects") && !error.is_transient(), "{error}");
    assert_eq!(site.server.seen().len(), 11);
}

#[tokio::test]
async fn nobody_there_is_a_transient_failure() {
    let site = Site::new();
    let gone = Server::start().unwrap().url("/x");
    let error = site.obtain(&item(0, &gone, Some(Digest::of(b"x")))).await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("no connection"), "{error}");
}

#[tokio::test]
async fn progress_ends_with_all_bytes() {
    let body = pattern(1 << 20);
    let (site, result) = fetch(vec![Reply::ok(body.clone())], &body).await;
    assert!(result.is_ok());
    let last = site.progress.lock().unwrap().last().cloned();
    let expected =
        Progress::Bytes { id: ItemId::new(Phase::Userland, 0), received: 1 << 20, total: Some(1 << 20) };
    assert_eq!(last, Some(expected));
}
