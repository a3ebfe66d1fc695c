//! Somebody looks at a run from outside while it goes on, through the real `iasctl status`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::{Child, Command, Stdio},
};
use support::program;

/// A rehearsal of one package of the user's and one of the Mac's, with somebody who logs in, or never.
fn rehearsal(folder: &Path, user: &str) -> Child {
    let item = |name: &str, kind: &str, script: &str| {
        fs::write(folder.join(format!("{name}.sh")), format!("#!/bin/sh\n{script}\n")).unwrap();
        json!({ "name": name, "type": kind, "file": format!("/Library/installapplications/{name}.sh"),
                "url": format!("https://files.example/{name}.sh") })
    };
    let control = json!({
        "setupassistant": [item("First", "rootscript", "exit 0"), item("Odd", "rootscript", "exit 3")],
        "userland": [item("Second", "userscript", "echo welcome")],
    });
    fs::write(folder.join("bootstrap.json"), control.to_string()).unwrap();
    let mut command = Command::new(program("iasctl"));
    command.current_dir(folder).args([
        "simulate",
        ".",
        "--root",
        "mac",
        "--json",
        "--set",
        "HashCheckPolicy=Ignore",
    ]);
    command
        .args(["--user", user, "--login-after", "0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Waits for an event of a rehearsal.
fn wait_for(lines: &mut impl Iterator<Item = String>, event: &str) {
    let named =
        |line: &String| serde_json::from_str::<Value>(line).is_ok_and(|value| value["event"] == event);
    assert!(lines.any(|line| named(&line)), "no {event}");
}

fn status(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(program("iasctl"));
    let output = command.current_dir(folder).args(["status", "mac"]).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_run_that_waits_is_told_as_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, said) = status(folder.path(), &[]);
    assert!(code == Some(1) && said.contains("no run is recorded there"), "{said}");
    let mut rehearsal = rehearsal(folder.path(), "never");
    let mut lines = BufReader::new(rehearsal.stdout.take().unwrap()).lines().map_while(Result::ok);
    wait_for(&mut lines, "waiting_for_user");
    let (code, text, _) = status(folder.path(), &[]);
    assert_eq!(code, Some(0));
    for promised in [
        "under way, begun ",
        "✓ First",
        "✗ Odd",
        "exit status 3, tolerated",
        "· Second",
        "waiting for somebody to log in",
    ] {
        assert!(text.contains(promised), "{promised} in\n{text}");
    }
    let (_, json, _) = status(folder.path(), &["--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["format"], &json["state"]), (&1.into(), &"running".into()));
    rehearsal.kill().unwrap();
    rehearsal.wait().unwrap();
}

#[test]
fn whoever_follows_from_before_the_beginning_sees_all_and_ends_as_the_run_does() {
    let folder = tempfile::tempdir().unwrap();
    let mut follow = Command::new(program("iasctl"));
    follow.current_dir(folder.path()).args(["status", "mac", "--follow", "--json"]).stdout(Stdio::piped());
    let mut follow = follow.spawn().unwrap();
    let mut rehearsal = rehearsal(folder.path(), "wile");
    let mut seen = String::new();
    rehearsal.stdout.take().unwrap().read_to_string(&mut seen).unwrap();
    let exit = rehearsal.wait().unwrap();
    let mut followed = String::new();
    follow.stdout.take().unwrap().read_to_string(&mut followed).unwrap();
    assert_eq!(follow.wait().unwrap().code(), exit.code());
    let facts = |text: &str| -> Vec<(u64, String)> {
        let values = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let facts = values.filter(|value| value["seq"].is_u64());
        facts
            .map(|fact| (fact["seq"].as_u64().unwrap(), fact["event"].as_str().unwrap().to_owned()))
            .collect()
    };
    let (there, here) = (facts(&seen), facts(&followed));
    // What is only said, and never recorded, is not in the record.
    assert!(here.iter().all(|fact| there.contains(fact)), "{here:?}");
    for event in ["run_started", "control_file_loaded", "item_started", "agent_checked_in", "run_finished"] {
        assert!(here.iter().any(|(_, known)| known == event), "{event} in {here:?}");
    }
}
