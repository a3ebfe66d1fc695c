//! Nobody else may speak: control files that must be signed (design decision 5).
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::json;
use shared::minisign::SecretKey;
use std::{fs, path::Path, process::Command};
use support::{Outcome, World, program, rehearse};

const NEWEST: &str = "/Library/Application Support/ias/newest-control-file.json";

fn key(number: u8) -> SecretKey {
    SecretKey::from_seed([number; 8], [number; 32]).unwrap()
}

/// A Mac that wants a signature by key 1, and a control file whose only script leaves a trace.
fn world() -> World {
    World::new()
        .script("setupassistant", "Trace", "touch /Library/trace", json!({}))
        .setting("ControlFileKeys", plist::Value::Array(vec![key(1).public().to_string().into()]))
}

/// Nothing was executed and nothing removed, and the log says `word`.
fn refused(outcome: &Outcome, word: &str) {
    outcome.exits(65);
    assert!(outcome.diagnostics.contains(word), "{word}: {}", outcome.diagnostics);
    assert!(!outcome.exists("/Library/trace") && outcome.exists("/Library/installapplications"), "{word}");
    assert!(!outcome.exists("/Library/installapplications/bootstrap.json"), "{word}: kept");
}

#[test]
fn a_signed_control_file_runs_and_its_serial_outlives_the_installation() {
    let outcome = world().signed(key(1), "serial:7 expires:2999-01-01").run(&[]);
    outcome.exits(0);
    assert!(outcome.exists("/Library/trace") && !outcome.exists("/Library/installapplications"));
    assert_eq!(outcome.read(NEWEST).unwrap(), r#"{"0101010101010101":7}"#);
    assert!(outcome.diagnostics.contains("signed with the key 0101010101010101: serial:7"));
}

#[test]
fn without_the_right_signature_nothing_is_executed() {
    refused(&world().run(&[]), "it has no signature");
    refused(&world().signed(key(2), "serial:7").run(&[]), "not among ControlFileKeys (0101010101010101)");
    refused(&world().signed(key(1), "serial:7").changed_afterwards().run(&[]), "was changed");
    refused(&world().signed(key(1), "expires:2026-11-24").run(&[]), "it expired at 2026-11-25T00:00:00Z");
}

#[test]
fn a_forged_control_file_is_not_even_parsed() {
    let outcome = world().item("userland", json!("nonsense")).signed(key(2), "serial:7").run(&[]);
    refused(&outcome, "not among ControlFileKeys");
    assert!(!outcome.diagnostics.contains("nonsense") && !outcome.diagnostics.contains("userland[0]"));
}

#[test]
fn an_older_edition_is_refused_by_a_later_run_on_the_same_mac() {
    let site = tempfile::tempdir().unwrap();
    let (folder, root) = (site.path().join("site"), site.path().join("mac"));
    fs::create_dir(&folder).unwrap();
    let publish = |trace: &str, serial: u32| {
        let control = json!({"preflight": [], "setupassistant": [
            {"name": trace, "type": "rootfile", "file": format!("/Library/{trace}"), "url": "https://b.example.com/x",
             "hash": shared::digest::Digest::of(b"x")}]});
        fs::write(folder.join("bootstrap.json"), control.to_string()).unwrap();
        let signature = key(1).sign(control.to_string().as_bytes(), &format!("serial:{serial}")).unwrap();
        fs::write(folder.join("bootstrap.json.sig"), signature).unwrap();
    };
    fs::write(folder.join("x"), "x").unwrap();
    let keys = format!("ControlFileKeys={}", key(1).public());
    let run = || rehearse(&folder, &root, &["--set", &keys, "--set", "MaximumRedownloads=0"]);

    publish("first", 7);
    run().exits(0);
    publish("rolled-back", 6);
    let outcome = run();
    outcome.exits(65);
    assert!(outcome.diagnostics.contains("its serial is 6, but this Mac has used 7 already"));
    assert!(!outcome.exists("/Library/rolled-back"));
    publish("newer", 8);
    run().exits(0);
}

#[test]
fn keys_that_cannot_be_used_end_the_run_before_it_begins() {
    for keys in [plist::Value::Array(vec![]), plist::Value::from("RWQ2"), plist::Value::from(true)] {
        let outcome = world().setting("ControlFileKeys", keys).run(&[]);
        outcome.exits(78);
        assert!(outcome.diagnostics.contains("ControlFileKeys: not usable"), "{}", outcome.diagnostics);
        assert!(!outcome.exists("/Library/trace"));
    }
}

#[test]
fn from_nothing_to_a_signed_control_file_with_the_admins_tool_alone() {
    let folder = tempfile::tempdir().unwrap();
    let iasctl = |arguments: &[&str]| {
        let output = Command::new(program("iasctl")).current_dir(&folder).args(arguments).output().unwrap();
        let text =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code().unwrap(), text)
    };
    fs::write(folder.path().join("bootstrap.json"), r#"{"userland": []}"#).unwrap();
    assert_eq!(iasctl(&["keygen"]).0, 0);
    let (code, told) = iasctl(&["sign", "bootstrap.json", "--expires", "90d"]);
    assert_eq!(code, 0, "{told}");
    let (code, told) = iasctl(&["check", "bootstrap.json", "--key", "ias.pub"]);
    assert!(code == 0 && told.contains("0 errors, 0 warnings, signed with "), "{told}");
    let public = fs::read_to_string(folder.path().join("ias.pub")).unwrap();
    let keys = format!("ControlFileKeys={}", public.lines().nth(1).unwrap());
    let simulate = |root: &Path| {
        rehearse(
            &folder.path().join("bootstrap.json"),
            root,
            &["--set", &keys, "--set", "MaximumRedownloads=0"],
        )
    };
    simulate(&folder.path().join("mac")).exits(0);
    fs::write(folder.path().join("bootstrap.json"), r#"{"userland": [] }"#).unwrap();
    simulate(&folder.path().join("another")).exits(65);
}
