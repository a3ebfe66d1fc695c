//! How a run ends: preflight's verdict, cleanup, restart, exit codes (R49, R76, R80–R83).

use serde_json::json;
use shared::{
    digest::Digest,
    event::{EventKind, ItemEnd},
    exit::Ended,
};
use support::{
    INSTALL_PATH, World,
    server::{Reply, Server},
};

#[test]
fn r49_preflight_that_passes_finishes_without_a_download_or_a_restart() {
    let outcome = World::new()
        .script("preflight", "One", "true", json!({}))
        .script("preflight", "Two", "true", json!({"donotwait": true}))
        .script("setupassistant", "Work", "touch /Library/work", json!({}))
        .setting("Reboot", true)
        .run(&[]);
    outcome.exits(0);
    assert_eq!(outcome.state.preflight_passed, Some(true));
    assert_eq!(outcome.end("Two"), &ItemEnd::Done, "R52: preflight waits for everybody");
    assert!(outcome.is_not_begun("Work") && !outcome.exists("/Library/work"));
    assert!(!outcome.exists(INSTALL_PATH) && !outcome.requested_reboot());
}

#[test]
fn r83_a_restart_is_asked_for_after_success_alone() {
    let world = || World::new().script("setupassistant", "Work", "true", json!({})).setting("Reboot", true);
    let outcome = world().run(&[]);
    outcome.exits(0);
    assert!(outcome.requested_reboot() && outcome.exists_beside("reboot.json"));
    let dry = world().run(&["--dry-run"]);
    dry.exits(0);
    assert!(!dry.requested_reboot() && !dry.exists_beside("reboot.json"), "R74");
}

#[test]
fn r80_what_the_settings_keep_is_kept_and_the_jobs_go_in_any_case() {
    let launchd = "mkdir -p /Library/LaunchDaemons /Library/LaunchAgents
        touch /Library/LaunchDaemons/cz.macadmin.iasd.plist /Library/LaunchAgents/cz.macadmin.iasagent.plist";
    for (body, setting, code) in [("true", "CleanupOnSuccess", 0), ("exit 1", "CleanupOnFailure", 1)] {
        let outcome = World::new()
            .script("setupassistant", "Jobs", launchd, json!({}))
            .script("setupassistant", "Work", body, json!({"fail_policy": "failure_is_not_an_option"}))
            .setting(setting, false)
            .run(&[]);
        outcome.exits(code);
        assert!(outcome.exists(&format!("{INSTALL_PATH}/setupassistant-1.sh")), "{setting}");
        assert!(!outcome.exists("/Library/LaunchDaemons/cz.macadmin.iasd.plist"), "{setting}");
        assert!(!outcome.exists("/Library/LaunchAgents/cz.macadmin.iasagent.plist"), "{setting}");
    }
}

#[test]
fn r82_what_a_run_brought_goes_and_what_it_did_not_bring_stays() {
    let outside = |name: &str| json!({"file": format!("/Library/Acme/{name}")});
    let local = json!({"name": "Local", "type": "rootscript", "file": "/Library/Acme/local.sh"});
    let mut last = outside("last.sh");
    last["fail_policy"] = json!("failable");
    let outcome = World::new()
        .script("setupassistant", "Brought", "true", outside("brought.sh"))
        .script(
            "setupassistant",
            "Writes",
            "printf '#!/bin/sh\\ntouch /Library/local' > /Library/Acme/local.sh",
            json!({}),
        )
        .item("setupassistant", local)
        .file("setupassistant", "Stays", "/Library/Acme/stays.txt", "x")
        .script(
            "setupassistant",
            "Fails",
            "while [ ! -e /Library/Acme/last.sh ]; do sleep 0.1 || exit 9; done; exit 1",
            json!({"fail_policy": "failure_is_not_an_option", "timeout": 30}),
        )
        .script("setupassistant", "Last", "true", last)
        .run(&[]);
    outcome.exits(1);
    assert_eq!(outcome.end("Local"), &ItemEnd::Done, "R32: an earlier item made it");
    assert!(outcome.exists("/Library/Acme/local.sh") && outcome.exists("/Library/local"));
    assert!(outcome.exists("/Library/Acme/stays.txt"));
    assert!(!outcome.exists("/Library/Acme/brought.sh"));
    assert!(!outcome.exists("/Library/Acme/last.sh"), "downloaded, though its turn never came");
}

#[test]
fn keep_failed_files_keeps_those_and_no_others() {
    let outcome = World::new()
        .script("setupassistant", "Fails", "exit 1", json!({}))
        .script("setupassistant", "Works", "true", json!({}))
        .setting("KeepFailedFiles", true)
        .run(&[]);
    outcome.exits(0);
    assert!(!outcome.exists(INSTALL_PATH));
    assert!(outcome.exists("/Library/Application Support/ias/failed/setupassistant-0.sh"));
    assert!(!outcome.exists("/Library/Application Support/ias/failed/setupassistant-1.sh"));
}

#[test]
fn r67_the_file_of_a_script_that_still_runs_is_kept_until_it_has_ended() {
    let wait = "while [ ! -e /Library/go ]; do sleep 0.1 || exit 9; done";
    let background = json!({"donotwait": true, "timeout": 120});
    let outcome = World::new().script("setupassistant", "Slow", wait, background).run(&[]);
    outcome.exits(0);
    std::fs::write(outcome.on_disk("/Library/go"), "").unwrap();
    assert!(!outcome.exists(INSTALL_PATH));
    assert!(outcome.exists("/private/var/run/ias/background/setupassistant-0.sh"));
}

#[test]
fn r69_tracked_background_failures_follow_their_policy_and_what_hangs_is_ended() {
    let background = |policy: &str| json!({"donotwait": true, "fail_policy": policy});
    for (policy, code) in [("failable_execution", 0), ("failure_is_not_an_option", 1)] {
        let outcome = World::new()
            .script("setupassistant", "Late", "exit 5", background(policy))
            .script("setupassistant", "Hangs", "sleep 600", background("failable"))
            .script("userland", "User", "exit 6", json!({"type": "userscript", "donotwait": true}))
            .setting("TrackBackgroundProcesses", true)
            .setting("BackgroundTimeout", 5)
            .run(&[]);
        outcome.exits(code);
        assert_eq!(outcome.end("Late"), &ItemEnd::ExecutionFailed(Ended::Exited(5)), "R94: reported");
        assert!(
            outcome.diagnostics.contains("Late: failed in the background: exit status 5"),
            "{}",
            outcome.diagnostics
        );
        assert!(outcome.diagnostics.contains("Hangs: failed in the background"), "{}", outcome.diagnostics);
        let user = outcome.diagnostics.contains("User: failed in the background: exit status 6");
        assert_eq!(user, code == 0, "{}", outcome.diagnostics);
    }
}

#[test]
fn r69_a_background_failure_is_judged_by_the_next_start_when_the_power_went_with_it() {
    for (policy, code) in [("failable_execution", 0), ("failure_is_not_an_option", 1)] {
        let outcome = World::new()
            .script("setupassistant", "Late", "exit 5", json!({"donotwait": true, "fail_policy": policy}))
            .setting("TrackBackgroundProcesses", true)
            .run(&["--power-cut", "after background_ended setupassistant[0]"]);
        outcome.exits(code);
        assert_eq!(outcome.state.launch, 2, "{policy}");
        assert_eq!(outcome.end("Late"), &ItemEnd::ExecutionFailed(Ended::Exited(5)), "{policy}");
    }
}

#[test]
fn r68_a_background_package_is_never_stopped_and_always_waited_for() {
    let wait = "while [ ! -e /Library/go ]; do sleep 0.1 || exit 9; done; touch /Library/installed";
    let outcome = World::new()
        .package("setupassistant", "Slow", "com.example.slow", wait, json!({"donotwait": true}))
        .script("userland", "Go", "touch /Library/go", json!({}))
        .setting("TrackBackgroundProcesses", true)
        .setting("BackgroundTimeout", 1)
        .run(&[]);
    outcome.exits(0);
    assert!(outcome.exists("/Library/installed"), "{}", outcome.diagnostics);
    assert!(
        outcome.diagnostics.contains("Slow: this package is still being installed"),
        "{}",
        outcome.diagnostics
    );
    assert!(outcome.diagnostics.contains("Slow: background: exit status 0"), "{}", outcome.diagnostics);
    assert!(!outcome.exists(INSTALL_PATH));
}

#[test]
fn r68_a_package_behind_one_that_outlives_its_patience_pauses_the_run() {
    let wait = "while [ ! -e /Library/go ]; do sleep 0.1 || exit 9; done";
    let outcome = World::new()
        .package("setupassistant", "Hangs", "com.example.hangs", wait, json!({"donotwait": true}))
        .package("setupassistant", "Next", "com.example.next", "touch /Library/next", json!({}))
        .setting("BackgroundTimeout", 1)
        .run(&[]);
    outcome.exits(75);
    std::fs::write(outcome.on_disk("/Library/go"), "").unwrap();
    assert!(
        outcome.diagnostics.contains("setupassistant[0] is still being installed in the background"),
        "{}",
        outcome.diagnostics
    );
    assert!(!outcome.exists("/Library/next") && outcome.exists(INSTALL_PATH));
}

#[test]
fn r81_the_result_is_told_before_anything_is_removed_and_stands_in_the_last_line() {
    let outcome = World::new().script("setupassistant", "Work", "true", json!({})).run(&[]);
    outcome.exits(0);
    let first =
        |wanted: &dyn Fn(&EventKind) -> bool| outcome.events.iter().position(|event| wanted(&event.kind));
    let result = first(&|kind| matches!(kind, EventKind::RunFinished { .. })).unwrap();
    assert!(first(&|kind| matches!(kind, EventKind::Cleanup { .. })).unwrap() > result);
    let last = outcome.diagnostics.lines().rfind(|line| !line.trim().is_empty());
    assert!(last.is_some_and(|line| line.contains(" ok 1 installed")), "R102: {last:?}");
}

#[test]
fn r76_a_control_file_that_cannot_be_used_exits_65_and_keeps_the_installation() {
    let malformed =
        json!({"name": "Wrong", "type": "rootscript", "file": "/Library/wrong.sh", "hash": "wrong"});
    let outcome = World::new()
        .script("preflight", "First", "touch /Library/first", json!({}))
        .item("setupassistant", malformed)
        .run(&[]);
    outcome.exits(65);
    assert!(!outcome.exists("/Library/first") && outcome.exists(INSTALL_PATH));
}

#[test]
fn r76_settings_that_cannot_be_used_exit_78_before_anything_is_touched() {
    let outcome = World::new()
        .script("setupassistant", "Work", "touch /Library/work", json!({}))
        .setting("InstallPath", "/Library")
        .run(&[]);
    outcome.exits(78);
    assert!(!outcome.exists("/Library/work") && !outcome.exists(INSTALL_PATH));
}

#[test]
fn r47_a_control_file_that_cannot_be_fetched_exits_75_or_0_with_no_restart_on_error() {
    for (restart, code) in [(false, 75), (true, 0)] {
        let outcome = World::new()
            .setting("JSONURL", "https://bootstrap.example.com/nowhere.json")
            .setting("NoRestartOnError", restart)
            .setting("WaitForControlFile", 1)
            .run(&[]);
        outcome.exits(code);
        assert!(outcome.exists(INSTALL_PATH));
    }
}

#[test]
fn r21_a_package_that_an_earlier_item_brought_is_not_installed_again() {
    let again = || json!({"file": format!("{INSTALL_PATH}/second.pkg")});
    let outcome = World::new()
        .package("setupassistant", "One", "com.example.one", "true", json!({}))
        .package("setupassistant", "Two", "com.example.one", "touch /Library/again", again())
        .run(&[]);
    outcome.exits(0);
    assert_eq!(outcome.end("One"), &ItemEnd::Done);
    assert!(matches!(outcome.end("Two"), ItemEnd::Skipped(_)), "{:?}", outcome.end("Two"));
    assert!(!outcome.exists("/Library/again"));
}

#[test]
fn r82_what_lay_there_before_a_download_failed_stays_also_when_the_run_was_paused_meanwhile() {
    let server = Server::start().unwrap();
    server.serve("/down.sh", [Reply::status(503)]);
    let script = "#!/bin/sh\ntrue\n";
    let down = json!({
        "name": "Down", "type": "rootscript", "hash": Digest::of(script.as_bytes()), "retries": 0,
        "url": server.url("/down.sh"), "file": "/Library/Acme/down.sh",
    });
    let gone = json!({
        "name": "Gone", "type": "rootscript", "hash": "0".repeat(64), "retries": 0, "fail_policy": "failable",
        "url": "https://bootstrap.example.com/gone.sh", "file": "/Library/Acme/there.sh",
    });
    let world = World::new()
        .script("setupassistant", "Writes", "mkdir /Library/Acme; touch /Library/Acme/there.sh", json!({}))
        .item("setupassistant", gone)
        .item("setupassistant", down);
    world.again(&[]).exits(75);
    server.serve("/down.sh", [Reply::ok(script)]);
    let finished = world.run(&[]);
    finished.exits(0);
    assert!(matches!(finished.end("Gone"), ItemEnd::DownloadFailed(_)));
    assert!(finished.exists("/Library/Acme/there.sh"), "the run did not bring it\n{}", finished.diagnostics);
    assert!(!finished.exists("/Library/Acme/down.sh"), "the run brought it");
}
