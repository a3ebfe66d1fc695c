//! The matrix of failure policies, end to end (R92, R57, R51).

use serde_json::{Value, json};
use shared::{event::ItemEnd, exit::Ended};
use support::{Outcome, World};

/// The ways to fail that policies tell apart.
#[derive(Debug, Clone, Copy)]
enum Failure {
    Download,
    Script,
    UserScript,
    Package,
}

impl Failure {
    fn add(self, world: World, phase: &str, name: &str, mut keys: Value) -> World {
        match self {
            Self::Download => {
                keys["url"] = json!("https://bootstrap.example.com/missing.sh");
                world.script(phase, name, "true", keys)
            }
            Self::Script => world.script(phase, name, "exit 7", keys),
            Self::UserScript => {
                keys["type"] = json!("userscript");
                world.script(phase, name, "exit 7", keys)
            }
            Self::Package => {
                let id = format!("com.example.{}", name.to_lowercase());
                world.package(phase, name, &id, "exit 7", keys)
            }
        }
    }

    fn is_seen(self, end: &ItemEnd) -> bool {
        match self {
            Self::Download => matches!(end, ItemEnd::DownloadFailed(_)),
            Self::Script | Self::UserScript => *end == ItemEnd::ExecutionFailed(Ended::Exited(7)),
            Self::Package => matches!(end, ItemEnd::ExecutionFailed(Ended::Exited(_))),
        }
    }
}

const TOLERATED: [(Failure, &str); 7] = [
    (Failure::Download, "failable"),
    (Failure::Script, "failable"),
    (Failure::Script, "failable_execution"),
    (Failure::UserScript, "failable"),
    (Failure::UserScript, "failable_execution"),
    (Failure::Package, "failable"),
    (Failure::Package, "failable_execution"),
];

const ABORTING: [(Failure, &str); 5] = [
    (Failure::Download, "failable_execution"),
    (Failure::Download, "failure_is_not_an_option"),
    (Failure::Script, "failure_is_not_an_option"),
    (Failure::UserScript, "failure_is_not_an_option"),
    (Failure::Package, "failure_is_not_an_option"),
];

fn tolerates(phase: &str, group: Option<&str>) {
    let rows: Vec<_> = (0..)
        .zip(TOLERATED)
        .filter(|(_, (failure, _))| phase == "userland" || !matches!(failure, Failure::UserScript))
        .map(|(number, (failure, policy))| (format!("Row{number}"), failure, policy))
        .collect();
    let mut world = World::new();
    for (name, failure, policy) in &rows {
        let mut keys = json!({"fail_policy": policy});
        if let Some(group) = group {
            keys["parallel_group"] = json!(group);
        }
        world = failure.add(world, phase, name, keys);
    }
    let outcome = world.script(phase, "Next", "true", json!({})).run(&[]);
    outcome.exits(0);
    for (name, failure, policy) in &rows {
        let end = outcome.end(name);
        assert!(failure.is_seen(end), "{failure:?} under {policy} in {phase}: {end:?}");
    }
    assert_eq!(outcome.end("Next"), &ItemEnd::Done);
    assert_eq!(outcome.state.failures().count(), rows.len());
}

#[test]
fn r92_what_a_policy_tolerates_stops_nothing_in_setupassistant() {
    tolerates("setupassistant", None);
}

#[test]
fn r92_what_a_policy_tolerates_stops_nothing_in_a_batch_of_userland() {
    tolerates("userland", Some("all"));
}

/// A failure that ends the run, and what must not happen after it.
fn aborts(phase: &str, failure: Failure, policy: &str) -> Outcome {
    let world = failure.add(World::new(), phase, "Fails", json!({"fail_policy": policy}));
    let outcome =
        world.script(phase, "Next", "touch /Library/next", json!({})).setting("Reboot", true).run(&[]);
    outcome.exits(1);
    let end = outcome.end("Fails");
    assert!(failure.is_seen(end), "{failure:?} under {policy} in {phase}: {end:?}");
    assert!(outcome.is_not_begun("Next") && !outcome.exists("/Library/next"));
    assert!(!outcome.requested_reboot(), "R83, R93: no restart after a failure");
    assert!(!outcome.exists("/Library/installapplications"), "R80: cleaned up");
    outcome
}

#[test]
fn r92_what_no_policy_tolerates_ends_the_run_in_setupassistant() {
    for (failure, policy) in ABORTING.into_iter().filter(|row| !matches!(row.0, Failure::UserScript)) {
        let _ = aborts("setupassistant", failure, policy);
    }
}

#[test]
fn r92_what_no_policy_tolerates_ends_the_run_in_userland() {
    for (failure, policy) in ABORTING {
        let _ = aborts("userland", failure, policy);
    }
}

#[test]
fn r57_the_failure_of_a_member_lets_running_siblings_end_and_no_other_begin() {
    let member = |policy: &str| json!({"parallel_group": "a", "fail_policy": policy, "timeout": 30});
    let fails = "while [ ! -e /Library/begun ]; do sleep 0.1 || exit 9; done; rm /Library/begun; exit 1";
    let outcome = World::new()
        .script(
            "setupassistant",
            "Sibling",
            &format!("touch /Library/begun; {}; touch /Library/ended", support::AFTER_A_FAILURE),
            member("failable"),
        )
        .package("setupassistant", "One", "com.example.one", fails, member("failure_is_not_an_option"))
        .package("setupassistant", "Two", "com.example.two", fails, member("failure_is_not_an_option"))
        .script("setupassistant", "Next", "touch /Library/next", json!({}))
        .run(&[]);
    outcome.exits(1);
    assert_eq!(outcome.end("Sibling"), &ItemEnd::Done);
    assert!(outcome.exists("/Library/ended"));
    let waited = ["One", "Two"].into_iter().filter(|name| outcome.is_not_begun(name));
    assert_eq!(waited.count(), 1, "the other waited for the installer\n{}", outcome.diagnostics);
    assert!(!outcome.exists("/Library/next"));
}

#[test]
fn r57_every_failure_that_ends_the_run_is_named() {
    let strict = || json!({"parallel_group": "a", "fail_policy": "failure_is_not_an_option", "timeout": 30});
    let meet = |own: &str, other: &str, status: u8| {
        format!(
            "touch /Library/{own}; while [ ! -e /Library/{other} ]; do sleep 0.1 || exit 9; done; exit {status}"
        )
    };
    let outcome = World::new()
        .script("setupassistant", "One", &meet("one", "two", 3), strict())
        .script("setupassistant", "Two", &meet("two", "one", 4), strict())
        .run(&[]);
    outcome.exits(1);
    let status = outcome.read("/Library/Application Support/ias/report.json").unwrap();
    assert!(status.contains("One") && status.contains("Two"), "{status}");
    for (name, code) in [("One", 3), ("Two", 4)] {
        assert_eq!(outcome.end(name), &ItemEnd::ExecutionFailed(Ended::Exited(code)));
    }
}

#[test]
fn r51_preflight_is_judged_by_policy_once_all_its_scripts_have_ended() {
    let rows = [
        (Failure::Download, "failable", 0),
        (Failure::Download, "failable_execution", 1),
        (Failure::Script, "failable_execution", 0),
        (Failure::Script, "failure_is_not_an_option", 1),
    ];
    for (failure, policy, code) in rows {
        let world = failure.add(World::new(), "preflight", "Fails", json!({"fail_policy": policy}));
        let outcome = world
            .script("preflight", "Passes", "true", json!({}))
            .script("setupassistant", "Work", "true", json!({}))
            .run(&[]);
        outcome.exits(code);
        assert_eq!(outcome.end("Passes"), &ItemEnd::Done, "{failure:?} {policy}");
        assert_eq!(outcome.is_not_begun("Work"), code == 1, "{failure:?} {policy}");
        assert_eq!(outcome.state.preflight_passed, (code == 0).then_some(false), "an abort is no verdict");
    }
}
