//! The power goes at every instant that has a name: after the next start the same end, and nothing done twice (R76–R79).

#![expect(clippy::expect_used, reason = "a story that cannot be told has failed")]

use shared::{
    event::{EventKind, ItemEnd, SkipReason},
    item::ItemId,
    journal::{Durability, durability},
};
use std::collections::{BTreeMap, BTreeSet};
use support::{
    Outcome,
    mixed::{ITEMS, effects, mixed, random_kills},
};

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
        // Before there is a run there is nothing to go on with; news of the world is no step of it, and whether a run
        // has to wait for the user and the agent depends on who is faster.
        let is_step = !matches!(
            event.kind,
            EventKind::RunStarted { .. }
                | EventKind::Notice { .. }
                | EventKind::AgentLost { .. }
                | EventKind::BackgroundEnded { .. }
                | EventKind::WaitingForUser
                | EventKind::WaitingForAgent
        );
        if !is_step {
            continue;
        }
        let json = serde_json::to_value(event).expect("an event is JSON");
        let id: Option<ItemId> = serde_json::from_value(json["id"].clone()).ok();
        let name = json["event"].as_str().expect("an event has a name");
        let item = id.map(|id| format!(" {id}")).unwrap_or_default();
        let is_download = matches!(event.kind, EventKind::DownloadStarted { .. });
        let is_durable = durability(&event.kind) != Durability::Lazy && !is_download;
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
    for name in ITEMS {
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
        check(&instant, in_flight, &mixed().run(&["--power-cut", &instant, "--no-compare"]));
    }
}

#[test]
fn r79_killed_at_random_instants_nothing_is_lost_and_nothing_done_twice() {
    if !std::path::Path::new("/proc/self/task").exists() {
        println!("skipped: without /proc nobody knows which process is iasd");
        return;
    }
    let seed = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(1, |now| now.as_nanos() as u64 | 1);
    let tally = random_kills(6, seed);
    assert_eq!(tally.runs, 6);
    let (lost, doubled, broken) = (&tally.lost, &tally.doubled, &tally.broken);
    assert!(lost.is_empty() && doubled.is_empty() && broken.is_empty(), "seed {seed}: {tally:#?}");
}

#[test]
fn r81_a_run_that_is_over_stays_over_however_often_its_cleanup_is_cut_off() {
    let outcome = mixed().run(&["--power-cut", "after run_finished", "--power-cut", "after run_started"]);
    outcome.exits(0);
    assert_eq!(outcome.state.launch, 3, "{}", outcome.diagnostics);
    let loaded =
        outcome.events.iter().filter(|event| matches!(event.kind, EventKind::ControlFileLoaded { .. }));
    assert_eq!(loaded.count(), 1, "nothing is left to be decided\n{}", outcome.diagnostics);
    assert!(!outcome.exists("/Library/installapplications"));
}
