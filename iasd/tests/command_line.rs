//! What the program answers before a run begins: its command line and settings it cannot begin with (R41, R44, R76).
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

const IASD: &str = env!("CARGO_BIN_EXE_iasd");

fn iasd(words: &[&str]) -> Output {
    Command::new(IASD).args(words).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn version_and_help_are_results() {
    let version = iasd(&["--version"]);
    assert!(version.status.success() && text(&version.stdout).starts_with("iasd "));
    let help = iasd(&["--help"]);
    assert!(help.status.success() && text(&help.stdout).contains("--jsonurl"));
}

#[test]
fn r76_a_bad_command_line_is_64_with_a_hint() {
    let refused = iasd(&["--jsonulr", "https://a.example/"]);
    assert_eq!(refused.status.code(), Some(64));
    assert_eq!(text(&refused.stderr), "iasd: unknown option --jsonulr (did you mean --jsonurl?)\n");
}

#[test]
fn r44_a_dangerous_install_path_is_78_and_deletes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let root_option = format!("--root={}", root.path().display());
    let start = |path| iasd(&[&root_option, "--jsonurl", "https://a.example/x.json", "--iapath", path]);
    assert_eq!(start("/Library").status.code(), Some(78));
    fs::write(root.path().join("Library/mine"), "").unwrap();
    let refused = start("/Library");
    assert_eq!(refused.status.code(), Some(78), "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("/Library belongs to the system"), "{}", text(&refused.stderr));
    assert!(root.path().join("Library/mine").is_file());
}

#[test]
fn r41_userscript_becomes_the_agent_beside_the_program() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = folder.path().join("iasd");
    fs::hard_link(IASD, &program).or_else(|_| fs::copy(IASD, &program).map(|_| ())).unwrap();
    let start = || {
        let script = Path::new("/Library/installapplications/installapplications.py");
        Command::new(&program).arg(script).arg("--userscript").output().unwrap()
    };
    assert_eq!(start().status.code(), Some(78));
    let agent = folder.path().join("iasagent");
    fs::write(&agent, "#!/bin/sh\necho agent $#\nexit 7\n").unwrap();
    fs::set_permissions(&agent, fs::Permissions::from_mode(0o755)).unwrap();
    let became = start();
    assert_eq!((became.status.code(), text(&became.stdout)), (Some(7), "agent 0\n".to_owned()));
}
