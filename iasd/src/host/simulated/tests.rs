//! What the simulated Mac promises, tried with real scripts and the real `iasd` as helper and stand-in.

use super::*;
use crate::host::{Line, Output};
use shared::{
    exit::Ended,
    layout::MacPath,
    sys::child::{Account, Program},
};
use std::os::unix::fs::PermissionsExt;

/// The built `iasd`; `None`, with a line that says so, when only the tests were built.
fn iasd() -> Option<PathBuf> {
    let this = std::env::current_exe().ok()?;
    let iasd = this.parent()?.parent()?.join("iasd");
    if iasd.exists() {
        return Some(iasd);
    }
    eprintln!("skipped: {} is not built; run the tests of the whole crate", iasd.display());
    None
}

/// A simulated Mac in a temporary folder.
struct Rehearsal {
    host: SimulatedHost,
    notices: mpsc::UnboundedReceiver<String>,
    folder: tempfile::TempDir,
}

impl Rehearsal {
    /// `None`, with a line that says so, where it cannot be.
    fn new(scenario: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let scenario = serde_json::from_str(scenario).unwrap();
        match SimulatedHost::with_helper(&folder.path().join("mac"), scenario, &iasd()?) {
            Ok((host, notices)) => Some(Self { host, notices, folder }),
            Err(WorldError::Sandbox(error)) => {
                eprintln!("skipped: {error}");
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Runs a script text as root; its end and its lines.
    async fn run(&self, script: &str) -> (Ended, Vec<String>) {
        let path = MacPath::new("/private/tmp/script").unwrap();
        let file = path.under(&self.host.root);
        fs::write(&file, script).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        let mut program = runner::program(&self.host.root, &path).unwrap();
        program.environment = Account::root().environment();
        self.start(program).await
    }

    async fn start(&self, program: Program) -> (Ended, Vec<String>) {
        let (send, mut receive) = mpsc::channel(1 << 16);
        let launch = crate::host::Launch { timeout: None, output: Output::Lines(send) };
        let running = self.host.runner.launch(&self.host.dir, program, launch).await;
        let ended = running.ended.await;
        let mut lines = Vec::new();
        while let Some(line) = receive.recv().await {
            if let Line::Output(line) = line {
                lines.push(line);
            }
        }
        (ended, lines)
    }

    /// Runs a script that must succeed.
    async fn lines(&self, script: &str) -> Vec<String> {
        let (ended, lines) = self.run(script).await;
        assert_eq!(ended, Ended::Exited(0), "{lines:#?}");
        lines
    }
}

#[tokio::test]
async fn r71_a_script_finds_itself_on_a_mac() {
    let Some(mac) = Rehearsal::new(r#"{"os_version": "14.6"}"#) else { return };
    let lines = mac
        .lines("#!/bin/zsh --no-rcs\nid -u\npwd\nsw_vers -productVersion\n/usr/bin/uname -m\nls -d /System/Library\necho $HOME")
        .await;
    assert_eq!(lines, ["0", "/", "14.6", "arm64", "/System/Library", "/var/root"]);
}

#[tokio::test]
async fn r71_text_without_an_interpreter_runs_under_sh_which_is_bash() {
    let Some(mac) = Rehearsal::new("{}") else { return };
    assert_eq!(mac.lines("a=(1 2); [[ ${a[1]} == 2 ]] && echo yes").await, ["yes"]);
}
