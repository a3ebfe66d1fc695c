//! Whom we talk to, and who may see what: TLS, redirects, headers, credentials (R118–R122).

use super::*;
use shared::item::Secret;
use support::server::{Algorithm, Reply, Seen};

fn secret(text: &str) -> Secret {
    Secret(text.into())
}

#[tokio::test]
async fn r119_a_server_the_system_trusts_is_talked_to() {
    let site = Site::tls();
    site.server.serve("/x", [Reply::ok("x")]);
    for url in [site.server.url_at("files.example", "/x"), "https://files.example/x".to_owned()] {
        let mut wanted = item(0, &url, Some(Digest::of(b"x")));
        options(&mut wanted).tls13_only = true;
        site.obtain(&wanted).await.unwrap();
        fs::remove_file(site.on_disk("/Library/Seed/0")).unwrap();
    }
}

#[tokio::test]
async fn r119_certificates_that_are_unknown_expired_or_of_another_host_are_refused() {
    let (known, unknown) = (Authority::new("known").unwrap(), Authority::new("unknown").unwrap());
    for (identity, word) in [
        (unknown.server(&["files.example"]), "UnknownIssuer"),
        (known.expired_server(&["files.example"]), "xpired"),
        (known.server(&["other.example"]), "other.example"),
    ] {
        let mut site = Site::with(Server::start_tls(identity.unwrap()).unwrap());
        site.trust(&known);
        site.network.resolve.push(("files.example".into(), site.server.address()));
        site.server.serve("/x", [Reply::ok("x")]);
        let wanted = item(0, &site.server.url_at("files.example", "/x"), Some(Digest::of(b"x")));
        let error = site.obtain(&wanted).await.unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
        assert!(site.server.seen().is_empty());
    }
}

#[tokio::test]
async fn r120_challenges_are_answered() {
    for guarded in [
        Reply::ok("x").basic("me", "pass:word"),
        Reply::ok("x").digest("me", "pass:word", Algorithm::Md5, false),
        Reply::ok("x").digest("me", "pass:word", Algorithm::Sha256, false),
        Reply::ok("x").digest("me", "pass:word", Algorithm::Sha256, true),
    ] {
        let site = Site::new();
        site.server.serve("/x", [guarded]);
        let mut wanted = item(0, &site.server.url("/x?a=b"), Some(Digest::of(b"x")));
        options(&mut wanted).credentials = Some(("me".into(), secret("pass:word")));
        site.obtain(&wanted).await.unwrap();
        assert_eq!(site.server.seen()[0].header("authorization"), None, "nothing before it is asked for");
        assert_eq!(site.starts().len(), 1);
    }
}

#[tokio::test]
async fn r120_wrong_credentials_are_tried_once_for_each_attempt() {
    let site = Site::new();
    site.server.serve("/x", [Reply::ok("x").digest("me", "right", Algorithm::Sha256, false)]);
    let mut wanted = item(0, &site.server.url("/x"), Some(Digest::of(b"x")));
    options(&mut wanted).credentials = Some(("me".into(), secret("wrong")));
    let error = site.obtain(&wanted).await.unwrap_err();
    assert!(error.to_string().contains("401"), "{error}");
    assert_eq!(site.server.seen().len(), 4, "two attempts, each asked and answered once");
    assert!(!format!("{error:?}{:?}", site.told()).contains("wrong"), "secrets are never told");
}

#[tokio::test]
async fn r120_an_authorization_header_is_sent_at_once_and_wins() {
    let mut site = Site::new();
    site.settings.http.headers = vec![("Authorization".into(), secret("Bearer t"))];
    site.settings.http.credentials = Some(("me".into(), secret("p")));
    site.settings.http.auth_hosts = vec!["127.0.0.1".into()];
    site.server.serve("/x", [Reply::ok("x").basic("me", "p")]);
    assert!(site.obtain(&site.item(0, "/x", b"x")).await.is_err());
    assert!(site.server.seen().iter().all(|seen| seen.header("authorization") == Some("Bearer t")));
}

/// What the second server of a redirect saw of a request that carried a header and credentials.
async fn seen_after_redirect(to_same_host: bool) -> Seen {
    let mut site = Site::new();
    site.settings.http.headers = vec![("X-Token".into(), secret("t"))];
    site.settings.http.auth_hosts = vec!["*".into()];
    let other = Server::start().unwrap();
    let target = if to_same_host { &site.server } else { &other };
    target.serve("/y", [Reply::ok("x")]);
    site.server.serve("/x", [Reply::redirect(&target.url("/y"))]);
    site.obtain(&site.item(0, "/x", b"x")).await.unwrap();
    assert_eq!(site.server.seen()[0].header("x-token"), Some("t"));
    target.seen_at("/y").remove(0)
}

#[tokio::test]
async fn r121_headers_follow_a_redirect_only_within_an_origin() {
    assert_eq!(seen_after_redirect(true).await.header("x-token"), Some("t"));
    assert_eq!(seen_after_redirect(false).await.header("x-token"), None, "another port");
}

#[tokio::test]
async fn r121_credentials_do_not_follow_to_another_origin() {
    let (site, other) = (Site::new(), Server::start().unwrap());
    other.serve("/y", [Reply::ok("x").basic("me", "p")]);
    site.server.serve("/x", [Reply::redirect(&other.url("/y"))]);
    let mut wanted = item(0, &site.server.url("/x"), Some(Digest::of(b"x")));
    options(&mut wanted).credentials = Some(("me".into(), secret("p")));
    assert!(site.obtain(&wanted).await.is_err());
    assert!(other.seen().iter().all(|seen| seen.header("authorization").is_none()));
}

#[tokio::test]
async fn r118_credentials_are_not_sent_over_http_to_another_computer() {
    let mut site = Site::new();
    site.network.resolve.push(("plain.example".into(), site.server.address()));
    site.server.serve("/x", [Reply::ok("x").basic("me", "p")]);
    let mut wanted = item(0, "http://plain.example/x", Some(Digest::of(b"x")));
    options(&mut wanted).credentials = Some(("me".into(), secret("p")));
    let error = site.obtain(&wanted).await.unwrap_err();
    assert!(error.to_string().contains("credentials are not sent over http to plain.example"), "{error}");
    assert_eq!(site.server.seen().len(), 1);

    options(&mut wanted).headers = vec![("authorization".into(), secret("Bearer t"))];
    assert!(site.obtain(&wanted).await.is_err());
    assert_eq!(site.server.seen().len(), 1, "not even asked");
}

#[tokio::test]
async fn r118_http_is_warned_of_once_for_each_host() {
    let mut site = Site::new();
    site.network.resolve.push(("plain.example".into(), site.server.address()));
    site.server.serve("/x", [Reply::ok("x")]);
    let items = (0..3).map(|index| item(index, "http://plain.example/x", Some(Digest::of(b"x"))));
    let queue = DownloadQueue::start(Arc::new(site.downloader()), items.collect(), (3, 3), site.recorder());
    for index in 0..3 {
        queue.take(ItemId::new(Phase::Userland, index)).await.unwrap();
    }
    let warnings = site.told().iter().filter(|fact| matches!(fact, EventKind::Notice { .. })).count();
    assert_eq!(warnings, 1);
}

#[tokio::test]
async fn r121_user_info_in_an_address_is_never_sent_unasked() {
    let (site, other) = (Site::new(), Server::start().unwrap());
    let with_user = |url: String| url.replace("http://", "http://me:hunter2@");
    other.serve("/y", [Reply::ok("x")]);
    site.server.serve("/x", [Reply::redirect(&with_user(other.url("/y")))]);
    let artifact = site.obtain(&item(0, &with_user(site.server.url("/x")), Some(Digest::of(b"x")))).await;
    assert!(artifact.is_ok(), "{artifact:?}");
    for seen in [site.server.seen(), other.seen()].concat() {
        assert_eq!(seen.header("authorization"), None, "{}", seen.target);
    }
    assert!(!format!("{:?}", site.told()).contains("hunter2"), "secrets are never told");
}

#[tokio::test]
async fn r122_redirects_follow_the_policy_and_never_leave_https() {
    let (site, plain) = (Site::tls(), Server::start().unwrap());
    plain.serve("/x", [Reply::ok("x")]);
    site.server.serve("/down", [Reply::redirect(&plain.url("/x"))]);
    site.server.serve("/loop", [Reply::redirect("/pool")]);
    site.server.serve("/pool", [Reply::redirect("/loop")]);
    site.server.serve("/up", [Reply::redirect("/x?signature=secret")]);
    site.server.serve("/x", [Reply::ok("x")]);
    for (path, word) in [("/down", "from https to http"), ("/loop", "circle")] {
        let wanted = item(0, &format!("https://files.example{path}"), Some(Digest::of(b"x")));
        let error = site.obtain(&wanted).await.unwrap_err();
        assert!(error.to_string().contains(word) && !error.is_transient(), "{error}");
    }
    assert!(plain.seen().is_empty());

    let mut wanted = item(0, "https://files.example/up", Some(Digest::of(b"x")));
    options(&mut wanted).follow_redirects = Some(FollowRedirects::None);
    let error = site.obtain(&wanted).await.unwrap_err();
    assert!(
        error.to_string().contains("FollowRedirects") && !error.to_string().contains("secret"),
        "{error}"
    );
    options(&mut wanted).follow_redirects = Some(FollowRedirects::Https);
    site.obtain(&wanted).await.unwrap();
}
