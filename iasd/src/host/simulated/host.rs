//! The simulated Mac as a [`Host`].

use super::{
    HARDWARE_UUID, SimulatedHost,
    accounts::{self, STAFF},
    receipt,
    session::uid_seen,
};
use crate::{
    disk::Disk,
    download::VerifiedArtifact,
    host::{
        Host, HostError, Launch, Plists, Retired, Running, UserWork, launch::checked_script, plists::put_away,
    },
};
use futures::future::BoxFuture;
use shared::{
    facts::{ConsoleUser, Facts},
    flat_package::signature::TrustRoots,
    layout::MacPath,
    layout::{AGENT_SOCKET, LAUNCH_AGENTS, LAUNCH_DAEMONS},
    settings::Identifiers,
    sys::{
        child::{Account, Program},
        link::Address,
    },
    title::PackageOptions,
};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::sync::{oneshot, watch};

/// How long the end of the agent is waited for.
const RETIRE_PATIENCE: Duration = Duration::from_secs(5);

impl Host for SimulatedHost {
    fn root(&self) -> &Path {
        &self.root
    }

    fn trusted_owner(&self) -> u32 {
        rustix::process::geteuid().as_raw()
    }

    fn is_privileged(&self) -> bool {
        true
    }

    fn hardware_uuid(&self) -> BoxFuture<'_, Result<String, HostError>> {
        Box::pin(async { Ok(HARDWARE_UUID.to_owned()) })
    }

    fn facts<'a>(&'a self, package_ids: &'a [String]) -> BoxFuture<'a, Result<Facts, HostError>> {
        Box::pin(async move {
            let mut facts = Facts {
                arch: self.scenario.arch,
                os_version: self.scenario.os_version.clone(),
                receipts: self.scenario.installed.clone(),
                placed: BTreeMap::new(),
                found: BTreeMap::new(),
            };
            for id in package_ids {
                if let Some(version) = self.receipt(id).await? {
                    facts.receipts.insert(id.clone(), version);
                }
            }
            Ok(facts)
        })
    }

    fn boot_session(&self) -> BoxFuture<'_, Option<String>> {
        Box::pin(async { self.scenario.boot_session.clone() })
    }

    fn receipt<'a>(&'a self, package_id: &'a str) -> BoxFuture<'a, Result<Option<String>, HostError>> {
        Box::pin(async move {
            let found = receipt::read(&self.dir, package_id)
                .map_err(HostError::failed(format!("read the receipt of {package_id}")))?;
            let from_the_outset = || self.scenario.installed.get(package_id).cloned();
            Ok(found.map(|receipt| receipt.version).or_else(from_the_outset))
        })
    }

    fn install<'a>(
        &'a self,
        package: &'a VerifiedArtifact,
        launch: Launch,
    ) -> BoxFuture<'a, Result<Running, HostError>> {
        Box::pin(async move { self.start_installation(package, &PackageOptions::default(), launch) })
    }

    fn package_roots(&self) -> TrustRoots {
        self.package_roots.clone()
    }

    fn run_script<'a>(
        &'a self,
        artifact: &'a VerifiedArtifact,
        launch: Launch,
    ) -> BoxFuture<'a, Result<Running, HostError>> {
        Box::pin(async move {
            let program = checked_script(artifact, &self.dir, Path::new("/"))
                .map_err(HostError::failed(format!("run {}", artifact.path())))?;
            let program = Program { environment: Account::root().environment(), ..program };
            let runner = self.runner.hanging(self.faults.hang(artifact.path()));
            Ok(runner.launch(&self.dir, program, launch).await)
        })
    }

    fn run_as<'a>(
        &'a self,
        user: &'a ConsoleUser,
        work: UserWork<'a>,
        launch: Launch,
    ) -> BoxFuture<'a, Result<Running, HostError>> {
        Box::pin(async move {
            let (program, lent) = work
                .prepare(&self.dir, Path::new("/"), self.uid_seen_for(user))
                .map_err(HostError::failed(work.what()))?;
            let program = Program {
                environment: accounts::account(user).environment(),
                identity: Some((user.uid, STAFF)),
                ..program
            };
            let hang = match work {
                UserWork::Script(script) => self.faults.hang(script.path()),
                UserWork::Program { .. } | UserWork::File { .. } | UserWork::App { .. } => None,
            };
            let runner = self.runner.hanging(hang);
            Ok(runner.launch(&self.dir, program, launch).await.holding(lent))
        })
    }

    fn ready(&self) -> BoxFuture<'_, Result<(), HostError>> {
        Box::pin(
            async move { self.runner.ready().await.map_err(HostError::failed("run programs".to_owned())) },
        )
    }

    fn holds(&self, path: &MacPath) -> Option<Duration> {
        self.faults.hang(path)
    }

    fn console_user(&self) -> watch::Receiver<Option<ConsoleUser>> {
        self.users.clone()
    }

    fn online(&self) -> watch::Receiver<bool> {
        self.online.clone()
    }

    fn agent_address(&self, _: &Identifiers) -> Address {
        Address::Socket(self.root.join(AGENT_SOCKET.trim_start_matches('/')))
    }

    fn uid_seen_for(&self, user: &ConsoleUser) -> u32 {
        uid_seen(self.ids, user.uid)
    }

    fn retire_jobs<'a>(
        &'a self,
        jobs: &'a Identifiers,
        uids: &'a [u32],
        plists: Plists,
    ) -> BoxFuture<'a, Vec<Retired>> {
        Box::pin(async move {
            let mut retired = vec![self.end_agent(&jobs.agent, uids).await];
            for (folder, label) in [(LAUNCH_AGENTS, &jobs.agent), (LAUNCH_DAEMONS, &jobs.daemon)] {
                retired.push(put_away(&self.dir, &format!("{folder}/{label}.plist"), plists));
            }
            retired
        })
    }

    fn retire_daemon<'a>(&'a self, jobs: &'a Identifiers) -> BoxFuture<'a, Retired> {
        // There is no job: whoever started this process sees it end.
        Box::pin(async move { Retired { what: format!("system/{}", jobs.daemon), error: None } })
    }

    fn schedule_reboot(&self) -> BoxFuture<'_, Result<(), HostError>> {
        Box::pin(async move {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
            let text = format!("{{\"at_ms\": {now}, \"delay_seconds\": 5}}\n");
            std::fs::write(self.side.join("reboot.json"), text)
                .map_err(HostError::failed("schedule a restart".to_owned()))
        })
    }
}

impl SimulatedHost {
    /// The disk of this Mac, which a rehearsal may fill.
    pub(crate) fn disk(&self) -> Disk {
        let faults = Arc::clone(&self.faults);
        Disk::full_while(move || faults.disk_is_full())
    }

    async fn end_agent(&self, label: &str, uids: &[u32]) -> Retired {
        let sessions: Vec<String> = uids.iter().map(|uid| format!("gui/{uid}/{label}")).collect();
        let what = if sessions.is_empty() { label.to_owned() } else { sessions.join(", ") };
        let (reply, ended) = oneshot::channel();
        if self.retire.send(reply).await.is_err() {
            // Its keeper has ended: it was retired before.
            return Retired { what, error: None };
        }
        let error = match tokio::time::timeout(RETIRE_PATIENCE, ended).await {
            Ok(_) => None,
            Err(_) => Some("it has not ended yet".into()),
        };
        Retired { what, error }
    }
}
