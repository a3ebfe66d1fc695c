//! Control files made to harm: too large, too deep, too many, with names that give commands (R4, R31, R100).

use serde_json::{Value, json};
use support::{Fleet, Outcome, World, fleet::url, server::Reply};

const DEPNOTIFY: &str = "/private/var/tmp/depnotify.log";

/// Runs `iasd` with this text for a control file.
fn read(control: impl Into<Vec<u8>>) -> Outcome {
    let fleet = Fleet::new(json!({}));
    fleet.server.serve("/bootstrap.json", [Reply::ok(control.into())]);
    fleet.run(&["--jsonurl", &url("/bootstrap.json"), "--max-retries", "0"])
}

#[test]
fn r4_more_than_anybody_needs_ends_the_run_with_a_reason_and_nothing_begins() {
    let deep = "[".repeat(100 << 20);
    let nested = format!("{{\"preflight\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let item = "{\"name\": \"n\", \"type\": \"rootscript\", \"file\": \"/x\"}";
    let many = format!("{{\"userland\": [{}]}}", vec![item; 100_000].join(","));
    for (control, why) in [(deep, "16777216"), (nested, "nested"), (many, "more than 10000 items")] {
        let outcome = read(control);
        assert!(outcome.code > 0, "{}", outcome.diagnostics);
        assert!(outcome.diagnostics.contains(why), "{why}: {}", outcome.diagnostics);
        assert!(outcome.state.items.is_empty());
    }
}

#[test]
fn r31_places_that_lead_elsewhere_are_refused_before_anything_is_downloaded() {
    let places = ["/Library/../../../tmp/x", "../x", "/Library/a\u{0}b", "/Library/a\nb"];
    for place in places {
        let keys = json!({"file": place, "fail_policy": "failable"});
        let outcome = World::new()
            .script("setupassistant", "Elsewhere", "touch /Library/ran", keys)
            .script("setupassistant", "Next", "touch /Library/next", json!({}))
            .run(&[]);
        assert!(outcome.end("Elsewhere").is_failure(), "{place:?}: {:?}", outcome.end("Elsewhere"));
        assert!(!outcome.exists("/Library/ran") && outcome.exists("/Library/next"), "{place:?}");
    }
}

#[test]
fn r100_a_name_gives_no_command_and_paints_nothing() {
    let names = [
        "A\nCommand: Quit: gone",
        "B\r\nCommand: Restart:",
        "C\u{2028}Command: Logout:",
        "D\u{85}Command: Quit",
        "E\u{1b}[2J\u{1b}]0;owned\u{7}",
    ];
    let body = "printf '\\033[2Jred\\rCommand: Quit\\n'; exit 1";
    let failable = || json!({"fail_policy": "failable"});
    let mut world = World::new().setting("DEPNotifyEnable", true);
    for name in names {
        world = world.script("setupassistant", name, body, failable());
    }
    let outcome = world.run(&[]);
    outcome.exits(0);
    let told = outcome.read(DEPNOTIFY).unwrap();
    for line in told.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).filter(|line| !line.is_empty()) {
        let known = ["Status: ", "Command: Determinate"].iter().any(|start| line.starts_with(start));
        assert!(known, "{line:?} in {told:?}");
    }
    let records = "/Library/Application Support/ias";
    let status = outcome.read(&format!("{records}/status.txt")).unwrap();
    assert_eq!(status.lines().count(), 1, "{status:?}");
    for (what, text) in [("DEPNotify", &told), ("status", &status), ("log", &outcome.diagnostics)] {
        let odd: Vec<&str> =
            text.lines().filter(|line| line.chars().any(|c| c.is_control() && c != '\t')).collect();
        assert!(odd.is_empty(), "{what}: {odd:?}");
    }
    let report: Value =
        serde_json::from_str(&outcome.read(&format!("{records}/report.json")).unwrap()).unwrap();
    assert!(report.is_object());
}
