//! Control files and settings as the three older tools have them, carried to the end that is promised for them.

use plist::{Dictionary, Value as Plist};
use serde_json::{Value, json};
use shared::{digest::Digest, event::ItemEnd, exit::Ended};
use support::{Fleet, World, fleet::url, server::Reply};

/// Where InstallApplications installed to at first.
const IAPATH: &str = "/Library/Application Support/installapplications";

/// An enrolment in the words of InstallApplications.
fn installapplications(fleet: &Fleet) -> Value {
    let script = |name: &str, path: &str, body: &str| {
        let (hash, file) = (fleet.script(path, body), format!("{IAPATH}{path}"));
        json!({"name": name, "type": "rootscript", "url": url(path), "hash": hash, "file": file})
    };
    let package = json!({
        "name": "Tool", "type": "package", "packageid": "com.example.tool", "version": "1.9",
        "url": url("/tool.pkg"), "hash": "0".repeat(64), "file": format!("{IAPATH}/tool.pkg"),
        "required": false,
    });
    let mut slow = script("Slow", "/slow.sh", "while [ ! -e /Library/go ]; do sleep 0.1 || exit 9; done");
    slow["donotwait"] = json!("true");
    let mut arm = script("Arm", "/arm.sh", "touch /Library/arm");
    arm["skip_if"] = json!("arm64");
    let mut moved = script("Moved", "/moved.sh", "touch /Library/go");
    moved["url"] = json!(url("/here.sh"));
    fleet.server.serve("/here.sh", [Reply::redirect("/moved.sh")]);
    let mut user = script("User", "/user.sh", "id -un > \"$HOME/who\"");
    user["type"] = json!("userscript");
    user["file"] = json!(format!("{IAPATH}/userscripts/user.sh"));
    json!({
        "preflight": [script("Check", "/check.sh", "exit 1")],
        "setupassistant": [package, slow, arm, moved],
        "userland": [user],
    })
}

#[test]
fn r41_an_installapplications_daemon_is_carried_out_from_its_launchd_arguments() {
    let fleet = Fleet::new(json!({"installed": {"com.example.tool": "1.10"}}));
    let control = installapplications(&fleet);
    fleet.server.serve("/bootstrap.json", [Reply::ok(control.to_string())]);
    let jsonurl = url("/bootstrap.json");
    let mut arguments = vec!["--jsonurl", &jsonurl, "--iapath", IAPATH, "--headers", "Basic c2VjcmV0"];
    arguments.extend(["--ldidentifier", "com.example.ia", "--laidentifier", "com.example.ia.user"]);
    arguments.extend(["--follow-redirects", "--skip-validation", "--reboot", "--depnotify"]);
    arguments.extend(["Command: MainTitle: Welcome", "Status: Begin", "Command: Quit: Done"]);
    let outcome = fleet.run(&arguments);
    outcome.exits(0);
    assert_eq!(outcome.end("Check"), &ItemEnd::ExecutionFailed(Ended::Exited(1)));
    assert!(matches!(outcome.end("Tool"), ItemEnd::Skipped(_)), "{:?}", outcome.end("Tool"));
    assert!(fleet.server.seen_at("/tool.pkg").is_empty(), "R21: not even downloaded");
    assert_eq!(outcome.end("Slow"), &ItemEnd::Background, "R14: \"true\" is true");
    assert!(matches!(outcome.end("Arm"), ItemEnd::Skipped(_)) && !outcome.exists("/Library/arm"));
    assert_eq!((outcome.end("Moved"), outcome.end("User")), (&ItemEnd::Done, &ItemEnd::Done));
    assert_eq!(outcome.read("/Users/ada/who").as_deref(), Some("ada\n"));
    for seen in fleet.server.seen() {
        assert_eq!(seen.header("authorization"), Some("Basic c2VjcmV0"), "{}", seen.target);
    }
    assert!(!outcome.diagnostics.contains("c2VjcmV0"), "R36: a secret in the log\n{}", outcome.diagnostics);
    let depnotify = outcome.read("/private/var/tmp/depnotify.log").unwrap();
    assert!(depnotify.starts_with("Command: MainTitle: Welcome\nStatus: Begin\n"), "{depnotify}");
    assert!(depnotify.ends_with("Command: Quit: Done\n"), "{depnotify}");
    assert!(outcome.requested_reboot() && !outcome.exists(IAPATH));
}

#[test]
fn r40_an_installapplications_swiftly_installation_is_carried_out_from_its_plist() {
    let member = json!({"type": "userscript", "parallel_group": "a"});
    let outcome = World::new()
        .scenario("installed", json!({"com.example.current": "1.0", "com.example.forced": "1.0"}))
        .script("preflight", "Check", "exit 1", json!({}))
        .item("preflight", json!({"name": "Misplaced", "type": "package", "file": "/Library/x/x.pkg"}))
        .package("setupassistant", "Current", "com.example.current", "touch /Library/current", json!({}))
        .package(
            "setupassistant",
            "Forced",
            "com.example.forced",
            "touch /Library/forced",
            json!({"pkg_required": true}),
        )
        .script("setupassistant", "Fails", "exit 9", json!({"fail_policy": "FailableExecution"}))
        .script("userland", "One", "true", member)
        .script("userland", "Two", "true", json!({"parallel_group": "a"}))
        .setting("HashCheckPolicy", "Strict")
        .setting("MinDownloadConcurrency", 1)
        .setting("MaxDownloadConcurrency", 4)
        .setting("WaitForAgentTimeout", 30)
        .setting("DEPNotifyEnable", true)
        .setting("DEPNotifyControlFile", "/var/tmp/depnotify.log")
        .setting("DEPNotifyDeterminate", true)
        .run(&[]);
    outcome.exits(0);
    assert!(matches!(outcome.end("Misplaced"), ItemEnd::Skipped(_)), "R12: {:?}", outcome.end("Misplaced"));
    assert!(matches!(outcome.end("Current"), ItemEnd::Skipped(_)) && !outcome.exists("/Library/current"));
    assert!(outcome.end("Forced") == &ItemEnd::Done && outcome.exists("/Library/forced"), "R19");
    assert_eq!(outcome.end("Fails"), &ItemEnd::ExecutionFailed(Ended::Exited(9)));
    assert_eq!((outcome.end("One"), outcome.end("Two")), (&ItemEnd::Done, &ItemEnd::Done));
    let depnotify = outcome.read("/private/var/tmp/depnotify.log").unwrap();
    let steps = depnotify.lines().filter(|line| *line == "Command: DeterminateManualStep: 1").count();
    assert_eq!(steps, 7, "R96: {depnotify}");
    assert!(depnotify.starts_with("Command: DeterminateManual: 7\n"), "{depnotify}");
    for line in ["Installing package: Forced", "Running system script: Fails", "Running user script: One"] {
        assert!(depnotify.contains(&format!("Status: {line}\n")), "{depnotify}");
    }
}

/// Where go-installapplications installs to.
const GO_PATH: &str = "/Library/go-installapplications";

#[test]
fn r37_a_go_installapplications_profile_is_carried_out_with_its_control_file() {
    let fleet = Fleet::new(json!({}));
    let root_file = "settings for everybody\n";
    fleet.server.serve("/root.conf", [Reply::status(503), Reply::status(503), Reply::ok(root_file)]);
    fleet.server.serve("/user.conf", [Reply::ok("settings of a user\n")]);
    let script = fleet.script("/script.sh", "pwd > /Library/where");
    let control = json!({
        "setupassistant": [
            {"Name": "Script", "Type": "RootScript", "URL": url("/script.sh"), "Hash": format!("sha256:{script}"),
             "File": format!("{GO_PATH}/script.sh"), "Fail_Policy": "failure_is_not_an_option"},
            {"name": "RootFile", "type": "rootfile", "url": url("/root.conf"), "file": "/Library/Acme/root.conf",
             "hash": format!("sha256-{}", Digest::of(root_file.as_bytes())), "retries": 2, "retrywait": 0},
            {"name": "Gone", "type": "rootscript", "url": url("/gone.sh"), "hash": "0".repeat(64),
             "file": format!("{GO_PATH}/gone.sh"), "retries": 0, "fail_policy": "failable"},
        ],
        "userland": [
            {"name": "UserFile", "type": "userfile", "url": url("/user.conf"), "file": "/Users/ada/user.conf"},
        ],
    });
    fleet.server.serve("/bootstrap.json", [Reply::ok(control.to_string())]);
    // A run with nothing to do makes the Mac, which is to have the profile.
    fleet.server.serve("/empty.json", [Reply::ok("{}")]);
    fleet.run(&["--jsonurl", &url("/empty.json")]).exits(0);
    fleet.manage("com.github.go-installapplications", &profile(&url("/bootstrap.json")));

    let outcome = fleet.run(&["--mode", "daemon", "--profile-domain", "com.github.go-installapplications"]);
    outcome.exits(0);
    assert_eq!((outcome.end("Script"), outcome.end("RootFile")), (&ItemEnd::Done, &ItemEnd::Done));
    assert_eq!(outcome.read("/Library/where").as_deref(), Some("/\n"), "R71");
    assert_eq!(outcome.read("/Library/Acme/root.conf").as_deref(), Some(root_file), "R82: files stay");
    assert_eq!(fleet.server.seen_at("/root.conf").len(), 3, "R27");
    assert!(matches!(outcome.end("Gone"), ItemEnd::DownloadFailed(_)));
    assert_eq!(fleet.server.seen_at("/gone.sh").len(), 1, "R27: `retries` 0 is one attempt");
    assert_eq!(outcome.end("UserFile"), &ItemEnd::Done, "no `hash`, and HashCheckPolicy is Warning");
    assert_eq!(outcome.read("/Users/ada/user.conf").as_deref(), Some("settings of a user\n"));
    assert!(!outcome.exists(GO_PATH));
}

/// A configuration profile as go-installapplications reads it: flat keys, `shared`, and one for each mode.
fn profile(control: &str) -> Dictionary {
    let dictionary = |entries: Vec<(&str, Plist)>| -> Dictionary {
        entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    };
    let shared = dictionary(vec![
        ("JSONURL", control.into()),
        ("InstallPath", GO_PATH.into()),
        ("HashCheckPolicy", "Warning".into()),
        ("RetryDelay", 0.into()),
    ]);
    let daemon = dictionary(vec![
        ("MaxRetries", 1.into()),
        ("DownloadMaxConcurrency", "4".into()),
        ("WaitForAgentTimeout", "30s".into()),
    ]);
    dictionary(vec![
        ("JSONURL", "https://wrong.example.com/".into()),
        ("shared", Plist::Dictionary(shared)),
        ("daemon", Plist::Dictionary(daemon)),
    ])
}
