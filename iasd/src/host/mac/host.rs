//! The real Mac as a [`Host`].

use super::{
    MacHost, console, ioreg,
    launchctl::{self, Domain},
    nowhere, pkgutil, shutdown, sntp, system, user,
};
use crate::{
    download::VerifiedArtifact,
    host::{Hear, Host, HostError, Launch, Plists, Retired, Running, UserWork, launch, plists::put_away},
};
use futures::future::{BoxFuture, try_join_all};
use shared::{
    exit::Ended,
    facts::{ConsoleUser, Facts},
    layout::{LAUNCH_AGENTS, LAUNCH_DAEMONS},
    settings::Identifiers,
    sys::{
        child::{Account, Limits, Program, start},
        link::Address,
        tools::SHUTDOWN,
    },
    title::PackageOptions,
};
use std::{collections::BTreeMap, io, path::Path, time::Duration};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// How many receipts are asked for at once.
const QUESTIONS: usize = 8;
/// How long launchd may take to end us.
const FAREWELL: Duration = Duration::from_secs(10);

impl Host for MacHost {
    fn root(&self) -> &Path {
        &self.root
    }

    fn trusted_owner(&self) -> u32 {
        self.owner
    }

    fn is_privileged(&self) -> bool {
        rustix::process::geteuid().as_raw() == self.owner
    }

    fn hardware_uuid(&self) -> BoxFuture<'_, Result<String, HostError>> {
        Box::pin(ioreg::uuid(&self.tools))
    }

    fn set_clock(&self) -> BoxFuture<'_, Result<(), HostError>> {
        Box::pin(sntp::set_clock(&self.tools))
    }

    fn facts<'a>(&'a self, package_ids: &'a [String]) -> BoxFuture<'a, Result<Facts, HostError>> {
        Box::pin(async move {
            let mut receipts = BTreeMap::new();
            for ids in package_ids.chunks(QUESTIONS) {
                let found = try_join_all(ids.iter().map(|id| self.receipt(id))).await?;
                let known = ids.iter().zip(found).filter_map(|(id, version)| Some((id.clone(), version?)));
                receipts.extend(known);
            }
            let os_version = system::version(&self.tools).await?.product;
            let arch = system::arch(&self.tools).await;
            Ok(Facts { arch, os_version, receipts, placed: BTreeMap::new(), found: BTreeMap::new() })
        })
    }

    fn boot_session(&self) -> BoxFuture<'_, Option<String>> {
        Box::pin(system::boot_session(&self.tools))
    }

    fn receipt<'a>(&'a self, package_id: &'a str) -> BoxFuture<'a, Result<Option<String>, HostError>> {
        Box::pin(async move {
            let request = pkgutil::receipt(package_id);
            let answer = self.tools.ask(&request).await;
            let failed = |why| HostError { what: request.what(), why };
            match answer.ended {
                Ended::Exited(0) => pkgutil::version(&answer.output).map(Some).map_err(failed),
                Ended::Exited(_) => Ok(None),
                _ => Err(failed(answer.reason())),
            }
        })
    }

    fn install<'a>(
        &'a self,
        package: &'a VerifiedArtifact,
        launch: Launch,
    ) -> BoxFuture<'a, Result<Running, HostError>> {
        Box::pin(async move { self.start_installer(package, &PackageOptions::default(), launch).await })
    }

    fn run_script<'a>(
        &'a self,
        artifact: &'a VerifiedArtifact,
        launch: Launch,
    ) -> BoxFuture<'a, Result<Running, HostError>> {
        Box::pin(async move {
            let failed = HostError::failed(format!("run {}", artifact.path()));
            let program = launch::checked_script(artifact, &self.dir, &self.root).map_err(&failed)?;
            let program = Program { environment: Account::root().environment(), ..program };
            self.start(&program, launch).await.map_err(failed)
        })
    }

    fn run_as<'a>(
        &'a self,
        user: &'a ConsoleUser,
        work: UserWork<'a>,
        launch: Launch,
    ) -> BoxFuture<'a, Result<Running, HostError>> {
        Box::pin(async move {
            let failed = HostError::failed(work.what());
            let account = user::account(user.uid).map_err(&failed)?;
            let (program, lent) = work.prepare(&self.dir, &self.root, user.uid).map_err(&failed)?;
            let program = Program { environment: account.environment(), ..program };
            let request = user::run_as(&self.tools, user.uid, &program);
            let running = self.start(&self.tools.program(&request), launch).await.map_err(failed)?;
            Ok(running.holding(lent))
        })
    }

    fn console_user(&self) -> watch::Receiver<Option<ConsoleUser>> {
        self.users.clone()
    }

    fn online(&self) -> watch::Receiver<bool> {
        self.online.clone()
    }

    fn console_session(&self) -> Option<i32> {
        console::session()
    }

    fn agent_address(&self, jobs: &Identifiers) -> Address {
        match &self.socket {
            None => Address::Service(jobs.service.clone()),
            Some(socket) => Address::Socket(socket.clone()),
        }
    }

    fn uid_seen_for(&self, user: &ConsoleUser) -> u32 {
        user.uid
    }

    fn retire_jobs<'a>(
        &'a self,
        jobs: &'a Identifiers,
        uids: &'a [u32],
        fate: Plists,
    ) -> BoxFuture<'a, Vec<Retired>> {
        Box::pin(async move {
            // The plists go first: a login meanwhile must not bring the agent back (R81).
            let plists = [(LAUNCH_AGENTS, &jobs.agent), (LAUNCH_DAEMONS, &jobs.daemon)];
            let mut retired: Vec<Retired> = plists
                .map(|(folder, label)| put_away(&self.dir, &format!("{folder}/{label}.plist"), fate))
                .into();
            for uid in uids {
                let session = Domain::Session(*uid);
                let error = launchctl::remove(&self.tools, session, &jobs.agent).await.err();
                retired.push(Retired { what: format!("{session}/{}", jobs.agent), error });
            }
            retired
        })
    }

    fn retire_daemon<'a>(&'a self, jobs: &'a Identifiers) -> BoxFuture<'a, Retired> {
        Box::pin(async move {
            let what = format!("{}/{}", Domain::System, jobs.daemon);
            // launchd's SIGTERM is its word that the job is gone. We then end by ourselves, with our own exit code:
            // waiting for `launchctl`, which waits for us, would end in SIGKILL.
            let asked_to_end = async {
                match signal(SignalKind::terminate()) {
                    Ok(mut terminate) => drop(terminate.recv().await),
                    Err(_) => std::future::pending().await,
                }
            };
            let error = tokio::select! {
                biased;
                () = asked_to_end => None,
                () = tokio::time::sleep(FAREWELL) => Some("launchd has not sent us away yet".to_owned()),
                removed = launchctl::remove(&self.tools, Domain::System, &jobs.daemon) => removed.err(),
            };
            Retired { what, error }
        })
    }

    fn schedule_reboot(&self) -> BoxFuture<'_, Result<(), HostError>> {
        Box::pin(async move {
            let request = shutdown::restart_soon(&self.tools.place(SHUTDOWN));
            let failed = |why: String| HostError { what: request.what(), why };
            let output = nowhere().map_err(|error| failed(error.to_string()))?;
            // In a process group of its own, which launchd leaves alone when our job ends (P48).
            let started = start(&self.tools.program(&request), output, Limits::default()).await;
            started.map(drop).map_err(|ended| failed(ended.to_string()))
        })
    }
}

impl MacHost {
    /// Starts `program` as an effect of the run.
    async fn start(&self, program: &Program, launch: Launch) -> io::Result<Running> {
        self.start_and_hear(program, Hear::Everything, launch).await
    }

    /// The same, of which only so much is heard.
    pub(super) async fn start_and_hear(
        &self,
        program: &Program,
        hear: Hear,
        launch: Launch,
    ) -> io::Result<Running> {
        let limits = Limits { timeout: launch.timeout, ..Limits::default() };
        let (output, forwarding) = launch::heard(&self.dir, launch.output, hear)?;
        Ok(match start(program, output, limits).await {
            Ok(child) => launch::running(child, forwarding),
            Err(ended) => launch::never(ended),
        })
    }
}
