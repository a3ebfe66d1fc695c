//! Who gets to see the credentials an admin writes down, and who does not (R118, R121).

use serde_json::json;
use support::{Fleet, fleet::url, server::Reply};

#[test]
fn r121_user_and_password_in_jsonurl_are_given_to_its_host_when_it_asks_and_to_nobody_else() {
    let fleet = Fleet::new(json!({}));
    let script = fleet.script("/work.sh", "touch /Library/work");
    let item = json!({
        "name": "Work", "type": "rootscript", "url": url("/work.sh"), "hash": script,
        "file": "/Library/installapplications/work.sh",
    });
    let control = Reply::ok(json!({"setupassistant": [item]}).to_string()).basic("me", "hunter2");
    fleet.server.serve("/bootstrap.json", [control]);
    let outcome = fleet.run(&[
        "--jsonurl",
        &url("/bootstrap.json").replace("https://", "https://me:hunter2@"),
        "--debug",
    ]);
    outcome.exits(0);
    let shown = |path: &str| {
        let seen = fleet.server.seen_at(path);
        seen.iter().map(|seen| seen.header("authorization").is_some()).collect::<Vec<_>>()
    };
    assert_eq!(shown("/bootstrap.json"), [false, true], "only when the server asks");
    assert_eq!(shown("/work.sh"), [false], "for the control file alone");
    assert!(outcome.diagnostics.contains("JSONURL: a user name or password"), "{}", outcome.diagnostics);
    let record = outcome.read("/Library/Application Support/ias/last-run.ndjson").unwrap_or_default();
    assert!(!outcome.diagnostics.contains("hunter2") && !record.contains("hunter2"));
}
