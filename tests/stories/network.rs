//! What becomes of a run when the network is not there, or goes away (R47).

use serde_json::json;
use shared::event::ItemEnd;
use support::{Fleet, World, fleet::url, server::Reply};

#[test]
fn r47_without_a_network_a_run_waits_instead_of_spending_its_attempts() {
    let fleet = Fleet::new(json!({"network": {"outages": [[0, 2]]}}));
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
