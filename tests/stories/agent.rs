//! The user's part: what runs as whom, and what happens without an agent (R61–R64).

use serde_json::json;
use shared::event::{EventKind, ItemEnd};
use support::{Fleet, Outcome, World, fleet::url, program, server::Reply};

#[test]
fn a_user_script_runs_as_the_user_who_logged_in() {
    let script = "id -un; pwd; echo \"$HOME\" > \"$HOME/Documents/home\"";
    let outcome = World::new()
        .script("userland", "Hello", script, json!({"type": "userscript"}))
        .run(&["--user", "grace"]);
    outcome.exits(0);
    assert_eq!(outcome.end("Hello"), &ItemEnd::Done);
    assert_eq!(outcome.read("/Users/grace/Documents/home").as_deref(), Some("/Users/grace\n"));
}

#[test]
fn r136_one_program_under_two_names_is_both_daemon_and_agent() {
    let folder = tempfile::tempdir().unwrap();
    let copy = |from: &str, to: &str| std::fs::copy(program(from), folder.path().join(to)).unwrap();
    copy("iasctl", "iasctl");
    copy("iasd", "iasd");
    copy("iasd", "iasagent");
    let world = World::new().script("userland", "Hello", "id -un", json!({"type": "userscript"}));
    let told = world.command(&[]);
    let output =
        std::process::Command::new(folder.path().join("iasctl")).args(told.get_args()).output().unwrap();
    let outcome = Outcome::of(&output, &world.root(), None);
    outcome.exits(0);
    assert_eq!(outcome.end("Hello"), &ItemEnd::Done);
}

#[test]
fn r34_one_script_from_one_address_runs_as_root_and_as_the_user() {
    let script = "echo \"$(id -u)\" >> /Users/Shared/ran-as";
    let mut same = json!({"type": "userscript", "url": "https://bootstrap.example.com/userland-0.sh"});
    same["file"] = json!("/Library/installapplications/userland-0.sh");
    let outcome = World::new()
        .script(
            "setupassistant",
            "Open",
            "mkdir -p /Users/Shared; chmod 777 /Users/Shared; umask 0; touch /Users/Shared/ran-as",
            json!({}),
        )
        .script("userland", "Root", script, json!({}))
        .script("userland", "User", script, same)
        .run(&[]);
    outcome.exits(0);
    for name in ["Root", "User"] {
        assert_eq!(outcome.end(name), &ItemEnd::Done, "{name}");
    }
    assert_eq!(outcome.read("/Users/Shared/ran-as").as_deref(), Some("0\n501\n"));
}

#[test]
fn r63_without_an_agent_the_run_pauses_with_75_and_keeps_what_it_has() {
    let outcome = World::new()
        .script("setupassistant", "Root", "touch /Library/root", json!({}))
        .script("userland", "User", "true", json!({"type": "userscript"}))
        .setting("WaitForAgentTimeout", 1)
        .run(&["--agent", "never"]);
    outcome.exits(75);
    assert!(outcome.exists("/Library/root"));
    assert!(outcome.is_not_begun("User"));
    assert!(outcome.exists("/Library/installapplications"));
    let status = outcome.read("/Library/Application Support/ias/status.txt").unwrap();
    assert!(status.contains(" paused "), "{status}");
}

#[test]
fn r63_when_nobody_logs_in_the_wait_is_told_and_ends_in_time() {
    let outcome = World::new()
        .script("userland", "User", "true", json!({"type": "userscript"}))
        .setting("WaitForAgentTimeout", 1)
        .run(&["--user", "never"]);
    outcome.exits(75);
    let (_, summary) = outcome.state.finished.as_ref().expect("an end");
    assert!(summary.contains("nobody logged in within WaitForAgentTimeout"), "{summary}");
}

#[test]
fn r101_the_progress_window_is_opened_in_the_session_of_the_user() {
    let fleet = Fleet::new(json!({}));
    let opened = "while ! grep -q DEPNotify.app /.ias/calls.ndjson; do sleep 0.1 || exit 9; done";
    let item = json!({
        "name": "Waits", "type": "userscript", "url": url("/waits.sh"), "timeout": 30,
        "hash": fleet.script("/waits.sh", opened), "file": "/Library/installapplications/waits.sh",
    });
    fleet.server.serve("/bootstrap.json", [Reply::ok(json!({"userland": [item]}).to_string())]);
    let jsonurl = url("/bootstrap.json");
    let mut arguments = vec!["--jsonurl", &jsonurl, "--depnotify"];
    arguments
        .extend(["DEPNotifyPath: /Applications/Utilities/DEPNotify.app", "DEPNotifyArguments: -fullScreen"]);
    let outcome = fleet.run(&arguments);
    outcome.exits(0);
    assert_eq!(outcome.end("Waits"), &ItemEnd::Done, "{}", outcome.diagnostics);
    let calls = outcome.read_beside("inside/calls.ndjson").unwrap();
    let call = calls.lines().find(|call| call.contains("DEPNotify.app")).expect("it was opened");
    let call: serde_json::Value = serde_json::from_str(call).unwrap();
    assert_eq!((&call["command"], &call["uid"]), (&json!("open"), &json!(501)), "{call}");
    assert!(call.to_string().contains("-fullScreen"), "{call}");
}

#[test]
fn r94_a_user_script_that_fails_shows_its_last_lines_however_much_it_wrote() {
    let script = "seq 1 20000; echo the licence server is away >&2; exit 7";
    let outcome = World::new()
        .script("userland", "Talks", script, json!({"type": "userscript", "fail_policy": "failable"}))
        .run(&[]);
    let lines = outcome.events.iter().find_map(|event| match &event.kind {
        EventKind::ItemFinished { last_lines, .. } => Some(last_lines),
        _ => None,
    });
    let mut expected: Vec<String> = (19_982..=20_000).map(|number: u32| number.to_string()).collect();
    expected.push("the licence server is away".to_owned());
    assert_eq!(lines, Some(&expected));
    let logged = outcome.diagnostics.lines().filter(|line| line.contains("userland[0]")).count();
    // A link that is slow drops lines at the agent's end, a log that is slow at the daemon's; both say so.
    let is_said = ["[output cut", "came too fast"].into_iter().any(|text| outcome.diagnostics.contains(text));
    assert!(logged > 20_000 || is_said, "{logged} lines");
}

#[test]
fn r94_a_root_script_that_fails_shows_its_last_lines_though_only_the_first_mebibyte_is_kept() {
    let script =
        "yes \"$(printf '%03000d' 7)\" | head -n 500; seq 1 19; echo the licence server is away >&2; exit 7";
    let outcome =
        World::new().script("setupassistant", "Talks", script, json!({"fail_policy": "failable"})).run(&[]);
    let lines = outcome.events.iter().find_map(|event| match &event.kind {
        EventKind::ItemFinished { last_lines, .. } => Some(last_lines),
        _ => None,
    });
    let mut expected: Vec<String> = (1..=19).map(|number: u32| number.to_string()).collect();
    expected.push("the licence server is away".to_owned());
    assert_eq!(lines, Some(&expected));
    assert!(outcome.diagnostics.contains("[output cut"), "{}", outcome.diagnostics.len());
}
