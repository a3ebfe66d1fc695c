//! Networks that want a login first: they are named, waited for at no cost, and never taken for the content (R47).

use super::*;
use crate::download::error::Cause;
use shared::event::AcceptedBecause;
use support::server::Reply;

const PAGE: &str = "\u{feff}\r\n<!DOCTYPE html>\n<html>Welcome to the hotel";
const SCRIPT: &str = "#!/bin/sh\n";

fn page() -> Reply {
    Reply::ok(PAGE).header("Content-Type", "text/html; charset=utf-8")
}

/// A Mac whose items have one attempt, and know the server as `files.example` and `login.example`.
fn site(policy: HashCheckPolicy) -> Site {
    let mut site = Site::new();
    site.settings.hash_check = policy;
    site.settings.redownloads = 0;
    for name in ["files.example", "login.example"] {
        site.network.resolve.push((name.into(), site.server.address()));
    }
    site
}

impl Site {
    /// A script to be had at `files.example`, over plain http.
    fn open(&self, hash: Option<&str>) -> Item {
        item(0, &self.server.url_at("files.example", "/x"), hash.map(|text| Digest::of(text.as_bytes())))
    }

    fn named(&self, file: &str, hash: Option<&str>) -> Item {
        Item { kind: ItemKind::RootFile, file: MacPath::new(file).unwrap(), ..self.open(hash) }
    }
}

/// What comes of `item` when a network answers first, in one attempt, and the server then.
async fn portal_first(site: &Site, portal: Reply, item: &Item) -> Result<VerifiedArtifact, DownloadError> {
    site.server.serve("/x", [portal, Reply::ok(SCRIPT)]);
    site.server.serve("/login", [page()]);
    site.obtain(item).await
}

#[tokio::test]
async fn r47_a_network_that_wants_a_login_costs_no_attempt_and_is_named() {
    for (portal, sign) in [
        (page(), "is a web page"),
        (Reply::ok(PAGE), "is a web page"),
        (Reply::ok("Please log in").header("Content-Type", "text/html"), "is a web page"),
        (Reply::status(511), "511"),
    ] {
        let site = site(HashCheckPolicy::Strict);
        let artifact = portal_first(&site, portal, &site.open(Some(SCRIPT))).await.unwrap();
        assert_eq!(artifact.because(), AcceptedBecause::HashEqual);
        let failures = site.failures();
        assert!(failures.len() == 1 && failures[0].contains(sign), "{failures:?}");
        assert!(failures[0].contains("the login page of a network (captive portal)"), "{failures:?}");
    }
}

#[tokio::test]
async fn r122_a_redirect_to_a_login_is_no_wrong_address_whether_it_is_followed_or_not() {
    for (follow, asked) in
        [(FollowRedirects::All, 1), (FollowRedirects::Https, 0), (FollowRedirects::None, 0)]
    {
        let site = site(HashCheckPolicy::Strict);
        let login = site.server.url_at("login.example", "/login");
        let mut wanted = site.open(Some(SCRIPT));
        options(&mut wanted).follow_redirects = Some(follow);
        portal_first(&site, Reply::redirect(&login), &wanted).await.unwrap();
        let failures = site.failures();
        let named = failures[0].contains("captive portal") && failures[0].contains(&login);
        assert!(failures.len() == 1 && named, "{failures:?}");
        assert_eq!(site.server.seen_at("/login").len(), asked);
    }
}

#[tokio::test]
async fn what_nothing_vouches_for_is_not_a_login_page_either() {
    for policy in [HashCheckPolicy::Warning, HashCheckPolicy::Ignore] {
        let site = site(policy);
        let script = site.open(None);
        let package = Item { kind: ItemKind::Package, ..script.clone() };
        for item in [script, package, site.named("/Library/Seed/settings.plist", None)] {
            let artifact = portal_first(&site, page(), &item).await.unwrap();
            assert_eq!(site.content(&artifact), SCRIPT.as_bytes(), "{policy:?} {}", item.kind);
        }
        assert_eq!(site.failures().len(), 3);
    }
}

#[tokio::test]
async fn no_lenient_policy_accepts_a_login_page_in_place_of_what_the_hash_says() {
    for policy in [HashCheckPolicy::WarningAcceptFirst, HashCheckPolicy::Warning] {
        let site = site(policy);
        for item in [site.open(Some(SCRIPT)), site.named("/Library/Seed/settings.plist", Some(SCRIPT))] {
            let artifact = portal_first(&site, page(), &item).await.unwrap();
            assert_eq!(artifact.because(), AcceptedBecause::HashEqual, "{policy:?} {}", item.kind);
        }
    }
}

#[tokio::test]
async fn a_web_page_that_is_wanted_is_a_web_page() {
    let site = site(HashCheckPolicy::Warning);
    site.server.serve("/x", [Reply::redirect(&site.server.url_at("login.example", "/login"))]);
    site.server.serve("/login", [page()]);
    for item in [
        site.named("/Library/Seed/Welcome.HTML", None),
        site.named("/Library/Seed/welcome.html", Some(PAGE)),
        site.named("/Library/Seed/template", Some(PAGE)),
    ] {
        let artifact = site.obtain(&item).await.unwrap();
        assert_eq!(site.content(&artifact), PAGE.as_bytes(), "{}", item.file);
    }
    assert_eq!(site.failures(), Vec::<String>::new());

    let mut strict = Site::new();
    strict.settings.redownloads = 0;
    strict.server.serve("/x", [page()]);
    let other = Item {
        file: MacPath::new("/Library/Seed/a.html").unwrap(),
        kind: ItemKind::RootFile,
        ..strict.item(0, "/x", b"<html>")
    };
    let error = strict.obtain(&other).await.unwrap_err();
    assert!(matches!(error.cause, Cause::Mismatch { .. }), "another page from the same server: {error}");
}

#[tokio::test]
async fn what_a_server_calls_a_web_page_may_be_a_script() {
    let site = site(HashCheckPolicy::Warning);
    site.server.serve("/x", [Reply::ok(SCRIPT).header("Content-Type", "text/html")]);
    for hash in [None, Some(SCRIPT)] {
        site.obtain(&site.open(hash)).await.unwrap();
    }
    assert_eq!(site.failures(), Vec::<String>::new());
}

#[tokio::test]
async fn what_a_server_calls_a_web_page_may_be_any_file() {
    let site = site(HashCheckPolicy::Warning);
    for text in ["Welcome to the hotel", "server=files.example", "<?xml version=\"1.0\"?><plist/>", ""] {
        site.server.serve("/x", [Reply::ok(text).header("Content-Type", "text/html")]);
        let file = site.named("/Library/Seed/settings", None);
        for item in [Item { kind: ItemKind::UserFile, ..file.clone() }, file] {
            let artifact = site.obtain(&item).await.unwrap();
            assert_eq!(site.content(&artifact), text.as_bytes(), "{}", item.kind);
        }
    }
    assert_eq!(site.failures(), Vec::<String>::new());
}

#[tokio::test]
async fn r125_a_login_page_does_not_cost_what_came_before_it() {
    let (site, body) = (site(HashCheckPolicy::Strict), pattern(1_000_000));
    let whole = || Reply::ok(body.clone()).etag("\"one\"");
    site.server.serve("/x", [whole().drop_after(300_000), page(), whole()]);
    let retried =
        Item { retry: RetryKeys { retries: Some(1), ..RetryKeys::default() }, ..site.item(0, "/x", &body) };
    let artifact = site.obtain(&retried).await.unwrap();
    assert_eq!(site.content(&artifact), body);
    assert_eq!(site.starts(), [0, 300_000, 300_000]);
}

#[tokio::test]
async fn a_web_page_over_https_is_a_failure_like_404_and_its_policy_counts() {
    let mut site = Site::tls();
    site.settings.hash_check = HashCheckPolicy::Warning;
    let scripts =
        [None, Some(Digest::of(SCRIPT.as_bytes()))].map(|hash| item(0, "https://files.example/x", hash));
    for script in scripts {
        site.server.serve("/x", [page()]);
        let error = site.obtain(&script).await.unwrap_err();
        assert!(!error.is_transient() && error.to_string().contains("the answer is a web page"), "{error}");
        assert!(!error.to_string().contains("captive portal") && error.attempts == 2, "{error}");
    }
    let file = Item {
        kind: ItemKind::RootFile,
        ..item(0, "https://files.example/x", Some(Digest::of(PAGE.as_bytes())))
    };
    assert_eq!(site.content(&site.obtain(&file).await.unwrap()), PAGE.as_bytes(), "its hash speaks for it");
}

#[tokio::test]
async fn r47_a_login_page_that_stays_is_a_failure_that_passes() {
    let mut site = site(HashCheckPolicy::Strict);
    site.settings.redownloads = 1;
    site.server.serve("/x", [page()]);
    let mut downloader = site.downloader();
    downloader.policy.portal_patience = Duration::ZERO;
    let error = site.obtain_by(downloader, &site.open(Some(SCRIPT))).await.unwrap_err();
    assert!(error.is_transient() && error.attempts == 2, "whoever logs in makes it go away: {error}");

    site.settings.redownloads = 0;
    site.server.serve("/x", [page(), Reply::status(404)]);
    let error = site.obtain(&site.open(Some(SCRIPT))).await.unwrap_err();
    assert!(!error.is_transient() && error.to_string().contains("404"), "it went away: {error}");
}

#[tokio::test]
async fn r47_a_login_page_in_place_of_the_control_file_is_an_outage() {
    let site = site(HashCheckPolicy::Strict);
    let url = url::Url::parse(&site.server.url_at("files.example", "/mac.json")).unwrap();
    let login = site.server.url_at("login.example", "/login");
    site.server.serve("/login", [page()]);
    for portal in [page(), Reply::ok(PAGE).chunked(), Reply::status(511), Reply::redirect(&login)] {
        let label = format!("{portal:?}").chars().take(60).collect::<String>();
        site.server.serve("/mac.json", [portal]);
        let error = site.downloader().control_file(&url, None, &site.recorder()).await.unwrap_err();
        assert!(error.is_transient() && error.to_string().contains("captive portal"), "{label}: {error}");
    }
    site.server.serve("/mac.json", [Reply::ok("{}").header("Content-Type", "text/html")]);
    assert_eq!(site.downloader().control_file(&url, None, &site.recorder()).await.unwrap(), b"{}");
}
