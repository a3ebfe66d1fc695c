//! The rules of the control file, as promises about [`read`](super::read).

use super::*;
use crate::item::{FailPolicy, FollowRedirects, ItemKind, Secret, SkipIf};
use proptest::prelude::*;

const HASH: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn context() -> Context {
    Context {
        install_path: MacPath::new("/Library/installapplications").unwrap(),
        hash_check: HashCheckPolicy::Strict,
    }
}

fn read(text: &str) -> Reading {
    super::read(text.as_bytes(), "bootstrap.json", &context())
}

fn lines(reading: &Reading) -> Vec<String> {
    reading.findings.iter().map(ToString::to_string).collect()
}

/// One userland item: the usual keys of a script, changed and completed by `keys`.
fn item(keys: &str) -> Reading {
    item_in("userland", keys)
}

fn item_in(phase: &str, keys: &str) -> Reading {
    let all = [
        ("name", r#""name": "A""#.to_owned()),
        ("type", r#""type": "rootscript""#.to_owned()),
        ("file", r#""file": "/Library/ias/a""#.to_owned()),
        ("url", r#""url": "https://example.com/a""#.to_owned()),
        ("hash", format!(r#""hash": "{HASH}""#)),
    ];
    let usual: Vec<_> = all
        .iter()
        .filter(|(key, _)| !keys.contains(&format!("\"{key}\"")))
        .map(|(_, text)| text.as_str())
        .collect();
    let separator = if keys.is_empty() || usual.is_empty() { "" } else { ", " };
    read(&format!(r#"{{"{phase}": [{{{}{separator}{keys}}}]}}"#, usual.join(", ")))
}

/// The one entry of [`item`].
fn entry(reading: &Reading) -> &Entry {
    reading.control.as_ref().unwrap().entries().next().unwrap()
}

fn checked(reading: &Reading) -> &Item {
    match entry(reading) {
        Entry::Item(item) => item,
        other => panic!("{other:?}\n{}", lines(reading).join("\n")),
    }
}

fn severities(reading: &Reading) -> Vec<Severity> {
    reading.findings.iter().map(|finding| finding.severity).collect()
}

fn assert_clean(reading: &Reading) {
    assert_eq!(lines(reading), [""; 0]);
}

fn assert_warned(reading: &Reading, words: &str) {
    checked(reading);
    assert!(
        lines(reading).iter().any(|l| l.starts_with("warning: ") && l.contains(words)),
        "{words}: {:?}",
        lines(reading)
    );
    assert!(!severities(reading).contains(&Severity::Error), "{:?}", lines(reading));
}

fn assert_malformed(reading: &Reading, words: &str) {
    assert!(matches!(entry(reading), Entry::Malformed(..)), "{:?} {:?}", entry(reading), lines(reading));
    assert!(
        lines(reading).iter().any(|l| l.starts_with("error: ") && l.contains(words)),
        "{words}: {:?}",
        lines(reading)
    );
}

#[test]
fn r2_missing_null_and_empty_phases_are_nothing() {
    for text in ["{}", r#"{"preflight": null, "userland": []}"#] {
        let reading = read(text);
        assert_clean(&reading);
        assert_eq!(reading.control.unwrap().entries().count(), 0);
    }
}

#[test]
fn r3_strangers_are_ignored_and_old_phases_are_named_with_the_modern_one() {
    let reading = read(r#"{"stage1": [], "prestage": [], "userlnad": [], "mystery": 1}"#);
    assert_eq!(severities(&reading), [Severity::Warning; 4]);
    let hints: Vec<_> = reading.findings.iter().map(|f| f.hint.clone().unwrap_or_default()).collect();
    assert!(hints[0].contains("userland") && hints[1].contains("setupassistant"));
    assert_eq!(hints[2], "did you mean \"userland\"?");
    assert_eq!(
        lines(&reading)[0],
        "warning: bootstrap.json:1:2: stage1: a phase of InstallApplications before 1.0: its items do not run"
    );
    assert!(reading.control.is_some());
}

#[test]
fn r4_what_is_no_control_file_is_refused_with_its_place() {
    let vectors = [
        ("[]", "error: bootstrap.json:1:1: expected an object with the phases, found an array"),
        (
            r#"{"userland": {}}"#,
            "error: bootstrap.json:1:14: userland: expected an array of items, found an object",
        ),
        (
            "{\n  \"userland\": \"no\"}",
            "error: bootstrap.json:2:15: userland: expected an array of items, found text",
        ),
        ("{\"a\":}", "error: bootstrap.json:1:6: not JSON: a value is missing or cannot be read here"),
    ];
    for (text, line) in vectors {
        let reading = read(text);
        assert_eq!((lines(&reading), reading.control), (vec![line.to_owned()], None));
    }
}

#[test]
fn r4_more_than_ten_thousand_items_are_refused() {
    let items = |count| format!(r#"{{"preflight": [0], "userland": [{}]}}"#, vec!["0"; count].join(","));
    assert!(read(&items(9_999)).control.is_some());
    let reading = read(&items(10_000));
    assert!(reading.control.is_none());
    assert!(lines(&reading).iter().any(|line| line.contains("more than 10000 items")));
}

#[test]
fn r5_other_letters_are_understood_and_the_exact_key_wins() {
    let reading = read(&format!(
        r#"{{"Userland": [{{"Name": "A", "TYPE": "rootscript", "file": "/a", "File": "/b", "Hash": "{HASH}"}}]}}"#
    ));
    assert_eq!(checked(&reading).file.as_str(), "/a");
    assert_eq!(severities(&reading), [Severity::Warning; 5], "{:?}", lines(&reading));
}

#[test]
fn r5_the_last_of_two_equal_keys_wins_and_both_places_are_named() {
    let reading = item(r#""name": "A", "name": "B""#);
    assert_eq!(checked(&reading).name, "B");
    let told = &reading.findings[0];
    assert!(told.problem.contains(&format!("1:{} is used", told.column)), "{}", told.problem);
    assert!(told.problem.contains("is ignored"));
}

#[test]
fn r8_unknown_keys_are_named_once_with_the_nearest_known_key() {
    let reading = item(r#""failpolicy": "failable", "displayname": "x", "arguments": [], "zzz": 1"#);
    assert_eq!(severities(&reading), [Severity::Warning; 4]);
    assert_eq!(reading.findings[0].hint.as_deref(), Some("did you mean \"fail_policy\"?"));
    assert!(reading.findings[1].hint.as_deref().unwrap().contains("\"name\""));
    assert_eq!(reading.findings[3].hint, None);
    assert_eq!(checked(&reading).fail_policy, FailPolicy::FailableExecution);
}

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
fn r11_r12_a_type_in_the_wrong_place_is_ignored_with_an_error() {
    for phase in ["preflight", "setupassistant", "userland"] {
        for kind in ItemKind::ALL {
            let reading = item_in(phase, &format!(r#""type": "{kind}""#));
            let expected = match (phase, kind) {
                ("preflight", kind) => kind == ItemKind::RootScript,
                ("setupassistant", kind) => !matches!(kind, ItemKind::UserScript | ItemKind::UserFile),
                _ => true,
            };
            assert_eq!(matches!(entry(&reading), Entry::Item(_)), expected, "{kind} in {phase}");
            assert_eq!(matches!(entry(&reading), Entry::Ignored(..)), !expected);
            assert_eq!(severities(&reading).contains(&Severity::Error), !expected);
        }
    }
    let reading = item(r#""type": "pakcage""#);
    assert!(matches!(entry(&reading), Entry::Ignored(..)));
    assert_eq!(reading.findings[0].hint.as_deref(), Some("did you mean \"package\"?"));
    let windows = item(r#""type": "msi", "hash": "sha256""#);
    assert!(matches!(entry(&windows), Entry::Ignored(..)), "R12 decides before R15");
    assert_malformed(&item(r#""type": 7"#), "type: expected text, found a number");
}

#[test]
fn r14_values_of_the_wrong_type_are_taken_as_the_table_says() {
    assert!(checked(&item(r#""donotwait": "yes""#)).donotwait);
    assert!(!checked(&item(r#""donotwait": "false""#)).donotwait);
    assert_malformed(&item(r#""donotwait": "maybe""#), "expected true or false");
    assert_eq!(checked(&item(r#""retries": "5""#)).retry.retries, Some(5));
    assert_eq!(checked(&item(r#""retries": 0, "retrywait": 3.0"#)).retry.wait_seconds, Some(3));
    assert_malformed(&item(r#""retries": -1"#), "retries: expected a whole number of 0 or more, found -1");
    let upper = item(&format!(r#""hash": "{}""#, HASH.to_uppercase()));
    assert_clean(&upper);
    assert_eq!(checked(&upper).hash, Some(Digest::of(b"abc")));
    for prefix in ["sha256-", "sha256:", "SHA256:"] {
        let reading = item(&format!(r#""hash": "{prefix}{HASH}""#));
        assert_warned(&reading, "prefix");
        assert_eq!(checked(&reading).hash, Some(Digest::of(b"abc")));
    }
    assert_malformed(&item(r#""hash": "sha256""#), "expected a SHA-256 of 64 hexadecimal digits");
    assert_malformed(&item(r#""url": "no url""#), "not a URL");
    assert_malformed(&item(r#""url": 1"#), "expected text");
    assert_warned(&item(r#""parallel_group": """#), "no group");
    assert_malformed(&item(r#""parallel_group": 1"#), "expected text");
    assert_malformed(&item(r#""fail_policy": 1"#), "expected text");
    let nulls =
        item(r#""retries": null, "fail_policy": null, "skip_if": null, "donotwait": null, "zzz": null"#);
    assert_eq!(severities(&nulls), [Severity::Warning], "null is absent, silently, for keys that are known");
    let package = item(r#""type": "package", "packageid": "a.b", "version": 1.10"#);
    assert_warned(&package, "the number 1.10 is taken as the text");
    assert_eq!(checked(&package).receipt.as_ref().unwrap().version, "1.10");
}

#[test]
fn r15_a_malformed_item_keeps_its_policy_and_the_others_their_place() {
    let reading = read(
        r#"{"userland": [7, {"name": "B", "fail_policy": "failable"}, {"fail_policy": "x"},
            {"name": "D", "type": "rootscript", "file": "/d"}]}"#,
    );
    let entries: Vec<_> = reading.control.as_ref().unwrap().entries().collect();
    let policies: Vec<_> = entries.iter().map(|entry| entry.listed().fail_policy).collect();
    assert_eq!(policies[1], FailPolicy::Failable);
    assert_eq!(policies[2], FailPolicy::default());
    assert_eq!(entries[1].listed().name, "B");
    assert_eq!(entries[2].listed().name, "?");
    assert!(matches!(entries[3], Entry::Item(_)));
    assert_eq!(
        lines(&reading)[0],
        "error: bootstrap.json:1:15: userland[0] \"?\": expected an object, found a number"
    );
    assert_eq!(lines(&reading)[1], "error: bootstrap.json:1:18: userland[1] \"B\": type: missing");
}

#[test]
fn v7_r16_the_message_is_stable() {
    let text = "{\n\"userland\": [\n{},\n{},\n{\n\"name\": \"Munki core\",\n\"type\": \"package\",\n\n\n\n\n\n\n\
                \x20     \"fail_policy\": \"failble\"}]}";
    let told = lines(&read(text)).into_iter().find(|line| line.contains("failble")).unwrap();
    assert_eq!(
        told,
        "error: bootstrap.json:14:22: userland[2] \"Munki core\": fail_policy: unknown value \"failble\" \
         (expected failable, failable_execution, failure_is_not_an_option)"
    );
}

#[test]
fn r19_either_key_installs_always_and_contradiction_is_warned_of() {
    let package = |keys: &str| item(&format!(r#""type": "package", {keys}"#));
    assert!(checked(&package(r#""required": true"#)).always_install);
    assert!(checked(&package(r#""pkg_required": 1"#)).always_install);
    let both = package(r#""required": false, "pkg_required": true"#);
    assert!(checked(&both).always_install);
    assert_warned(&both, "differs from required");
    assert_warned(&item(r#""required": true"#), "packages only");
    assert_clean(&item(r#""required": false"#));
}

#[test]
fn r20_r22_a_receipt_needs_both_keys() {
    let package = |keys: &str| item(&format!(r#""type": "package", {keys}"#));
    assert_clean(&package(r#""packageid": "a.b", "version": "1""#));
    assert_warned(&package(r#""packageid": "a.b""#), "installed on every run");
    let empty = package(r#""packageid": "a.b", "version": """#);
    assert_warned(&empty, "empty: treated as absent");
    assert_eq!(checked(&empty).receipt, None);
    assert_malformed(&package(r#""packageid": "--volume", "version": "1""#), "hyphen");
}

#[test]
fn r23_skip_if_is_read_for_every_type() {
    for kind in ItemKind::ALL {
        let reading = item(&format!(r#""type": "{kind}", "skip_if": "intel""#));
        assert_eq!(checked(&reading).skip_if, [SkipIf(crate::facts::Arch::X86_64)]);
    }
    assert_malformed(&item(r#""skip_if": true"#), "found true");
}

#[test]
fn r31_files_are_absolute_or_below_the_install_path() {
    let relative = item(r#""file": "scripts/./a.sh""#);
    assert_warned(&relative, "relative");
    assert_eq!(checked(&relative).file.as_str(), "/Library/installapplications/scripts/a.sh");
    for (file, words) in [
        ("../a", "`..`"),
        ("/a/../../b", "`..`"),
        ("/a\\u0000b", "NUL"),
        ("", "names a folder"),
        ("/Library/ias/", "names a folder"),
        ("/Library/installapplications", "names a folder"),
        ("/", "names no file"),
    ] {
        assert_malformed(&item(&format!(r#""file": "{file}""#)), words);
    }
    assert_malformed(&item(&format!(r#""file": "/{}""#, "a".repeat(256))), "longer than macOS allows");
}

fn pair(first: &str, second: &str) -> Reading {
    let keys = r#""type": "rootscript", "file": "/Library/ias/a""#;
    read(&format!(r#"{{"userland": [{{"name": "A", {keys}{first}}}, {{"name": "B", {keys}{second}}}]}}"#))
}

#[test]
fn r34_one_file_has_one_content() {
    let from = |host: &str, hash: &str| format!(r#", "url": "https://{host}/a", "hash": "{hash}""#);
    let (a, b) = (from("a.example", HASH), from("b.example", HASH));
    assert_clean(&pair(&a, &a));
    assert_clean(&pair(&a, ""));
    let other_hash = from("a.example", &HASH.replace('b', "c"));
    for (second, words) in [(&b, "different url"), (&other_hash, "different hash")] {
        let reading = pair(&a, second);
        let entries: Vec<_> = reading.control.as_ref().unwrap().entries().collect();
        assert!(matches!(entries[..], [Entry::Item(_), Entry::Malformed(..)]));
        assert!(lines(&reading)[0].contains(words), "{:?}", lines(&reading));
    }
    let (arm, intel) = (format!(r#"{a}, "skip_if": "intel""#), format!(r#"{b}, "skip_if": "arm64""#));
    assert_clean(&pair(&arm, &intel));
}

#[test]
fn r48_r52_r65_what_has_no_effect_is_warned_of() {
    let preflight = item_in("preflight", r#""parallel_group": "a", "donotwait": true"#);
    assert_eq!(severities(&preflight), [Severity::Warning; 2]);
    assert!(!checked(&preflight).donotwait && checked(&preflight).group.is_none());
    let file = item(r#""type": "rootfile", "donotwait": true, "timeout": 5"#);
    assert_eq!(severities(&file), [Severity::Warning; 2]);
    assert_clean(&item(r#""donotwait": true, "timeout": 5, "parallel_group": "a""#));
}

#[test]
fn r75_a_name_is_one_short_line() {
    let reading = item(&format!(r#""name": "a\n\u001b{}""#, "b".repeat(300)));
    let name = &checked(&reading).name;
    assert!(name.starts_with("ab") && name.chars().count() == 200);
    assert_warned(&item(r#""name": """#), "empty");
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
        assert_clean(&super::read(text.as_bytes(), "bootstrap.json", &context));
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

fn assert_sound(bytes: &[u8]) {
    let reading = super::read(bytes, "f", &context());
    assert_eq!(super::read(bytes, "f", &context()), reading, "checking is deterministic");
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let widths: Vec<usize> = text.split('\n').map(|line| line.chars().count()).collect();
    let mut before = (0, 0);
    for finding in &reading.findings {
        let width = widths.get(finding.line - 1).copied();
        assert!(width.is_some_and(|width| (1..=width + 1).contains(&finding.column)), "{finding}: outside");
        assert!(before <= (finding.line, finding.column), "{finding}: not in file order");
        before = (finding.line, finding.column);
        assert!(!finding.to_string().contains(['\n', '\r', '\u{1b}']), "{finding:?}");
    }
    let refused = reading.findings.iter().any(|finding| finding.severity == Severity::Error);
    let bad = reading.control.as_ref().is_none_or(|c| c.entries().any(|e| !matches!(e, Entry::Item(_))));
    assert!(refused || !bad, "what cannot be used has an error");
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::{Value, json};
    let words = prop::sample::select(vec![
        "package",
        "rootscript",
        "userfile",
        "/a",
        "a/b",
        "https://h/x",
        "http://h",
        HASH,
        "true",
        "0",
        "arm64",
        "failable",
        "",
        "\u{7}",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-3.0_f64..5.0).prop_map(|number| json!(number)),
        words.prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 8, |inner| {
        let keys: Vec<&'static str> = keys::ITEM.iter().chain(&keys::DOCUMENT).copied().collect();
        let key = prop_oneof![4 => prop::sample::select(keys).prop_map(str::to_owned), 1 => ".{0,6}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic_and_told_in_place(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        assert_sound(&bytes);
    }

    #[test]
    fn any_text_of_json_characters_is_read_without_panic(text in r#"[\[\]{}:,"a-f0-9\\\ně \-.eu]{0,80}"#) {
        assert_sound(text.as_bytes());
    }

    #[test]
    fn any_json_is_read_without_panic_and_told_in_place(userland in any_json(), other in any_json()) {
        let document = serde_json::json!({ "userland": [userland, other], "preflight": [other] });
        assert_sound(document.to_string().as_bytes());
        assert_sound(serde_json::to_string_pretty(&document).unwrap().as_bytes());
        assert_sound(other.to_string().as_bytes());
    }
}
