//! Faults on demand, as an admin asks for them: each happens, is met, and is told of at the end.

#![expect(clippy::expect_used, reason = "a story that cannot be told has failed")]

use serde_json::{Value, json};
use shared::{
    event::{EventKind, ItemEnd},
    exit::Ended,
};
use support::{Outcome, World};

/// What the verdict says of a fault: how often it happened, and how the run met it.
fn told(outcome: &Outcome, at: usize) -> (u64, String) {
    let fault = &outcome.verdict.as_ref().expect("a verdict")["faults"][at];
    (fault["happened"].as_u64().expect("how often"), fault["met"].as_str().expect("how").to_owned())
}

fn same_end(outcome: &Outcome) -> &Value {
    &outcome.verdict.as_ref().expect("a verdict")["same_end"]
}

/// What every failed attempt of a download said, in order.
fn failures(outcome: &Outcome) -> Vec<&str> {
    let failed = outcome.events.iter().filter_map(|event| match &event.kind {
        EventKind::DownloadAttemptFailed { error, .. } => Some(error.as_str()),
        _ => None,
    });
    failed.collect()
}

fn one_package() -> World {
    World::new()
        .package("setupassistant", "Tools", "com.example.tools", "echo done >> /Library/done", json!({}))
        .setting("MaximumRedownloads", 5)
}

#[test]
fn a_server_that_breaks_off_is_down_and_lies_is_asked_until_all_is_well() {
    let faults =
        ["drop=300@Tools", "status=503,times=2@setupassistant[0]", "corrupt=400@-0.pkg", "no-range@Tools"];
    let arguments: Vec<&str> = faults.iter().flat_map(|fault| ["--fault", fault]).collect();
    let outcome = one_package().run(&arguments);
    outcome.exits(0);
    let failures = failures(&outcome);
    let expected = ["broke", "503", "503", "its SHA-256 is"];
    assert_eq!(failures.len(), expected.len(), "{failures:#?}");
    for (failure, expected) in failures.iter().zip(expected) {
        assert!(failure.contains(expected), "{failure}: {expected}");
    }
    assert_eq!(told(&outcome, 0), (1, "4 attempts failed, the content came".to_owned()));
    assert_eq!(told(&outcome, 1).0, 2);
    assert_eq!(told(&outcome, 3).0, 1, "the rest was asked for once, and refused");
    assert_eq!(same_end(&outcome), true, "{}", outcome.diagnostics);
    assert_eq!(outcome.read("/Library/done").as_deref(), Some("done\n"));
    assert!(
        outcome.diagnostics.contains("verdict        it ended as without faults"),
        "{}",
        outcome.diagnostics
    );
}

#[test]
fn a_fault_that_is_too_much_is_told_with_what_it_changed() {
    let outcome = one_package().run(&["--fault", "status=404,times=always@Tools"]);
    outcome.exits(1);
    assert_eq!(same_end(&outcome), false);
    assert_eq!(told(&outcome, 0).1, "2 attempts failed, no content for setupassistant[0]");
    let differences = &outcome.verdict.as_ref().expect("a verdict")["differences"];
    assert_eq!(differences[0], "exit status 1, without faults 0");
    assert!(differences.to_string().contains("package com.example.tools 1.0: missing"), "{differences:#}");
}

#[test]
fn the_faults_of_a_scenario_and_those_of_the_command_line_add_up() {
    let outcome = one_package()
        .scenario("faults", json!(["kill-iasd@after item_running setupassistant[0]", "drop=9000@Tools"]))
        .run(&["--fault", "throttle=50k", "--fault", "stall=5,seconds=0.1@bootstrap.json", "--no-compare"]);
    outcome.exits(0);
    assert_eq!(outcome.state.launch, 2);
    assert_eq!([0, 1, 2, 3].map(|at| told(&outcome, at).0 > 0), [true, false, true, true]);
    assert_eq!(told(&outcome, 1).1, "it never happened", "the package is not that long");
    assert_eq!(outcome.verdict.as_ref().expect("a verdict")["begun_again"], json!(["setupassistant[0]"]));
    assert_eq!(same_end(&outcome), &Value::Null, "nobody looked");
}

#[test]
fn r73_a_script_that_hangs_is_ended_by_its_timeout_and_only_by_that() {
    let world = || {
        let policy = json!({"timeout": 1});
        World::new()
            .script("setupassistant", "Caught", "touch /Library/caught", policy)
            .script("setupassistant", "Free", "touch /Library/free", json!({}))
            .package("setupassistant", "Package", "com.example.package", "true", json!({"timeout": 1}))
            .script("userland", "User", "true", json!({"type": "userscript", "timeout": 1}))
    };
    let faults = ["hang=600@Caught", "hang=1@Free", "hang=600@Package", "hang=600@User"];
    let outcome = world().run(&faults.map(|fault| ["--fault", fault]).concat());
    outcome.exits(0);
    assert_eq!(outcome.end("Caught"), &ItemEnd::ExecutionFailed(Ended::TimedOut));
    assert_eq!(outcome.end("Free"), &ItemEnd::Done);
    assert_eq!(outcome.end("Package"), &ItemEnd::ExecutionFailed(Ended::TimedOut));
    assert_eq!(outcome.end("User"), &ItemEnd::ExecutionFailed(Ended::TimedOut));
    assert!(!outcome.exists("/Library/caught") && outcome.exists("/Library/free"));
    assert_eq!(told(&outcome, 0), (1, "its `timeout` ended it".to_owned()));
    assert!(told(&outcome, 1).1.starts_with("nothing ended it"), "{:?}", told(&outcome, 1));
    assert!(outcome.diagnostics.contains("setupassistant[1] has no `timeout`"), "{}", outcome.diagnostics);
    assert_eq!(same_end(&outcome), false, "a script that was ended is not done");
}

#[test]
fn r78_a_full_disk_is_waited_out() {
    let outcome = one_package()
        .script("setupassistant", "After", "echo after >> /Library/done", json!({}))
        .setting("RetryDelay", 1)
        .run(&[
            "--fault",
            // Long enough for an attempt to meet it, however slow the connection comes about.
            "disk-full=10@download_started setupassistant[0]",
            "--fault",
            "disk-full=2@item_running setupassistant[1]",
        ]);
    outcome.exits(0);
    assert!(
        failures(&outcome).iter().any(|failure| failure.contains("the disk is full")),
        "{}",
        outcome.diagnostics
    );
    assert!(outcome.diagnostics.contains("the run waits for its journal"), "{}", outcome.diagnostics);
    assert_eq!(outcome.read("/Library/done").as_deref(), Some("done\nafter\n"));
    assert_eq!(same_end(&outcome), true, "{}", outcome.diagnostics);
}

#[test]
fn p58_a_package_that_meets_a_full_disk_fails_and_leaves_no_receipt() {
    // It goes on unpacking when the run has noticed that the disk is full, which is long before there is room again.
    let noticed = "touch /Library/begun
        while ! grep -q 'waits for its journal' /private/var/log/run.log; do sleep 0.1 || exit 9; done";
    let begun = "while [ ! -e /Library/begun ]; do sleep 0.1 || exit 9; done";
    let outcome = World::new()
        .package_with(
            "setupassistant",
            "Tools",
            ("com.example.tools", &[("preinstall", noticed)]),
            json!({"parallel_group": "a"}),
        )
        .script("setupassistant", "Beside", begun, json!({"parallel_group": "a"}))
        .script("setupassistant", "After", "echo after >> /Library/done", json!({}))
        .setting("LogFilePath", "/private/var/log/run.log")
        .run(&["--fault", "disk-full=20@item_finished setupassistant[1]", "--no-compare"]);
    outcome.exits(0);
    assert_eq!(outcome.end("Tools"), &ItemEnd::ExecutionFailed(Ended::Exited(1)), "{}", outcome.diagnostics);
    assert!(outcome.diagnostics.contains("free space"), "{}", outcome.diagnostics);
    assert!(!outcome.exists("/usr/local/share/com.example.tools"), "{}", outcome.diagnostics);
    assert!(!outcome.exists("/private/var/db/receipts/com.example.tools.plist"));
    assert_eq!(outcome.read("/Library/done").as_deref(), Some("after\n"));
}

#[test]
fn who_was_logged_out_and_whose_agent_was_killed_is_waited_for() {
    let outcome = World::new()
        .script("userland", "Root", "true", json!({}))
        .script("userland", "User", "echo user >> ~/done", json!({"type": "userscript"}))
        .scenario("agent", json!({"throttle": 0.2}))
        .run(&[
            "--fault",
            "hang=2@Root",
            "--fault",
            "logout=1@item_running userland[0]",
            "--fault",
            "kill-agent@item_running userland[0]",
            "--fault",
            "network-away=1@item_running userland[0]",
        ]);
    outcome.exits(0);
    assert_eq!(outcome.read("/Users/ada/done").as_deref(), Some("user\n"));
    let lost = outcome.events.iter().any(|event| matches!(event.kind, EventKind::AgentLost { .. }));
    assert!(lost && outcome.diagnostics.contains("the network is back"), "{}", outcome.diagnostics);
    assert_eq!(same_end(&outcome), true, "{}", outcome.diagnostics);
}

#[test]
fn what_meets_nobody_never_happened_and_a_death_at_the_outset_does() {
    let outcome = one_package().run(&[
        "--user",
        "never",
        "--fault",
        "kill-agent@item_running setupassistant[0]",
        "--fault",
        "logout=1@item_running setupassistant[0]",
        "--fault",
        "kill-iasd@0",
        "--fault",
        "kill-iasd@0",
        "--no-compare",
    ]);
    outcome.exits(0);
    assert_eq!([0, 1, 2, 3].map(|at| told(&outcome, at).0), [0, 0, 1, 1]);
}

#[test]
fn a_fault_nobody_knows_is_refused_before_anything_happens() {
    for (fault, hint) in [
        ("sattus=503", "did you mean `status`?"),
        ("drop=5@Tolls", "did you mean `Tools`?"),
        ("kill-iasd@item_runing", "did you mean `item_running`?"),
        ("hang@userland[3]", "the control file has no item userland[3]"),
    ] {
        let outcome = one_package().run(&["--fault", fault]);
        assert!(outcome.code != 0 && outcome.diagnostics.contains(hint), "{fault}: {}", outcome.diagnostics);
        assert!(outcome.events.is_empty(), "{fault}");
    }
    let outcome = one_package().scenario("faults", json!(["drpo=5"])).run(&[]);
    assert!(outcome.diagnostics.contains("did you mean `drop`?"), "{}", outcome.diagnostics);
}
