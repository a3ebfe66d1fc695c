//! Several addresses of one content: what goes on where, at what cost, and who sees what (R27, R34, R121, R125).

use super::*;
use crate::disk::Disk;
use shared::item::Secret;
use support::server::Reply;

const CUT: u64 = 300_000;

fn body() -> Vec<u8> {
    pattern(1_000_000)
}

/// A site whose items can be had from another server as well.
struct Mirrored {
    site: Site,
    other: Server,
}

impl Mirrored {
    /// The first server gives `first` for `/x`, the other one `second`.
    fn new(first: Vec<Reply>, second: Vec<Reply>) -> Self {
        let (mut site, other) = (Site::new(), Server::start().unwrap());
        site.settings.redownloads = 0;
        site.server.serve("/x", first);
        other.serve("/x", second);
        Self { site, other }
    }

    fn item(&self, content: &[u8]) -> Item {
        let mut item = self.site.item(0, "/x", content);
        let mirror = Source {
            url: url::Url::parse(&self.other.url("/x")).unwrap(),
            options: FetchOptions { credentials: None, headers: Vec::new(), ..options(&mut item).clone() },
        };
        Item { mirrors: vec![mirror], ..item }
    }

    async fn obtain(&self, content: &[u8]) -> Result<VerifiedArtifact, DownloadError> {
        self.site.obtain(&self.item(content)).await
    }
}

#[tokio::test]
async fn whatever_is_wrong_with_one_server_the_next_one_is_asked_at_once_and_at_no_cost() {
    let body = pattern(5000);
    for (first, silent) in [
        (Reply::status(404), false),
        (Reply::status(503).header("Retry-After", "300"), false),
        (Reply::ok(body.clone()).slow_head(), true),
        (Reply::ok(body.clone()).stall_after(100), true),
        (Reply::ok(body.clone()).drop_after(100), false),
        (Reply::ok(pattern(4999)), false),
        (Reply::redirect("ftp://files.example/x"), false),
        (Reply::garbage("SSH-2.0-OpenSSH_9.9\r\n"), false),
    ] {
        let label = format!("{first:?}").chars().take(60).collect::<String>();
        let two = Mirrored::new(vec![first], vec![Reply::ok(body.clone())]);
        let item = two.item(&body);
        let item = if silent { impatient(item) } else { item };
        let artifact = two.site.obtain(&item).await.expect(&label);
        assert_eq!(two.site.content(&artifact), body, "{label}");
        assert_eq!((two.site.server.seen().len(), two.other.seen().len()), (1, 1), "{label}");
        let wait = two.site.told().into_iter().find_map(|fact| match fact {
            EventKind::DownloadAttemptFailed { attempt: 1, retry_in_ms, .. } => retry_in_ms,
            _ => None,
        });
        assert_eq!(wait, Some(0), "{label}");
    }
}

#[tokio::test]
async fn r27_an_attempt_is_a_round_through_all_servers() {
    let mut two = Mirrored::new(vec![Reply::status(500)], vec![Reply::status(502)]);
    two.site.settings.redownloads = 1;
    let error = two.obtain(b"x").await.unwrap_err();
    assert_eq!((two.site.server.seen().len(), two.other.seen().len()), (2, 2));
    assert!(error.to_string().contains("502") && error.attempts == 2, "{error}");
}

#[tokio::test]
async fn a_server_that_is_down_counts_before_a_mirror_that_will_never_have_it() {
    let two = Mirrored::new(vec![Reply::status(503)], Vec::new());
    let mut item = two.item(b"x");
    for hopeless in ["file:///Library/Seed/missing", "ftp://files.example/x"] {
        item.mirrors[0].url = url::Url::parse(hopeless).unwrap();
        let error = two.site.obtain(&item).await.unwrap_err();
        assert!(error.is_transient() && error.to_string().contains("503"), "{hopeless}: {error}");
    }
}

#[tokio::test]
async fn r86_a_mirror_more_does_not_turn_a_download_that_is_accepted_into_a_failure() {
    for mirror in [Reply::status(404), Reply::ok("another")] {
        let mut two = Mirrored::new(vec![Reply::ok("other")], vec![mirror]);
        two.site.settings.hash_check = HashCheckPolicy::Warning;
        let artifact = two.obtain(b"expected").await.unwrap();
        assert_eq!(two.site.content(&artifact), b"other");
    }
}

#[tokio::test]
async fn no_other_server_is_asked_when_the_disk_is_what_fails() {
    let two = Mirrored::new(vec![Reply::ok("x")], vec![Reply::ok("x")]);
    let mut downloader = two.site.downloader();
    downloader.store = downloader.store.on(Disk::full_while(|| true));
    let error = two.site.obtain_by(downloader, &two.item(b"x")).await.unwrap_err();
    assert!(error.to_string().contains("the disk is full") && two.other.seen().is_empty(), "{error}");
}

#[tokio::test]
async fn r117_a_server_that_announces_an_absurd_length_does_not_speak_for_the_others() {
    let absurd = || Reply::ok("x").announcing(1 << 60);
    let two = Mirrored::new(vec![absurd()], vec![Reply::ok("x")]);
    let artifact = two.obtain(b"x").await.unwrap();
    assert_eq!(two.site.content(&artifact), b"x");
    // Where nobody has it, that one of them had no room for it counts: room may come.
    for other in [absurd(), Reply::status(404)] {
        let two = Mirrored::new(vec![absurd()], vec![other]);
        let error = two.obtain(b"x").await.unwrap_err();
        assert!(error.to_string().contains("bytes free") && error.is_transient(), "{error}");
        assert_eq!((two.site.server.seen().len(), two.other.seen().len()), (1, 1));
    }
}

#[tokio::test]
async fn a_server_that_is_down_is_not_asked_first_for_the_next_item() {
    let two = Mirrored::new(vec![Reply::status(503)], vec![Reply::ok("x")]);
    let (first, second) = (two.item(b"x"), two.item(b"x"));
    let second = Item {
        id: ItemId::new(Phase::Userland, 1),
        file: MacPath::new("/Library/Seed/1").unwrap(),
        ..second
    };
    let downloader = Arc::new(two.site.downloader());
    let queue = DownloadQueue::start(downloader, vec![first, second], (1, 1), two.site.recorder());
    for index in 0..2 {
        queue.take(ItemId::new(Phase::Userland, index)).await.unwrap();
    }
    assert_eq!((two.site.server.seen().len(), two.other.seen().len()), (1, 2));
}

#[tokio::test]
async fn r125_another_server_gives_the_rest_where_a_hash_decides_in_the_end() {
    let whole = || Reply::ok(body()).etag("\"one\"");
    for (broken, silent) in [(whole().drop_after(CUT), false), (whole().stall_after(CUT), true)] {
        let two = Mirrored::new(vec![broken], vec![Reply::ok(body()).etag("\"two\"")]);
        let item = two.item(&body());
        let item = if silent { impatient(item) } else { item };
        let artifact = two.site.obtain(&item).await.unwrap();
        assert_eq!(two.site.content(&artifact), body());
        let asked = &two.other.seen()[0];
        assert_eq!(asked.header("range"), Some("bytes=300000-"));
        assert_eq!(asked.header("if-range"), None, "its validators are its own");
        assert_eq!(two.site.starts(), [0, CUT]);
    }
}

#[tokio::test]
async fn r125_without_a_hash_no_content_is_put_together_from_two_servers() {
    let first = Reply::ok(body()).etag("\"one\"").drop_after(CUT);
    let mut two = Mirrored::new(vec![first], vec![Reply::ok(body())]);
    two.site.settings.hash_check = HashCheckPolicy::Ignore;
    two.obtain(&body()).await.unwrap();
    assert_eq!(two.other.seen()[0].header("range"), None);
}

#[tokio::test]
async fn r125_a_rest_that_belongs_to_something_else_is_found_out() {
    let mut other = body();
    other[999_999] ^= 1;
    let longer = Reply::ok([other.clone(), vec![0]].concat());
    // The other server: another file of the same length, then the right one; a longer one; one that lies about it.
    for (second, requests) in [
        (vec![Reply::ok(other), Reply::ok(body())], 2),
        (vec![longer.clone(), Reply::ok(body())], 2),
        (vec![Reply::ok(body()).content_range("bytes 300000-999999/1000000"), Reply::ok(body())], 2),
    ] {
        let first = Reply::ok(body()).etag("\"one\"").drop_after(CUT);
        let two = Mirrored::new(vec![first], second);
        let artifact = two.obtain(&body()).await.unwrap();
        assert_eq!(two.site.content(&artifact), body());
        assert_eq!(two.other.seen().len(), requests);
    }
}

#[tokio::test]
async fn r125_the_next_run_goes_on_at_another_server() {
    let first = Reply::ok(body()).etag("\"one\"").drop_after(CUT);
    let two = Mirrored::new(vec![first], vec![Reply::status(404), Reply::ok(body())]);
    assert!(two.obtain(&body()).await.is_err());
    two.site.server.serve("/x", [Reply::status(404)]);
    two.obtain(&body()).await.unwrap();
    assert_eq!(two.other.seen()[1].header("range"), Some("bytes=300000-"));
}

#[tokio::test]
async fn r121_what_is_meant_for_one_server_is_not_shown_to_another() {
    let two = Mirrored::new(vec![Reply::status(503)], vec![Reply::ok("x").basic("me", "secret")]);
    let mut item = two.item(b"x");
    let own = options(&mut item);
    own.credentials = Some(("me".into(), Secret("secret".into())));
    own.headers = vec![("X-Token".into(), Secret("token".into()))];
    assert!(two.site.obtain(&item).await.is_err());
    let refused =
        two.site.told().into_iter().any(
            |fact| matches!(&fact, EventKind::DownloadAttemptFailed { error, .. } if error.contains("401")),
        );
    assert!(refused, "the other server asks for what it must not get");
    assert_eq!(two.site.server.seen()[0].header("x-token"), Some("token"));
    for asked in two.other.seen() {
        assert_eq!((asked.header("x-token"), asked.header("authorization")), (None, None));
    }
}

#[tokio::test]
async fn r86_policy_warning_believes_two_servers_that_agree() {
    let mut two = Mirrored::new(vec![Reply::ok("y")], vec![Reply::ok("y")]);
    two.site.settings.hash_check = HashCheckPolicy::Warning;
    let artifact = two.obtain(b"x").await.unwrap();
    assert_eq!(artifact.because(), shared::event::AcceptedBecause::TwoDownloadsAgree);
    let mut right = Mirrored::new(vec![Reply::ok("y")], vec![Reply::ok("x")]);
    right.site.settings.hash_check = HashCheckPolicy::Warning;
    assert_eq!(right.site.content(&right.obtain(b"x").await.unwrap()), b"x");
}

#[tokio::test]
async fn a_file_on_this_mac_may_be_a_mirror() {
    let two = Mirrored::new(vec![Reply::status(503)], vec![]);
    two.site.put("/Library/Seeds/x", b"x", 0o644);
    let mirror = |url: &str| Source { url: url::Url::parse(url).unwrap(), options: FetchOptions::default() };
    let mirrors = vec![mirror("file:///Library/Seeds/none"), mirror("file:///Library/Seeds/x")];
    let artifact = two.site.obtain(&Item { mirrors, ..two.item(b"x") }).await.unwrap();
    assert_eq!(two.site.content(&artifact), b"x");
}

#[tokio::test]
async fn a_server_that_is_down_is_why_it_failed_whatever_the_other_one_says() {
    let body = pattern(5000);
    for other in [Reply::status(404), Reply::ok(pattern(4999)), Reply::redirect("ftp://files.example/x")] {
        let label = format!("{other:?}").chars().take(60).collect::<String>();
        for replies in [[Reply::status(503), other.clone()], [other, Reply::status(503)]] {
            let [first, second] = replies.map(|reply| vec![reply]);
            let error = Mirrored::new(first, second).obtain(&body).await.unwrap_err();
            assert!(error.is_transient() && error.to_string().contains("503"), "{label}: {error}");
        }
    }
    let both = Mirrored::new(vec![Reply::status(404)], vec![Reply::ok(pattern(4999))]);
    assert!(!both.obtain(&body).await.unwrap_err().is_transient());
}
