//! Titles and applications in the control file.

use super::*;
use crate::item::{AppTarget, Blocking, Wanted, Wish};

fn title(keys: &str) -> Reading {
    title_in("userland", keys)
}

fn title_in(phase: &str, keys: &str) -> Reading {
    let usual = if keys.contains("\"title\"") { "" } else { r#""title": "GoogleChrome", "# };
    read(&format!(r#"{{"{phase}": [{{"type": "title", {usual}{keys}}}]}}"#))
}

fn wish(reading: &Reading) -> &Wish {
    checked(reading).wish.as_ref().unwrap()
}

#[test]
fn t10_a_title_needs_nothing_but_its_name() {
    let plain = title(r#""retries": 2"#);
    assert_clean(&plain);
    let expected = Wish {
        title: "GoogleChrome".to_owned(),
        catalogs: Vec::new(),
        version: Wanted::Latest,
        hash: None,
        reinstall: false,
        updates: true,
        confirm: true,
        blocking: Blocking::Wait,
    };
    assert_eq!(wish(&plain), &expected);
    assert_eq!(checked(&plain).name, "GoogleChrome", "the default of `name`");
    assert_eq!(checked(&plain).source, None);
}

#[test]
fn t10_every_key_is_understood() {
    let keys = format!(
        r#""title": "Firefox", "name": "Firefox ESR", "catalog": ["pilot", "production"], "version": "128.5.0",
           "hash": "{HASH}", "reinstall": true, "updates": false, "confirm": false, "blocking": "skip",
           "fail_policy": "failable", "parallel_group": "apps", "skip_if": "intel", "file": "/ignored""#
    );
    let reading = title(&keys);
    assert_clean(&reading);
    let wish = wish(&reading);
    assert_eq!(wish.catalogs, ["pilot", "production"]);
    assert_eq!(wish.version, Wanted::Exactly("128.5.0".to_owned()));
    assert_eq!(wish.hash, Some(Digest::of(b"abc")));
    assert!(wish.reinstall && !wish.updates && !wish.confirm);
    assert_eq!(wish.blocking, Blocking::Skip);
    assert_eq!(checked(&reading).name, "Firefox ESR");
    assert_eq!(wish_of(r#""version": "Latest""#).version, Wanted::Latest);
    assert_eq!(wish_of(r#""catalog": "production""#).catalogs, ["production"]);
}

fn wish_of(keys: &str) -> Wish {
    wish(&title(keys)).clone()
}

#[test]
fn t11_keys_that_catalogs_answer_are_problems_with_a_hint() {
    for key in ["url", "packageid", "pkg_required", "team_ids"] {
        let reading = title(&format!(r#""{key}": "https://example.com/a.pkg""#));
        assert_malformed(&reading, &format!("{key}: a title cannot have it"));
        assert!(reading.findings[0].hint.is_some(), "{key}");
    }
    assert_malformed(&title(r#""ensure": "absent""#), "ensure: titles can be installed, not removed");
    assert_malformed(&title(&format!(r#""hash": "{HASH}""#)), "hash: the newest version");
    assert_malformed(&title(r#""title": """#), "title: empty");
    assert_malformed(&title(r#""title": "a\u0000b""#), "control character");
    assert_malformed(&read(r#"{"userland": [{"type": "title", "name": "A"}]}"#), "title: missing");
    for catalog in [r#""..""#, r#""a/b""#, "[]", "[1]", "7", r#""""#] {
        assert_malformed(&title(&format!(r#""catalog": {catalog}"#)), "catalog: ");
    }
    assert_malformed(&title(r#""blocking": "never""#), "unknown value \"never\"");
}

#[test]
fn t9_preflight_knows_no_titles() {
    let reading = title_in("preflight", r#""retries": 1"#);
    assert!(matches!(entry(&reading), Entry::Ignored(..)));
}

#[test]
fn a_title_is_named_by_what_is_wished_for() {
    let fingerprint = |keys: &str| checked(&title(keys)).fingerprint();
    assert_eq!(fingerprint(r#""retries": 1"#), fingerprint(r#""name": "Chrome", "fail_policy": "failable""#));
    assert_ne!(fingerprint(r#""retries": 1"#), fingerprint(r#""version": "1.0""#));
    assert_ne!(fingerprint(r#""retries": 1"#), fingerprint(r#""catalog": "pilot""#));
}

#[test]
fn keys_of_titles_have_no_effect_elsewhere() {
    assert_warned(&item(r#""title": "GoogleChrome""#), "titles only");
    assert_warned(&item(r#""app": "A.app""#), "apps only");
    assert_warned(&title_in("setupassistant", r#""blocking": "skip""#), "has no effect");
}

fn app(keys: &str) -> Reading {
    item(&format!(r#""type": "app", "file": "/Library/ias/a.zip", {keys}"#))
}

#[test]
fn an_application_goes_to_the_folder_of_applications_or_where_its_path_says() {
    let target = |keys: &str| checked(&app(keys)).app.clone().unwrap();
    let path = |text: &str| MacPath::new(text).unwrap();
    assert_clean(&app(r#""app": "Foo.app""#));
    assert_eq!(
        target(r#""app": "Foo.app""#),
        AppTarget { path: path("/Applications/Foo.app"), version: None }
    );
    let there = AppTarget { path: path("/Applications/Utilities/Foo.app"), version: Some("1.2".to_owned()) };
    assert_eq!(target(r#""app": "/Applications/Utilities/Foo.app", "version": "1.2""#), there);
    assert_ne!(
        checked(&app(r#""app": "Foo.app""#)).fingerprint(),
        checked(&app(r#""app": "Bar.app""#)).fingerprint()
    );
}

#[test]
fn an_application_is_named_and_stays_out_of_the_system() {
    for bad in
        ["Foo", ".app", "../Foo.app", "/System/Applications/Foo.app", "/SYSTEM/Foo.app", "Foo.app/Contents"]
    {
        assert_malformed(&app(&format!(r#""app": "{bad}""#)), "app: ");
    }
    assert_malformed(&item(r#""type": "app""#), "app: missing");
}

#[test]
fn t10_a_title_need_not_be_waited_for() {
    assert!(checked(&title(r#""donotwait": true"#)).donotwait);
    assert!(!checked(&title(r#""retries": 1"#)).donotwait);
}
