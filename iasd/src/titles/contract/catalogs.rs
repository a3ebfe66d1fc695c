//! Catalogs: addressed, cached, signed, and given up one by one.

use super::*;
use shared::{digest::Digest, minisign::SecretKey};

const PATH: &str = "/repo/catalogs/production";
const SIGNATURE: &str = "/repo/catalogs/production.sig";

fn signer(number: u8) -> SecretKey {
    SecretKey::from_seed([number; 8], [number; 32]).unwrap()
}

fn signed(number: u8, content: &str) -> Reply {
    Reply::ok(signer(number).sign(content.as_bytes(), "").unwrap())
}

/// A site whose catalogs need a signature by key 1.
fn strict() -> Site {
    let mut site = Site::new();
    site.settings.catalog_keys = vec![signer(1).public()];
    site
}

/// The cached catalog on the disk.
fn cached(site: &Site) -> PathBuf {
    let url = site.repository.url(PATH);
    site.on_disk(&format!("/Library/installapplications/.work/catalog-{}", Digest::of(url.as_bytes())))
}

#[tokio::test]
async fn t3_each_catalog_is_fetched_once_and_says_for_itself_whether_it_was() {
    let site = Site::new();
    site.repository.serve("/repo/catalogs/pilot%20group", [Reply::ok("x")]);
    let names = ["production", "pilot group", "production", "gone", "../climbing"].map(str::to_owned);
    let catalogs = site.titles().open(&names).await.unwrap();
    assert_eq!(catalogs.len(), 4);
    assert_eq!(catalogs["production"].as_ref().unwrap().digest, Digest::of(CATALOG.as_bytes()));
    assert_eq!(catalogs["pilot group"].as_ref().unwrap().bytes, b"x");
    let gone = catalogs["gone"].as_ref().unwrap_err();
    assert!(gone.reason.contains("404") && !gone.transient, "{gone}");
    let climbing = catalogs["../climbing"].as_ref().unwrap_err();
    assert!(climbing.reason.contains("no name of a file below the repository"), "T17: {climbing}");
    assert_eq!(site.repository.seen_at(PATH).len(), 1);
    assert!(site.repository.seen().iter().all(|seen| !seen.target.contains("climbing")));
}

#[tokio::test]
async fn t54_a_catalog_the_grant_does_not_name_is_not_even_asked_for() {
    let site = Site::new();
    site.answer([site.grant(|grant| grant["catalogs"] = json!(["production"]))]);
    let catalogs = site.titles().open(&["production".to_owned(), "testing".to_owned()]).await.unwrap();
    assert!(catalogs["production"].is_ok());
    assert_eq!(catalogs["testing"].as_ref().unwrap_err().reason, "not entitled to the catalog testing");
    assert_eq!(site.repository.seen().len(), 1);
}

#[tokio::test]
async fn a_catalog_that_is_still_the_same_is_not_sent_again() {
    let site = Site::new();
    site.repository.serve(PATH, [Reply::ok(CATALOG).etag("W/\"1\"")]);
    for known in [None, Some("W/\"1\"")] {
        assert_eq!(site.production().await.unwrap(), CATALOG.as_bytes());
        assert_eq!(site.repository.seen().last().unwrap().header("if-none-match"), known);
    }
    site.repository.serve(PATH, [Reply::ok("new").etag("\"2\"")]);
    assert_eq!(site.production().await.unwrap(), b"new");
    site.repository.serve(PATH, [Reply::ok("new").etag("\"2\"")]);
    assert_eq!(site.production().await.unwrap(), b"new");
    assert_eq!(site.repository.seen().last().unwrap().header("if-none-match"), Some("\"2\""));
}

#[tokio::test]
async fn what_lies_on_the_disk_is_never_used_without_the_servers_word() {
    let site = Site::new();
    site.repository.serve(PATH, [Reply::ok(CATALOG).etag("\"1\"")]);
    site.production().await.unwrap();
    site.repository.serve(PATH, [Reply::status(503)]);
    let error = site.production().await.unwrap_err();
    assert!(error.transient && error.reason.contains("503"), "{error}");
    assert_eq!(site.repository.seen().last().unwrap().header("if-none-match"), Some("\"1\""));

    let kept = fs::read_to_string(cached(&site)).unwrap();
    site.repository.serve(PATH, [Reply::ok(CATALOG).etag("\"1\"")]);
    for damaged in
        [kept.replace("array", "arrax"), kept[..kept.len() - 1].to_owned(), "x".into(), String::new()]
    {
        fs::write(cached(&site), damaged).unwrap();
        assert_eq!(site.production().await.unwrap(), CATALOG.as_bytes());
        assert_eq!(site.repository.seen().last().unwrap().header("if-none-match"), None);
    }
    site.repository.serve(PATH, [Reply::status(304)]);
    fs::remove_file(cached(&site)).unwrap();
    assert!(site.production().await.is_err(), "nobody asked for that answer");
}

#[tokio::test]
async fn t32_with_keys_only_signed_catalogs_are_used() {
    let site = strict();
    site.repository.serve(SIGNATURE, [signed(1, CATALOG)]);
    assert_eq!(site.production().await.unwrap(), CATALOG.as_bytes());
    assert_eq!(authorizations(&site.repository.seen()), [Some(LENT), Some(LENT)]);
    for (reply, word) in [
        (Reply::status(404), "404"),
        (Reply::ok("x"), "it cannot be read"),
        (signed(1, "other"), "does not belong to this content"),
        (signed(2, CATALOG), "is not among TitleCatalogKeys"),
    ] {
        let site = strict();
        site.repository.serve(SIGNATURE, [reply]);
        let error = site.production().await.unwrap_err();
        assert!(error.reason.contains(word) && error.reason.contains("production.sig"), "{word}: {error}");
        assert!(!error.transient && !cached(&site).exists(), "{word}: {error:?}");
    }
    let site = strict();
    site.repository.serve(SIGNATURE, [Reply::status(503)]);
    assert!(site.production().await.unwrap_err().transient);
}

#[tokio::test]
async fn t32_two_uploads_that_are_under_way_are_a_pair_at_the_next_attempt() {
    let site = strict();
    site.repository.serve(SIGNATURE, [signed(1, "older"), signed(1, CATALOG)]);
    assert_eq!(site.production().await.unwrap(), CATALOG.as_bytes());
    assert_eq!(site.repository.seen_at(PATH).len(), 2);
}

#[tokio::test]
async fn t32_a_cached_catalog_needs_its_signature_again() {
    let mut site = Site::new();
    site.repository.serve(PATH, [Reply::ok(CATALOG).etag("\"1\"")]);
    site.production().await.unwrap();
    site.settings.catalog_keys = vec![signer(1).public()];
    site.repository.serve(SIGNATURE, [signed(1, "other")]);
    assert!(site.production().await.is_err());
    site.repository.serve(SIGNATURE, [signed(1, CATALOG)]);
    assert!(site.production().await.is_ok());
    assert_eq!(site.repository.seen_at(PATH).last().unwrap().header("if-none-match"), Some("\"1\""));
}

#[tokio::test]
async fn t32_signatures_can_be_required_before_there_is_a_key() {
    let mut site = Site::new();
    site.settings.require_signed_catalogs = true;
    site.repository.serve(SIGNATURE, [signed(1, CATALOG)]);
    let error = site.production().await.unwrap_err();
    assert!(error.reason.contains("not among TitleCatalogKeys"), "{error}");
}

#[tokio::test]
async fn t18_redirects_are_not_followed_and_long_catalogs_not_read() {
    let (site, other) = (Site::new(), Server::start().unwrap());
    other.serve("/x", [Reply::ok(CATALOG)]);
    for (reply, word) in [
        (Reply::redirect(&other.url("/x")), "redirected to"),
        (Reply::ok("x").announcing(64 * 1024 * 1024 + 1), "longer than 67108864 bytes"),
    ] {
        site.repository.serve(PATH, [reply]);
        let error = site.production().await.unwrap_err();
        assert!(error.reason.contains(word), "{word}: {error}");
    }
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn t70_a_known_repository_needs_no_service() {
    for auth in [Some("Basic known"), None] {
        let site = Site::known(auth);
        assert!(site.production().await.is_ok());
        assert_eq!(authorizations(&site.repository.seen()), [auth]);
        assert!(site.service.seen().is_empty());
    }
    let site = Site::known(Some("Basic known"));
    site.repository.serve(PATH, [Reply::status(403)]);
    let error = site.production().await.unwrap_err();
    assert!(error.reason.contains("403") && !error.reason.contains("known"), "{error}");
    assert_eq!(site.repository.seen().len(), 1);
}

#[tokio::test]
async fn t70_two_sources_are_none_and_so_is_no_source() {
    let mut site = Site::new();
    site.settings.repo = Some(Url::parse(&site.repository.url("/repo")).unwrap());
    assert!(site.open().await.unwrap_err().reason.contains("exclude each other"));
    site.settings = TitleSettings::default();
    let error = site.open().await.unwrap_err();
    assert!(error.reason.contains("set TitleEnvQueryURL or TitleRepoURL") && !error.transient, "{error}");
    assert!(site.service.seen().is_empty() && site.repository.seen().is_empty());
}
