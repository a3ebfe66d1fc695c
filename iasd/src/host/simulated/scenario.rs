//! What a simulated Mac is like and what happens on it: the scenario file, checked.

use serde::{Deserialize, Serialize};
use shared::{facts::Arch, fault::Fault};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

/// A scenario. Every key may be left out; an unknown key is refused, because it is a typing error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Scenario {
    /// The processor family.
    pub(crate) arch: Arch,
    /// The product version.
    pub(crate) os_version: String,
    /// The build of that version.
    pub(crate) os_build: String,
    /// The computer itself.
    pub(crate) computer: Computer,
    /// Who will log in; `null`: nobody ever does.
    pub(crate) user: Option<Person>,
    /// How the agent behaves.
    pub(crate) agent: AgentConduct,
    /// Names the time since the Mac was started; change it between two starts, and the Mac has been restarted.
    pub(crate) boot_session: Option<String>,
    /// What goes wrong, each once; what a server does wrong is its own business, and ignored here.
    pub(crate) faults: Vec<Fault>,
    /// Packages that are there from the outset: identifier to version.
    pub(crate) installed: BTreeMap<String, String>,
    /// A PEM file with root certificates that signatures on packages may lead to, besides Apple's.
    pub(crate) package_roots: Option<PathBuf>,
    /// A folder for content across rehearsals, in place of `CachePath` on the Mac.
    pub(crate) cache: Option<PathBuf>,
    /// Programs that run, and from when until when; those of the system run by themselves.
    pub(crate) processes: Vec<Process>,
    /// Where `iasd` finds its servers.
    pub(crate) network: NetworkScenario,
    /// Whether scripts reach the host's network.
    pub(crate) scripts_may_use_network: bool,
    /// Whether scripts run in a sandbox. Without one they run on the host, with a changed environment.
    pub(crate) sandbox: bool,
    /// Where the facts, the programs and the record of calls are; default: the root's path with `.sim` added.
    pub(crate) side_folder: Option<PathBuf>,
    /// Answers that replace those of the stand-ins for Mac programs; the first match is taken.
    pub(crate) answers: Vec<Answer>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            arch: Arch::Arm64,
            os_version: "15.5".into(),
            os_build: "24F74".into(),
            computer: Computer::default(),
            user: Some(Person::default()),
            agent: AgentConduct::default(),
            boot_session: None,
            faults: Vec::new(),
            installed: BTreeMap::new(),
            package_roots: None,
            cache: None,
            processes: Vec::new(),
            network: NetworkScenario::default(),
            scripts_may_use_network: false,
            sandbox: true,
            side_folder: None,
            answers: Vec::new(),
        }
    }
}

/// The computer itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Computer {
    /// As in Sharing settings.
    pub(crate) name: String,
    /// The serial number.
    pub(crate) serial: String,
    /// The model identifier.
    pub(crate) model: String,
}

impl Default for Computer {
    fn default() -> Self {
        Self { name: "Mac".into(), serial: "C02SIMULATED".into(), model: "Mac14,2".into() }
    }
}

/// The person in front of the screen. Times count from the first start of the Mac, in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Person {
    /// The account name.
    pub(crate) name: String,
    /// The display name.
    pub(crate) full_name: String,
    /// The numeric id.
    pub(crate) uid: u32,
    /// When the account is made and logs in.
    pub(crate) login_after: f64,
    /// When it logs out again, if it does.
    pub(crate) logout_after: Option<f64>,
    /// When it comes back after that, if it does.
    pub(crate) login_again_after: Option<f64>,
}

impl Default for Person {
    fn default() -> Self {
        Self {
            name: "ada".into(),
            full_name: "Ada Lovelace".into(),
            uid: 501,
            login_after: 3.0,
            logout_after: None,
            login_again_after: None,
        }
    }
}

/// Whether, when and how well the agent runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AgentConduct {
    /// The kind of conduct.
    pub(crate) mode: AgentMode,
    /// Seconds from the login to its start, when late; default 5.
    pub(crate) delay: f64,
    /// Seconds from its start to its crash, when crashing; default 2.
    pub(crate) crash_after: f64,
    /// How many times it crashes before it runs on; default: every time.
    pub(crate) crashes: Option<u32>,
    /// Seconds between an exit and the next start; launchd's own default is 10.
    pub(crate) throttle: f64,
    /// The program; default: `iasagent` beside `iasd`.
    pub(crate) program: Option<PathBuf>,
}

impl Default for AgentConduct {
    fn default() -> Self {
        Self {
            mode: AgentMode::Present,
            delay: 5.0,
            crash_after: 2.0,
            crashes: None,
            throttle: 10.0,
            program: None,
        }
    }
}

/// The kinds of conduct of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AgentMode {
    /// Started at login, runs on.
    Present,
    /// Started some time after the login.
    Late,
    /// Never started.
    Absent,
    /// Started at login, killed, started again.
    Crashing,
}

/// Where `iasd` finds its servers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NetworkScenario {
    /// Host name to `address:port`, instead of asking the name service.
    pub(crate) resolve: BTreeMap<String, String>,
    /// A PEM file with further trusted roots.
    pub(crate) extra_roots: Option<PathBuf>,
    /// When there is no network: from and until, in seconds from the first start of the Mac.
    pub(crate) outages: Vec<[f64; 2]>,
}

/// A program that runs. Times count from the first start of the Mac, in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Process {
    /// Its first argument: the path of the program.
    pub(crate) path: String,
    /// When it starts.
    #[serde(default)]
    pub(crate) from: f64,
    /// When it ends, if it does.
    #[serde(default)]
    pub(crate) until: Option<f64>,
}

impl Process {
    /// Whether it runs at this time.
    fn runs(&self, elapsed: Duration) -> bool {
        seconds(self.from) <= elapsed && self.until.is_none_or(|until| elapsed < seconds(until))
    }
}

/// What runs on every Mac, and what in a session.
const SYSTEM_PROCESSES: [&str; 1] = ["/sbin/launchd"];
const SESSION_PROCESSES: [&str; 2] = [
    "/System/Library/CoreServices/Dock.app/Contents/MacOS/Dock",
    "/System/Library/CoreServices/Finder.app/Contents/MacOS/Finder",
];

/// What a stand-in answers instead of its own answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answer {
    /// The program's name.
    pub(crate) command: String,
    /// The first arguments; more may follow in the call.
    #[serde(default)]
    pub(crate) arguments: Vec<String>,
    /// What it prints on standard output.
    #[serde(default)]
    pub(crate) output: String,
    /// What it prints on standard error.
    #[serde(default)]
    pub(crate) error: String,
    /// Its exit status.
    #[serde(default)]
    pub(crate) status: u8,
}

/// A scenario file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScenarioError {
    /// It cannot be read.
    #[error("scenario {0}: {1}")]
    Unreadable(PathBuf, io::Error),
    /// It is not a scenario: where and why.
    #[error("scenario {0}: {1}")]
    NotAScenario(PathBuf, serde_json::Error),
    /// A value makes no sense.
    #[error("scenario: {0}")]
    Value(String),
}

/// The longest scenario file that is read.
const FILE_LIMIT: u64 = 1 << 20;
/// The longest time a scenario can ask for, in seconds.
const TIME_LIMIT: f64 = 365.0 * 86_400.0;

impl Scenario {
    /// Reads and checks `file`.
    ///
    /// # Errors
    /// When it cannot be read, is no scenario, or holds a value that makes no sense.
    pub(crate) fn read(file: &Path) -> Result<Self, ScenarioError> {
        let unreadable = |error| ScenarioError::Unreadable(file.to_owned(), error);
        if fs::metadata(file).map_err(unreadable)?.len() > FILE_LIMIT {
            return Err(unreadable(io::ErrorKind::FileTooLarge.into()));
        }
        let text = fs::read_to_string(file).map_err(unreadable)?;
        let scenario: Self = serde_json::from_str(&text)
            .map_err(|error| ScenarioError::NotAScenario(file.to_owned(), error))?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Refuses what makes no sense.
    ///
    /// # Errors
    /// Names the key and what it may be.
    pub(crate) fn check(&self) -> Result<(), ScenarioError> {
        let refuse = |text: String| Err(ScenarioError::Value(text));
        if let Some(user) = &self.user {
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
            if user.name.is_empty() || !user.name.chars().all(fits) || user.name.starts_with(['-', '.']) {
                return refuse(format!("`user.name` `{}` is no account name", user.name.escape_debug()));
            }
            if user.uid == 0 || user.full_name.contains([':', '\n', '\0']) {
                return refuse("`user.uid` must not be 0, `user.full_name` holds no `:` or line feed".into());
            }
        }
        let is_path = |process: &&Process| process.path.is_empty() || process.path.contains(char::is_control);
        if let Some(process) = self.processes.iter().find(is_path) {
            return refuse(format!("`processes`: `{}` is no path of a program", process.path.escape_debug()));
        }
        let times = self.user.iter().flat_map(|user| {
            [Some(user.login_after), user.logout_after, user.login_again_after].into_iter().flatten()
        });
        let agent = [self.agent.delay, self.agent.crash_after, self.agent.throttle];
        let processes =
            self.processes.iter().flat_map(|process| [Some(process.from), process.until]).flatten();
        let outages = self.network.outages.iter().flatten().copied().chain(processes);
        if let Some(time) = times.chain(agent).chain(outages).find(|time| !(0.0..=TIME_LIMIT).contains(time))
        {
            return refuse(format!("a time of {time} seconds is not between 0 and {TIME_LIMIT}"));
        }
        let file_name = |id: &&String| !id.is_empty() && !id.starts_with('.') && !id.contains(['/', '\0']);
        if let Some(id) = self.installed.keys().find(|id| !file_name(id)) {
            return refuse(format!("`installed`: `{}` is no package identifier", id.escape_debug()));
        }
        let named = |fault: &&Fault| matches!(fault, Fault::Hang(hang) if !hang.target.starts_with('/'));
        if let Some(fault) = self.faults.iter().find(named) {
            return refuse(format!(
                "`faults`: `{fault}`: iasd knows scripts and packages by their path on the Mac"
            ));
        }
        let one_line = [&self.os_version, &self.os_build, &self.computer.name, &self.computer.serial];
        if one_line.iter().any(|text| text.is_empty() || text.contains(char::is_control)) {
            return refuse("version, build, name and serial number are one line each, and not empty".into());
        }
        Ok(())
    }

    /// The first argument of what runs at this time; whether somebody is at the screen decides what the system runs.
    pub(crate) fn running(&self, elapsed: Duration, has_session: bool) -> Vec<String> {
        let session = SESSION_PROCESSES.into_iter().filter(|_| has_session);
        let system = SYSTEM_PROCESSES.into_iter().chain(session).map(str::to_owned);
        let own =
            self.processes.iter().filter(|process| process.runs(elapsed)).map(|process| process.path.clone());
        system.chain(own).collect()
    }
}

/// A checked time of a scenario.
pub(crate) fn seconds(time: f64) -> Duration {
    Duration::try_from_secs_f64(time).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Scenario, String> {
        let scenario: Scenario = serde_json::from_str(text).map_err(|error| error.to_string())?;
        scenario.check().map_err(|error| error.to_string())?;
        Ok(scenario)
    }

    #[test]
    fn every_key_may_be_left_out() {
        assert_eq!(parse("{}").unwrap(), Scenario::default());
        let one = parse(r#"{"user": {"login_after": 0.5}, "agent": {"mode": "late"}}"#).unwrap();
        assert_eq!(one.user.unwrap().name, "ada");
        assert_eq!(one.agent.mode, AgentMode::Late);
        assert_eq!(parse(r#"{"user": null}"#).unwrap().user, None);
    }

    #[test]
    fn t45_a_program_runs_for_its_time() {
        let scenario = parse(
            r#"{"processes": [{"path": "/Applications/A.app/Contents/MacOS/A", "until": 5}, {"path": "/b", "from": 3}]}"#,
        )
        .unwrap();
        let own = |seconds| -> Vec<String> {
            let running = scenario.running(Duration::from_secs(seconds), false);
            running.into_iter().filter(|path| path != "/sbin/launchd").collect()
        };
        assert_eq!(own(0), ["/Applications/A.app/Contents/MacOS/A"]);
        assert_eq!(own(4).len(), 2);
        assert_eq!(own(5), ["/b"]);
        assert!(scenario.running(Duration::ZERO, true).iter().any(|path| path.ends_with("/Finder")));
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let error = parse("{\n \"os_verson\": \"15\"}").unwrap_err();
        assert!(
            error.contains("os_verson") && error.contains("os_version") && error.contains("line 2"),
            "{error}"
        );
    }

    #[test]
    fn values_without_sense_are_refused() {
        for bad in [
            r#"{"user": {"name": "../x"}}"#,
            r#"{"user": {"name": ""}}"#,
            r#"{"user": {"uid": 0}}"#,
            r#"{"user": {"login_after": -1}}"#,
            r#"{"agent": {"delay": 1e300}}"#,
            r#"{"network": {"outages": [[0, -1]]}}"#,
            r#"{"network": {"outages": [[0]]}}"#,
            r#"{"faults": ["hang@userland[0]"]}"#,
            r#"{"faults": ["hagn@/Library/a.sh"]}"#,
            r#"{"os_version": ""}"#,
            r#"{"installed": {"../x": "1"}}"#,
            r#"{"computer": {"name": "a\nb"}}"#,
            r#"{"processes": [{"path": ""}]}"#,
            r#"{"processes": [{"path": "/a", "until": -1}]}"#,
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_scenario_survives_its_own_json() {
        let text = serde_json::to_string(&Scenario::default()).unwrap();
        assert_eq!(parse(&text).unwrap(), Scenario::default());
    }
}
