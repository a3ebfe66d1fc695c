//! What becomes of a run when the network is not there, or goes away (R47).

use serde_json::json;
use shared::{
    digest::Digest,
    event::{EventKind, ItemEnd, PhaseEnd},
    exit::Ended,
    item::Phase,
};
use support::{
    Fleet, World,
    fleet::url,
    server::{Reply, Server},
};

#[test]
fn r47_without_a_network_a_run_waits_instead_of_spending_its_attempts() {
    let fleet = Fleet::new(json!({"network": {"outages": [[0, 6]]}}));
    let script = fleet.script("/work.sh", "touch /Library/work");
    let item = json!({
        "name": "Work", "type": "rootscript", "url": url("/work.sh"), "hash": script, "retries": 0,
        "file": "/Library/installapplications/work.sh",
    });
    fleet.server.serve("/bootstrap.json", [Reply::ok(json!({"setupassistant": [item]}).to_string())]);
    let outcome = fleet.run(&["--jsonurl", &url("/bootstrap.json"), "--max-retries", "0"]);
    outcome.exits(0);
    assert_eq!(outcome.end("Work"), &ItemEnd::Done);
    assert_eq!(fleet.server.seen().len(), 2, "nothing was asked in vain");
    let said = |text: &str| outcome.diagnostics.contains(text);
    assert!(said("no network (no default route)") && said("the network is back"), "{}", outcome.diagnostics);
}

#[test]
fn a_mirror_steps_in_for_a_server_that_is_down() {
    let nobody = "http://127.0.0.1:9/setupassistant-0.sh";
    let urls = json!([nobody, "https://bootstrap.example.com/setupassistant-0.sh"]);
    let outcome = World::new()
        .script("setupassistant", "Mirrored", "touch /Library/mirrored", json!({"url": null, "urls": urls}))
        .setting("MaximumRedownloads", 0)
        .run(&[]);
    outcome.exits(0);
    assert_eq!(outcome.end("Mirrored"), &ItemEnd::Done);
    assert!(outcome.diagnostics.contains(&format!("{nobody}: no connection")), "{}", outcome.diagnostics);
}

#[test]
fn a_server_that_is_down_pauses_the_run_and_nothing_is_lost() {
    let fleet = Fleet::new(json!({}));
    let [first, second] = [("/first.sh", "first"), ("/second.sh", "second")]
        .map(|(path, text)| (path, fleet.script(path, &format!("echo {text} >> /Library/done"))));
    let item = |(path, digest): (&str, Digest), retries: u32| {
        let file = format!("/Library/installapplications{path}");
        let hash = digest.to_string();
        json!({
            "name": path, "type": "rootscript", "url": url(path), "file": file, "hash": hash,
            "retries": retries, "retrywait": 0,
        })
    };
    let control = json!({"setupassistant": [item(first, 0), item(second, 1)]});
    fleet.server.serve("/bootstrap.json", [Reply::ok(control.to_string())]);
    fleet.server.serve("/second.sh", [Reply::status(503)]);
    let arguments = ["--jsonurl", &url("/bootstrap.json")];

    let paused = fleet.run(&arguments);
    paused.exits(75);
    assert!(paused.diagnostics.contains("503"), "{}", paused.diagnostics);
    assert!(paused.exists("/Library/installapplications"), "what is not finished is not removed");
    let (phase, end) = (Phase::SetupAssistant, PhaseEnd::Paused);
    assert!(paused.events.iter().any(|event| event.kind == EventKind::PhaseFinished { phase, end }));
    let report = paused.read("/Library/Application Support/ias/report.json").unwrap_or_default();
    let report: serde_json::Value = serde_json::from_str(&report).expect("a report");
    let state = |phase: &str| report["phases"][phase]["state"].as_str();
    assert_eq!((state("setupassistant"), state("userland")), (Some("Running"), None), "{report:#}");

    let _ = fleet.script("/second.sh", "echo second >> /Library/done");
    let finished = fleet.run(&arguments);
    finished.exits(0);
    assert_eq!(finished.read("/Library/done").as_deref(), Some("first\nsecond\n"), "each once");
    assert_eq!(finished.state.launch, 2);
}

#[test]
fn r47_a_hotel_network_is_waited_for_until_somebody_logs_in() {
    // Plainly over http: over https nobody but the server itself could have answered.
    let (fleet, server) = (Fleet::new(json!({})), Server::start().unwrap());
    let page = || Reply::ok("<!DOCTYPE html><html>Welcome to the hotel").header("Content-Type", "text/html");
    let text = "#!/bin/sh\ntouch /Library/work\n";
    let item = json!({
        "name": "Work", "type": "rootscript", "url": server.url("/work.sh"), "hash": Digest::of(text.as_bytes()),
        "file": "/Library/installapplications/work.sh", "retries": 0, "retrywait": 0,
    });
    let control = json!({"setupassistant": [item]}).to_string();
    server.serve("/bootstrap.json", [page(), Reply::ok(control)]);
    server.serve("/work.sh", [page(), page(), Reply::ok(text)]);
    let outcome =
        fleet.run(&["--jsonurl", &server.url("/bootstrap.json"), "--max-retries", "1", "--retry-delay", "0"]);
    outcome.exits(0);
    assert_eq!(outcome.end("Work"), &ItemEnd::Done);
    assert_eq!(outcome.diagnostics.matches("(captive portal)").count(), 3, "{}", outcome.diagnostics);
}

/// A Mac with two scripts, of which the second one never arrives as a whole.
fn with_a_stalled_server(keys: &serde_json::Value) -> (Fleet, String) {
    let fleet = Fleet::new(json!({}));
    let first = fleet.script("/first.sh", "echo first >> /Library/done");
    let second = fleet.script("/second.sh", "echo second >> /Library/done");
    let mut items = json!([
        {"name": "first", "type": "rootscript", "url": url("/first.sh"), "hash": first,
         "file": "/Library/installapplications/first.sh"},
        {"name": "second", "type": "rootscript", "url": url("/second.sh"), "hash": second,
         "file": "/Library/installapplications/second.sh"},
    ]);
    for (key, value) in keys.as_object().into_iter().flatten() {
        items[1][key] = value.clone();
    }
    fleet.server.serve("/second.sh", [Reply::ok("#!/bin/sh\n").announcing(1000).stall_after(5)]);
    fleet.server.serve("/bootstrap.json", [Reply::ok(json!({"setupassistant": items}).to_string())]);
    (fleet, url("/bootstrap.json"))
}

#[test]
fn a_start_that_takes_too_long_pauses_and_the_next_one_goes_on() {
    let (fleet, control) = with_a_stalled_server(&json!({}));
    let paused = fleet.run(&["--jsonurl", &control, "--run-deadline", "3"]);
    paused.exits(75);
    assert!(paused.diagnostics.contains("(RunDeadline)"), "{}", paused.diagnostics);
    assert!(paused.exists("/Library/installapplications"), "what is not finished is not removed");

    let _ = fleet.script("/second.sh", "echo second >> /Library/done");
    let finished = fleet.run(&["--jsonurl", &control]);
    finished.exits(0);
    assert_eq!(finished.read("/Library/done").as_deref(), Some("first\nsecond\n"), "each once");
}

#[test]
fn an_item_that_takes_too_long_is_left_out_when_it_is_failable() {
    let (fleet, control) = with_a_stalled_server(&json!({"fail_policy": "failable", "download_timeout": 1}));
    let outcome = fleet.run(&["--jsonurl", &control]);
    outcome.exits(0);
    assert!(outcome.end("second").to_string().contains("(download_timeout)"), "{}", outcome.end("second"));
    assert_eq!(outcome.read("/Library/done").as_deref(), Some("first\n"));
}

#[test]
fn what_is_not_there_still_ends_the_run_by_its_policy() {
    let fleet = Fleet::new(json!({}));
    let gone = json!({
        "name": "gone", "type": "rootscript", "url": url("/gone.sh"), "hash": "0".repeat(64),
        "file": "/Library/installapplications/gone.sh", "retrywait": 0,
    });
    fleet.server.serve("/bootstrap.json", [Reply::ok(json!({"setupassistant": [gone]}).to_string())]);
    let outcome = fleet.run(&["--jsonurl", &url("/bootstrap.json")]);
    outcome.exits(1);
    assert!(!outcome.exists("/Library/installapplications"));
}

#[test]
fn a_pause_in_preflight_lets_what_has_begun_end_and_a_policy_weighs_more_than_it() {
    for (policy, code) in [("failable", 75), ("failure_is_not_an_option", 1)] {
        let server = Server::start().unwrap();
        // Long enough that the pause is known before the script ends.
        let looks = "touch /Library/begun; sleep 2; touch /Library/ended; exit 3";
        let world = World::new().setting("MinDownloadConcurrency", 2);
        server.serve("/down.sh", [Reply::status(503).after(world.root().join("Library/begun"))]);
        let down = json!({
            "name": "Down", "type": "rootscript", "hash": "0".repeat(64), "retries": 0,
            "url": server.url("/down.sh"), "file": "/Library/installapplications/down.sh",
        });
        let world = world.item("preflight", down);
        let outcome = world.script("preflight", "Look", looks, json!({"fail_policy": policy})).run(&[]);
        outcome.exits(code);
        assert!(outcome.exists("/Library/ended"), "{policy}\n{}", outcome.diagnostics);
        assert_eq!(outcome.end("Look"), &ItemEnd::ExecutionFailed(Ended::Exited(3)), "{policy}");
        assert_eq!(outcome.state.preflight_passed, None, "{policy}: nothing was decided");
    }
}

#[test]
fn r68_a_pause_waits_for_a_package_in_the_background() {
    let server = Server::start().unwrap();
    let slow = "touch /Library/begun; sleep 2; echo slow >> /Library/installed";
    let world =
        World::new().package("setupassistant", "Slow", "com.example.slow", slow, json!({"donotwait": true}));
    server.serve("/down.sh", [Reply::status(503).after(world.root().join("Library/begun"))]);
    let script = "#!/bin/sh\ntouch /Library/down\n";
    let down = json!({
        "name": "Down", "type": "rootscript", "hash": Digest::of(script.as_bytes()), "retries": 0,
        "url": server.url("/down.sh"), "file": "/Library/installapplications/down.sh",
    });
    let world = world.item("setupassistant", down);
    let paused = world.again(&[]);
    paused.exits(75);
    assert_eq!(paused.read("/Library/installed").as_deref(), Some("slow\n"), "{}", paused.diagnostics);

    server.serve("/down.sh", [Reply::ok(script)]);
    let finished = world.run(&[]);
    finished.exits(0);
    assert!(finished.exists("/Library/down"));
    assert_eq!(finished.read("/Library/installed").as_deref(), Some("slow\n"), "once");
}
