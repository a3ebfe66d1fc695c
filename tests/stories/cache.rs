//! Content that serves more than one run: `CachePath` on a Mac, `simulate --cache` in rehearsals.

use serde_json::json;
use shared::event::{EventKind, ItemEnd};
use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};
use support::{INSTALL_PATH, Outcome, World};

const CACHE: &str = "/Library/Caches/ias";

fn world() -> World {
    World::new()
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

/// Where content came from, each a cache or a server.
fn sources<'a>(outcome: &'a Outcome, cache: &str) -> (Vec<&'a str>, Vec<&'a str>) {
    let started = outcome.events.iter().filter_map(|event| match &event.kind {
        EventKind::DownloadStarted { url, .. } => Some(url.as_str()),
        _ => None,
    });
    started.partition(|url| url.starts_with(&format!("file://{cache}/")))
}

fn is_carried_out(outcome: &Outcome) {
    outcome.exits(0);
    for item in ["Tools", "Work", "Note", "Greeting"] {
        assert_eq!(outcome.end(item), &ItemEnd::Done, "{item}");
    }
    assert_eq!(outcome.read("/Library/done").as_deref(), Some("tools\nwork\n"));
}

#[test]
fn a_rehearsal_takes_from_the_cache_what_an_earlier_one_has_downloaded() {
    let place = tempfile::tempdir().expect("a folder");
    let place = place.path().canonicalize().expect("its path");
    let cache = place.join("made/when needed");
    let words = ["--cache", cache.to_str().expect("a path in UTF-8")];
    let shown = words[1].replace(' ', "%20");
    let first = world().run(&words);
    is_carried_out(&first);
    assert_eq!(sources(&first, &shown).0, [""; 0]);
    let mode = fs::metadata(&cache).expect("the cache").permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "also for who makes everything for a group");
    let second = world().run(&words);
    is_carried_out(&second);
    let (cached, served) = sources(&second, &shown);
    assert_eq!((cached.len(), served.len()), (3, 1), "the note stays on its Mac: {cached:?} {served:?}");

    // Nothing can go wrong with what is not asked for.
    let third = world().run(&[&words[..], &["--fault", "status=503@Tools"]].concat());
    third.exits(0);
    assert!(third.diagnostics.contains("the cache is not used"), "{}", third.diagnostics);
    assert_eq!(sources(&third, &shown).0, [""; 0]);
}

#[test]
fn a_mac_keeps_what_a_run_brought_and_uses_it_in_the_next_one() {
    let world = world().setting("CachePath", CACHE);
    let outcome = world.again(&[]);
    is_carried_out(&outcome);
    assert!(!outcome.exists(INSTALL_PATH) && !outcome.exists("/Library/Acme/work.sh"), "R82: all the same");
    let cleaned = |what: &str| {
        let is_it =
            |kind: &EventKind| matches!(kind, EventKind::Cleanup { what: told, error: None } if told == what);
        outcome.events.iter().any(|event| is_it(&event.kind))
    };
    assert!(cleaned("keep /Library/Acme/work.sh in the cache"));
    let folder = world.root().join(CACHE.trim_start_matches('/'));
    assert_eq!(digests(&folder), 3);

    // What is missing is mended without its server; so is everything, where nobody knows of an earlier run.
    fs::remove_dir_all(world.root().join("private/var/db/receipts")).expect("the receipts");
    let mended = world.again(&[]);
    mended.exits(0);
    assert_eq!(sources(&mended, CACHE).0.len(), 1);
    assert_eq!(mended.read("/Library/done").as_deref(), Some("tools\nwork\ntools\n"));
    for gone in ["private/var/db/receipts", "Library/Application Support/ias"] {
        fs::remove_dir_all(world.root().join(gone)).expect("what is known");
    }
    fs::remove_file(world.root().join("Library/done")).expect("what the runs did");
    let outcome = world.again(&[]);
    is_carried_out(&outcome);
    assert_eq!(sources(&outcome, CACHE).0.len(), 3);
    assert_eq!(digests(&folder), 3, "it is there for the run after this one");

    let dry = world.again(&["--dry-run"]);
    dry.exits(0);
    assert_eq!(digests(&folder), 3, "R74");
}

/// How many files are called by a digest.
fn digests(folder: &Path) -> usize {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter(|file| file.file_name().len() == 64).count()
}
