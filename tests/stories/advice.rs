//! What `iasctl simulate` tells an admin who made a mistake.

use serde_json::json;
use shared::{digest::Digest, event::ItemEnd};
use std::fs;
use support::{World, rehearse};

#[test]
fn a_setting_that_does_not_exist_is_refused_with_the_one_that_was_meant() {
    let outcome = World::new().run(&["--set", "Rebot=true"]);
    outcome.exits(1);
    let said = "--set Rebot: there is no such setting: did you mean Reboot?";
    assert!(outcome.diagnostics.contains(said), "{}", outcome.diagnostics);
}

#[test]
fn content_that_is_not_what_its_hash_says_comes_with_the_way_to_mend_it() {
    let wrong = json!({"hash": "0".repeat(64), "retries": 0});
    let world = World::new().script("setupassistant", "Changed", "touch /Library/changed", wrong);
    let outcome = world.run(&[]);
    outcome.exits(1);
    assert!(outcome.diagnostics.contains("--update-hashes"), "{}", outcome.diagnostics);
}

#[test]
fn a_control_file_given_alone_finds_what_lies_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let script = "#!/bin/sh\ntouch /Library/beside\n";
    fs::write(folder.path().join("beside.sh"), script).unwrap();
    let item = json!({
        "name": "Beside", "type": "rootscript", "url": "https://files.example.com/mac/beside.sh",
        "hash": Digest::of(script.as_bytes()), "file": "/Library/installapplications/beside.sh",
    });
    let control = folder.path().join("mine.json");
    fs::write(&control, json!({"setupassistant": [item]}).to_string()).unwrap();
    let outcome = rehearse(&control, &folder.path().join("mac"), &["--set", "MaximumRedownloads=0"]);
    outcome.exits(0);
    assert_eq!(outcome.end("Beside"), &ItemEnd::Done);
    assert!(outcome.exists("/Library/beside"));
}

#[test]
fn r49_the_summary_after_a_preflight_that_passed_says_why_nothing_else_was_done() {
    let world = World::new().script("preflight", "Here", "true", json!({})).script(
        "setupassistant",
        "Work",
        "true",
        json!({}),
    );
    let outcome = world.run(&[]);
    outcome.exits(0);
    assert!(outcome.diagnostics.contains("not needed: preflight passed"), "{}", outcome.diagnostics);
}

#[test]
fn a_standard_output_that_is_full_does_not_end_a_rehearsal() {
    let Ok(full) = fs::File::options().write(true).open("/dev/full") else {
        return println!("skipped: this system has no /dev/full");
    };
    let world = World::new().script("setupassistant", "Work", "touch /Library/work", json!({}));
    let status = world.command(&[]).stdout(full).status().unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(world.root().join("Library/work").exists());
}
