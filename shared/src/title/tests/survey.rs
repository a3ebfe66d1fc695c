//! What a publisher is told of a catalog.

use super::*;

fn told(items: Vec<Value>) -> Vec<String> {
    let line = |remark: Remark| {
        let severity = if remark.is_error { "error" } else { "warning" };
        let title = remark.title.unwrap_or_else(|| "?".to_owned());
        format!("{severity}: {title} {}: {}", remark.version.unwrap_or_default(), remark.text)
    };
    survey(&production(items), &terms()).into_iter().map(line).collect()
}

/// A package that tells whether it is there.
fn sound(name: &str, more: &[(&str, Value)]) -> Value {
    let receipt = Value::Array(vec![dictionary(&[("packageid", text("a")), ("version", text("1"))])]);
    let mut keys = vec![("receipts", receipt)];
    keys.extend_from_slice(more);
    package(name, "1", &keys)
}

#[test]
fn a_sound_catalog_earns_no_remark() {
    let limits = [
        ("minimum_os_version", text("10.13")),
        ("maximum_os_version", text("99.99")),
        ("_metadata", dictionary(&[])),
        ("unattended_install", true.into()),
    ];
    assert_eq!(told(vec![sound("A", &limits), sound("B", &[("requires", texts(&["A"]))])]), [""; 0]);
}

#[test]
fn what_a_run_would_refuse_is_told_of_its_item() {
    let items = vec![
        sound("A", &[("installer_item_hash", text("N/A"))]),
        package("B", "1", &[]),
        sound("C", &[("postinstall_script", text("echo"))]),
        sound("D", &[("installable_condition", text("x == 1"))]),
        sound("E", &[("minimum_os_version", Value::Real(10.9))]),
        dictionary(&[("name", text("F"))]),
    ];
    let expected = [
        "error: F : entry 6: it has no version: no Mac sees it",
        "error: A 1: its installer_item_hash is not a SHA-256 digest: expected 64 hexadecimal digits, found 3 characters",
        "error: B 1: nothing tells whether it is there, so it counts as installed and never is",
        "error: C 1: postinstall_script does not begin with #!, so it cannot be started",
        "error: D 1: no Mac gets it: it needs a condition we cannot evaluate",
        "error: E 1: no Mac gets it: it cannot be judged: minimum_os_version is a real number, not a string",
    ];
    assert_eq!(told(items), expected);
}

#[test]
fn what_may_not_be_meant_is_a_warning() {
    let items = vec![
        sound("A", &[("maximum_os_version", text("14")), ("blocking_application", texts(&[]))]),
        sound("Office-2019", &[]),
    ];
    let expected = [
        "warning: A 1: maximum_os_version 14 leaves 14.0.1 and all behind it out; write 14.99",
        "warning: A 1: the key blocking_application is unknown, perhaps blocking_applications",
        "warning: Office-2019 1: Munki takes this name for version 2019 of Office wherever it is required",
    ];
    assert_eq!(told(items), expected);
}

#[test]
fn titles_that_no_mac_can_have_are_named_with_the_reason() {
    let items = vec![
        sound("A", &[("requires", texts(&["B"]))]),
        sound("B", &[("requires", texts(&["A"]))]),
        sound("C", &[("requires", texts(&["Nothing"]))]),
        sound("Old", &[("maximum_os_version", text("10.6.99"))]),
    ];
    let expected = [
        "error: A : no Mac can have it: prerequisite failed: requires itself by way of A → B → A",
        "error: B : no Mac can have it: prerequisite failed: requires itself by way of B → A → B",
        "error: C : no Mac can have it: prerequisite failed: Nothing: not in catalog production",
        "error: Old : no version of it is for a Mac with macOS 11 or later; on the newest: no applicable version: 1 is for macOS up to 10.6.99, this Mac has 26.6.2",
    ];
    assert_eq!(told(items), expected);
}
