//! Who is told how a run ended: once, also when the service was down, or the power went.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use support::{
    Fleet,
    fleet::url,
    server::{Reply, Seen},
};

const OUTBOX: &str = "/Library/Application Support/ias/outbox.json";

/// A Mac that gets one good script and one that may fail, from a server which also takes messages.
fn fleet(replies: impl IntoIterator<Item = Reply>) -> Fleet {
    fleet_on(json!({}), replies)
}

/// The same, on a Mac as `scenario` has it.
fn fleet_on(scenario: Value, replies: impl IntoIterator<Item = Reply>) -> Fleet {
    let fleet = Fleet::new(scenario);
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

/// The messages that wait on the disk.
fn waiting(outcome: &support::Outcome) -> usize {
    let outbox = outcome.read(OUTBOX).map(|text| serde_json::from_str::<Value>(&text).unwrap());
    outbox.map_or(0, |outbox| outbox["messages"].as_array().unwrap().len())
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
    assert_eq!(waiting(&outcome), 0);
    let record = outcome.read("/Library/Application Support/ias/last-run.ndjson").unwrap();
    assert!(!record.contains("key=hidden"), "the address is a secret, too");
}

#[test]
fn a_service_that_is_down_is_told_by_the_next_start() {
    let fleet = fleet([Reply::status(503), Reply::status(204)]);
    let outcome = run(&fleet, &[]);
    outcome.exits(0);
    assert_eq!(waiting(&outcome), 1, "it waits on the disk");
    run(&fleet, &[]).exits(0);
    let bodies: Vec<Value> =
        told(&fleet).iter().map(|seen| serde_json::from_slice(&seen.body).unwrap()).collect();
    assert_eq!(bodies[0], bodies[1], "the same message again");
    assert_eq!(waiting(&run(&fleet, &[])), 0, "and then it is gone");
}

#[test]
fn a_service_that_refuses_a_message_is_not_asked_again_and_a_dry_run_tells_nobody() {
    let fleet = fleet([Reply::status(400), Reply::ok("")]);
    let outcome = run(&fleet, &[]);
    outcome.exits(0);
    assert_eq!(waiting(&outcome), 0);
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

#[test]
fn a_power_cut_right_behind_the_end_of_a_run_loses_no_message() {
    let scenario = json!({ "faults": ["kill-iasd@after run_finished"] });
    let fleet = fleet_on(scenario, [Reply::ok("")]);
    let first = run(&fleet, &[]);
    assert_eq!(first.code, -9, "{}", first.diagnostics);
    let sent = told(&fleet).len();
    run(&fleet, &[]).exits(0);
    let told = told(&fleet);
    assert!(sent == 0 && !told.is_empty(), "{sent}, then {}", told.len());
    let message: Value = serde_json::from_slice(&told[0].body).unwrap();
    assert_eq!((&message["state"], &message["starts"]), (&json!("failed"), &json!(1)), "{message}");
    assert_eq!(message["version"], env!("CARGO_PKG_VERSION"));
}

/// The spans that came, each with the names of those above it.
fn spans(fleet: &Fleet, index: usize) -> Vec<(String, Value)> {
    let seen = fleet.server.seen_at("/otel/v1/traces");
    let request: Value = serde_json::from_slice(&seen[index].body).unwrap();
    let spans = request["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone();
    let path = |span: &Value| {
        let (mut path, mut here) = (span["name"].as_str().unwrap().to_owned(), span.clone());
        while let Some(above) = spans.iter().find(|other| other["spanId"] == here["parentSpanId"]) {
            path = format!("{}/{path}", above["name"].as_str().unwrap());
            here = above.clone();
        }
        path
    };
    spans.iter().map(|span| (path(span), span.clone())).collect()
}

fn traced(fleet: &Fleet) -> support::Outcome {
    let (control, collector) = (url("/bootstrap.json"), url("/otel"));
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("iasd.plist");
    let text = format!(
        "<plist><dict><key>JSONURL</key><string>{control}</string><key>OTLPEndpoint</key><string>{collector}</string>\
         <key>OTLPHeaders</key><dict><key>X-Key</key><string>s3cr3t</string></dict><key>KeepInstalled</key><true/></dict></plist>"
    );
    std::fs::write(&settings, text).unwrap();
    fleet.run(&[settings.to_str().unwrap()])
}

#[test]
fn a_collector_gets_each_run_as_one_trace_also_when_it_was_down_or_the_power_went() {
    let scenario = json!({ "faults": ["kill-iasd@after item_finished setupassistant[0]"] });
    let fleet = fleet_on(scenario, []);
    fleet.server.serve("/otel/v1/traces", [Reply::status(503), Reply::ok("{}")]);
    assert_eq!(traced(&fleet).code, -9);
    assert!(fleet.server.seen_at("/otel/v1/traces").is_empty(), "nothing has ended yet");
    let outcome = traced(&fleet);
    outcome.exits(0);
    assert_eq!(waiting(&outcome), 1);
    let whole = spans(&fleet, 0);
    let span = |path: &str| {
        let found = whole.iter().find(|(known, _)| known == path);
        &found
            .unwrap_or_else(|| {
                panic!("no {path} in {:?}", whole.iter().map(|(path, _)| path).collect::<Vec<_>>())
            })
            .1
    };
    assert_eq!(span("enrolment/setupassistant/Good & <cheap>/run Good & <cheap>")["status"]["code"], 1);
    assert_eq!(
        span("enrolment/setupassistant/Bad")["status"],
        json!({ "code": 2, "message": "exit status 3" })
    );
    let starts = json!({ "key": "ias.starts", "value": { "intValue": "2" } });
    assert!(span("enrolment")["attributes"].as_array().unwrap().contains(&starts), "both starts are one run");
    traced(&fleet).exits(0);
    let again = fleet.server.seen_at("/otel/v1/traces");
    assert_eq!(again[0].body, again[1].body, "what was not taken comes again as it was");
    assert_eq!((again[0].header("x-key"), again[0].method.as_str()), (Some("s3cr3t"), "POST"));
    assert!(!String::from_utf8_lossy(&again[0].body).contains("hidden"), "output of scripts stays here");
    let record = outcome.read("/Library/Application Support/ias/last-run.ndjson").unwrap();
    assert!(!record.contains("s3cr3t"), "headers are secrets");
}

#[test]
fn a_service_that_never_answers_keeps_nothing_from_the_collector() {
    let fleet = fleet([Reply::ok("").slow_head()]);
    fleet.server.serve("/otel/v1/traces", [Reply::ok("{}")]);
    let outcome = run(&fleet, &["--otlp-endpoint", &url("/otel")]);
    outcome.exits(0);
    assert_eq!(fleet.server.seen_at("/otel/v1/traces").len(), 1);
    assert_eq!((told(&fleet).len(), waiting(&outcome)), (1, 1), "the message for the other one waits");
}
