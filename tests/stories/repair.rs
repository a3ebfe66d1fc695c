//! A run after a finished one does what is missing, changed or failed, and nothing else.
#![expect(clippy::expect_used, reason = "a story that cannot be set up has failed")]

use serde_json::json;
use shared::event::{Event, EventKind, ItemEnd, RunEnd, SkipReason};
use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Command, Output},
};
use support::{
    INSTALL_PATH, Outcome, World,
    mixed::{effects, mixed},
    program,
};

const REQUEST: &str = "/Library/Application Support/ias/repair.json";
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

/// `iasctl repair` on the Mac of `world`.
fn repair(world: &World, arguments: &[&str]) -> Output {
    let mut command = Command::new(program("iasctl"));
    command
        .arg("repair")
        .arg("--root")
        .arg(world.root())
        .args(arguments)
        .output()
        .expect("iasctl can be started")
}

fn asked(world: &World, arguments: &[&str]) {
    let output = repair(world, arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn not_asked() -> ItemEnd {
    ItemEnd::Skipped(SkipReason::NotAsked)
}

#[test]
fn a_forced_repair_repeats_what_is_named_whatever_receipts_and_digests_say() {
    let world = whole();
    world.again(&[]).exits(0);
    asked(&world, &["--only", "tools", "NOTE", "--force"]);
    let second = world.again(&[]);
    second.exits(0);
    assert_eq!((second.end("Tools"), second.end("Note")), (&ItemEnd::Done, &ItemEnd::Done));
    assert_eq!((second.end("Look"), second.end("Work")), (&not_asked(), &not_asked()));
    assert_eq!(done(&second), "look tools work tools ");
    let told = second.read("/private/var/tmp/depnotify.log").unwrap_or_default();
    assert!(told.contains("Command: DeterminateManual: 2\n"), "only what is repaired: {told}");
    assert!(
        second.diagnostics.contains("repair of \"tools\", \"NOTE\" was asked for"),
        "{}",
        second.diagnostics
    );
    assert!(!second.exists(REQUEST));

    let third = world.again(&[]);
    third.exits(0);
    assert_eq!(third.state.end, Some(RunEnd::NothingToRepair), "what was not asked for is not forgotten");
    assert_eq!(done(&third), "look tools work tools ");
}

#[test]
fn a_forced_repair_of_all_leaves_out_preflight_and_one_without_force_what_is_in_place() {
    let world = whole();
    world.again(&[]).exits(0);
    asked(&world, &["--force"]);
    let second = world.again(&[]);
    second.exits(0);
    assert_eq!(done(&second), "look tools work tools work ");
    fs::write(world.root().join("Library/Acme/note.txt"), "call 43").expect("the note");
    asked(&world, &["--only", "Work"]);
    let third = world.again(&[]);
    assert_eq!(third.state.end, Some(RunEnd::NothingToRepair), "the note was not asked for");
    asked(&world, &[]);
    let fourth = world.again(&[]);
    assert_eq!(fourth.end("Note"), &ItemEnd::Done);
    assert_eq!(done(&fourth), "look tools work tools work ");
}

#[test]
fn a_name_nobody_has_is_refused_and_nothing_is_done() {
    let world = whole();
    let early = repair(&world, &[]);
    assert_eq!(early.status.code(), Some(1), "nothing has run here");
    world.again(&[]).exits(0);
    for (name, problem) in [
        ("Tolls", "no item is called \"Tolls\": did you mean \"Tools\"?"),
        ("Look", "\"Look\" is a preflight script, and a repair asks none of those again"),
    ] {
        let output = repair(&world, &["--only", "Work", name, "--force"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(problem), "{said}");
        assert!(!world.root().join(&REQUEST[1..]).exists());
    }
}

#[test]
fn a_name_that_is_gone_from_the_control_file_ends_the_repair_before_anything_is_done() {
    let world = World::new()
        .script("setupassistant", "Work", "echo work >> /Library/done", json!({}))
        .script("setupassistant", "Old", "echo old >> /Library/done", json!({}));
    world.again(&[]).exits(0);
    asked(&world, &["--only", "Work", "Old", "--force"]);
    let world = world.renamed("Old", "New");
    let second = world.again(&[]);
    second.exits(1);
    assert!(
        second.diagnostics.contains("nothing was repaired: no item is called \"Old\""),
        "{}",
        second.diagnostics
    );
    assert_eq!(done(&second), "work old ");
    let third = world.again(&[]);
    third.exits(0);
    assert_eq!(third.state.end, Some(RunEnd::NothingToRepair));
}

#[test]
fn a_repair_that_was_asked_for_survives_a_power_cut_and_is_carried_out_once() {
    for cut in ["before run_started", "after control_file_loaded", "after item_finished setupassistant[1]"] {
        let world = whole();
        world.again(&[]).exits(0);
        asked(&world, &["--only", "Tools", "Work", "--force"]);
        let second = world.again(&["--power-cut", cut]);
        second.exits(0);
        assert_eq!(done(&second), "look tools work tools work ", "{cut}\n{}", second.diagnostics);
        let third = world.again(&[]);
        assert_eq!(third.state.end, Some(RunEnd::NothingToRepair), "{cut}");
    }
}

#[test]
fn a_repair_asked_for_while_a_run_is_not_over_follows_its_end() {
    let world = whole();
    let nowhere = "JSONURL=https://127.0.0.1:9/bootstrap.json";
    world.again(&["--set", nowhere, "--set", "WaitForControlFile=1"]).exits(75);
    let output = repair(&world, &["--force"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("it goes on first"));
    // Also where errors do not start it again: this is none.
    let first = world.again(&["--set", "NoRestartOnError=true"]);
    first.exits(75);
    assert_eq!((first.state.end, done(&first).as_str()), (Some(RunEnd::Completed), "look tools work "));
    assert!(first.exists("/Library/installapplications"), "it is needed once more");
    let second = world.again(&[]);
    second.exits(0);
    assert_eq!(done(&second), "look tools work tools work ");
    assert!(!second.exists("/Library/installapplications") && !second.exists(REQUEST));
}

#[test]
fn a_repair_asked_for_while_a_finished_run_waits_for_a_package_follows_its_end() {
    let wait = "while [ ! -e /Library/go ]; do sleep 0.1 || exit 9; done; echo slow >> /Library/done";
    let world = World::new()
        .package("setupassistant", "Slow", "com.example.slow", wait, json!({"donotwait": true}))
        .script("setupassistant", "Work", "echo work >> /Library/done", json!({}));
    let mut run = world.start(&[]);
    let lines = BufReader::new(run.stdout.take().expect("its events")).lines();
    let mut events = lines
        .map(|line| serde_json::from_str::<Event>(&line.expect("a line of its events")).expect("an event"));
    assert!(events.any(|event| matches!(event.kind, EventKind::RunFinished { .. })), "it ended early");
    asked(&world, &["--only", "Work", "--force"]);
    fs::write(world.root().join("Library/go"), "").expect("a file");
    let rest: Vec<EventKind> = events.map(|event| event.kind).collect();
    assert_eq!(run.wait().expect("its end").code(), Some(75), "{rest:#?}");
    let second = world.again(&[]);
    second.exits(0);
    assert_eq!(done(&second), "work slow work ");
    assert!(!second.exists(INSTALL_PATH) && !second.exists(REQUEST));
}

#[test]
fn r115_a_request_is_not_written_where_somebody_else_could_change_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = whole();
    world.again(&[]).exits(0);
    let records = world.root().join("Library/Application Support/ias");
    fs::set_permissions(&records, fs::Permissions::from_mode(0o777)).expect("a mode");
    let output = repair(&world, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("writable by"));
    assert!(!records.join("repair.json").exists());
}

const JOB: &str = "/Library/LaunchDaemons/cz.macadmin.iasd.plist";

/// An item that leaves what the package would have installed, as far as a repair needs it.
fn installs(world: World) -> World {
    let job = include_str!("../../launchd/LaunchDaemons/cz.macadmin.iasd.plist");
    let body = format!(
        "echo program > {INSTALL_PATH}/iasd; mkdir -p /Library/LaunchDaemons; cat > {JOB} <<'EOF'\n{job}\nEOF\n"
    );
    world.script("setupassistant", "Installation", &body, json!({}))
}

fn is_at_rest(outcome: &Outcome) -> bool {
    let job = plist::from_file(outcome.on_disk(JOB));
    job.is_ok_and(|job: plist::Dictionary| shared::job::is_at_rest(&job))
}

#[test]
fn with_keepinstalled_programs_and_job_stay_for_a_repair_and_start_nothing() {
    for (body, code) in [("echo work >> /Library/done", 0), ("exit 1", 1)] {
        let world = installs(World::new())
            .script("setupassistant", "Work", body, json!({"fail_policy": "failure_is_not_an_option"}))
            .script("setupassistant", "Outside", "true", json!({"file": "/Library/Acme/outside.sh"}))
            .setting("KeepInstalled", true);
        let first = world.again(&[]);
        first.exits(code);
        assert!(first.exists(&format!("{INSTALL_PATH}/iasd")) && is_at_rest(&first), "{code}");
        for gone in ["setupassistant-1.sh", ".work"] {
            assert!(!first.exists(&format!("{INSTALL_PATH}/{gone}")), "{code}: {gone}");
        }
        assert!(!first.exists("/Library/Acme/outside.sh"), "{code}");
        if code == 0 {
            asked(&world, &["--only", "Work", "--force"]);
            let second = world.again(&[]);
            second.exits(0);
            assert_eq!(done(&second), "work work ");
            assert!(second.exists(&format!("{INSTALL_PATH}/iasd")) && is_at_rest(&second));
            // Without the setting it goes with the next run, as ever.
            let third = world.again(&["--set", "KeepInstalled=false"]);
            third.exits(0);
            assert!(!third.exists(INSTALL_PATH) && !third.exists(JOB));
        }
    }
}

#[test]
fn with_runonce_a_control_file_that_was_carried_out_is_left_alone_until_somebody_asks() {
    let world = whole().setting("RunOnce", true);
    world.again(&[]).exits(0);
    fs::write(world.root().join(&NOTE[1..]), "call 43").expect("the note");
    for _ in 0..2 {
        let again = world.again(&[]);
        again.exits(0);
        assert_eq!(again.state.end, Some(RunEnd::RanBefore), "{}", again.diagnostics);
        assert!(again.diagnostics.contains("was carried out before (RunOnce)"));
        assert_eq!(again.read(NOTE).as_deref(), Some("call 43"));
        assert!(!again.requested_reboot() && !again.exists(INSTALL_PATH));
    }
    // A repair of one item does not vouch for the others.
    asked(&world, &["--only", "Work"]);
    assert_eq!(world.again(&[]).state.end, Some(RunEnd::NothingToRepair));
    assert_eq!(world.again(&[]).state.end, Some(RunEnd::RanBefore));
    asked(&world, &[]);
    let repaired = world.again(&[]);
    repaired.exits(0);
    assert_eq!(repaired.read(NOTE).as_deref(), Some("call 42"));
    assert_eq!(done(&repaired), "look tools work ", "nothing of it was forgotten");
    // Another control file is another matter.
    let changed = world.script("setupassistant", "More", "echo more >> /Library/done", json!({}));
    let last = changed.again(&[]);
    last.exits(0);
    assert_eq!(done(&last), "look tools work more ");
}

#[test]
fn with_runonce_a_run_that_was_aborted_is_tried_again() {
    let body = "echo work >> /Library/done; [ -e /Library/ready ]";
    let world = World::new()
        .script("setupassistant", "Work", body, json!({"fail_policy": "failure_is_not_an_option"}))
        .setting("RunOnce", true);
    world.again(&[]).exits(1);
    fs::write(world.root().join("Library/ready"), "").expect("a file");
    world.again(&[]).exits(0);
    let third = world.again(&[]);
    assert_eq!((third.state.end, done(&third).as_str()), (Some(RunEnd::RanBefore), "work work "));
}
