//! What a failure means for the run: the policies (R92–R94).

use serde_json::json;
use shared::{event::ItemEnd, exit::Ended};
use support::{
    World,
    server::{Reply, Server},
};

#[test]
fn r94_a_tolerated_failure_is_told_and_changes_nothing_else() {
    let outcome = World::new()
        .script("setupassistant", "Fails", "echo broken; exit 7", json!({"fail_policy": "failable"}))
        .script("setupassistant", "Next", "touch /Library/next", json!({}))
        .run(&[]);
    outcome.exits(0);
    assert_eq!(outcome.end("Fails"), &ItemEnd::ExecutionFailed(Ended::Exited(7)));
    assert_eq!(outcome.end("Next"), &ItemEnd::Done);
    let report = outcome.read("/Library/Application Support/ias/report.json").unwrap();
    assert!(report.contains("Fails: exit status 7"), "{report}");
    let log = outcome.read("/Library/Application Support/ias/status.txt").unwrap();
    assert!(log.contains(" failed 1 installed, 0 current, 1 failed"), "{log}");
    assert!(outcome.diagnostics.contains("    | broken"), "{}", outcome.diagnostics);
}

#[test]
fn r93_a_failure_that_is_no_option_ends_the_run_with_1_and_nothing_after_it_runs() {
    let strict = json!({"fail_policy": "failure_is_not_an_option"});
    let outcome = World::new()
        .script("setupassistant", "Fails", "exit 7", strict)
        .script("setupassistant", "Next", "touch /Library/next", json!({}))
        .script("userland", "Last", "touch /Library/last", json!({}))
        .run(&[]);
    outcome.exits(1);
    assert_eq!(outcome.end("Fails"), &ItemEnd::ExecutionFailed(Ended::Exited(7)));
    assert!(outcome.is_not_begun("Next") && outcome.is_not_begun("Last"));
    assert!(!outcome.exists("/Library/next") && !outcome.exists("/Library/last"));
}

#[test]
fn r92_by_default_a_download_that_fails_ends_the_run_and_a_script_that_fails_does_not() {
    let missing = json!({
        "name": "Missing", "type": "rootscript", "hash": "0".repeat(64),
        "url": "https://bootstrap.example.com/missing.sh", "file": "/Library/installapplications/missing.sh",
    });
    let outcome = World::new()
        .script("setupassistant", "Fails", "exit 7", json!({}))
        .item("setupassistant", missing)
        .script("setupassistant", "Next", "touch /Library/next", json!({}))
        .run(&[]);
    outcome.exits(1);
    assert_eq!(outcome.end("Fails"), &ItemEnd::ExecutionFailed(Ended::Exited(7)));
    assert!(matches!(outcome.end("Missing"), ItemEnd::DownloadFailed(_)));
    assert!(!outcome.exists("/Library/next"));
}

#[test]
fn r65_what_nobody_waits_for_has_failed_when_it_cannot_even_start() {
    let alone = |keys: serde_json::Value| {
        let mut all = json!({"donotwait": true, "fail_policy": "failable"});
        keys.as_object().into_iter().flatten().for_each(|(key, value)| all[key] = value.clone());
        all
    };
    let script = b"#!/opt/no/such/interpreter\n";
    let outcome = World::new()
        .program("setupassistant", "Root", script, alone(json!({})))
        .program("userland", "User", script, alone(json!({"type": "userscript"})))
        .run(&[]);
    outcome.exits(0);
    for name in ["Root", "User"] {
        let ItemEnd::ExecutionFailed(Ended::NotStarted(why)) = outcome.end(name) else {
            panic!("{name}: {:?}", outcome.end(name))
        };
        assert!(why.contains("/opt/no/such/interpreter"), "{name}: {why}");
    }
}

#[test]
fn content_that_is_not_what_the_hash_says_is_never_run() {
    let wrong = json!({"hash": "0".repeat(64)});
    let outcome = World::new().script("setupassistant", "Forged", "touch /Library/forged", wrong).run(&[]);
    outcome.exits(1);
    assert!(matches!(outcome.end("Forged"), ItemEnd::DownloadFailed(_)));
    assert!(!outcome.exists("/Library/forged"));
}

#[test]
fn a_problem_of_the_control_file_is_called_an_error_once() {
    let outcome = World::new().item("userland", json!({"name": "Odd", "type": "rootscrpt"})).run(&[]);
    let told: Vec<_> = outcome.diagnostics.lines().filter(|line| line.contains("rootscrpt")).collect();
    assert!(!told.is_empty(), "{}", outcome.diagnostics);
    assert!(told.iter().all(|line| !line.contains("error: error: ")), "{told:?}");
}

#[test]
fn p41_a_preinstall_that_fails_leaves_neither_files_nor_a_receipt() {
    let scripts =
        [("preinstall", "echo no room here; exit 4"), ("postinstall", "touch /Library/postinstall")];
    let outcome = World::new()
        .package_with(
            "setupassistant",
            "Tool",
            ("com.example.tool", &scripts),
            json!({"fail_policy": "failable"}),
        )
        .script("setupassistant", "Next", "touch /Library/next", json!({}))
        .run(&[]);
    outcome.exits(0);
    assert!(matches!(outcome.end("Tool"), ItemEnd::ExecutionFailed(_)), "{:?}", outcome.end("Tool"));
    assert!(outcome.diagnostics.contains("    | ./preinstall: no room here"), "{}", outcome.diagnostics);
    assert!(
        !outcome.diagnostics.contains("    | installer:PHASE:"),
        "the reason alone\n{}",
        outcome.diagnostics
    );
    for path in [
        "/usr/local/share/com.example.tool",
        "/Library/postinstall",
        "/private/var/db/receipts/com.example.tool.plist",
    ] {
        assert!(!outcome.exists(path), "{path}");
    }
    assert!(outcome.exists("/Library/next"));
}

#[test]
fn r57_a_download_or_a_user_script_that_fails_lets_the_siblings_that_have_begun_run_to_their_end() {
    let member = || json!({"parallel_group": "a", "fail_policy": "failable"});
    let sibling = format!("touch /Library/begun; {}; touch /Library/sibling", support::AFTER_A_FAILURE);
    let world = || World::new().script("userland", "Sibling", &sibling, member());
    let next = |world: World| world.script("userland", "Next", "touch /Library/next", json!({}));

    let user =
        json!({"type": "userscript", "parallel_group": "a", "fail_policy": "failure_is_not_an_option"});
    let fails = "while [ ! -e /Library/begun ]; do sleep 0.1 || exit 9; done; exit 5";
    let script = next(world().script("userland", "User", fails, user)).run(&[]);
    assert_eq!(script.end("User"), &ItemEnd::ExecutionFailed(Ended::Exited(5)));

    let (server, world) = (Server::start().unwrap(), world());
    server.serve("/gone.sh", [Reply::status(404).after(world.root().join("Library/begun"))]);
    let gone = json!({
        "name": "Gone", "type": "rootscript", "hash": "0".repeat(64), "retries": 0, "parallel_group": "a",
        "url": server.url("/gone.sh"), "file": "/Library/installapplications/gone.sh",
    });
    let download = next(world.item("userland", gone)).run(&[]);
    assert!(matches!(download.end("Gone"), ItemEnd::DownloadFailed(_)));

    for outcome in [script, download] {
        outcome.exits(1);
        assert_eq!(outcome.end("Sibling"), &ItemEnd::Done);
        assert!(outcome.exists("/Library/sibling"));
        assert!(outcome.is_not_begun("Next") && !outcome.exists("/Library/next"));
    }
}
