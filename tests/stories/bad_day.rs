//! A day on which everything goes wrong, one thing after another: the run ends as on a good one, and nobody helps.

use serde_json::json;
use shared::event::ItemEnd;
use support::mixed::{ITEMS, effects, mixed};

const BAD_DAY: [&str; 14] = [
    "status=503,retry-after=1@bootstrap.json",
    // The network goes while the first package comes; and when it is back, the server is none the better.
    "network-away=2@download_started setupassistant[0]",
    "drop=500@tools",
    "status=503,retry-after=1@tools",
    "corrupt@tools",
    "drop=400@right",
    "stall=100,seconds=0.5@right",
    "no-range@right",
    "status=404@left",
    "kill-iasd@torn item_finished setupassistant[0]",
    "disk-full=2@item_running setupassistant[2]",
    "kill-iasd@item_finished setupassistant[4]",
    // While this one hangs, whoever is wanted for the next one goes.
    "hang=3@root",
    "logout=1@item_running userland[0]",
];

#[test]
fn a_bad_day_ends_as_a_good_one_without_anybody_helping() {
    let arguments: Vec<&str> = BAD_DAY.iter().flat_map(|fault| ["--fault", fault]).collect();
    let outcome = mixed()
        .setting("MaximumRedownloads", 6)
        .scenario("agent", json!({"throttle": 0.2}))
        .run(&[&arguments[..], &["--fault", "kill-agent@agent_checked_in"]].concat());
    outcome.exits(0);

    let verdict = outcome.verdict.as_ref().expect("a verdict");
    for fault in verdict["faults"].as_array().expect("faults") {
        assert!(fault["happened"].as_u64() > Some(0), "{fault}\n{}", outcome.diagnostics);
    }
    assert_eq!(verdict["same_end"], json!(true), "{verdict:#}\n{}", outcome.diagnostics);
    assert_eq!(outcome.state.launch, 3, "two power cuts\n{}", outcome.diagnostics);

    for item in ITEMS {
        let times = effects(&outcome).get(item).copied().unwrap_or(0);
        // Nobody waits for that one: the power may have hit it in the background.
        let fits = if item == "later" { times <= 1 } else { times == 1 };
        assert!(fits, "{item} took effect {times} times\n{}", outcome.diagnostics);
    }
    assert_eq!(outcome.end("user"), &ItemEnd::Done);
    assert_eq!(outcome.read("/Library/Acme/note.txt").as_deref(), Some("call 42"));
    assert!(!outcome.exists("/Library/installapplications"), "a run that is over leaves nothing");
}
