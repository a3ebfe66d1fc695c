//! The keys of one item.

use super::*;
use crate::item::{SignerId, SkipIf};

#[test]
fn r11_r12_a_type_in_the_wrong_place_is_ignored_with_an_error() {
    for phase in ["preflight", "setupassistant", "userland"] {
        for kind in ItemKind::ALL {
            let reading = of_kind(phase, kind, r#""retries": 1"#);
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
        let reading = of_kind("userland", kind, r#""skip_if": "intel""#);
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
        ("/a\\nb", "control character"),
        ("/a\\u001b[2Jb", "control character"),
        ("", "names a folder"),
        ("/Library/ias/", "names a folder"),
        ("/Library/installapplications", "names a folder"),
        ("/", "names no file"),
    ] {
        assert_malformed(&item(&format!(r#""file": "{file}""#)), words);
    }
    assert_malformed(&item(&format!(r#""file": "/{}""#, "a".repeat(256))), "longer than macOS allows");
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
fn team_ids_name_who_may_have_signed_a_package() {
    let package = |keys: &str| item(&format!(r#""type": "package", "team_ids": {keys}"#));
    let signers = |reading: &Reading| -> Vec<String> {
        checked(reading).team_ids.iter().map(SignerId::to_string).collect()
    };
    let two = package(r#"["ABCDE12345", "Apple"]"#);
    assert_clean(&two);
    assert_eq!(signers(&two), ["ABCDE12345", "Apple"]);
    assert_clean(&package("null"));
    assert!(checked(&package("null")).team_ids.is_empty());
    for (keys, words, taken) in [
        (r#""ABCDE12345""#, "one text is taken as an array of one", "ABCDE12345"),
        (r#"["abcde12345"]"#, "\"abcde12345\" is taken as \"ABCDE12345\"", "ABCDE12345"),
        (r#"["apple"]"#, "taken as \"Apple\"", "Apple"),
        (r#"["Apple", "Apple"]"#, "Apple is listed twice", "Apple"),
    ] {
        let reading = package(keys);
        assert_warned(&reading, words);
        assert_eq!(signers(&reading), [taken], "{keys}");
    }
}

#[test]
fn team_ids_that_cannot_be_understood_are_never_as_if_absent() {
    let package = |keys: &str| item(&format!("\n\"type\": \"package\",\n\"team_ids\": {keys}"));
    for (keys, words) in [
        ("[]", "empty: nobody could have signed"),
        (r#""""#, "expected a Team ID of ten letters and digits, or \"Apple\", found \"\""),
        (r#"["ABCDE1234"]"#, "found \"ABCDE1234\""),
        (r#"["Apple", "ABCDE-1234"]"#, "found \"ABCDE-1234\""),
        (r#"["ABCDE12345", null]"#, "expected text, found null"),
        ("true", "expected an array of texts, found true"),
        ("{}", "expected an array of texts"),
    ] {
        let reading = package(keys);
        assert_malformed(&reading, words);
        assert!(lines(&reading)[0].starts_with("error: bootstrap.json:3:13: "), "{:?}", lines(&reading));
    }
    let many = vec!["\"ABCDE12345\""; 17].join(",");
    assert_malformed(&package(&format!("[{many}]")), "more than 16 signers");
    let shown = package(r#"["Developer ID Installer: Acme (West) (ABCDE12345)"]"#);
    assert_eq!(shown.findings[0].hint.as_deref(), Some("did you mean \"ABCDE12345\"?"));
}

#[test]
fn team_ids_mean_nothing_for_what_is_no_package() {
    let signed = [ItemKind::Package, ItemKind::App];
    // A title cannot have it at all (T11).
    for kind in ItemKind::ALL.into_iter().filter(|kind| *kind != ItemKind::Title && !signed.contains(kind)) {
        let reading = item(&format!(r#""type": "{kind}", "team_ids": ["ABCDE12345"]"#));
        assert_warned(&reading, "team_ids: has no effect: it means something for packages and apps only");
        assert!(checked(&reading).team_ids.is_empty());
    }
}

#[test]
fn what_must_be_signed_is_another_item_and_without_team_ids_it_is_the_old_one() {
    let package = |keys: &str| {
        checked(&item(&format!(r#""type": "package", "packageid": "a.b", "version": "1"{keys}"#)))
            .fingerprint()
            .0
    };
    // As it was before `team_ids`: what journals of finished runs hold must stay true.
    assert_eq!(package(""), FINGERPRINT);
    let one = package(r#", "team_ids": ["ABCDE12345"]"#);
    let two = package(r#", "team_ids": ["ABCDE12345", "Apple"]"#);
    assert!(one != FINGERPRINT && two != FINGERPRINT && one != two);
    assert_eq!(package(r#", "team_ids": ["Apple", "ABCDE12345"]"#), two, "the order means nothing");
}

const FINGERPRINT: &str = "1fe3d56e528c2384";
