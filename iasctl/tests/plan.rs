//! `iasctl plan`, the real program: what it prints, where, and how it ends.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

const FILE: &str = r#"{"setupassistant": [
    {"name": "Tools", "type": "package", "file": "/Library/x/tools.pkg", "url": "https://example.com/tools.pkg",
     "hash": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "packageid": "com.acme.tools", "version": "2.0",
     "team_ids": ["ABCDE12345", "Apple"]},
    {"name": "Firmware", "type": "rootscript", "file": "/Library/x/firmware.sh", "skip_if": "arm64"}
]}"#;

fn control_file(folder: &Path) -> PathBuf {
    let path = folder.join("bootstrap.json");
    std::fs::write(&path, FILE).unwrap();
    path
}

fn plan(file: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_iasctl")).arg("plan").arg(file).args(more).output().unwrap()
}

#[test]
fn a_plan_says_what_would_be_done_and_why_the_rest_would_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = control_file(folder.path());
    let printed = plan(&file, &[]);
    let text = String::from_utf8(printed.stdout).unwrap();
    assert_eq!(printed.status.code(), Some(0));
    assert!(
        text.contains("1. setupassistant[0] \"Tools\": package, only if signed by ABCDE12345 or Apple\n"),
        "{text}"
    );
    assert!(
        text.contains("setupassistant[1] \"Firmware\": skipped: skip_if names this Mac (arm64)"),
        "{text}"
    );

    let printed = plan(&file, &["--json"]);
    let json: serde_json::Value = serde_json::from_slice(&printed.stdout).unwrap();
    assert_eq!(json["phases"][1]["batches"][0][0]["team_ids"], serde_json::json!(["ABCDE12345", "Apple"]));

    let there = plan(&file, &["--arch", "x86_64", "--installed", "com.acme.tools=2.1", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&there.stdout).unwrap();
    assert_eq!(json["phases"][1]["not_needed"][0]["why"], "skipped: version 2.1 is already installed");
    assert_eq!(json["phases"][1]["batches"][0][0]["name"], "Firmware");
    assert_eq!(json["phases"][1]["batches"][0][0]["team_ids"], serde_json::json!([]));
}

#[test]
fn an_item_that_forbids_the_run_is_exit_1() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.json");
    std::fs::write(&path, FILE.replace("ba7816bf", "xxxxxxxx")).unwrap();
    let printed = plan(&path, &[]);
    assert_eq!(printed.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&printed.stderr).contains("one item above forbids the run"));
}

#[test]
fn r12_a_folder_means_its_bootstrap_json_and_what_would_be_left_out_is_told_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bootstrap.json"), FILE.replace("rootscript", "rootscrip")).unwrap();
    let printed = plan(folder.path(), &["--arch", "x86_64"]);
    let (text, told) =
        (String::from_utf8(printed.stdout).unwrap(), String::from_utf8(printed.stderr).unwrap());
    assert!(text.contains("\"Tools\": package"), "the rest is planned: {text}");
    assert!(
        told.contains("bootstrap.json:5:") && told.contains("hint: did you mean \"rootscript\"?"),
        "{told}"
    );
    assert_eq!(printed.status.code(), Some(1), "{told}");
}

#[test]
fn a_full_standard_output_is_an_error_and_no_panic() {
    let Ok(full) = File::options().write(true).open("/dev/full") else {
        return println!("skipped: this system has no /dev/full");
    };
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_iasctl"));
    command.arg("plan").arg(control_file(folder.path())).stdout(full).stderr(Stdio::piped());
    let printed = command.output().unwrap();
    assert_eq!(printed.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&printed.stderr).starts_with("error: standard output:"));
}
