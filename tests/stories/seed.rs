//! What the package brought along is used before anything is fetched, and without a network (R87, R116).

use serde_json::json;
use shared::{
    event::{EventKind, ItemEnd},
    minisign::SecretKey,
};
use std::{fs, os::unix::fs::PermissionsExt as _};
use support::{INSTALL_PATH, Outcome, World};

/// No network, for longer than any story lasts.
const NEVER: [&str; 2] = ["--outage", "0-99999"];

fn whole() -> World {
    World::new()
        .script("preflight", "Look", "exit 1", json!({}))
        .package("setupassistant", "Tools", "com.example.tools", "echo tools >> /Library/done", json!({}))
        .script(
            "setupassistant",
            "Work",
            "echo work >> /Library/done",
            json!({"file": "/Library/Acme/work.sh"}),
        )
        .file("setupassistant", "Note", "/Library/Acme/note.txt", "call 42")
        .script("userland", "Greeting", "echo hello > ~/greeting", json!({"type": "userscript"}))
}

/// Where content came from, by item.
fn sources(outcome: &Outcome) -> Vec<&str> {
    let started = outcome.events.iter().filter_map(|event| match &event.kind {
        EventKind::DownloadStarted { url, .. } => Some(url.as_str()),
        _ => None,
    });
    started.collect()
}

#[test]
fn an_enrolment_whose_network_never_comes_is_carried_out_from_the_seed() {
    let outcome = whole().seeded().run(&NEVER);
    outcome.exits(0);
    for item in ["Tools", "Work", "Note", "Greeting"] {
        assert_eq!(outcome.end(item), &ItemEnd::Done, "{item}");
    }
    assert_eq!(outcome.read("/Library/done").as_deref(), Some("tools\nwork\n"));
    assert!(outcome.exists("/Users/ada/greeting") && outcome.exists("/usr/local/share/com.example.tools"));
    assert!(outcome.diagnostics.contains("no network: using the control file of the seed"));
    let used = outcome.events.iter().find_map(|event| match &event.kind {
        EventKind::ControlFileLoaded { source, .. } => Some(source.as_str()),
        _ => None,
    });
    assert!(used.is_some_and(|used| used.starts_with("in /Library/installapplications/seed, ")), "{used:?}");
    assert!(!outcome.exists("/Library/Acme/work.sh"), "R82: what the run brought goes");
    assert!(!outcome.exists(INSTALL_PATH), "and the seed with the rest");
}

#[test]
fn with_a_network_the_seed_serves_what_has_its_hash_and_the_server_the_rest() {
    let world = whole().seeded();
    let command = world.command(&[]);
    drop(command);
    let seed = world.root().join("Library/installapplications/seed");
    let work = shared::digest::Digest::of(b"#!/bin/sh\necho work >> /Library/done\n").to_string();
    fs::write(seed.join(&work), "#!/bin/sh\necho forged >> /Library/done\n").expect("another content");
    let tools = fs::read_dir(&seed).expect("the seed").flatten().map(|file| file.path());
    let largest = tools.max_by_key(|file| fs::metadata(file).map_or(0, |found| found.len())).expect("a file");
    fs::set_permissions(&largest, fs::Permissions::from_mode(0o666)).expect("a mode");
    let outcome = world.unseeded().run(&[]);
    outcome.exits(0);
    assert_eq!(outcome.read("/Library/done").as_deref(), Some("tools\nwork\n"), "nothing forged");
    let (seeded, served): (Vec<_>, Vec<_>) = sources(&outcome)
        .into_iter()
        .partition(|url| url.starts_with("file:///Library/installapplications/seed/"));
    assert_eq!((seeded.len(), served.len()), (3, 2), "{seeded:?} {served:?}");
    assert!(
        outcome.diagnostics.contains("the seed is not used"),
        "R116: others could have written the package"
    );
}

#[test]
fn a_seeded_control_file_has_to_be_signed_where_all_have_to_be() {
    let key = SecretKey::from_seed([1; 8], [1; 32]).expect("a key");
    let keys = || plist::Value::Array(vec![key.public().to_string().into()]);
    let world = || whole().seeded().setting("ControlFileKeys", keys()).setting("WaitForControlFile", 1);
    let unsigned = world().run(&NEVER);
    unsigned.exits(75);
    assert!(unsigned.diagnostics.contains("no control file of the seed"), "{}", unsigned.diagnostics);
    let key = SecretKey::from_seed([1; 8], [1; 32]).expect("a key");
    let signed = world().signed(key, "serial:7").run(&NEVER);
    signed.exits(0);
    assert_eq!(signed.read("/Library/done").as_deref(), Some("tools\nwork\n"));
}

#[test]
fn a_mac_that_has_used_another_control_file_does_not_go_back_to_the_seeds() {
    let world = whole();
    world.again(&[]).exits(0);
    let changed = world.script("setupassistant", "Old", "echo old >> /Library/done", json!({})).seeded();
    let outcome = changed.again(&[&NEVER[..], &["--set", "WaitForControlFile=1"]].concat());
    outcome.exits(75);
    assert!(
        outcome.diagnostics.contains("this Mac has used another control file"),
        "{}",
        outcome.diagnostics
    );
}
