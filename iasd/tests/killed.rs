//! What is left of a rehearsal whose `iasd` was killed: nothing but what is meant to outlive it (R66).

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

const SETTINGS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict><key>Bootstrap</key><dict>
<key>preflight</key><array/>
<key>setupassistant</key><array><dict>
  <key>name</key><string>Inventory</string><key>type</key><string>rootscript</string>
  <key>donotwait</key><true/><key>file</key><string>/Library/installapplications/background.sh</string>
</dict></array>
<key>userland</key><array><dict>
  <key>name</key><string>Waits for the agent</string><key>type</key><string>userscript</string>
  <key>file</key><string>/Library/installapplications/background.sh</string>
</dict></array></dict></dict></plist>"#;

/// Says that it is there, and later whether it was told to go on or has ended.
const BACKGROUND: &str = "#!/bin/sh\nexec 3> /Users/Shared/background; echo in >&3\n\
    while ! [ -e /Users/Shared/go ]; do sleep 0.05; done; echo late >&3\n";
const AGENT: &str = "#!/bin/sh\nexec 3> /Users/Shared/agent; echo in >&3; exec sleep 600\n";

/// A simulated Mac on which `iasd` can run.
struct Mac {
    folder: tempfile::TempDir,
}

impl Mac {
    fn new() -> Self {
        let mac = Self { folder: tempfile::tempdir().unwrap() };
        for folder in ["mac/Library/installapplications", "mac/Users/Shared"] {
            fs::create_dir_all(mac.path(folder)).unwrap();
        }
        for folder in ["", "mac/Users/Shared"] {
            fs::set_permissions(mac.path(folder), fs::Permissions::from_mode(0o777)).unwrap();
        }
        fs::write(mac.path("mac/.ias-simulated-mac"), "").unwrap();
        mac.script("mac/Library/installapplications/background.sh", BACKGROUND);
        mac.script("agent", AGENT);
        fs::write(mac.path("settings.plist"), SETTINGS).unwrap();
        let agent = mac.path("agent");
        let scenario = serde_json::json!({"user": {"login_after": 0}, "agent": {"program": agent}});
        fs::write(mac.path("scenario.json"), scenario.to_string()).unwrap();
        mac
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn script(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A pipe through which somebody inside will say what becomes of it.
    fn pipe(&self, name: &str) -> PathBuf {
        let path = self.path("mac/Users/Shared").join(name);
        assert!(Command::new("mkfifo").args(["-m", "666"]).arg(&path).status().unwrap().success());
        path
    }

    fn start(&self, mut command: Command) -> Child {
        command.arg("--root").arg(self.path("mac"));
        command.arg("--scenario").arg(self.path("scenario.json")).arg(self.path("settings.plist"));
        let log = File::create(self.path("log")).unwrap();
        command.current_dir("/").stdout(Stdio::null()).stderr(log).spawn().unwrap()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }
}

/// Nothing here may take longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Opens a pipe and waits for the first word in it.
fn hear(mac: &Mac, pipe: PathBuf) -> BufReader<File> {
    let (heard, wait) = mpsc::channel();
    // Opening waits for whoever writes: for ever, when nobody comes.
    thread::spawn(move || {
        let mut said = BufReader::new(File::open(pipe).unwrap());
        let mut word = String::new();
        said.read_line(&mut word).unwrap();
        heard.send((said, word))
    });
    let heard = wait.recv_timeout(PATIENCE);
    assert!(heard.is_ok(), "nobody was heard\n{}", mac.log());
    let (said, word) = heard.unwrap();
    assert_eq!(word, "in\n");
    said
}

fn rest(mut said: BufReader<File>) -> String {
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    rest
}

fn iasd() -> Command {
    Command::new(env!("CARGO_BIN_EXE_iasd"))
}

fn killed_in_the_middle(command: Command) -> Mac {
    let mac = Mac::new();
    let (background, agent) = (mac.pipe("background"), mac.pipe("agent"));
    let mut run = mac.start(command);
    let (background, agent) = (hear(&mac, background), hear(&mac, agent));
    // By then the run has said what there was to notice.
    let deadline = Instant::now() + PATIENCE;
    while !mac.log().contains("Inventory: started") {
        assert!(Instant::now() < deadline, "nothing was started\n{}", mac.log());
        thread::sleep(Duration::from_millis(10));
    }
    run.kill().unwrap();
    run.wait().unwrap();
    assert_eq!(rest(agent), "", "the agent is gone");
    fs::write(mac.path("mac/Users/Shared/go"), "").unwrap();
    assert_eq!(rest(background), "late\n", "what was started to go on does");
    mac
}

fn namespaces_are_allowed() -> bool {
    let allowed =
        Command::new("unshare").args(["-Urm", "true"]).status().is_ok_and(|status| status.success());
    if !allowed {
        eprintln!("skipped: the kernel or the lack of unshare(1) allows no namespaces");
    }
    allowed
}

#[test]
fn r66_a_killed_daemon_takes_the_agent_with_it_and_leaves_background_scripts() {
    if !namespaces_are_allowed() {
        return;
    }
    let mac = killed_in_the_middle(iasd());
    assert!(!mac.log().contains("can see and signal"), "{}", mac.log());
}

#[test]
fn where_processes_cannot_be_kept_apart_everything_works_and_a_notice_says_so() {
    if !namespaces_are_allowed() {
        return;
    }
    // As in a container: a part of /proc is hidden, so the kernel refuses to show a new one.
    let mut masked = Command::new("unshare");
    let script = "mount -t tmpfs none /proc/sys && exec \"$0\" \"$@\"";
    masked.args(["-Urm", "sh", "-c", script, env!("CARGO_BIN_EXE_iasd")]);
    let mac = killed_in_the_middle(masked);
    assert!(mac.log().contains("can see and signal"), "{}", mac.log());
}
