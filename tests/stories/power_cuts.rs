//! The power goes at every instant that has a name: after the next start the same end, and nothing done twice (R76–R79).

#![expect(clippy::expect_used, reason = "a story that cannot be told has failed")]

use serde_json::json;
use shared::{
    event::{EventKind, ItemEnd, SkipReason},
    item::ItemId,
    journal::{Durability, durability},
};
use std::collections::{BTreeMap, BTreeSet};
use support::{Outcome, World};

/// What each item writes to when it takes effect.
const EFFECTS: &str = "/private/var/log/effects";

/// One of everything.
fn mixed() -> World {
    let says = |text: &str| format!("echo {text} >> {EFFECTS}");
    let group = json!({"parallel_group": "both"});
    World::new()
        .script("preflight", "look", &(says("look") + "; exit 1"), json!({}))
        .package("setupassistant", "tools", "com.example.tools", &says("tools"), json!({}))
        .script("setupassistant", "later", &says("later"), json!({"donotwait": true}))
        .script("setupassistant", "left", &says("left"), group.clone())
        .package("setupassistant", "right", "com.example.right", &says("right"), group)
        .script(
            "setupassistant",
            "broken",
            &(says("broken") + "; exit 3"),
            json!({"fail_policy": "failable"}),
        )
        .file("setupassistant", "note", "/Library/Acme/note.txt", "call 42")
        .script("userland", "root", &says("root"), json!({"file": "/Library/Acme/root.sh"}))
        .script("userland", "user", "echo user >> /Users/ada/effects", json!({"type": "userscript"}))
        .setting("DEPNotifyEnable", true)
}

/// How often each item took effect.
fn effects(outcome: &Outcome) -> BTreeMap<String, usize> {
    let mut effects = BTreeMap::new();
    for file in [EFFECTS, "/Users/ada/effects"] {
        for line in outcome.read(file).unwrap_or_default().lines() {
            *effects.entry(line.to_owned()).or_default() += 1;
        }
    }
    effects
}

/// What may be under way when the power goes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum InFlight {
    Nothing,
    Item(ItemId),
    /// The fact is none of the main loop: agents come, downloads end whenever they do.
    Anything,
}

/// The instants of a run, and what is in flight at each: around each fact about an effect, and once after each other
/// kind of fact.
fn instants(whole: &Outcome) -> Vec<(String, InFlight)> {
    let (mut instants, mut known) = (Vec::new(), BTreeSet::new());
    for event in &whole.events {
        // Before there is a run there is nothing to go on with; news of the world is no step of it.
        let is_step = !matches!(
            event.kind,
            EventKind::RunStarted { .. } | EventKind::Notice { .. } | EventKind::AgentLost { .. }
        );
        if !is_step {
            continue;
        }
        let json = serde_json::to_value(event).expect("an event is JSON");
        let id: Option<ItemId> = serde_json::from_value(json["id"].clone()).ok();
        let name = json["event"].as_str().expect("an event has a name");
        let item = id.map(|id| format!(" {id}")).unwrap_or_default();
        let is_durable = durability(&event.kind) != Durability::Lazy;
        let (running, ending) = match (&event.kind, id) {
            (EventKind::ItemRunning { id }, _) => (InFlight::Item(*id), InFlight::Nothing),
            (EventKind::ItemFinished { id, .. }, _) => (InFlight::Nothing, InFlight::Item(*id)),
            _ if is_durable => (InFlight::Nothing, InFlight::Nothing),
            _ => (InFlight::Anything, InFlight::Anything),
        };
        // Once that is on the disk the run is over, and a further start is a repair.
        let is_over = event.kind == EventKind::CleanupFinished;
        if !is_over && (is_durable || known.insert(name.to_owned())) {
            instants.push((format!("after {name}{item}"), running));
        }
        if is_durable {
            instants.push((format!("torn {name}{item}"), ending));
        }
    }
    instants
}

fn check(instant: &str, in_flight: InFlight, outcome: &Outcome) {
    outcome.exits(0);
    let launches = outcome.state.launch;
    assert!(launches == 2, "{instant}: {launches} starts\n{}", outcome.diagnostics);
    for name in ["look", "tools", "later", "left", "right", "broken", "root", "user"] {
        let times = effects(outcome).get(name).copied().unwrap_or(0);
        let item = outcome.state.items.values().find(|item| item.listed.name == name);
        let item = item.expect("every item is listed");
        // R79: what was under way is done again, but for what nobody waits for: that goes on after the fact that it was
        // started, and the power may hit it at any time.
        let allowed = match in_flight {
            _ if name == "later" => 0..=1,
            InFlight::Item(id) if id == item.listed.id => 1..=2,
            InFlight::Anything => 1..=2,
            // They run side by side: the power may hit one in the middle of the other.
            _ if ["left", "right"].contains(&name) => 1..=2,
            _ => 1..=1,
        };
        assert!(
            allowed.contains(&times),
            "{instant}: {name} took effect {times} times\n{}",
            outcome.diagnostics
        );
    }
    assert_eq!(outcome.end("broken").to_string(), "failed: exit status 3", "{instant}");
    // Cut off behind its receipt, a package is there (R21).
    let tools = outcome.end("tools");
    assert!(
        matches!(tools, ItemEnd::Done | ItemEnd::Skipped(SkipReason::Receipt { .. })),
        "{instant}: {tools}"
    );
    assert_eq!(outcome.read("/Library/Acme/note.txt").as_deref(), Some("call 42"), "{instant}");
    for gone in [
        "/Library/installapplications",
        "/Library/Acme/root.sh",
        "/Library/LaunchDaemons/cz.macadmin.iasd.plist",
    ] {
        assert!(!outcome.exists(gone), "{instant}: {gone} is left\n{}", outcome.diagnostics);
    }
    let depnotify = outcome.read("/private/var/tmp/depnotify.log").expect("DEPNotify was told");
    assert!(depnotify.ends_with("Command: DeterminateOffReset:\n"), "{instant}: {depnotify}");
}

#[test]
fn r79_whatever_the_instant_of_death_the_next_start_brings_the_same_end() {
    let whole = mixed().run(&[]);
    whole.exits(0);
    let once: BTreeMap<String, usize> = effects(&whole);
    assert!(once.len() == 8 && once.values().all(|times| *times == 1), "{once:?}");
    let instants = instants(&whole);
    assert!(instants.len() > 40, "{instants:?}");
    for (instant, in_flight) in instants {
        check(&instant, in_flight, &mixed().run(&["--power-cut", &instant]));
    }
}
