//! A run after a finished one does what is missing, changed or failed, and nothing else.

use serde_json::json;
use shared::event::{EventKind, ItemEnd, RunEnd, SkipReason};
use std::fs;
use support::{
    Outcome, World,
    mixed::{effects, mixed},
};

const NOTE: &str = "/Library/Acme/note.txt";

fn whole() -> World {
    World::new()
        .script("preflight", "Look", "echo look >> /Library/done; exit 1", json!({}))
        .package("setupassistant", "Tools", "com.example.tools", "echo tools >> /Library/done", json!({}))
        .script("setupassistant", "Work", "echo work >> /Library/done", json!({}))
        .file("setupassistant", "Note", NOTE, "call 42")
        .setting("DEPNotifyEnable", true)
        .setting("Reboot", true)
}

fn done(outcome: &Outcome) -> String {
    outcome.read("/Library/done").unwrap_or_default().replace('\n', " ")
}

fn already() -> ItemEnd {
    ItemEnd::Skipped(SkipReason::AlreadyDone)
}

#[test]
fn with_everything_in_place_a_further_run_is_quiet_also_when_the_power_goes_at_its_end() {
    let world = whole();
    let first = world.again(&[]);
    first.exits(0);
    assert!(first.requested_reboot());
    let told = first.read("/private/var/tmp/depnotify.log");
    for cut in [None, Some("after run_finished"), Some("after control_file_loaded")] {
        let arguments: Vec<&str> = cut.iter().flat_map(|cut| ["--power-cut", cut]).collect();
        let second = world.again(&arguments);
        second.exits(0);
        assert_eq!(done(&second), "look tools work ", "{cut:?}");
        assert_eq!(second.state.end, Some(RunEnd::NothingToRepair), "{cut:?}\n{}", second.diagnostics);
        assert!(!second.requested_reboot(), "{cut:?}: nothing was done");
        assert_eq!(second.read("/private/var/tmp/depnotify.log"), told, "{cut:?}");
    }
}

#[test]
fn what_is_missing_or_changed_is_done_again() {
    let world = whole();
    world.again(&[]).exits(0);
    let receipts = world.root().join("private/var/db/receipts");
    for receipt in fs::read_dir(&receipts).expect("receipts").flatten() {
        fs::remove_file(receipt.path()).expect("a receipt");
    }
    fs::write(world.root().join("Library/Acme/note.txt"), "call 43").expect("the note");
    let second = world.again(&[]);
    second.exits(0);
    assert_eq!((second.end("Tools"), second.end("Note")), (&ItemEnd::Done, &ItemEnd::Done));
    assert_eq!((second.end("Look"), second.end("Work")), (&already(), &already()));
    assert_eq!(done(&second), "look tools work tools ");
    assert_eq!(second.read(NOTE).as_deref(), Some("call 42"));
    let told = second.read("/private/var/tmp/depnotify.log").unwrap_or_default();
    assert!(told.contains("Command: DeterminateManual: 2\n"), "only what is repaired: {told}");
}

#[test]
fn a_repair_that_pauses_does_not_forget_what_was_done() {
    let world = mixed();
    world.again(&[]).exits(0);
    let nowhere = "JSONURL=https://127.0.0.1:9/bootstrap.json";
    let paused = world.again(&["--set", nowhere, "--set", "WaitForControlFile=1"]);
    paused.exits(75);
    let third = world.again(&[]);
    third.exits(0);
    let times = effects(&third);
    for name in ["look", "tools", "left", "right", "root", "user"] {
        assert_eq!(times.get(name), Some(&1), "{name}\n{}", third.diagnostics);
    }
    assert!(times.get("broken").is_some_and(|times| *times > 1), "what failed is tried again");
    assert!(third.events.iter().any(|event| matches!(event.kind, EventKind::ControlFileLoaded { .. })));
}
