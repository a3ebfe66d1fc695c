//! The simulated world: a Mac-shaped folder in which an enrolment really happens.
//!
//! Beside the root lies a side folder (`ROOT.sim`): what the stand-ins for Mac programs know and record
//! (`inside/`), the programs the Mac has (`programs/`), the agent's output, and a request to restart.

mod accounts;
mod copying;
mod faults;
mod fitting;
mod host;
mod image;
mod inside;
mod install;
mod launchd;
mod layout;
mod mode;
mod outages;
mod owners;
mod package_roots;
mod programs;
mod receipt;
mod runner;
pub(crate) mod scenario;
pub(crate) mod script;
mod session;
mod shape;
pub(crate) mod shim;
#[cfg(test)]
mod signed_app_tests;
#[cfg(test)]
mod tests;
mod title_host;
#[cfg(test)]
mod title_tests;

use self::{
    faults::Faults,
    fitting::{Fitting, WhileNeeded},
    inside::Inside,
    launchd::{Launchd, Retire},
    outages::Outages,
    package_roots::package_roots,
    runner::Runner,
    scenario::Scenario,
    session::LoginWindow,
    shape::ShapeError,
};
use super::{notices::Notices, private};
use cap_std::fs::Dir;
use shared::{
    facts::ConsoleUser,
    flat_package::signature::TrustRoots,
    sys::sandbox::{Bind, Ids, Processes, Sandbox, ids_available},
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::sync::{mpsc, watch};

/// The hardware's own id.
const HARDWARE_UUID: &str = "5E1F51ED-0000-4000-8000-000000000001";

/// A Mac that is a folder.
pub(crate) struct SimulatedHost {
    root: PathBuf,
    dir: Arc<Dir>,
    side: PathBuf,
    scenario: Scenario,
    runner: Runner,
    package_roots: TrustRoots,
    ids: Ids,
    users: watch::Receiver<Option<ConsoleUser>>,
    online: watch::Receiver<bool>,
    faults: Arc<Faults>,
    retire: mpsc::Sender<Retire>,
    processes: Mutex<Option<(LoginWindow, Launchd, Outages)>>,
    /// Goes on laying the programs out as long as somebody may want them.
    _fitting: Option<WhileNeeded>,
}

/// The simulated Mac cannot be set up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorldError {
    /// The folder cannot be one.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The scenario makes no sense.
    #[error(transparent)]
    Scenario(#[from] scenario::ScenarioError),
    /// Root certificates for packages cannot be read.
    #[error("scenario: package_roots: {0}")]
    PackageRoots(String),
    /// The side folder cannot be written.
    #[error("the side folder {0} of the simulated Mac cannot be written: {1}")]
    Side(PathBuf, io::Error),
}

impl SimulatedHost {
    /// Makes `root` a simulated Mac, or opens the one that is there.
    ///
    /// Nothing happens on it before [`Self::boot`]. Lines worth logging come through the receiver.
    ///
    /// # Errors
    /// When the folder cannot be a Mac, the scenario makes no sense, or the kernel allows no sandbox.
    pub(crate) fn new(
        root: &Path,
        scenario: Scenario,
    ) -> Result<(Self, mpsc::UnboundedReceiver<String>), WorldError> {
        let this =
            std::env::current_exe().map_err(|error| WorldError::Side("of this program".into(), error))?;
        Self::with_helper(root, scenario, &this)
    }

    fn with_helper(
        root: &Path,
        scenario: Scenario,
        this: &Path,
    ) -> Result<(Self, mpsc::UnboundedReceiver<String>), WorldError> {
        scenario.check()?;
        let package_roots =
            package_roots(scenario.package_roots.as_deref()).map_err(WorldError::PackageRoots)?;
        // As launchd starts a daemon: what is made here can be read by the user.
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
        let dir = Arc::new(shape::shape(root, &scenario)?);
        let root = root.canonicalize().map_err(|error| ShapeError::Io(root.display().to_string(), error))?;
        let side = scenario.side_folder.clone().unwrap_or_else(|| beside(&root));
        let ids = ids_available(scenario.user.as_ref().map_or(501, |user| user.uid));
        let made = fs::create_dir_all(&side).and_then(|()| side.canonicalize());
        let side = made.map_err(|error| WorldError::Side(side, error))?;
        let (tell, notices) = Notices::new();
        let in_side = |error| WorldError::Side(side.clone(), error);
        Inside::make_folder(&side).map_err(in_side)?;
        let inside = Inside::new(&scenario, ids);
        inside.publish(&side).map_err(in_side)?;
        let agent = agent_program(&scenario, this);
        let site = Site { scenario: &scenario, root: &root, side: &side, this, ids };
        let (runner, fitting) = site.runner(agent.as_deref(), &tell)?;

        // Last, so that the scenario's times do not run while the Mac is still being made.
        let started = first_start(&side).map_err(in_side)?;
        let faults = Faults::open(scenario.faults.clone(), &side, started).map_err(in_side)?;
        let ((console, users), (retire, retired)) = (watch::channel(None), mpsc::channel(1));
        let login = LoginWindow {
            root: dir.clone(),
            side: side.clone(),
            person: scenario.user.clone(),
            faults: faults.clone(),
            inside,
            tell: console,
            notices: tell.clone(),
        };
        let mut conduct = scenario.agent.clone();
        conduct.program = agent;
        let launchd = Launchd {
            runner: runner.clone(),
            conduct,
            daemon_uid: (ids == Ids::All).then(|| rustix::process::geteuid().as_raw()),
            log: side.join("agent.log"),
            users: users.clone(),
            faults: faults.clone(),
            retire: retired,
            notices: tell.clone(),
        };
        let (outages, online) = Outages::new(&scenario.network, faults.clone());
        let processes = Mutex::new(Some((login, launchd, outages)));
        let host = Self {
            root,
            dir,
            side,
            scenario,
            runner,
            package_roots,
            ids,
            users,
            online,
            faults,
            retire,
            processes,
            _fitting: fitting,
        };
        Ok((host, notices))
    }

    /// What happens to it on demand.
    pub(crate) fn faults(&self) -> &Arc<Faults> {
        &self.faults
    }

    /// Lets the scenario begin: the person comes and goes, and in a run with agent one is kept running. Needs a runtime;
    /// does nothing the second time.
    pub(crate) fn boot(&self, has_agent: bool) {
        let processes = self.processes.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some((login, launchd, outages)) = processes {
            private::sweep(&self.dir);
            tokio::spawn(Arc::clone(&self.faults).happen());
            tokio::spawn(outages.happen());
            tokio::spawn(login.open());
            if has_agent {
                tokio::spawn(launchd.tend());
            }
        }
    }
}

/// Where scripts are to run.
struct Site<'a> {
    scenario: &'a Scenario,
    root: &'a Path,
    side: &'a Path,
    /// The helper, and who stands in for a Mac's programs.
    this: &'a Path,
    ids: Ids,
}

impl Site<'_> {
    /// What runs programs here, the agent among them, for as long as they are needed.
    fn runner(
        &self,
        agent: Option<&Path>,
        tell: &Notices,
    ) -> Result<(Runner, Option<WhileNeeded>), WorldError> {
        let root = self.root.to_owned();
        if !self.scenario.sandbox {
            tell.tell(WITHOUT_SANDBOX.into());
            return Ok((Runner { fitting: None, root, hang: None }, None));
        }
        let in_side = |error| WorldError::Side(self.side.to_owned(), error);
        let mut binds = programs::binds(self.side, self.this).map_err(in_side)?;
        let agent = agent.map(Path::to_owned);
        binds.extend(agent.map(|from| Bind { from, to: Inside::AGENT.into(), writable: false }));
        let sandbox = Sandbox {
            helper: self.this.to_owned(),
            root: root.clone(),
            binds,
            network: self.scenario.scripts_may_use_network,
            host_name: self.scenario.computer.name.clone(),
            ids: self.ids,
            processes: Processes::Own,
        };
        let (fitting, needed) = Fitting::new(sandbox, self.side.to_owned(), tell.clone());
        Ok((Runner { fitting: Some(fitting), root, hang: None }, Some(needed)))
    }
}

const WITHOUT_SANDBOX: &str = "without a sandbox, scripts run on this computer itself, with its own programs, and can \
    change it; only IAS_ROOT in their environment tells them where the simulated Mac is";

/// The side folder of `root` unless the scenario names another.
fn beside(root: &Path) -> PathBuf {
    let mut path = root.as_os_str().to_owned();
    path.push(".sim");
    path.into()
}

/// When the Mac was first started.
fn first_start(side: &Path) -> io::Result<SystemTime> {
    let file = side.join("first-start");
    let read = fs::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok());
    if let Some(millis) = read {
        return Ok(UNIX_EPOCH + Duration::from_millis(millis));
    }
    let now = SystemTime::now();
    let millis = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    fs::write(file, format!("{millis}\n"))?;
    Ok(now)
}

/// The agent: what the scenario says, or beside `this`; `None` when there is none.
fn agent_program(scenario: &Scenario, this: &Path) -> Option<PathBuf> {
    let beside = this.parent().map(|folder| folder.join("iasagent"));
    scenario.agent.program.clone().or(beside)?.canonicalize().ok()
}
