//! Who is told how a run ended: once, also when the service was down, or the power went.

use serde_json::{Value, json};
use support::{
    Fleet,
    fleet::url,
    server::{Reply, Seen},
};

const OUTBOX: &str = "/Library/Application Support/ias/outbox.json";

/// A Mac that gets one good script and one that may fail, from a server which also takes messages.
fn fleet(replies: impl IntoIterator<Item = Reply>) -> Fleet {
    let fleet = Fleet::new(json!({}));
    let (good, bad) =
        (fleet.script("/good.sh", "exit 0"), fleet.script("/bad.sh", "echo password=hidden; exit 3"));
    let item = |name: &str, path: &str, hash: String| {
        json!({
            "name": name, "type": "rootscript", "file": format!("/Library/installapplications{path}"),
            "url": format!("{}?token=hidden", url(path)), "hash": hash, "fail_policy": "failable",
        })
    };
    let items = json!([
        item("Good & <cheap>", "/good.sh", good.to_string()),
        item("Bad", "/bad.sh", bad.to_string())
    ]);
    let document = json!({ "preflight": [], "setupassistant": items, "userland": [] });
    fleet.server.serve("/bootstrap.json", [Reply::ok(document.to_string())]);
    fleet.server.serve("/hook", replies);
    fleet
}

fn run(fleet: &Fleet, more: &[&str]) -> support::Outcome {
    let (control, hook) = (url("/bootstrap.json"), url("/hook?key=hidden"));
    let arguments = ["--jsonurl", &control, "--webhook-url", &hook, "--keep-installed", "true"];
    fleet.run(&[&arguments[..], more].concat())
}

fn told(fleet: &Fleet) -> Vec<Seen> {
    fleet.server.seen().into_iter().filter(|seen| seen.target.starts_with("/hook")).collect()
}

#[test]
fn the_end_of_a_run_is_told_once_and_nothing_secret_with_it() {
    let fleet = fleet([Reply::ok("")]);
    let outcome = run(&fleet, &[]);
    outcome.exits(0);
    let told = told(&fleet);
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].method.as_str(), told[0].header("content-type")), ("POST", Some("application/json")));
    let message: Value = serde_json::from_slice(&told[0].body).unwrap();
    assert_eq!(
        (&message["event"], &message["state"]),
        (&json!("run_finished"), &json!("failed")),
        "{message}"
    );
    assert_eq!(message["failures"], json!([{ "name": "Bad", "reason": "exit status 3", "tolerated": true }]));
    assert!(!message.to_string().contains("hidden"), "{message}");
    assert!(!outcome.exists(OUTBOX));
    let record = outcome.read("/Library/Application Support/ias/last-run.ndjson").unwrap();
    assert!(!record.contains("key=hidden"), "the address is a secret, too");
}

#[test]
fn a_service_that_is_down_is_told_by_the_next_start() {
    let fleet = fleet([Reply::status(503), Reply::status(204)]);
    let outcome = run(&fleet, &[]);
    outcome.exits(0);
    assert!(outcome.exists(OUTBOX), "it waits on the disk");
    run(&fleet, &[]).exits(0);
    let bodies: Vec<Value> =
        told(&fleet).iter().map(|seen| serde_json::from_slice(&seen.body).unwrap()).collect();
    assert_eq!(bodies[0], bodies[1], "the same message again");
    assert!(!run(&fleet, &[]).exists(OUTBOX), "and then it is gone");
}

#[test]
fn a_service_that_refuses_a_message_is_not_asked_again_and_a_dry_run_tells_nobody() {
    let fleet = fleet([Reply::status(400), Reply::ok("")]);
    let outcome = run(&fleet, &[]);
    outcome.exits(0);
    assert!(!outcome.exists(OUTBOX));
    assert_eq!(told(&fleet).len(), 1);
    run(&fleet, &["--dry-run"]);
    assert_eq!(told(&fleet).len(), 1);
}

#[test]
fn chats_get_their_own_form() {
    for (format, pointer) in
        [("slack", "/blocks/0/text/text"), ("teams", "/attachments/0/content/body/1/facts")]
    {
        let fleet = fleet([Reply::ok("")]);
        run(&fleet, &["--webhook-format", format]).exits(0);
        let message: Value = serde_json::from_slice(&told(&fleet)[0].body).unwrap();
        let text = message.pointer(pointer).unwrap().to_string();
        assert!(text.contains("Bad") && text.contains("exit status 3"), "{text}");
    }
}
