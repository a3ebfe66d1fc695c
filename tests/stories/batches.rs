//! What runs beside what: batches, the installer's queue, the background (R56–R69).

use serde_json::json;
use shared::event::ItemEnd;
use support::World;

#[test]
fn r56_members_of_a_group_run_at_the_same_time_and_the_next_item_waits_for_all() {
    let group = || json!({"parallel_group": "a", "timeout": 30});
    // Each waits for the other: one after the other they would never end.
    let meet = |own: &str, other: &str| {
        format!("touch /Library/{own}; while [ ! -e /Library/{other} ]; do sleep 0.1 || exit 9; done")
    };
    let outcome = World::new()
        .script("setupassistant", "One", &meet("one", "two"), group())
        .script("setupassistant", "Two", &meet("two", "one"), group())
        .script("setupassistant", "After", "ls /Library/one /Library/two", json!({}))
        .run(&[]);
    outcome.exits(0);
    for name in ["One", "Two", "After"] {
        assert_eq!(outcome.end(name), &ItemEnd::Done, "{name}");
    }
    let after = outcome.span("After").0;
    assert!(outcome.span("One").1 < after && outcome.span("Two").1 < after);
}

#[test]
fn r59_packages_of_a_group_are_installed_one_after_the_other() {
    let group = || json!({"parallel_group": "a"});
    let outcome = World::new()
        .package(
            "setupassistant",
            "One",
            "com.example.one",
            "mkdir /Library/lock; sleep 0.3; rmdir /Library/lock",
            group(),
        )
        .package(
            "setupassistant",
            "Two",
            "com.example.two",
            "mkdir /Library/lock; sleep 0.3; rmdir /Library/lock",
            group(),
        )
        .run(&[]);
    outcome.exits(0);
    assert_eq!((outcome.end("One"), outcome.end("Two")), (&ItemEnd::Done, &ItemEnd::Done));
    assert_eq!(outcome.read("/usr/local/share/com.example.two").as_deref(), Some("com.example.two"));
    let (one, two) = (outcome.span("One"), outcome.span("Two"));
    assert!(one.1 < two.0 || two.1 < one.0, "{one:?} {two:?}");
}

#[test]
fn r65_nobody_waits_for_an_item_that_asks_for_it() {
    let outcome = World::new()
        .script(
            "setupassistant",
            "Slow",
            "while [ ! -e /Library/go ]; do sleep 0.1 || exit 9; done",
            json!({"donotwait": true}),
        )
        .script("setupassistant", "Next", "touch /Library/go", json!({}))
        .run(&[]);
    outcome.exits(0);
    assert_eq!(outcome.end("Slow"), &ItemEnd::Background);
    assert_eq!(outcome.end("Next"), &ItemEnd::Done);
}

#[test]
fn a_root_file_behind_an_item_that_ends_the_run_is_not_placed() {
    let outcome = World::new()
        .script("setupassistant", "Ends", "exit 7", json!({"fail_policy": "failure_is_not_an_option"}))
        .file("setupassistant", "Behind", "/Library/behind.conf", "x")
        .run(&[]);
    outcome.exits(1);
    assert!(outcome.is_not_begun("Behind") && !outcome.exists("/Library/behind.conf"));
}

#[test]
fn a_root_file_is_placed_when_its_turn_comes_in_a_folder_an_earlier_item_made() {
    let outcome = World::new()
        .script(
            "setupassistant",
            "Makes",
            "test ! -e /Library/Acme || exit 1; mkdir -m 700 /Library/Acme",
            json!({"fail_policy": "failure_is_not_an_option"}),
        )
        .file("setupassistant", "Placed", "/Library/Acme/placed.conf", "x")
        .script(
            "setupassistant",
            "Reads",
            "read -r line < /Library/Acme/placed.conf; test \"$line\" = x",
            json!({"fail_policy": "failure_is_not_an_option"}),
        )
        .run(&[]);
    outcome.exits(0);
    assert_eq!(outcome.read("/Library/Acme/placed.conf").as_deref(), Some("x"));
    let folder = std::fs::metadata(outcome.on_disk("/Library/Acme")).unwrap();
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&folder.permissions()) & 0o777,
        0o700,
        "made by the script"
    );
}

#[test]
fn r92_a_root_file_that_cannot_be_placed_is_a_failed_placement() {
    let outcome = World::new()
        .script("setupassistant", "Opens", "mkdir /Library/Open; chmod 777 /Library/Open", json!({}))
        .file("setupassistant", "Refused", "/Library/Open/file", "x")
        .run(&[]);
    outcome.exits(1);
    assert!(
        matches!(outcome.end("Refused"), ItemEnd::PlacementFailed(why) if why.contains("not safe")),
        "{:?}",
        outcome.end("Refused")
    );
}

#[test]
fn r74_a_dry_run_downloads_and_touches_nothing() {
    let outcome = World::new()
        .script("preflight", "First", "touch /Library/first", json!({}))
        .package("setupassistant", "Package", "com.example.one", "touch /Library/second", json!({}))
        .file("setupassistant", "File", "/Library/third", "x")
        .script("userland", "User", "touch /Users/Shared/fourth", json!({"type": "userscript"}))
        .setting("DEPNotifyEnable", true)
        .run(&["--dry-run", "--user", "never"]);
    outcome.exits(0);
    let (_, summary) = outcome.state.finished.as_ref().expect("an end");
    assert_eq!(summary, "dry run finished: nothing was carried out");
    for path in ["/Library/first", "/Library/second", "/Library/third", "/Users/Shared/fourth"] {
        assert!(!outcome.exists(path), "{path}");
    }
    assert!(!outcome.exists("/usr/local/share/com.example.one"));
    assert!(!outcome.exists("/private/var/tmp/depnotify.log"));
}
