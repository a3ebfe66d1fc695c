//! Packages made to harm, installed by a whole run: nothing outside the Mac changes, nothing fills the disk (P41).
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a story that cannot be set up has failed, and this is where it says why"
)]

use serde_json::json;
use shared::event::{EventKind, ItemEnd};
use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};
use support::{
    Outcome, World,
    crafted::{FILE, LINK, Line, bomb, flat_package, package_info, payload},
};

const ID: &str = "com.evil.tool";

/// Installs one package beside a file that must stay as it is.
fn install(package: &[u8]) -> (Outcome, tempfile::TempDir) {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("precious"), "as it was").unwrap();
    let outcome = World::new()
        .packed("setupassistant", "Evil", (ID, "1.0"), package, json!({"fail_policy": "failable"}))
        .run(&[]);
    assert_eq!(fs::read_to_string(outside.path().join("precious")).unwrap(), "as it was");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    outcome.exits(0);
    (outcome, outside)
}

fn with_payload(attributes: &str, elements: &str, payload: &[u8]) -> Vec<u8> {
    let info = package_info(ID, attributes, elements);
    flat_package(&[("PackageInfo", info.as_bytes()), ("Payload", payload)])
}

/// The last lines of the package that failed, in one text.
fn reason(outcome: &Outcome) -> String {
    let lines = outcome.events.iter().find_map(|event| match &event.kind {
        EventKind::ItemFinished { end, last_lines, .. } if end.is_failure() => Some(last_lines.join("\n")),
        _ => None,
    });
    lines.unwrap_or_else(|| panic!("it did not fail: {:?}", outcome.end("Evil")))
}

#[test]
fn p41_few_bytes_that_stand_for_very_many_are_refused() {
    const MANY: u64 = 400 << 20;
    let bomb = bomb("./big", FILE, MANY);
    assert!(bomb.len() < 8 << 20, "{} bytes", bomb.len());
    let few =
        package_info(ID, "install-location='/Library'", "<payload numberOfFiles='1' installKBytes='4'/>");
    let scripts = package_info(ID, "", "<scripts><preinstall file='./big'/></scripts>");
    for (info, part) in [(few, "Payload"), (scripts, "Scripts")] {
        let (outcome, _) = install(&flat_package(&[("PackageInfo", info.as_bytes()), (part, &bomb)]));
        let reason = reason(&outcome);
        assert!(reason.contains("far more than the package says of itself"), "{reason}");
        assert!(!outcome.exists("/Library/big"));
    }
}

#[test]
fn a_package_that_needs_more_than_there_is_is_not_begun() {
    let huge = format!("<payload numberOfFiles='1' installKBytes='{}'/>", u64::MAX);
    let (outcome, _) = install(&with_payload("", &huge, &payload(&[("./Library/x", FILE, 1, 1, b"x")])));
    assert!(reason(&outcome).contains("of free space"), "{}", reason(&outcome));
    assert!(!outcome.exists("/Library/x"));
}

#[test]
fn p41_names_that_lead_outside_install_nothing_there() {
    let elsewhere = tempfile::tempdir().unwrap();
    let absolute = elsewhere.path().join("planted").display().to_string();
    let folder = elsewhere.path().display().to_string();
    let cases: [&[Line<'_>]; 5] = [
        &[("../../../../../../tmp/planted", FILE, 1, 1, b"x")],
        &[(&absolute, FILE, 1, 1, b"x")],
        &[("./Library/door", LINK, 1, 1, folder.as_bytes()), ("./Library/door/planted", FILE, 1, 2, b"x")],
        &[("./Library/door", LINK, 1, 1, b"../../.."), ("./Library/door/planted", FILE, 1, 2, b"x")],
        &[("../../planted", FILE, 2, 9, b""), ("./Library/mine", FILE, 2, 9, b"x")],
    ];
    for lines in cases {
        let (outcome, _) = install(&with_payload("", "", &payload(lines)));
        assert!(outcome.end("Evil").is_failure(), "{:?}: {:?}", lines[0].0, outcome.end("Evil"));
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0, "{:?}", lines[0].0);
        assert!(!Path::new("/tmp/planted").exists());
    }
}

#[test]
fn p41_devices_and_other_peoples_rights_do_not_reach_the_computer() {
    let lines: [Line<'_>; 4] = [
        ("./Library/disk", 0o060_666, 1, 1, b""),
        ("./Library/pipe", 0o010_666, 1, 2, b""),
        ("./Library/as-root", 0o104_755, 1, 3, b"#!/bin/sh\n"),
        ("./Library/sticky", 0o047_777, 1, 4, b""),
    ];
    let (outcome, _) = install(&with_payload("", "", &payload(&lines)));
    assert_eq!(outcome.end("Evil"), &ItemEnd::Done, "{}", outcome.diagnostics);
    assert!(!outcome.exists("/Library/disk") && !outcome.exists("/Library/pipe"));
    for path in ["/Library/as-root", "/Library/sticky"] {
        let mode = fs::symlink_metadata(outcome.on_disk(path)).unwrap().permissions().mode();
        assert_eq!(mode & 0o7000, 0, "{path}: {mode:o}");
    }
}

#[test]
fn p41_descriptions_that_lead_outside_are_refused() {
    let plain = payload(&[("./planted", FILE, 1, 1, b"x")]);
    let (outcome, _) = install(&with_payload("install-location='/../../..'", "", &plain));
    assert!(reason(&outcome).contains("cannot be used"), "{}", reason(&outcome));
    let info = package_info("../../../../planted", "", "");
    let (outcome, _) = install(&flat_package(&[("PackageInfo", info.as_bytes()), ("Payload", &plain)]));
    assert!(reason(&outcome).contains("cannot name a receipt"), "{}", reason(&outcome));
    let climbing = package_info(ID, "", "<scripts><preinstall file='../../../../bin/sh'/></scripts>");
    let scripts = payload(&[("./x", FILE, 1, 1, b"x")]);
    let (outcome, _) = install(&flat_package(&[("PackageInfo", climbing.as_bytes()), ("Scripts", &scripts)]));
    assert!(reason(&outcome).contains("is not in the package"), "{}", reason(&outcome));
}

#[test]
fn p41_a_payload_that_turns_the_installers_own_files_into_links_changes_nothing_outside() {
    let outside = tempfile::tempdir().unwrap();
    let precious = outside.path().join("precious");
    fs::write(&precious, "as it was").unwrap();
    let before = fs::metadata(&precious).unwrap();
    let target = precious.display().to_string();
    let target = target.as_bytes();
    let folder = outside.path().display().to_string();
    let lines: [Line<'_>; 6] = [
        ("./Library/Receipts/InstallHistory.plist", LINK, 1, 1, target),
        ("./private/var/log/install.log", LINK, 1, 2, target),
        ("./private/var/db/receipts/com.evil.tool.plist", LINK, 1, 3, target),
        ("./private/var/db/receipts/com.evil.tool.bom", LINK, 1, 4, target),
        ("./private/var/log/ias", LINK, 1, 5, folder.as_bytes()),
        ("./private/var/tmp/depnotify.log", LINK, 1, 6, target),
    ];
    let package = with_payload("", "", &payload(&lines));
    let outcome = World::new()
        .packed("setupassistant", "Evil", (ID, "1.0"), &package, json!({"fail_policy": "failable"}))
        .script("setupassistant", "Beside", "echo hello", json!({"donotwait": true}))
        .setting("DEPNotifyEnable", true)
        .run(&[]);
    outcome.exits(0);
    assert_eq!(fs::read_to_string(&precious).unwrap(), "as it was");
    let after = fs::metadata(&precious).unwrap();
    assert_eq!((after.mode(), after.ino(), after.nlink()), (before.mode(), before.ino(), before.nlink()));
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}
