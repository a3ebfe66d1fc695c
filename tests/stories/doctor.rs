//! A repository of titles looked over before Macs look at it, through the real `iasctl doctor`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use std::{fs, path::Path, process::Command};
use support::program;

/// An item whose digest is `hash`, with more keys.
fn item(name: &str, hash: &str, more: &str) -> String {
    format!(
        "<dict><key>name</key><string>{name}</string><key>version</key><string>1.0</string>
        <key>installer_item_location</key><string>{name}.pkg</string>
        <key>installer_item_hash</key><string>{hash}</string>
        <key>receipts</key><array><dict><key>packageid</key><string>a</string>
        <key>version</key><string>1</string></dict></array>{more}</dict>"
    )
}

fn write(repository: &Path, catalog: &str, items: &[String]) {
    let folder = repository.join("catalogs");
    fs::create_dir_all(&folder).unwrap();
    let text = format!("<plist><array>{}</array></plist>", items.concat());
    fs::write(folder.join(catalog), text).unwrap();
}

fn doctor(repository: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(program("iasctl"));
    let output = command.arg("doctor").arg("--repo").arg(repository).args(more).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn what_macs_would_fail_over_is_named_by_catalog_title_and_version() {
    let folder = tempfile::tempdir().unwrap();
    let (good, bad) = (item("Good", &"a".repeat(64), ""), item("Bad", "N/A", ""));
    write(folder.path(), "production", std::slice::from_ref(&good));
    write(folder.path(), "testing", &[good.clone(), bad.clone()]);
    write(folder.path(), "all", &[good, bad]);
    let (status, text, _) = doctor(folder.path(), &[]);
    assert_eq!(status, Some(1));
    let expected = "error: testing: Bad 1.0: its installer_item_hash is not a SHA-256 digest: expected 64 hexadecimal \
        digits, found 3 characters\nproduction: 1 item, 0 errors, 0 warnings\ntesting: 2 items, 1 error, 0 warnings\n";
    assert_eq!(text, expected);
    let (status, text, _) = doctor(folder.path(), &["--catalog", "production"]);
    assert_eq!(
        (status, text.as_str()),
        (Some(0), "production: 1 item, 0 errors, 0 warnings\nMacs can have every title\n")
    );
}

#[test]
fn warnings_fail_only_where_they_are_wanted_to() {
    let folder = tempfile::tempdir().unwrap();
    let limited = item("A", &"a".repeat(64), "<key>maximum_os_version</key><string>14</string>");
    write(folder.path(), "production", &[limited]);
    assert_eq!(doctor(folder.path(), &[]).0, Some(0));
    let (status, text, _) = doctor(folder.path(), &["--strict", "--json"]);
    assert_eq!(status, Some(2));
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["warnings"], 1);
    assert_eq!(document["remarks"][0]["title"], "A");
    assert_eq!(document["remarks"][0]["is_error"], false);
}

#[test]
fn a_folder_that_is_no_repository_is_said_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    let (status, _, diagnostics) = doctor(folder.path(), &[]);
    assert_eq!(status, Some(1));
    assert!(diagnostics.contains("catalogs: "), "{diagnostics}");
    write(folder.path(), "broken", &[]);
    fs::write(folder.path().join("catalogs/broken"), "<html>").unwrap();
    let (status, _, diagnostics) = doctor(folder.path(), &[]);
    assert_eq!(status, Some(1));
    assert!(diagnostics.contains("catalogs/broken: "), "{diagnostics}");
}
