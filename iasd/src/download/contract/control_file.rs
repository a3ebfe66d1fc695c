//! The control file: one series of attempts, in memory, kept for later (R7, R43, R47, R90).

use super::*;
use crate::download::error::Cause;
use support::server::Reply;
use url::Url;

async fn control_file(site: &Site, path: &str, digest: Option<Digest>) -> Result<Vec<u8>, DownloadError> {
    let url = Url::parse(&site.server.url(path)).unwrap();
    site.downloader().control_file(&url, digest, &site.recorder()).await
}

#[tokio::test]
async fn r47_the_control_file_is_fetched_again_after_a_failure_and_kept_private() {
    let site = Site::new();
    site.server.serve("/mac.json", [Reply::status(502), Reply::ok("{}")]);
    assert_eq!(control_file(&site, "/mac.json", Some(Digest::of(b"{}"))).await.unwrap(), b"{}");
    assert_eq!(fs::read(site.on_disk("/Library/installapplications/mac.json")).unwrap(), b"{}");
    assert_eq!(site.mode("/Library/installapplications/mac.json"), 0o600);
    assert!(matches!(&site.told()[..], [EventKind::Notice { text, .. }] if text.contains("502")));

    let url = Url::parse(&site.server.url("/mac.json")).unwrap();
    assert_eq!(site.downloader().kept_control_file(&url, &site.recorder()).await.unwrap(), b"{}");
}

#[tokio::test]
async fn r7_r43_a_kept_control_file_is_found_under_both_names_if_it_is_safe() {
    let site = Site::new();
    let url = Url::parse(&site.server.url("/mac.json")).unwrap();
    assert_eq!(
        site.downloader().kept_control_file(&url, &site.recorder()).await.unwrap_err().cause,
        Cause::Missing
    );
    site.put("/Library/installapplications/bootstrap.json", b"{}", 0o644);
    assert_eq!(site.downloader().kept_control_file(&url, &site.recorder()).await.unwrap(), b"{}");
    site.put("/Library/installapplications/bootstrap.json", b"{}", 0o666);
    let error = site.downloader().kept_control_file(&url, &site.recorder()).await.unwrap_err();
    assert!(error.to_string().contains("not safe"), "{error}");
}

#[tokio::test]
async fn r90_the_digest_of_the_control_file_is_always_enforced() {
    let mut site = Site::new();
    site.settings.hash_check = HashCheckPolicy::Ignore;
    site.server.serve("/mac.json", [Reply::ok("{}")]);
    let error = control_file(&site, "/mac.json", Some(Digest::of(b"[]"))).await.unwrap_err();
    assert!(matches!(error.cause, Cause::Mismatch { .. }), "{error}");
    assert!(!site.on_disk("/Library/installapplications/mac.json").exists());
}

#[tokio::test]
async fn r4_a_control_file_longer_than_16_mib_is_refused_before_it_is_held() {
    let site = Site::new();
    let long = vec![b' '; (16 << 20) + 1];
    site.server.serve("/long.json", [Reply::ok(long.clone())]);
    site.server.serve("/chunked.json", [Reply::ok(long).chunked()]);
    site.server.serve("/endless.json", [Reply::ok(vec![b' '; 1 << 16]).endless()]);
    for path in ["/long.json", "/chunked.json", "/endless.json"] {
        let error = control_file(&site, path, None).await.unwrap_err();
        assert!(error.to_string().contains("longer than 16777216 bytes") && !error.is_transient(), "{error}");
    }
}

#[tokio::test]
async fn r47_failures_say_whether_waiting_may_help() {
    for (reply, transient) in [
        (Reply::status(503), true),
        (Reply::ok("{}").drop_after(1), true),
        (Reply::status(404), false),
        (Reply::redirect("ftp://files.example/"), false),
    ] {
        let site = Site::new();
        let label = format!("{reply:?}").chars().take(30).collect::<String>();
        site.server.serve("/mac.json", [reply]);
        assert_eq!(
            control_file(&site, "/mac.json", None).await.unwrap_err().is_transient(),
            transient,
            "{label}"
        );
    }
}
