//! Everything that touches the computer: the [`Host`] trait, and the worlds behind it.
//!
//! `mac` is the real Mac; `simulated` is a Mac-shaped folder. No other code asks which world it is in.

use crate::download::VerifiedArtifact;
use futures::future::BoxFuture;
use shared::{
    facts::{ConsoleUser, Facts},
    flat_package::signature::TrustRoots,
    layout::MacPath,
    settings::Identifiers,
    sys::{child::Finished, link::Address},
};
use std::{path::Path, time::Duration};
use tokio::sync::{mpsc, watch};

mod archive;
mod as_user;
#[cfg(test)]
mod checked;
mod connectivity;
mod installer;
mod landing;
mod launch;
pub(crate) mod mac;
mod notices;
mod package_environment;
mod pkginfo_script;
mod plists;
mod private;
mod probe;
#[cfg(feature = "simulated")]
pub(crate) mod simulated;
mod title_host;

pub(crate) use as_user::UserWork;
pub(crate) use connectivity::Connectivity;
pub(crate) use plists::Plists;
pub(crate) use title_host::{AppCopy, Attached, Hear, TitleHost};

/// A system service failed: which one, on what, and why.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {why}")]
pub(crate) struct HostError {
    /// The operation and its object, such as `install /Library/…/x.pkg`.
    pub(crate) what: String,
    /// The reason, with its own chain rendered.
    pub(crate) why: String,
}

impl HostError {
    /// Makes of any error the failure of `what`.
    pub(crate) fn failed<E: ToString>(what: String) -> impl Fn(E) -> Self {
        move |error| Self { what: what.clone(), why: error.to_string() }
    }
}

/// What a running effect reports on its way.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Line {
    /// A line of output, at most 4 KiB (R72).
    Output(String),
    /// Percent done, from `installer`.
    Percent(f32),
}

/// Where the output of an effect goes.
#[derive(Debug)]
pub(crate) enum Output {
    /// To the run's log, line by line. The effect never blocks on it for long: lines over the budget are counted.
    Lines(mpsc::Sender<Line>),
    /// To a file of its own, because the process outlives the run (R66).
    LogFile(MacPath),
}

/// How to start an effect.
#[derive(Debug)]
pub(crate) struct Launch {
    /// Kill the process group after this time (R73).
    pub(crate) timeout: Option<Duration>,
    /// Where output goes.
    pub(crate) output: Output,
}

/// A started effect. Dropping it does not stop the process.
pub(crate) struct Running {
    /// Resolves when it ended; its last lines are there where its own words are what it tells.
    pub(crate) ended: BoxFuture<'static, Finished>,
    /// Ends it: SIGTERM to the group, 10 s, SIGKILL (R69).
    pub(crate) stop: Box<dyn FnOnce() + Send>,
    /// Whether it has begun; what has not is over already, and a failure also where nobody waits for its end (R65).
    pub(crate) begun: bool,
}

impl Running {
    /// Waits for its end, and stops it when nobody waits any longer.
    pub(crate) async fn finish(self) -> Finished {
        let mut guard = StopOnDrop(Some(self.stop));
        let ended = self.ended.await;
        guard.0 = None;
        ended
    }

    /// Drops `thing` when it has ended.
    fn holding<T: Send + 'static>(self, thing: T) -> Self {
        let ended = async {
            let ended = self.ended.await;
            drop(thing);
            ended
        };
        Self { ended: Box::pin(ended), stop: self.stop, begun: self.begun }
    }
}

/// Ends a process somebody waited for.
struct StopOnDrop(Option<Box<dyn FnOnce() + Send>>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        if let Some(stop) = self.0.take() {
            stop();
        }
    }
}

/// A computer on which a run happens.
///
/// Paths are Mac paths; only the host knows which folder is `/`.
pub(crate) trait Host: TitleHost + Send + Sync {
    /// Which folder is the Mac's `/`.
    fn root(&self) -> &Path;

    /// The uid that must own what root owns on a Mac: 0 there, the runner's own in the simulated world (R115, R116).
    fn trusted_owner(&self) -> u32;

    /// Whether the process may do its work (R45).
    fn is_privileged(&self) -> bool;

    /// The UUID of the hardware: what a titles service knows this Mac by (T53).
    fn hardware_uuid(&self) -> BoxFuture<'_, Result<String, HostError>>;

    /// Sets the clock by a server that macOS trusts (T62). A rehearsal leaves the computer's clock alone.
    fn set_clock(&self) -> BoxFuture<'_, Result<(), HostError>> {
        Box::pin(async { Ok(()) })
    }

    /// What a plan needs to know; receipts for the named packages.
    fn facts<'a>(&'a self, package_ids: &'a [String]) -> BoxFuture<'a, Result<Facts, HostError>>;

    /// The installed version of one package (R22); `None` when there is no receipt.
    fn receipt<'a>(&'a self, package_id: &'a str) -> BoxFuture<'a, Result<Option<String>, HostError>>;

    /// Installs a package on the running system (R70). One at a time is the caller's duty.
    fn install<'a>(
        &'a self,
        package: &'a VerifiedArtifact,
        launch: Launch,
    ) -> BoxFuture<'a, Result<Running, HostError>>;

    /// The root certificates that the signature of a package may lead to where its item says who must have signed it.
    /// A real Mac knows Apple's and no other.
    fn package_roots(&self) -> TrustRoots {
        TrustRoots::apple()
    }

    /// Runs a script as root (R71).
    fn run_script<'a>(
        &'a self,
        script: &'a VerifiedArtifact,
        launch: Launch,
    ) -> BoxFuture<'a, Result<Running, HostError>>;

    /// Names the time since the Mac was started, where the system tells: another one after each restart (R77).
    fn boot_session(&self) -> BoxFuture<'_, Option<String>>;

    /// Makes this computer ready to run what items bring. On a Mac there is nothing to be done; a rehearsal has to keep it in.
    ///
    /// # Errors
    /// When nothing could be run here.
    fn ready(&self) -> BoxFuture<'_, Result<(), HostError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// How long the user's script at `path` is kept from beginning: in a rehearsal that wants it to hang. On a Mac nothing
    /// is.
    fn holds(&self, path: &MacPath) -> Option<Duration> {
        let _ = path;
        None
    }

    /// Does something as `user`, in that user's session, with no right of root's (R112).
    fn run_as<'a>(
        &'a self,
        user: &'a ConsoleUser,
        work: UserWork<'a>,
        launch: Launch,
    ) -> BoxFuture<'a, Result<Running, HostError>>;

    /// Who is at the screen; changes as users come and go.
    fn console_user(&self) -> watch::Receiver<Option<ConsoleUser>>;

    /// Whether the system knows a way to the rest of the world (a default route); changes as networks come and go (R47).
    fn online(&self) -> watch::Receiver<bool>;

    /// The audit session of the user at the screen, where the system tells. Must not block.
    fn console_session(&self) -> Option<i32> {
        None
    }

    /// Where the agent link listens: a Mach service on a Mac, a socket elsewhere (R105).
    fn agent_address(&self, jobs: &Identifiers) -> Address;

    /// The uid under which a process of `user` appears to us: the user's own, except in an unprivileged simulation.
    fn uid_seen_for(&self, user: &ConsoleUser) -> u32;

    /// Boots the agent's job out of the sessions of `uids`; the plists of both jobs go, or stay at rest.
    fn retire_jobs<'a>(
        &'a self,
        jobs: &'a Identifiers,
        uids: &'a [u32],
        plists: Plists,
    ) -> BoxFuture<'a, Vec<Retired>>;

    /// The very last act: boots out the daemon's own job (R81). May not return on a real Mac.
    fn retire_daemon<'a>(&'a self, jobs: &'a Identifiers) -> BoxFuture<'a, Retired>;

    /// Asks for a restart in five seconds, from a process of its own (R83).
    fn schedule_reboot(&self) -> BoxFuture<'_, Result<(), HostError>>;
}

/// One step of removing jobs, and what went wrong in it.
#[derive(Debug)]
pub(crate) struct Retired {
    /// What was removed or booted out.
    pub(crate) what: String,
    /// Why it could not be.
    pub(crate) error: Option<String>,
}
