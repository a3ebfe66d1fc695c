//! Chooses the world once: everything that differs between them is in what [`World::choose`] gives.

use super::Refused;
#[cfg(feature = "simulated")]
use super::simulated::simulated;
use crate::{
    disk::Disk,
    download::Network,
    host::{
        Host,
        mac::{MacHost, preferences::ManagedPreferences, unified_log},
    },
    journal::Checkpoint,
    report::{Reporter, log::Log, mask::Mask, system_log::SystemLog},
    settings::PreferenceDomain,
};
use shared::{
    exit::ExitCode,
    settings::{Settings, arguments::Arguments},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::sync::mpsc;

/// The computer a run happens on, with what differs from one world to the other.
pub(super) struct World {
    /// The computer.
    pub(super) host: Arc<dyn Host>,
    /// Lines for the run's log, from where there is no recorder.
    pub(super) notices: mpsc::UnboundedReceiver<String>,
    /// Where hosts are, and who is trusted, besides what the system knows.
    pub(super) network: Network,
    /// Its preferences.
    pub(super) preferences: Box<dyn PreferenceDomain>,
    /// The log it has of its own.
    pub(super) own_log: fn(&Settings) -> Option<Box<dyn Reporter>>,
    /// Lets it begin, once the run has.
    pub(super) boot: Box<dyn FnOnce(&Settings) + Send>,
    /// What a rehearsal does at some points of the run, such as killing it; nothing, on a real Mac.
    pub(super) checkpoint: Option<Checkpoint>,
    /// The disk that is written on.
    pub(super) disk: Disk,
    /// A folder of this computer for content across rehearsals, in place of the Mac's own.
    pub(super) cache: Option<PathBuf>,
}

impl World {
    /// `Root` = `/` is the real Mac; any other folder is simulated.
    pub(super) fn choose(arguments: &Arguments) -> Result<Self, Refused> {
        match arguments.root.as_deref() {
            Some(root) if root != Path::new("/") => simulated(root, arguments.scenario.as_deref()),
            _ => real(),
        }
    }
}

fn real() -> Result<World, Refused> {
    let (host, notices) = MacHost::new().map_err(configuration)?;
    let host = Arc::new(host);
    let boot = {
        let host = Arc::clone(&host);
        Box::new(move |settings: &Settings| host.boot(settings))
    };
    let preferences = Box::new(ManagedPreferences);
    let (network, checkpoint, disk) = (Network::default(), None, Disk::default());
    Ok(World {
        host,
        notices,
        network,
        preferences,
        own_log: system_log,
        boot,
        checkpoint,
        disk,
        cache: None,
    })
}

fn system_log(settings: &Settings) -> Option<Box<dyn Reporter>> {
    let sink = unified_log::sink(&settings.identifiers.log);
    let least = Log::least(settings.debug, settings.verbose);
    Some(Box::new(SystemLog::new(sink, least, Mask::of(&settings.http))))
}

#[cfg(not(feature = "simulated"))]
fn simulated(root: &Path, _: Option<&Path>) -> Result<World, Refused> {
    let root = root.display();
    Err(configuration(format!(
        "{root}: this build knows the real Mac only; rehearse with one that has the feature `simulated`"
    )))
}

pub(super) fn configuration(text: impl ToString) -> Refused {
    Refused::new(ExitCode::Configuration, text)
}
