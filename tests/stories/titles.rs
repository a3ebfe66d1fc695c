//! Auto Update titles: what a repository says today is installed, with what it requires, and its updates.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use plist::Value;
use serde_json::json;
use shared::event::{EventKind, ItemEnd, SkipReason};
use support::{
    Outcome, Repository, World,
    server::{Reply, Server},
};

fn texts(texts: &[&str]) -> Value {
    Value::Array(texts.iter().map(|text| Value::from(*text)).collect())
}

fn editor() -> Repository {
    Repository::new()
        .package("Runtime", "11.0.2", &[])
        .package("Editor", "1.9", &[])
        .package(
            "Editor",
            "1.10",
            &[("requires", texts(&["Runtime"])), ("display_name", Value::from("The Editor"))],
        )
        .package("Editor Plugin", "3", &[("update_for", texts(&["Editor"]))])
}

fn title(title: &str) -> serde_json::Value {
    json!({"type": "title", "title": title})
}

fn installed(outcome: &Outcome) -> Vec<String> {
    let receipts = outcome.on_disk("/private/var/db/receipts");
    let mut ids: Vec<String> = std::fs::read_dir(receipts)
        .map(|entries| entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect())
        .unwrap_or_default();
    ids.retain(|name| name.ends_with(".plist"));
    ids.sort();
    ids
}

/// The parts that were carried out, in order; the item itself is part 0.
fn carried_out(outcome: &Outcome) -> Vec<u16> {
    let running = outcome.events.iter().filter_map(|event| match &event.kind {
        EventKind::ItemRunning { id } => Some(id.part),
        _ => None,
    });
    running.collect()
}

#[test]
fn t42_t44_a_title_comes_with_what_it_requires_and_its_updates() {
    let world = editor().in_world(World::new()).item("setupassistant", title("Editor"));
    let outcome = world.again(&[]);
    outcome.exits(0);
    assert_eq!(installed(&outcome), ["Editor Plugin.plist", "Editor.plist", "Runtime.plist"]);
    assert_eq!(
        carried_out(&outcome),
        [1, 0, 2],
        "what it requires, the title, its update\n{}",
        outcome.diagnostics
    );
    assert_eq!(*outcome.end("Editor"), ItemEnd::Done, "{}", outcome.diagnostics);
    let receipt = Value::from_file(outcome.on_disk("/private/var/db/receipts/Editor.plist")).unwrap();
    let version = receipt.as_dictionary().unwrap().get("PackageVersion").unwrap();
    assert_eq!(version.as_string(), Some("1.10"), "T26: 1.10 is newer than 1.9");
}

#[test]
fn t37_what_is_there_is_not_installed_again() {
    let world = editor().in_world(World::new()).item("setupassistant", title("Editor"));
    let world = world.scenario("installed", json!({"Editor": "1.10.0", "Runtime": "12"}));
    let outcome = world.run(&[]);
    outcome.exits(0);
    assert_eq!(carried_out(&outcome), [2], "only the update is missing\n{}", outcome.diagnostics);
    let there = SkipReason::Present { installed: Some("1.10".to_owned()), newer: false };
    assert_eq!(*outcome.end("Editor"), ItemEnd::Skipped(there), "{}", outcome.diagnostics);
}

#[test]
fn t96_a_title_that_is_not_there_names_the_nearest() {
    let world = editor().in_world(World::new()).item("setupassistant", title("editor"));
    let outcome = world.run(&[]);
    outcome.exits(1);
    let end = outcome.end("editor").to_string();
    assert!(end.contains("not in catalog production") && end.contains("Editor"), "{end}");
    assert_eq!(installed(&outcome), [""; 0]);
}

#[test]
fn t31_another_file_than_the_catalog_names_is_refused() {
    let world = editor().in_world(World::new()).item("setupassistant", title("Runtime"));
    let world = world.hosted("repo/pkgs/apps/Runtime-11.0.2.pkg", b"something else");
    let outcome = world.run(&[]);
    outcome.exits(1);
    assert!(outcome.end("Runtime").to_string().contains("SHA-256"), "{}", outcome.end("Runtime"));
    assert_eq!(installed(&outcome), [""; 0]);
}

#[test]
fn t47_scripts_run_around_the_installation_and_the_last_only_warns() {
    let scripts = [
        ("preinstall_script", Value::from("#!/bin/sh\necho pre >> /Library/order")),
        ("postinstall_script", Value::from("#!/bin/sh\necho post >> /Library/order; exit 3")),
    ];
    let refusing = [("preinstall_script", Value::from("#!/bin/sh\nexit 7"))];
    let repository = Repository::new().package("Tool", "1", &scripts).package("Never", "1", &refusing);
    let world = repository.in_world(World::new());
    let never = json!({"type": "title", "title": "Never", "fail_policy": "failable"});
    let outcome = world.item("setupassistant", title("Tool")).item("userland", never).run(&[]);
    outcome.exits(0);
    assert_eq!(*outcome.end("Tool"), ItemEnd::Done, "{}", outcome.diagnostics);
    assert_eq!(std::fs::read_to_string(outcome.on_disk("/Library/order")).unwrap(), "pre\npost\n");
    assert!(outcome.end("Never").to_string().contains("exit status 7"), "{}", outcome.end("Never"));
    assert_eq!(installed(&outcome), ["Tool.plist"]);
}

#[test]
fn t37_scripts_tell_whether_a_title_is_there() {
    let once = "#!/bin/sh\n[ ! -e /Library/flag ]";
    let only_scripts = [
        ("installer_type", Value::from("nopkg")),
        ("installcheck_script", Value::from(once)),
        ("postinstall_script", Value::from("#!/bin/sh\ntouch /Library/flag")),
    ];
    let stubborn =
        [("installer_type", Value::from("nopkg")), ("installcheck_script", Value::from("#!/bin/sh\nexit 0"))];
    let repository = Repository::new().title("Flag", "1", &only_scripts).title("Stubborn", "1", &stubborn);
    let world = repository.in_world(World::new());
    let stubborn = json!({"type": "title", "title": "Stubborn"});
    let world = world.item("setupassistant", title("Flag")).item("setupassistant", stubborn);
    let outcome = world.again(&[]);
    outcome.exits(0);
    assert_eq!(*outcome.end("Flag"), ItemEnd::Done, "{}", outcome.diagnostics);
    let end = outcome.end("Stubborn").to_string();
    assert!(end.contains("installed, but not found"), "T10: {end}");
}

#[test]
fn t64_without_a_repository_titles_fail_and_everything_else_goes_on() {
    let world = World::new().script("setupassistant", "Other", "touch /Library/other", json!({}));
    let world =
        world.item("setupassistant", json!({"type": "title", "title": "Editor", "fail_policy": "failable"}));
    let outcome = world.run(&[]);
    outcome.exits(0);
    assert!(outcome.exists("/Library/other"));
    let end = outcome.end("Editor").to_string();
    assert!(end.contains("TitleRepoURL"), "{end}");
}

/// Titles whose scripts count how often they ran.
fn counted() -> World {
    let counting = |name: &str| {
        [
            ("preinstall_script", Value::from(format!("#!/bin/sh\necho pre >> /Library/{name}.log"))),
            ("postinstall_script", Value::from(format!("#!/bin/sh\necho post >> /Library/{name}.log"))),
        ]
    };
    let [pre, post] = counting("editor");
    let repository = Repository::new()
        .package("Runtime", "2", &counting("runtime"))
        .package("Editor", "1", &[pre, post, ("requires", texts(&["Runtime"]))])
        .package("Suite", "1", &[("requires", texts(&["Runtime"]))]);
    repository.in_world(World::new()).item("setupassistant", title("Editor")).item("userland", title("Suite"))
}

fn lines(outcome: &Outcome, log: &str) -> Vec<String> {
    outcome.read(log).unwrap_or_default().lines().map(str::to_owned).collect()
}

#[test]
fn r79_a_run_of_titles_that_is_cut_off_goes_on_with_what_was_resolved() {
    let whole = counted().run(&[]);
    whole.exits(0);
    assert_eq!(carried_out(&whole), [1, 0, 0], "Runtime is shared by both\n{}", whole.diagnostics);
    let (first, second) = ("setupassistant[0]", "setupassistant[0].1");
    let instants = [
        "after titles_resolved".to_owned(),
        format!("after item_running {second}"),
        format!("torn item_finished {second}"),
        format!("after item_finished {second}"),
        format!("after item_running {first}"),
        format!("torn item_finished {first}"),
        "after phase_finished".to_owned(),
        "after item_started userland[0]".to_owned(),
        "after item_running userland[0]".to_owned(),
    ];
    for instant in instants {
        let outcome = counted().run(&["--power-cut", &instant, "--no-compare"]);
        outcome.exits(0);
        assert_eq!(outcome.state.launch, 2, "{instant}\n{}", outcome.diagnostics);
        let expected = ["Editor.plist", "Runtime.plist", "Suite.plist"];
        assert_eq!(installed(&outcome), expected, "{instant}\n{}", outcome.diagnostics);
        let asked =
            outcome.events.iter().filter(|event| matches!(event.kind, EventKind::TitlesResolved { .. }));
        assert!(asked.count() <= 1, "T13: {instant}\n{}", outcome.diagnostics);
        for log in ["/Library/runtime.log", "/Library/editor.log"] {
            let lines = lines(&outcome, log);
            let once = lines == ["pre", "post"];
            // In flight it is done again; what stands behind it never goes missing.
            let again = lines.last().is_some_and(|last| last == "post") && lines.len() <= 4;
            // What nobody waits for is on the disk together with the next effect, which may have begun then.
            let in_flight = !instant.starts_with("after item_finished");
            assert!(once || in_flight && again, "{instant}: {log}: {lines:?}\n{}", outcome.diagnostics);
        }
    }
}

#[test]
fn t31_no_policy_takes_another_file_than_the_catalog_names() {
    for policy in ["Ignore", "WarningAcceptFirst"] {
        let world = editor().in_world(World::new()).item("setupassistant", title("Runtime"));
        let world = world.hosted("repo/pkgs/apps/Runtime-11.0.2.pkg", b"something else");
        let outcome = world.setting("HashCheckPolicy", policy).run(&[]);
        outcome.exits(1);
        assert_eq!(installed(&outcome), [""; 0], "{policy}");
    }
}

#[test]
fn r74_a_dry_run_runs_no_script_of_a_title() {
    let scripts = [
        ("installer_type", Value::from("nopkg")),
        ("installcheck_script", Value::from("#!/bin/sh\ntouch /Library/asked")),
        ("postinstall_script", Value::from("#!/bin/sh\ntouch /Library/done")),
    ];
    let world = Repository::new().title("Flag", "1", &scripts).in_world(World::new());
    let outcome = world.item("setupassistant", title("Flag")).setting("DryRun", true).run(&[]);
    outcome.exits(0);
    assert_eq!(*outcome.end("Flag"), ItemEnd::Skipped(SkipReason::DryRun), "{}", outcome.diagnostics);
    assert!(!outcome.exists("/Library/asked") && !outcome.exists("/Library/done"));
}

#[test]
fn a_repair_looks_at_titles_and_installs_what_is_missing() {
    let world = editor().in_world(World::new()).item("setupassistant", title("Editor"));
    let first = world.again(&[]);
    first.exits(0);
    let nothing = world.again(&[]);
    nothing.exits(0);
    assert_eq!(carried_out(&nothing), [0; 0], "{}", nothing.diagnostics);
    for gone in ["Editor.plist", "Editor.bom"] {
        std::fs::remove_file(first.on_disk(&format!("/private/var/db/receipts/{gone}"))).unwrap();
    }
    let repaired = world.again(&[]);
    repaired.exits(0);
    assert_eq!(carried_out(&repaired), [0], "only what is missing\n{}", repaired.diagnostics);
}

#[test]
fn t10_what_follows_a_title_need_not_wait_for_it_but_what_needs_it_does() {
    // It goes on only when what follows it has run.
    let patient =
        "#!/bin/sh\nfor i in $(seq 200); do [ -e /Library/followed ] && exit; sleep 0.05; done; exit 1";
    let repository = Repository::new()
        .package("Slow", "1", &[("preinstall_script", Value::from(patient))])
        .package("Plugin", "1", &[("requires", texts(&["Slow"]))]);
    let slow = json!({"type": "title", "title": "Slow", "donotwait": true});
    let world = repository.in_world(World::new()).item("setupassistant", slow);
    let world = world.script("setupassistant", "Next", "touch /Library/followed", json!({}));
    let outcome = world.item("setupassistant", title("Plugin")).run(&[]);
    outcome.exits(0);
    let (slow, next, plugin) = (outcome.span("Slow"), outcome.span("Next"), outcome.span("Plugin"));
    assert!(next.1 < slow.1 && slow.1 < plugin.1, "{slow:?} {next:?} {plugin:?}\n{}", outcome.diagnostics);
    assert_eq!(installed(&outcome), ["Plugin.plist", "Slow.plist"]);
}

#[test]
fn t48_the_content_of_a_title_goes_as_soon_as_it_is_installed() {
    let world = editor().in_world(World::new()).item("setupassistant", title("Editor"));
    let look = "find /Library/installapplications/titles -type f | wc -l > /Library/left; exit 0";
    let outcome = world.script("setupassistant", "Look", look, json!({})).run(&[]);
    outcome.exits(0);
    assert_eq!(outcome.read("/Library/left").as_deref(), Some("0\n"), "{}", outcome.diagnostics);
}

#[test]
fn t10_what_needs_a_title_that_cannot_be_had_now_pauses_with_it_and_goes_on_later() {
    let server = Server::start().unwrap();
    let plugin = [("requires", texts(&["Slow"]))];
    let repository = || Repository::new().package("Slow", "1", &[]).package("Plugin", "1", &plugin);
    repository().on(&server);
    server.serve("/repo/pkgs/apps/Slow-1.pkg", [Reply::status(503)]);
    let slow = json!({"type": "title", "title": "Slow", "donotwait": true, "retries": 0});
    let world = World::new().item("setupassistant", slow).item("setupassistant", title("Plugin"));
    // So that it ends, should it ever wait for what will not come.
    let world = world.setting("TitleRepoURL", server.url("/repo")).setting("RunDeadline", 20);
    let paused = world.again(&[]);
    paused.exits(75);
    let (_, why) = paused.state.finished.clone().unwrap();
    assert!(why.contains("503"), "it waited for something else: {why}\n{}", paused.diagnostics);
    repository().on(&server);
    let outcome = world.again(&[]);
    outcome.exits(0);
    assert_eq!(installed(&outcome), ["Plugin.plist", "Slow.plist"], "{}", outcome.diagnostics);
}
