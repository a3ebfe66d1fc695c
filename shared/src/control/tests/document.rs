//! The file as a whole: syntax, limits, phases, keys, messages, items that contradict each other.

use super::*;
use crate::item::FailPolicy;

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
         (expected failable, failable_execution, failure_is_not_an_option); the item is malformed, and without a \
         known policy that ends the run before anything is done"
    );
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
    let of_type = |kind: &str, keys: &str| {
        let first = format!(r#"{{"name": "A", "type": "rootscript", "file": "/Library/ias/a"{a}}}"#);
        let second = format!(r#"{{"name": "B", "type": "{kind}", "file": "/Library/ias/a"{keys}}}"#);
        read(&format!(r#"{{"userland": [{first}, {second}]}}"#))
    };
    assert_clean(&of_type("userscript", &a));
    assert_clean(&of_type("rootfile", ""));
    assert!(lines(&of_type("rootfile", &a))[0].contains("different type"));
    let (arm, intel) = (format!(r#"{a}, "skip_if": "intel""#), format!(r#"{b}, "skip_if": "arm64""#));
    assert_clean(&pair(&arm, &intel));
}

#[test]
fn r8_every_key_is_documented() {
    let reference = include_str!("../../../../docs/control-file.md");
    for key in table::DOCUMENT.iter().chain(&table::ITEM) {
        assert!(reference.contains(&format!("`{key}`")), "{key} is missing in docs/control-file.md");
    }
}

#[test]
fn the_documented_example_is_clean() {
    let reference = include_str!("../../../../docs/control-file.md");
    let example = reference.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert_clean(&read(example));
}
