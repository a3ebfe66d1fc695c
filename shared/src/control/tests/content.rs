//! Where content comes from, and what is known about it before it is fetched.

use super::*;
use crate::item::{FollowRedirects, Secret};

#[test]
fn r9_http_keys_are_honoured_and_secrets_are_never_told() {
    let reading = item(
        r#""additional_headers": {"X-Key": "s3cret"}, "username": "u", "password": "s3cret",
           "follow_redirects": "all", "connection_timeout": 9, "ignore_system_proxy": true, "can_resume": false,
           "minimum_tls_protocol": 10"#,
    );
    assert_clean(&reading);
    let options = &checked(&reading).source.as_ref().unwrap().options;
    assert_eq!(options.headers, [("X-Key".to_owned(), Secret("s3cret".to_owned()))]);
    assert_eq!(options.credentials, Some(("u".to_owned(), Secret("s3cret".to_owned()))));
    assert_eq!(options.follow_redirects, Some(FollowRedirects::All));
    assert_eq!(options.connection_timeout, Some(std::time::Duration::from_secs(9)));
    assert!(options.ignore_system_proxy && options.tls13_only);
    for keys in [
        r#""password": ["s3cret"], "username": "u""#,
        r#""additional_headers": "s3cret""#,
        r#""additional_headers": {"A": "s3cret\u0007"}"#,
        r#""url": "http://u:s3cret@example.com/", "password": "s3cret""#,
    ] {
        let reading = item(keys);
        assert_malformed(&reading, "");
        assert!(!format!("{reading:?}").contains("s3cret"), "{reading:?}");
    }
}

#[test]
fn r9_keys_without_effect_are_warned_of() {
    for key in ["\"minimum_tls_protocol\": 4", "\"cache_data\": {}", "\"download_only_if_changed\": true"] {
        assert_warned(&item(key), "has no effect");
    }
    assert_warned(&item(r#""url": "", "retries": 3"#), "empty: nothing is downloaded");
    assert_warned(&item(r#""url": null, "username": "u", "password": "p""#), "without url");
    assert_warned(&item(r#""username": "u""#), "password is missing");
}

#[test]
fn r85_strict_wants_a_hash_and_tells_before_the_run() {
    let reading = item(r#""hash": null"#);
    assert!(lines(&reading)[0].contains("hash: no digest"), "{:?}", lines(&reading));
    assert_eq!(checked(&reading).hash, None, "skip_if or a receipt may still make it unnecessary");
    assert_clean(&item(r#""url": null, "hash": null"#));
    let text =
        r#"{"userland": [{"name": "A", "type": "rootscript", "file": "/a", "url": "https://a.example/"}]}"#;
    for hash_check in
        [HashCheckPolicy::Warning, HashCheckPolicy::Ignore, HashCheckPolicy::WarningRequireMatch]
    {
        let context = Context { hash_check, ..context() };
        assert_clean(&crate::control::read(text.as_bytes(), "bootstrap.json", &context));
    }
}

#[test]
fn r118_schemes_and_plain_http() {
    assert_warned(&item(r#""url": "http://example.com/a""#), "http to example.com");
    for clean in [
        "https://example.com/a",
        "http://localhost:8080/a",
        "http://127.0.0.1/a",
        "http://[::1]/a",
        "file:///a",
    ] {
        assert_clean(&item(&format!(r#""url": "{clean}""#)));
    }
    for refused in
        ["ftp://example.com/a", "smb://a/b", "file://host/a", "file:///", "javascript:1", "https://"]
    {
        assert_malformed(&item(&format!(r#""url": "{refused}""#)), "url: ");
    }
    let secret = r#""username": "u", "password": "p""#;
    assert_malformed(&item(&format!(r#""url": "http://example.com/a", {secret}"#)), "unencrypted");
    assert_clean(&item(&format!(r#""url": "http://localhost/a", {secret}"#)));
    let twice = read(&format!(
        r#"{{"userland": [{{"name": "A", "type": "rootscript", "file": "/a", "hash": "{HASH}", "url": "http://h/a"}},
            {{"name": "B", "type": "rootscript", "file": "/b", "hash": "{HASH}", "url": "http://h/b"}}]}}"#
    ));
    assert_eq!(severities(&twice), [Severity::Warning], "one warning for each host");
}

#[test]
fn r121_credentials_leave_the_url() {
    let reading = item(r#""url": "https://us%40er:pa%3Ass@example.com/a?q=1""#);
    assert_warned(&reading, "in the URL");
    let source = checked(&reading).source.as_ref().unwrap();
    assert_eq!(source.url.as_str(), "https://example.com/a?q=1");
    assert_eq!(source.options.credentials, Some(("us@er".to_owned(), Secret("pa:ss".to_owned()))));
}

#[test]
fn urls_are_further_addresses_in_the_order_in_which_they_stand() {
    let reading = item(r#""urls": ["https://b.example/a", "https://c.example/a"]"#);
    assert_clean(&reading);
    let of = |item: &Item| -> Vec<String> {
        item.source.iter().chain(&item.mirrors).map(|source| source.url.to_string()).collect()
    };
    let all = ["https://example.com/a", "https://b.example/a", "https://c.example/a"];
    assert_eq!(of(checked(&reading)), all);
    let alone = item(r#""url": null, "urls": ["https://b.example/a", "https://c.example/a"]"#);
    assert_clean(&alone);
    assert_eq!(of(checked(&alone)), all[1..]);
    for (keys, words) in [
        (r#""urls": "https://b.example/a""#, "array of one"),
        (r#""urls": ["https://example.com/a"]"#, "listed twice"),
        (r#""urls": ["", "https://b.example/a"]"#, "empty"),
        (r#""url": null, "urls": [], "username": "u", "password": "p""#, ""),
    ] {
        let reading = item(keys);
        assert!(lines(&reading).iter().all(|line| line.contains(words)), "{keys}: {:?}", lines(&reading));
        checked(&reading);
    }
    for (keys, words) in [
        (r#""urls": ["b.example/a"]"#, "urls: not a URL"),
        (r#""urls": [7]"#, "urls: expected text"),
        (r#""urls": {"a": "b"}"#, "urls: expected an array of texts"),
        (r#""urls": ["ftp://b.example/a"]"#, "urls: unknown scheme"),
    ] {
        assert_malformed(&item(keys), words);
    }
    let many = vec!["\"https://b.example/a\""; 17].join(",");
    assert_malformed(&item(&format!("\"urls\": [{many}]")), "more than 16");
}

#[test]
fn r121_credentials_go_to_the_host_they_were_written_for() {
    let keys = r#""username": "u", "password": "p", "additional_headers": {"X": "y"},
        "urls": ["https://example.com/b", "https://b.example/a", "https://me:secret@c.example/a"]"#;
    let reading = item(keys);
    let mirrors = &checked(&reading).mirrors;
    let user = |at: usize| mirrors[at].options.credentials.as_ref().map(|(user, _)| user.as_str());
    assert_eq!((user(0), user(1), user(2)), (Some("u"), None, Some("me")));
    assert_eq!(mirrors.iter().map(|mirror| mirror.options.headers.len()).collect::<Vec<_>>(), [1, 0, 0]);
    assert!(!mirrors[2].url.as_str().contains("secret"));
    assert!(!format!("{:?}{reading:?}", lines(&reading)).contains("secret"), "{:?}", lines(&reading));
    let plain = r#""username": "u", "password": "p", "urls": ["http://b.example/a"]"#;
    assert_warned(&item(plain), "urls: http to b.example");
    let open = r#""urls": ["http://me:secret@b.example/a"]"#;
    assert_malformed(&item(open), "urls: credentials would go to b.example unencrypted");
}
