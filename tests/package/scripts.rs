//! preinstall and postinstall, run in the shells there are, with stand-ins for what they call (R139).

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};
use tempfile::TempDir;

/// Records what it is asked, and knows which jobs are loaded. Each verb takes its exit statuses from a file of its
/// name, line by line; a bootout that answers 36 has done its work after the next `sleep`.
const LAUNCHCTL: &str = r#"#!/bin/sh
verb=$1
[ "$verb" = print ] || echo "$*" >>"$FAKE/calls"
answer=0
if [ -s "$FAKE/$verb" ]; then
    answer=$(head -n 1 "$FAKE/$verb")
    sed 1d "$FAKE/$verb" >"$FAKE/rest"
    mv "$FAKE/rest" "$FAKE/$verb"
fi
case $verb:$answer in
print:0) [ -e "$FAKE/loaded/$(echo "$2" | tr / ,)" ] || exit 113 ;;
bootstrap:0) : >"$FAKE/loaded/$(echo "$2" | tr / ,),$(basename "$3" .plist)" ;;
bootout:0) rm -f "$FAKE/loaded/$(echo "$2" | tr / ,)" ;;
bootout:36) echo "$2" | tr / , >"$FAKE/leaving" ;;
esac
[ "$answer" -eq 0 ] || echo "$verb failed: $answer" >&2
exit "$answer"
"#;

const SLEEP: &str = r#"#!/bin/sh
echo "sleep $*" >>"$FAKE/calls"
if [ -e "$FAKE/leaving" ]; then rm -f "$FAKE/loaded/$(cat "$FAKE/leaving")"; fi
"#;

/// As the dictionary of a logged-in user looks, down to a nested one with keys of the same kind.
const SCUTIL: &str = r#"#!/bin/sh
read -r command
[ "$command" = "show State:/Users/ConsoleUser" ] || exit 1
[ -s "$FAKE/console" ] || { echo "  No such key"; exit 0; }
echo "<dictionary> {"
echo "  GID : 20"
echo "  Name : somebody"
echo "  SessionInfo : <array> {"
echo "    0 : <dictionary> {"
echo "      kCGSSessionUserIDKey : 777"
echo "    }"
echo "  }"
echo "  UID : $(cat "$FAKE/console")"
echo "}"
"#;

const DAEMON: &str = "system/com.example.daemon";
const AGENT: &str = "gui/501/com.example.agent";

/// A Mac on which a package is being installed, with blanks and quotation marks in its paths.
struct Mac(TempDir);

impl Mac {
    fn new() -> Self {
        let mac = Self(tempfile::Builder::new().prefix("Mac \"of\" Ada ").tempdir().unwrap());
        for folder in ["bin", "fake/loaded", "scripts", "files"] {
            fs::create_dir_all(mac.at(folder)).unwrap();
        }
        for (name, text) in [("launchctl", LAUNCHCTL), ("sleep", SLEEP), ("scutil", SCUTIL)] {
            let path = mac.at("bin").join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        for script in ["preinstall", "postinstall", "jobs"] {
            fs::copy(source(script), mac.at("scripts").join(script)).unwrap();
        }
        let mut names = String::from("DAEMON='com.example.daemon'\nAGENT='com.example.agent'\n");
        for (name, file) in [
            ("DAEMON_PROGRAM", "iasd"),
            ("AGENT_PROGRAM", "iasagent"),
            ("DAEMON_JOB", "com.example.daemon.plist"),
            ("AGENT_JOB", "com.example.agent.plist"),
        ] {
            let path = mac.at("files").join(file);
            fs::write(&path, "").unwrap();
            names.push_str(&format!("{name}='{}'\n", path.display()));
        }
        fs::write(mac.at("scripts/names"), names).unwrap();
        mac.console("501")
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    /// Who is at the screen.
    fn console(self, user: &str) -> Self {
        fs::write(self.at("fake/console"), user).unwrap();
        self
    }

    fn loaded(self, job: &str) -> Self {
        fs::write(self.at("fake/loaded").join(job.replace('/', ",")), "").unwrap();
        self
    }

    /// The exit statuses of the next calls of `launchctl VERB`.
    fn answers(self, verb: &str, statuses: &[u8]) -> Self {
        let lines: String = statuses.iter().map(|status| format!("{status}\n")).collect();
        fs::write(self.at("fake").join(verb), lines).unwrap();
        self
    }

    fn run(&self, shell: &[&str], script: &str, volume: &str) -> (Output, Vec<String>) {
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).arg(self.at("scripts").join(script));
        command.args(["/tmp/a package.pkg", volume, volume, "/"]);
        let path = format!("{}:/usr/bin:/bin", self.at("bin").display());
        let output = command.env("PATH", path).env("FAKE", self.at("fake")).output().unwrap();
        let files = format!("{}/", self.at("files").display());
        let calls = fs::read_to_string(self.at("fake/calls")).unwrap_or_default();
        (output, calls.lines().map(|call| call.replace(&files, "")).collect())
    }
}

fn source(script: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../launchd/scripts").join(script)
}

/// What macOS has as `/bin/sh` is bash or dash, as its owner likes.
pub(super) fn shells() -> Vec<Vec<&'static str>> {
    let wanted: [&[&str]; 3] = [&["sh"], &["dash"], &["bash", "--posix"]];
    let there = |shell: &&[&str]| {
        let found = Command::new(shell[0]).args(["-c", ":"]).status().is_ok();
        if !found {
            println!("skipped: {} is not installed", shell[0]);
        }
        found
    };
    wanted.into_iter().filter(there).map(<[&str]>::to_vec).collect()
}

/// Runs `script` on the Mac that `mac` makes, in every shell, and expects the same of each.
fn expect(mac: impl Fn() -> Mac, script: &str, volume: &str, status: i32, calls: &[&str]) -> String {
    let mut said = String::new();
    for shell in shells() {
        let (output, made) = mac().run(&shell, script, volume);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        said = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(made, calls, "{shell:?}: {said}");
        assert_eq!(output.status.code(), Some(status), "{shell:?}: {said}");
    }
    said
}

const STARTED: [&str; 4] = [
    "enable system/com.example.daemon",
    "bootstrap system com.example.daemon.plist",
    "enable gui/501/com.example.agent",
    "bootstrap gui/501 com.example.agent.plist",
];

#[test]
fn r139_daemon_and_agent_are_started() {
    expect(Mac::new, "preinstall", "/", 0, &[]);
    expect(Mac::new, "postinstall", "/", 0, &STARTED);
    expect(Mac::new, "postinstall", "/System/Volumes/Data", 0, &STARTED);
}

#[test]
fn r139_on_another_volume_nothing_is_done() {
    for volume in ["/Volumes/Other Mac", "", "/Volumes"] {
        let mac = || Mac::new().loaded(DAEMON).loaded(AGENT);
        expect(mac, "preinstall", volume, 0, &[]);
        expect(mac, "postinstall", volume, 0, &[]);
    }
}

#[test]
fn r139_a_running_predecessor_is_booted_out_by_its_label_before_its_files_are_replaced() {
    let mac = || Mac::new().loaded(DAEMON).loaded(AGENT);
    let out = ["bootout gui/501/com.example.agent", "bootout system/com.example.daemon"];
    expect(mac, "preinstall", "/", 0, &out);
    let [one, two, three, four] = STARTED;
    let expected = ["bootout system/com.example.daemon", one, two, out[0], three, four];
    expect(mac, "postinstall", "/", 0, &expected);
}

#[test]
fn r139_at_the_login_window_and_in_setup_assistant_no_agent_is_started() {
    for user in ["0", "248", "", "500"] {
        expect(|| Mac::new().console(user).loaded(AGENT), "preinstall", "/", 0, &[]);
        expect(|| Mac::new().console(user), "postinstall", "/", 0, &STARTED[..2]);
    }
}

#[test]
fn p49_a_job_still_being_removed_is_waited_for() {
    let mac = || Mac::new().loaded(DAEMON).answers("bootout", &[36]).console("0");
    expect(mac, "preinstall", "/", 0, &["bootout system/com.example.daemon", "sleep 1"]);
}

#[test]
fn r139_a_job_that_stays_does_not_fail_the_package() {
    let mac = || Mac::new().loaded(DAEMON).answers("bootout", &[9]).console("0");
    let mut calls = vec!["bootout system/com.example.daemon"];
    calls.extend(["sleep 1"; 30]);
    let said = expect(mac, "preinstall", "/", 0, &calls);
    assert!(said.contains("does not let go of system/com.example.daemon"), "{said}");
}

#[test]
fn p49_error_5_of_a_loaded_job_is_no_error_and_others_are_tried_again() {
    // Loaded by somebody else in the meantime: `print` finds it only when it is asked the second time.
    let mac = || {
        let mac = Mac::new().loaded(DAEMON).console("0");
        mac.answers("print", &[113]).answers("bootstrap", &[5])
    };
    expect(mac, "postinstall", "/", 0, &STARTED[..2]);
    let mac = || Mac::new().answers("bootstrap", &[5, 37]).console("0");
    let again = [STARTED[0], STARTED[1], "sleep 1", STARTED[1], "sleep 2", STARTED[1]];
    expect(mac, "postinstall", "/", 0, &again);
}

#[test]
fn r139_a_launchctl_that_always_fails_does_not_fail_the_package() {
    let mac = || Mac::new().answers("bootstrap", &[5; 8]).answers("enable", &[1; 2]);
    let said = expect(
        mac,
        "postinstall",
        "/",
        0,
        &[
            STARTED[0], STARTED[1], "sleep 1", STARTED[1], "sleep 2", STARTED[1], "sleep 4", STARTED[1],
            STARTED[2], STARTED[3], "sleep 1", STARTED[3], "sleep 2", STARTED[3], "sleep 4", STARTED[3],
        ],
    );
    assert!(said.contains("it does so at the next start or login"), "{said}");
}

#[test]
fn r139_only_missing_files_fail_the_package() {
    for file in ["iasd", "iasagent", "com.example.daemon.plist", "com.example.agent.plist"] {
        let mac = || {
            let mac = Mac::new();
            fs::remove_file(mac.at("files").join(file)).unwrap();
            mac
        };
        let said = expect(mac, "postinstall", "/", 1, &[]);
        assert!(said.contains(&format!("{file} was not installed")), "{said}");
        expect(mac, "postinstall", "/Volumes/Other", 0, &[]);
    }
}

#[test]
fn r139_shellcheck_has_nothing_to_say() {
    let mut check = Command::new("shellcheck");
    // In their folder, where it finds what they source.
    check.current_dir(source("")).args(["-x", "preinstall", "postinstall", "names", "jobs"]);
    match check.output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout)),
        Err(error) => println!("skipped: shellcheck cannot be started: {error}"),
    }
}
