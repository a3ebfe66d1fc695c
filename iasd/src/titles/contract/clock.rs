//! Clocks that differ: what is told, and when the clock of this Mac is set (T62).

use super::*;
use shared::title::grant::ClockPolicy;
use time::macros::format_description;

const DAY: i64 = 86_400;

/// A good grant of a service whose clock is a day ahead of ours, and says so.
fn tomorrow(site: &Site) -> Reply {
    let at = OffsetDateTime::now_utc() + time::Duration::seconds(DAY);
    let format = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let later = |grant: &mut Value| {
        for name in ["iat", "nbf", "exp"] {
            grant[name] = json!(grant[name].as_i64().unwrap() + DAY);
        }
    };
    site.grant(later).header("Date", &at.format(format).unwrap())
}

#[tokio::test]
async fn t62_strict_sets_the_clock_once_and_asks_again() {
    let site = Site::new();
    site.answer([tomorrow(&site), site.grant(|_| {})]);
    assert!(site.production().await.is_ok());
    assert_eq!(site.clock_was_set(), ["-sS time.apple.com"]);
    assert_eq!(site.service.seen().len(), 2);
    let told = site.told();
    assert!(
        told.contains("grant: not valid yet (key k1, token ") && told.contains("the clock is off by 86"),
        "{told}"
    );
}

#[tokio::test]
async fn t62_r74_a_dry_run_sets_no_clock() {
    let site = Site { dry_run: true, ..Site::new() };
    site.answer([tomorrow(&site)]);
    let error = site.open().await.unwrap_err();
    assert!(error.reason.contains("grant: not valid yet"), "{error}");
    assert!(site.clock_was_set().is_empty() && site.service.seen().len() == 1);
    assert!(site.told().contains("which a dry run does not mend"), "{}", site.told());
}

#[tokio::test]
async fn t62_strict_fails_where_that_did_not_help() {
    for fails in [false, true] {
        let site = Site::new();
        if fails {
            site.tool("/usr/bin/sntp", "echo \"$*\" >> \"${0%/*}/called\"; exit 1");
        }
        site.answer([tomorrow(&site)]);
        let error = site.open().await.unwrap_err();
        assert!(error.reason.contains("grant: not valid yet") && !error.transient, "{error}");
        assert_eq!((site.clock_was_set().len(), site.service.seen().len()), (1, 2));
        assert!(site.repository.seen().is_empty());
        assert_eq!(site.told().contains("sntp"), fails, "{}", site.told());
    }
}

#[tokio::test]
async fn t62_server_accepts_by_the_services_clock_and_says_by_how_much_ours_is_off() {
    let mut site = Site::new();
    site.settings.clock_policy = ClockPolicy::Server;
    site.answer([tomorrow(&site)]);
    assert!(site.production().await.is_ok());
    assert!(site.clock_was_set().is_empty());
    assert!(site.told().contains("by the clock of the service; the clock is off by 86"), "{}", site.told());
}

#[tokio::test]
async fn t62_without_a_date_or_with_another_flaw_no_clock_is_touched() {
    let later = |grant: &mut Value| grant["nbf"] = json!(grant["nbf"].as_i64().unwrap() + DAY);
    for (forged, word) in [(false, "grant: not valid yet"), (true, "grant: bad signature")] {
        let mut site = Site::new();
        if forged {
            site.settings.keys = Keys::new(vec![key("k1", 9)]).unwrap();
        }
        site.answer([if forged { tomorrow(&site) } else { site.grant(later) }]);
        let error = site.open().await.unwrap_err();
        assert!(error.reason.contains(word), "{word}: {error}");
        assert!(site.clock_was_set().is_empty(), "{word}");
        assert_eq!(site.service.seen().len(), 1, "{word}");
    }
}
