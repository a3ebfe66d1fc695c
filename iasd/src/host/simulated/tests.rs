//! What the simulated Mac promises, tried with real scripts and the real `iasd` as helper and stand-in.

use super::*;
use crate::host::{Line, Output, Plists};
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
pub(super) struct Rehearsal {
    pub(super) host: SimulatedHost,
    notices: mpsc::UnboundedReceiver<String>,
    _folder: tempfile::TempDir,
    _agent: Option<tempfile::TempDir>,
}

impl Rehearsal {
    /// `None`, with a line that says so, where it cannot be.
    pub(super) fn new(scenario: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let scenario = serde_json::from_str(scenario).unwrap();
        match SimulatedHost::with_helper(&folder.path().join("mac"), scenario, &iasd()?) {
            Ok((host, notices)) => match host.runner.ready_now() {
                Ok(()) => Some(Self { host, notices, _folder: folder, _agent: None }),
                Err(error) => {
                    eprintln!("skipped: {error}");
                    None
                }
            },
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
        let ended = running.ended.await.ended;
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

#[tokio::test]
async fn stand_ins_are_found_by_absolute_path_and_what_they_write_is_real() {
    let Some(mac) = Rehearsal::new("{}") else { return };
    let lines = mac
        .lines(
            "#!/bin/bash\nset -e\n/usr/bin/defaults write /Library/Preferences/com.example Key -bool true\n\
             /usr/bin/defaults read /Library/Preferences/com.example Key\n\
             /usr/libexec/PlistBuddy -c 'Add :A string b' /tmp/x.plist\n/usr/libexec/PlistBuddy -c 'Print :A' /tmp/x.plist\n\
             printf 'a\\n' > /tmp/f; sed -i '' s/a/b/ /tmp/f; cat /tmp/f\nstat -f %z /tmp/f\n\
             /usr/local/bin/jamf version\nhostname\n/usr/local/bin/dialog --version >/dev/null\n",
        )
        .await;
    assert_eq!(
        lines,
        ["1", "File Doesn't Exist, Will Create: /tmp/x.plist", "b", "b", "2", "version=11.17.1", "Mac"][..]
            .to_vec(),
        "{lines:?}"
    );
    assert!(mac.host.root.join("Library/Preferences/com.example.plist").exists());
    let calls = fs::read_to_string(mac.host.side.join("inside/calls.ndjson")).unwrap();
    let first: serde_json::Value = serde_json::from_str(calls.lines().next().unwrap()).unwrap();
    assert_eq!((&first["command"], &first["status"]), (&"defaults".into(), &0.into()));
    assert_eq!(first["arguments"][0], "write");
}

#[tokio::test]
async fn root_acts_for_a_user_and_files_change_hands() {
    let Some(mac) = Rehearsal::new(r#"{"user": {"login_after": 0}}"#) else { return };
    mac.host.boot(true);
    mac.logged_in().await;
    let lines = mac
        .lines(
            "set -e\nid -u ada\nsudo -u ada id -u\nlaunchctl asuser 501 sudo -u ada sh -c 'id -u; echo $HOME'\n\
             stat -f %Su /dev/console\nls -l /dev/console | awk '{print $3}'\n\
             echo 'show State:/Users/ConsoleUser' | scutil | awk '/Name :/ && ! /loginwindow/ {print $3}'\n\
             touch /Users/ada/file; chown ada:staff /Users/ada/file; dscl . -read /Users/ada UniqueID\n\
             sudo -u ada touch /Users/ada/Desktop/own\n",
        )
        .await;
    assert_eq!(lines, ["501", "501", "501", "/Users/ada", "ada", "ada", "ada", "UniqueID: 501"]);
    let owners = fs::read_to_string(mac.host.side.join("inside/owners.ndjson")).unwrap();
    use std::os::unix::fs::MetadataExt;
    let uid = fs::metadata(mac.host.root.join("Users/ada/file")).unwrap().uid();
    match mac.host.ids {
        Ids::All => assert_eq!(uid, 501),
        Ids::One => assert!(owners.contains(r#""path":"/Users/ada/file","owner":"ada:staff""#), "{owners}"),
    }
    again_as_an_ordinary_user("root_acts_for_a_user_and_files_change_hands");
}

#[tokio::test]
async fn r71_the_world_is_the_same_for_an_ordinary_user() {
    let Some(mac) = Rehearsal::new("{}") else { return };
    let script = "#!/bin/sh\nset -e\nid -u\ntouch /Library/x /usr/local/bin/y\nmkdir -p /opt/homebrew/bin\ncat <(echo sub)\n\
        echo a | tee /dev/stderr > /dev/null\nperl -e 'print 1+1, qq(\\n)' 2>/dev/null || echo 2";
    let (_, lines) = mac.run(script).await;
    assert_eq!(lines.first().unwrap(), "0", "{lines:?}");
    assert_eq!(lines.last().unwrap(), "2", "{lines:?}");
    assert!(lines.contains(&"a".into()), "{lines:?}");
    again_as_an_ordinary_user("r71_the_world_is_the_same_for_an_ordinary_user");
}

/// An agent that says who it is, and stays.
const AGENT: &str = "#!/bin/sh\necho \"$(id -u) $HOME $*\" >> /Users/Shared/agent\nexec sleep 600\n";

impl Rehearsal {
    /// With [`AGENT`] as the agent, started as `conduct` says.
    fn with_agent(conduct: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("agent");
        fs::write(&program, AGENT).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let program = program.display();
        let mac = Self::new(&format!(
            r#"{{"user": {{"login_after": 0}}, "agent": {{"program": "{program}", "throttle": 0.05, {conduct}}}}}"#
        ))?;
        // Programs stay until the test ends.
        Some(Self { _agent: Some(folder), ..mac })
    }

    pub(super) async fn logged_in(&self) {
        let mut users = self.host.users.clone();
        users.wait_for(Option::is_some).await.unwrap();
    }

    /// What the agents said, once there are `count` of them.
    async fn agents(&self, count: usize) -> Vec<String> {
        let file = self.host.root.join("Users/Shared/agent");
        for _ in 0..1000 {
            let text = fs::read_to_string(&file).unwrap_or_default();
            if text.lines().count() >= count {
                return text.lines().map(str::to_owned).collect();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{count} agents were expected: {:?}", fs::read_to_string(&file));
    }

    async fn retire(&self) {
        let jobs = shared::settings::Identifiers {
            log: "l".into(),
            daemon: "d".into(),
            agent: "a".into(),
            service: "s".into(),
        };
        for retired in crate::host::Host::retire_jobs(&self.host, &jobs, &[501], Plists::Removed).await {
            assert!(retired.error.is_none(), "{retired:?}");
        }
    }
}

#[tokio::test]
async fn the_agent_runs_as_the_user_until_its_job_is_removed() {
    let Some(mac) = Rehearsal::with_agent(r#""mode": "present""#) else { return };
    fs::write(mac.host.root.join("Library/LaunchAgents/a.plist"), "").unwrap();
    mac.host.boot(true);
    let daemon = if mac.host.ids == Ids::All { 0 } else { 501 };
    let said = mac.agents(1).await;
    assert_eq!(
        said,
        [format!("501 /Users/ada --socket /private/var/run/ias/agent.sock --daemon-uid {daemon}")]
    );
    mac.retire().await;
    mac.retire().await;
    assert!(!mac.host.root.join("Library/LaunchAgents/a.plist").exists());
    assert_eq!(mac.agents(1).await.len(), 1);
    again_as_an_ordinary_user("the_agent_runs_as_the_user_until_its_job_is_removed");
}

#[tokio::test]
async fn a_crashing_agent_is_started_again() {
    let Some(mac) = Rehearsal::with_agent(r#""mode": "crashing", "crash_after": 0.1, "crashes": 2"#) else {
        return;
    };
    mac.host.boot(true);
    assert_eq!(mac.agents(3).await.len(), 3);
    mac.retire().await;
}

#[tokio::test]
async fn an_absent_agent_never_comes_and_nobody_logs_in_without_a_user() {
    let Some(mac) = Rehearsal::with_agent(r#""mode": "absent""#) else { return };
    mac.host.boot(true);
    mac.logged_in().await;
    mac.retire().await;
    assert!(!mac.host.root.join("Users/Shared/agent").exists());
    let Some(nobody) = Rehearsal::new(r#"{"user": null}"#) else { return };
    nobody.host.boot(true);
    assert_eq!(*nobody.host.users.borrow(), None);
}

#[tokio::test]
async fn without_a_sandbox_the_environment_tells_where_the_mac_is() {
    let Some(mut mac) = Rehearsal::new(r#"{"sandbox": false}"#) else { return };
    let lines = mac.lines("#!/bin/sh\necho $IAS_ROOT; pwd").await;
    let root = mac.host.root.display().to_string();
    assert_eq!(lines, [root.clone(), root]);
    assert!(mac.notices.recv().await.unwrap().contains("without a sandbox"));
}

/// Runs this test again as an ordinary user when we are root.
fn again_as_an_ordinary_user(test: &str) {
    use std::os::unix::process::CommandExt;
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let copy = tempfile::tempdir().unwrap();
    fs::set_permissions(copy.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(copy.path().join("deps")).unwrap();
    let program = copy.path().join("deps/test");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    fs::copy(iasd().unwrap(), copy.path().join("iasd")).unwrap();
    let name = format!("{}::{test}", module_path!().split_once("::").unwrap().1);
    let mut command = std::process::Command::new(program);
    command
        .args(["--exact", &name, "--nocapture"])
        .env("TMPDIR", "/tmp")
        .current_dir("/")
        .gid(1000)
        .uid(1000);
    let output = command.output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "as user 1000: {text}");
    eprintln!("as user 1000: {text}");
}
