//! A records folder that cannot be written: what the admin sees (R78).

#![expect(clippy::expect_used, reason = "a story that cannot be told has failed")]

use serde_json::json;
use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};
use support::{World, program};

/// Whoever is not root, as which `setpriv` can start programs.
const SOMEBODY: u32 = 1234;

/// The command `simulate`, as somebody who is not root: no mode keeps root from writing.
fn as_somebody(command: &Command) -> Command {
    let mut other = if rustix::process::geteuid().is_root() {
        let mut other = Command::new("setpriv");
        let id = |option: &str| format!("--{option}={SOMEBODY}");
        other.args([id("reuid"), id("regid")]).arg("--clear-groups").arg(command.get_program());
        other
    } else {
        Command::new(command.get_program())
    };
    other.args(command.get_args());
    other
}

fn give(folder: &Path) {
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(folder, Some(SOMEBODY), Some(SOMEBODY)).expect("root can give");
    }
}

#[test]
fn r78_without_a_place_for_the_journal_nothing_is_begun_and_the_reason_is_told() {
    let may_run = as_somebody(Command::new(program("iasctl")).arg("--version")).output();
    if !may_run.is_ok_and(|output| output.status.success()) {
        println!("skipped: no setpriv here, or nobody else may run our programs");
        return;
    }
    let home = tempfile::tempdir().expect("a folder");
    give(home.path());
    let root = home.path().join("mac");
    let world = World::new().script("setupassistant", "Root", "touch /Library/root", json!({}));
    let command = world.command(&[]);
    let site = command.get_args().nth(1).expect("what is rehearsed").to_owned();
    let open = |mode| fs::set_permissions(home.path(), fs::Permissions::from_mode(mode)).expect("a mode");
    open(0o755);
    give(Path::new(&site));
    fs::set_permissions(Path::new(&site).parent().expect("a folder"), fs::Permissions::from_mode(0o755))
        .expect("a mode");
    let run =
        || as_somebody(&support::simulate(Path::new(&site), &root, &[])).output().expect("it can be started");
    let first = run();
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));

    let records = root.join("Library/Application Support/ias");
    fs::set_permissions(&records, fs::Permissions::from_mode(0o555)).expect("a mode");
    fs::remove_file(root.join("Library/root")).expect("the script has run");
    let second = run();
    let log = fs::read_to_string(home.path().join("mac.sim/iasd.log")).expect("a log");
    assert_eq!(second.status.code(), Some(78), "{log}");
    let told = "last-run.ndjson: Permission denied";
    assert!(log.contains(told) && log.contains("nothing is begun without a journal"), "{log}");
    assert!(String::from_utf8_lossy(&second.stderr).contains(told), "the summary shows why");
    assert!(!root.join("Library/root").exists());
}
