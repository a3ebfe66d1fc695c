//! The control file where only certain keys may speak: nothing else is kept, whatever the server serves (design decision 5).

use super::*;
use shared::{event::Level, minisign::SecretKey};
use support::server::Reply;
use url::Url;

const CONTROL: &str = "/Library/installapplications/mac.json";
const SIGNATURE: &str = "/Library/installapplications/mac.json.sig";
const NEWEST: &str = "/Library/Application Support/ias/newest-control-file.json";

fn key(number: u8) -> SecretKey {
    SecretKey::from_seed([number; 8], [number; 32]).unwrap()
}

fn signature(content: &str, comment: &str) -> Reply {
    Reply::ok(key(1).sign(content.as_bytes(), comment).unwrap())
}

/// A Mac that accepts control files signed with key 1 or 2.
fn signed_site() -> Site {
    let mut site = Site::new();
    site.settings.control_keys = vec![key(1).public(), key(2).public()];
    site
}

async fn control_file(site: &Site) -> Result<Vec<u8>, DownloadError> {
    let url = Url::parse(&site.server.url("/mac.json?token=t")).unwrap();
    site.downloader().control_file(&url, None, &site.recorder()).await
}

async fn kept(site: &Site) -> Result<Vec<u8>, DownloadError> {
    let url = Url::parse(&site.server.url("/mac.json")).unwrap();
    site.downloader().kept_control_file(&url, &site.recorder()).await
}

fn serve(site: &Site, content: &str, comment: &str) {
    site.server.serve("/mac.json", [Reply::ok(content)]);
    site.server.serve("/mac.json.sig", [signature(content, comment)]);
}

/// Refuses, keeps nothing, and says `word`.
async fn refuses(site: &Site, word: &str) -> DownloadError {
    let error = control_file(site).await.unwrap_err();
    assert!(error.to_string().contains(word), "{word}: {error}");
    assert!(!site.on_disk(CONTROL).exists() && !site.on_disk(SIGNATURE).exists(), "{word}: kept");
    error
}

#[tokio::test]
async fn a_signed_control_file_is_kept_with_its_signature_and_its_serial() {
    let site = signed_site();
    serve(&site, "{}", "serial:7 expires:2999-01-01");
    assert_eq!(control_file(&site).await.unwrap(), b"{}");
    assert_eq!((site.mode(CONTROL), site.mode(SIGNATURE), site.mode(NEWEST)), (0o600, 0o600, 0o644));
    assert_eq!(fs::read_to_string(site.on_disk(NEWEST)).unwrap(), r#"{"0101010101010101":7}"#);
    assert_eq!(site.server.seen_at("/mac.json.sig?token=t").len(), 1, "the query is kept");
    let EventKind::Notice { level: Level::Info, text, .. } = &site.told()[0] else {
        panic!("{:?}", site.told())
    };
    assert_eq!(
        text,
        "the control file is signed with the key 0101010101010101: serial:7 expires:2999-01-02T00:00:00Z"
    );
}

#[tokio::test]
async fn what_no_known_key_signed_is_refused_and_never_kept() {
    for (reply, word) in [
        (Reply::status(404), "it has no signature: http://127.0.0.1"),
        (Reply::status(403), "it has no signature"),
        (Reply::ok("no signature"), "its signature cannot be read"),
        (Reply::ok(key(3).sign(b"{}", "serial:7").unwrap()), "not among ControlFileKeys"),
        (signature("[]", "serial:7"), "only one of the two was uploaded"),
        (signature("{}", "serial:seven"), "no whole number"),
        (signature("{}", "expires:2026-11-24"), "it expired at"),
    ] {
        let site = signed_site();
        site.server.serve("/mac.json", [Reply::ok("{}")]);
        site.server.serve("/mac.json.sig", [reply]);
        let error = refuses(&site, word).await;
        assert!(error.is_refusal() && !error.is_transient(), "{error}");
        assert_eq!(error.attempts, 2, "an upload may be under way: {error}");
        assert!(!site.on_disk(NEWEST).exists());
    }
}

#[tokio::test]
async fn a_signature_that_cannot_be_had_is_no_refusal() {
    for (reply, word) in [
        (Reply::status(503), "overloaded"),
        (Reply::ok("<html>Welcome to the hotel"), "captive portal"),
        (Reply::status(511), "captive portal"),
        (Reply::ok("x").drop_after(0), "mac.json.sig"),
        (Reply::ok(vec![b'x'; 20_000]), "longer than 16384 bytes"),
        (Reply::ok("xxxxxxxxxxxxxxxx").endless(), "longer than 16384 bytes"),
    ] {
        let site = signed_site();
        site.server.serve("/mac.json", [Reply::ok("{}")]);
        site.server.serve("/mac.json.sig", [reply]);
        let error = refuses(&site, word).await;
        assert!(error.to_string().contains("its signature, http://") && !error.is_refusal(), "{error}");
    }
}

#[tokio::test]
async fn two_uploads_that_are_under_way_are_a_pair_at_the_next_attempt() {
    let site = signed_site();
    site.server.serve("/mac.json", [Reply::ok("{\"userland\": []}")]);
    site.server
        .serve("/mac.json.sig", [signature("{}", "serial:1"), signature("{\"userland\": []}", "serial:2")]);
    assert_eq!(control_file(&site).await.unwrap(), b"{\"userland\": []}");
    assert_eq!(site.server.seen_at("/mac.json?token=t").len(), 2, "both are fetched again");
}

#[tokio::test]
async fn an_older_edition_is_refused_also_by_the_next_run() {
    let site = signed_site();
    serve(&site, "{}", "serial:7");
    control_file(&site).await.unwrap();
    fs::remove_dir_all(site.on_disk(INSTALL_PATH)).unwrap();
    serve(&site, "{}", "serial:6");
    refuses(&site, "its serial is 6, but this Mac has used 7 already").await;
    serve(&site, "{}", "");
    refuses(&site, "it has no serial").await;
    serve(&site, "{}", "serial:7");
    control_file(&site).await.unwrap();
}

#[tokio::test]
async fn without_a_serial_it_is_used_with_a_warning() {
    let site = signed_site();
    serve(&site, "{}", "timestamp:1795631972\tfile:mac.json\thashed");
    control_file(&site).await.unwrap();
    assert!(
        matches!(&site.told()[..], [EventKind::Notice { level: Level::Warning, text, .. }] if text.contains("without a serial"))
    );
    assert!(!site.on_disk(NEWEST).exists());
}

#[tokio::test]
async fn a_record_that_cannot_be_read_or_written_lets_nothing_through() {
    let site = signed_site();
    serve(&site, "{}", "serial:7");
    for (content, mode, word) in [("{", 0o644, "remove it if you know why"), ("{}", 0o666, "not safe")] {
        site.put(NEWEST, content.as_bytes(), mode);
        let error = refuses(&site, word).await;
        assert!(!error.is_refusal(), "{error}");
        fs::remove_file(site.on_disk(NEWEST)).unwrap();
    }
    fs::create_dir(site.on_disk(NEWEST)).unwrap();
    refuses(&site, "newest-control-file.json").await;
}

#[tokio::test]
async fn r74_a_dry_run_remembers_nothing() {
    let mut site = signed_site();
    site.settings.dry_run = true;
    serve(&site, "{}", "serial:7");
    control_file(&site).await.unwrap();
    assert!(!site.on_disk(NEWEST).exists());
}

#[tokio::test]
async fn r43_a_kept_control_file_is_believed_by_its_signature_only() {
    let site = signed_site();
    site.put(CONTROL, b"{}", 0o600);
    let error = kept(&site).await.unwrap_err();
    assert!(error.to_string().contains("there is no /Library/installapplications/mac.json.sig"), "{error}");
    site.put(SIGNATURE, key(2).sign(b"{}", "serial:3").unwrap().as_bytes(), 0o600);
    assert_eq!(kept(&site).await.unwrap(), b"{}");
    assert!(site.on_disk(NEWEST).exists());
    site.put(CONTROL, b"{ }", 0o600);
    assert!(kept(&site).await.unwrap_err().is_refusal());
    site.put(CONTROL, b"{}", 0o600);
    site.put(SIGNATURE, key(2).sign(b"{}", "serial:2").unwrap().as_bytes(), 0o600);
    let error = kept(&site).await.unwrap_err();
    assert!(error.to_string().contains("has used 3 already"), "{error}");
}

#[tokio::test]
async fn r121_what_stood_in_jsonurl_answers_for_both_files_and_only_when_asked() {
    let mut site = signed_site();
    site.settings.control_credentials = Some(("me".into(), shared::item::Secret("hunter2".into())));
    site.server.serve("/mac.json", [Reply::ok("{}").basic("me", "hunter2")]);
    site.server.serve("/mac.json.sig", [signature("{}", "serial:1").basic("me", "hunter2")]);
    control_file(&site).await.unwrap();
    let asked: Vec<_> =
        site.server.seen().iter().map(|seen| seen.header("authorization").is_some()).collect();
    assert_eq!(asked, [false, true, false, true]);
}

#[tokio::test]
async fn r121_the_signature_is_asked_for_with_the_same_credentials_and_follows_the_same_redirects() {
    let mut site = signed_site();
    site.settings.http.headers = vec![("X-Token".into(), shared::item::Secret("t".into()))];
    site.settings.http.auth_hosts = vec!["127.0.0.1".into()];
    site.settings.http.follow_redirects = FollowRedirects::All;
    let other = Server::start().unwrap();
    other.serve("/elsewhere.sig", [signature("{}", "serial:1")]);
    site.server.serve("/mac.json", [Reply::ok("{}")]);
    site.server.serve("/mac.json.sig", [Reply::redirect(&other.url("/elsewhere.sig"))]);
    control_file(&site).await.unwrap();
    assert!(site.server.seen().iter().all(|seen| seen.header("x-token") == Some("t")));
    assert_eq!(site.server.seen().len(), 2);
    assert_eq!(other.seen()[0].header("x-token"), None);
}
