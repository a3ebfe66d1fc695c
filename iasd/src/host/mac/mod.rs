//! The real Mac: one file for each system tool, with what is asked and how the answer is read (P74).
//!
//! Every call of a system tool is in this folder, and can be listed from it:
//! `grep -rn '"/\(usr\|bin\|sbin\)/' iasd/src/host/mac`. Requests and parsers are pure, and [`MacHost`] takes any
//! folder for its `/`, so that all of it is tried everywhere with stand-ins for the tools. Frameworks are called in
//! `shared::sys::mac`.

mod agent;
mod caffeinate;
mod changes;
mod codesign;
mod console;
mod ditto;
mod hdiutil;
mod host;
mod image;
mod install;
mod installer;
mod ioreg;
mod launchctl;
mod network;
mod ownership;
mod pkgutil;
pub(crate) mod preferences;
mod ps;
mod quarantine;
mod rosetta;
mod scutil;
mod shutdown;
mod signer;
mod sntp;
mod spctl;
mod system;
mod tar;
#[cfg(test)]
mod tests;
mod title_host;
mod tools;
pub(crate) mod unified_log;
mod user;

use self::{image::Mounts, tools::Tools};
use super::{notices::Notices, private};
use cap_std::{ambient_authority, fs::Dir};
use shared::{
    facts::ConsoleUser,
    layout::LAUNCH_AGENTS,
    settings::{Mode, Settings},
    sys::child::{Limits, Output, start},
};
use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{mpsc, watch};

/// The Mac this program runs on.
pub(crate) struct MacHost {
    root: PathBuf,
    dir: Arc<Dir>,
    /// Who owns the Mac: root.
    owner: u32,
    /// Where the agent link is without launchd's services; `None` on a real Mac.
    socket: Option<PathBuf>,
    tools: Tools,
    users: watch::Receiver<Option<ConsoleUser>>,
    online: watch::Receiver<bool>,
    notices: Notices,
    mounts: Arc<Mounts>,
    unobserved: Mutex<Option<Observed>>,
}

/// What those need of a Mac who do something on it that outlives a call.
#[derive(Clone)]
struct Site {
    root: PathBuf,
    dir: Arc<Dir>,
    tools: Tools,
    users: watch::Receiver<Option<ConsoleUser>>,
    notices: Notices,
}

/// What is told to those who observe this Mac.
struct Observed {
    users: watch::Sender<Option<ConsoleUser>>,
    online: watch::Sender<bool>,
}

/// There is no real Mac to work on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoMac {
    /// This is another system.
    #[error(
        "/ is a real Mac's only on macOS, and this is another system: name a folder with --root DIR for a \
         simulated Mac, or use `iasctl simulate`"
    )]
    OtherSystem,
    /// The root folder cannot be opened.
    #[error("/ cannot be opened: {0}")]
    Root(#[from] io::Error),
}

impl MacHost {
    /// This Mac. Lines worth logging come through the receiver.
    ///
    /// # Errors
    /// When this is no Mac.
    pub(crate) fn new() -> Result<(Self, mpsc::UnboundedReceiver<String>), NoMac> {
        if !cfg!(target_os = "macos") {
            return Err(NoMac::OtherSystem);
        }
        Ok(Self::open(Path::new("/"), None)?)
    }

    /// One whose `/` is `root`, with stand-ins for its tools in it.
    #[cfg(test)]
    pub(crate) fn below(root: &Path) -> io::Result<(Self, mpsc::UnboundedReceiver<String>)> {
        Self::open(root, Some(root.join("agent.sock")))
    }

    fn open(root: &Path, socket: Option<PathBuf>) -> io::Result<(Self, mpsc::UnboundedReceiver<String>)> {
        let dir = Arc::new(Dir::open_ambient_dir(root, ambient_authority())?);
        let (tell_users, users) = watch::channel(console::user(root));
        let (tell_online, online) = watch::channel(true);
        let (tell, notices) = Notices::new();
        let host = Self {
            root: root.to_owned(),
            owner: fs::metadata(root)?.uid(),
            dir,
            socket,
            tools: Tools::below(root),
            users,
            online,
            notices: tell,
            mounts: Arc::default(),
            unobserved: Mutex::new(Some(Observed { users: tell_users, online: tell_online })),
        };
        Ok((host, notices))
    }

    fn site(&self) -> Site {
        Site {
            root: self.root.clone(),
            dir: self.dir.clone(),
            tools: self.tools.clone(),
            users: self.users.clone(),
            notices: self.notices.clone(),
        }
    }

    /// Begins to look after the Mac: its user and its network are observed, and unless this is a dry run it stays awake, and in
    /// a run with agent that user's session has it. Needs a runtime; does nothing the second time.
    pub(crate) fn boot(&self, settings: &Settings) {
        let observed = self.unobserved.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(observed) = observed else { return };
        tokio::spawn(console::observe(self.root.clone(), observed.users, self.notices.clone()));
        tokio::spawn(network::observe(self.tools.clone(), observed.online));
        tokio::spawn(introduce(self.root.clone(), self.tools.clone(), self.notices.clone()));
        if settings.dry_run {
            return;
        }
        private::sweep(&self.dir);
        let (mounts, site) = (self.mounts.clone(), self.site());
        tokio::spawn(async move { mounts.clear(&site).await });
        tokio::spawn(stay_awake(self.tools.clone(), self.notices.clone()));
        if settings.mode == Mode::Standalone {
            return;
        }
        let label = settings.identifiers.agent.clone();
        let plist = self.tools.place(&format!("{LAUNCH_AGENTS}/{label}.plist"));
        let job = agent::Job { label, plist };
        let users = self.users.clone();
        tokio::spawn(agent::keep(self.tools.clone(), job, users, agent::GRACE, self.notices.clone()));
    }
}

/// Holds off idle sleep until this process ends (P64).
async fn stay_awake(tools: Tools, notices: Notices) {
    let program = tools.program(&caffeinate::while_running(std::process::id()));
    let started = match nowhere() {
        Ok(output) => {
            start(&program, output, Limits::default()).await.map(drop).map_err(|ended| ended.to_string())
        }
        Err(error) => Err(error.to_string()),
    };
    if let Err(why) = started {
        notices.tell(format!("the Mac may fall asleep during this run: caffeinate {why}"));
    }
}

/// Says what Mac this is.
async fn introduce(root: PathBuf, tools: Tools, notices: Notices) {
    let version =
        system::version(&tools).await.map_or_else(|error| error.to_string(), |found| found.to_string());
    let model = system::model(&tools).await.unwrap_or_else(|| "a Mac".to_owned());
    let translated = if system::is_translated(&tools).await { ", this program translated" } else { "" };
    let free = rustix::fs::statvfs(&root).map(|volume| volume.f_bavail.saturating_mul(volume.f_frsize));
    let free = free.map(|bytes| format!(", {} free", shared::wording::bytes(bytes))).unwrap_or_default();
    notices.tell(format!("{version} on {model}{translated}{free}"));
}

/// For the output of a process that says nothing anybody wants, and outlives us.
fn nowhere() -> io::Result<Output> {
    Ok(Output::File(File::options().write(true).open("/dev/null")?))
}
