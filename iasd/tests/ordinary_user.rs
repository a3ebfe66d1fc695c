//! A whole run without any privilege: everybody's processes are the caller's own, yet a user is a user.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use shared::sys::sandbox::{Bind, Ids, Processes, Sandbox, probe};
use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::Command,
};

const SETTINGS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict><key>Bootstrap</key><dict>
<key>preflight</key><array/><key>setupassistant</key><array/>
<key>userland</key><array><dict>
  <key>name</key><string>Who am I</string><key>type</key><string>userscript</string>
  <key>file</key><string>/Library/installapplications/who.sh</string>
</dict></array></dict></dict></plist>"#;

#[test]
fn p79_a_user_script_runs_as_the_user_without_any_privilege() {
    let iasd = Path::new(env!("CARGO_BIN_EXE_iasd"));
    if !iasd.with_file_name("iasagent").exists() {
        eprintln!("skipped: iasagent is not built");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for program in ["iasd", "iasagent"] {
        fs::copy(iasd.with_file_name(program), path(program)).unwrap();
    }
    let scripts = path("mac/Library/installapplications");
    fs::create_dir_all(&scripts).unwrap();
    // What the admin has put there already belongs to a simulated Mac.
    fs::write(path("mac/.ias-simulated-mac"), "").unwrap();
    fs::write(scripts.join("who.sh"), "#!/bin/sh\necho $(id -u) $HOME > ~/who\n").unwrap();
    fs::set_permissions(scripts.join("who.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(path("settings.plist"), SETTINGS).unwrap();
    fs::write(path("scenario.json"), r#"{"user": {"login_after": 0}}"#).unwrap();
    if !sandbox_is_possible(iasd, folder.path()) {
        return;
    }
    let mut run = Command::new(path("iasd"));
    run.arg("--root")
        .arg(path("mac"))
        .arg("--scenario")
        .arg(path("scenario.json"))
        .arg(path("settings.plist"));
    run.current_dir("/").env("TMPDIR", "/tmp");
    if rustix::process::geteuid().is_root() {
        let given = Command::new("chown").args(["-R", "1000:1000"]).arg(folder.path()).status().unwrap();
        assert!(given.success());
        run.uid(1000).gid(1000);
    }
    let output = run.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read_to_string(path("mac/Users/ada/who")).unwrap(), "501 /Users/ada\n");
}

fn sandbox_is_possible(helper: &Path, folder: &Path) -> bool {
    let root = folder.join("probe");
    fs::create_dir(&root).unwrap();
    let sandbox = Sandbox {
        helper: helper.to_owned(),
        root: root.canonicalize().unwrap(),
        binds: vec![Bind { from: "/dev/null".into(), to: "/dev/null".into(), writable: true }],
        network: false,
        host_name: "x".into(),
        ids: Ids::One,
        processes: Processes::Shared,
    };
    probe(&sandbox).inspect_err(|error| eprintln!("skipped: {error}")).is_ok()
}
