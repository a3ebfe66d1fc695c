//! The world in a folder, for builds that have it.

use super::{
    Refused,
    world::{World, configuration},
};
use crate::{
    download::Network,
    host::{
        Connectivity, Host as _,
        simulated::{SimulatedHost, scenario::Scenario},
    },
    journal::{Checkpoint, Passing},
    settings::PreferenceFiles,
};
use shared::{
    fault::{Fault, MacFault, Mishap},
    settings::{Mode, Settings},
};
use std::{net::SocketAddr, path::Path, sync::Arc};

/// The Mac whose `/` is the folder `root`, with what the file `scenario` says of it.
pub(super) fn simulated(root: &Path, scenario: Option<&Path>) -> Result<World, Refused> {
    let scenario = match scenario {
        Some(file) => Scenario::read(file).map_err(configuration)?,
        None => Scenario::default(),
    };
    let takes_network =
        |fault: &Fault| matches!(fault, Fault::Mac(MacFault { mishap: Mishap::NetworkAway { .. }, .. }));
    let outages = !scenario.network.outages.is_empty() || scenario.faults.iter().any(takes_network);
    let (mut network, has_faults) = (network(&scenario)?, !scenario.faults.is_empty());
    let cache = scenario.cache.clone();
    let (host, notices) = SimulatedHost::new(root, scenario).map_err(configuration)?;
    let host = Arc::new(host);
    network.outages = outages.then(|| Connectivity::new(host.online()));
    let checkpoint = has_faults.then(|| {
        let faults = Arc::clone(host.faults());
        Box::new(move |passing: Passing<'_>| faults.passes(&passing)) as Checkpoint
    });
    let disk = host.disk();
    let preferences = Box::new(PreferenceFiles::below(host.root()));
    let boot = {
        let host = Arc::clone(&host);
        Box::new(move |settings: &Settings| host.boot(settings.mode == Mode::Daemon))
    };
    Ok(World { host, notices, network, preferences, own_log: |_| None, boot, checkpoint, disk, cache })
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
