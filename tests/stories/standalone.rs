//! A run without agent: `--mode standalone` (R112).

use serde_json::{Value, json};
use shared::event::{EventKind, ItemEnd};
use std::{fs, os::unix::fs::MetadataExt as _};
use support::{Fleet, Outcome, fleet::url, server::Reply};

/// An item whose content is the script `body`.
fn script(fleet: &Fleet, name: &str, body: &str, keys: Value) -> Value {
    let path = format!("/{name}.sh");
    let mut item = json!({
        "name": name, "type": "userscript", "url": url(&path), "hash": fleet.script(&path, body),
        "file": format!("/Library/installapplications/userscripts{path}"),
    });
    for (key, value) in keys.as_object().into_iter().flatten() {
        item[key] = value.clone();
    }
    item
}

/// A file of the user's, with the text `body` in it.
fn file(fleet: &Fleet, name: &str, place: &str) -> Value {
    let mut item = script(fleet, name, "true", json!({"type": "userfile"}));
    item["file"] = json!(place);
    item
}

fn run(fleet: &Fleet, control: Value, arguments: &[&str]) -> Outcome {
    fleet.server.serve("/bootstrap.json", [Reply::ok(control.to_string())]);
    let jsonurl = url("/bootstrap.json");
    fleet.run(&[&["--mode", "standalone", "--jsonurl", &jsonurl], arguments].concat())
}

#[test]
fn r112_without_an_agent_user_items_are_done_as_the_user() {
    let fleet = Fleet::new(json!({}));
    let who = "id -u; id -g; pwd; umask; echo $# $USER $HOME $TMPDIR; touch ~/Documents/mine; \
               touch /Library/not-mine 2>/dev/null && exit 3; exit 0";
    let control = json!({"userland": [
        script(&fleet, "Who", who, json!({})),
        file(&fleet, "Place", "/Users/ada/Library/Acme/settings"),
        script(&fleet, "Beside", "id -u > ~/beside; echo done", json!({"donotwait": true})),
    ]});
    let outcome = run(&fleet, control, &["--track-background-processes", "true", "--verbose"]);
    outcome.exits(0);
    assert_eq!(outcome.end("Who"), &ItemEnd::Done, "{}", outcome.diagnostics);
    let told = ["501", "20", "/", "0022", "0 ada /Users/ada /private/tmp"];
    for line in told {
        assert!(
            outcome.diagnostics.lines().any(|found| found.ends_with(line)),
            "{line}: {}",
            outcome.diagnostics
        );
    }
    assert_eq!(outcome.end("Place"), &ItemEnd::Done);
    assert_eq!(outcome.read("/Users/ada/Library/Acme/settings").as_deref(), Some("#!/bin/sh\ntrue\n"));
    let [mine, placed] = ["/Users/ada/Documents/mine", "/Users/ada/Library/Acme/settings"]
        .map(|path| fs::symlink_metadata(outcome.on_disk(path)).unwrap());
    assert_eq!((placed.uid(), placed.mode() & 0o7777), (mine.uid(), 0o644));
    assert_eq!(fs::read_dir(outcome.on_disk("/Users/ada/Library/Acme")).unwrap().count(), 1);
    assert_eq!(fs::read_dir(outcome.on_disk("/private/var/run/ias/lent")).unwrap().count(), 0);

    assert_eq!(outcome.read("/Users/ada/beside").as_deref(), Some("501\n"));
    assert_eq!(outcome.read("/private/var/log/ias/userland-2.log").as_deref(), Some("done\n"));
    let is_an_agents = |kind: &EventKind| matches!(kind, EventKind::AgentCheckedIn { .. });
    assert!(!outcome.events.iter().any(|event| is_an_agents(&event.kind)));
    assert!(!outcome.exists("/private/var/run/ias/agent.sock"));
    assert!(!outcome.exists("/Library/installapplications"));
}

#[test]
fn r94_r112_a_failure_without_an_agent_is_told_with_its_reason() {
    let fleet = Fleet::new(json!({}));
    let control = json!({"userland": [
        script(&fleet, "Fails", "echo the licence server is away; exit 7", json!({"fail_policy": "failable"})),
        file(&fleet, "Blocked", "/Library/Acme/settings"),
    ]});
    let outcome = run(&fleet, control, &[]);
    let finished = |name: &str| {
        outcome.events.iter().find_map(|event| match &event.kind {
            EventKind::ItemFinished { id, end, last_lines, .. }
                if outcome.state.items[id].listed.name == name =>
            {
                Some((end.to_string(), last_lines.clone()))
            }
            _ => None,
        })
    };
    let (end, lines) = finished("Fails").unwrap();
    assert!(end.contains("exit status 7"), "{end}");
    assert_eq!(lines, ["the licence server is away"]);
    let (end, _) = finished("Blocked").unwrap();
    assert!(end.contains("place /Library/Acme/settings") && end.contains("ermission denied"), "{end}");
    assert!(!outcome.exists("/Library/Acme"));
}

#[test]
fn a_standalone_run_has_a_preflight_only_when_asked_for() {
    for (arguments, runs) in [(&[] as &[&str], false), (&["--with-preflight"], true)] {
        let fleet = Fleet::new(json!({}));
        let mut check =
            script(&fleet, "Check", "touch /Library/checked; exit 1", json!({"type": "rootscript"}));
        check["file"] = json!("/Library/installapplications/check.sh");
        let outcome = run(&fleet, json!({"preflight": [check], "userland": []}), arguments);
        outcome.exits(0);
        assert_eq!(outcome.exists("/Library/checked"), runs, "{}", outcome.diagnostics);
    }
}
