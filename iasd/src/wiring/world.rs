//! Chooses the world once: everything that differs between them is in what [`World::choose`] gives.

use super::Refused;
use crate::{
    download::Network,
    host::{
        Connectivity, Host,
        mac::{MacHost, preferences::ManagedPreferences, unified_log},
        simulated::{SimulatedHost, scenario::Scenario},
    },
    report::{Reporter, log::Log, mask::Mask, system_log::SystemLog},
    settings::{PreferenceDomain, PreferenceFiles},
};
use shared::{
    exit::ExitCode,
    settings::{Settings, arguments::Arguments},
};
use std::{net::SocketAddr, path::Path, sync::Arc};
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
    Ok(World { host, notices, network: Network::default(), preferences, own_log: system_log, boot })
}

fn system_log(settings: &Settings) -> Option<Box<dyn Reporter>> {
    let sink = unified_log::sink(&settings.identifiers.log);
    let least = Log::least(settings.debug, settings.verbose);
    Some(Box::new(SystemLog::new(sink, least, Mask::of(&settings.http))))
}

fn simulated(root: &Path, scenario: Option<&Path>) -> Result<World, Refused> {
    let scenario = match scenario {
        Some(file) => Scenario::read(file).map_err(configuration)?,
        None => Scenario::default(),
    };
    let (mut network, outages) = (network(&scenario)?, !scenario.network.outages.is_empty());
    let (host, notices) = SimulatedHost::new(root, scenario).map_err(configuration)?;
    let host = Arc::new(host);
    network.outages = outages.then(|| Connectivity::new(host.online()));
    let preferences = Box::new(PreferenceFiles::below(host.root()));
    let boot = {
        let host = Arc::clone(&host);
        Box::new(move |_: &Settings| host.boot())
    };
    Ok(World { host, notices, network, preferences, own_log: |_| None, boot })
}

/// Where the scenario says that hosts are, and whom it trusts besides the system's roots.
fn network(scenario: &Scenario) -> Result<Network, Refused> {
    let scenario = &scenario.network;
    let mut network = Network::default();
    for (name, address) in &scenario.resolve {
        let address: SocketAddr = address
            .parse()
            .map_err(|error| configuration(format!("scenario: network.resolve.{name}: {error}")))?;
        network.resolve.push((name.clone(), address));
    }
    if let Some(file) = &scenario.extra_roots {
        network
            .trust_pem_file(file)
            .map_err(|error| configuration(format!("{}: {error}", file.display())))?;
    }
    Ok(network)
}

fn configuration(text: impl ToString) -> Refused {
    Refused::new(ExitCode::Configuration, text)
}
