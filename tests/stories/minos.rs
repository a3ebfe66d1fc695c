//! A Mac in Setup Assistant that is too old, and what the real `iasctl minos` says a server has to answer.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use std::{fs, path::Path, process::Command};
use support::program;

/// The lists at the end of March 2024, as far as they matter (T112).
fn march() -> Value {
    let asset = |version: &str, expires: &str| json!({ "ProductVersion": version, "ExpirationDate": expires, "SupportedDevices": ["J274AP"] });
    json!({
        "PublicAssetSets": { "macOS": [asset("13.6.5", "2024-06-20"), asset("14.4.1", "2024-06-23")] },
        "AssetSets": { "macOS": [asset("14.3", "2024-04-22"), asset("14.4.1", "2024-06-23")] },
    })
}

fn minos(lists: &Path, more: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(program("iasctl"));
    command.args(["minos", "--board", "J274AP", "--today", "2024-03-28", "--gdmf"]).arg(lists).args(more);
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn t112_the_answer_names_a_version_the_mac_can_find_in_both_forms() {
    let folder = tempfile::tempdir().unwrap();
    let lists = folder.path().join("pmv.json");
    fs::write(&lists, march().to_string()).unwrap();
    let old = ["--minimum", "14.3", "--installed", "14.2.1"];
    let (code, text, note) = minos(&lists, &old);
    assert_eq!(code, 0, "{note}");
    assert!(text.starts_with("target: 14.4.1\nreason: 14.2.1 is older than 14.3\n"), "{text}");
    assert!(note.contains("Macs in Setup Assistant cannot"), "{note}");
    let (_, body, _) = minos(&lists, &[&old[..], &["--body", "json"]].concat());
    let expected = json!({
        "code": "com.apple.softwareupdate.required",
        "description": "14.2.1 is older than 14.3",
        "message": "This Mac must be updated to macOS 14.4.1.",
        "details": { "OSVersion": "14.4.1" },
    });
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected);
    let (_, body, _) = minos(&lists, &[&old[..], &["--body", "plist"]].concat());
    assert_eq!(
        plist::from_bytes::<Value>(body.as_bytes()).unwrap(),
        expected,
        "T110: the same in both forms"
    );
}

#[test]
fn t114_where_no_answer_helps_none_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let lists = folder.path().join("pmv.json");
    fs::write(&lists, march().to_string()).unwrap();
    let (code, text, _) = minos(&lists, &["--minimum", "14.3", "--installed", "14.4"]);
    assert_eq!((code, text.as_str()), (3, "nothing to do: 14.4 is not older than 14.3\n"));
    let (code, text, _) = minos(&lists, &["--minimum", "15", "--installed", "14.4"]);
    assert_eq!(code, 4, "{text}");
    fs::write(&lists, json!({ "etag": "1", "data": march() }).to_string()).unwrap();
    assert_eq!(minos(&lists, &["--minimum", "14.3", "--installed", "14.4"]).0, 3, "T104: SOFA's copy");
    fs::write(&lists, "{}").unwrap();
    let (code, _, error) = minos(&lists, &["--minimum", "15"]);
    assert!(code == 1 && error.contains("not what gdmf.apple.com gives"), "{error}");
}
