//! The part of launchd a rehearsal needs: keeps the agent running in the session of whoever is at the screen.
//!
//! ```text
//!   nobody ──login──► waiting (late) ──► running ──exit──► throttled ──► running …
//!      ▲                                    │ crashing: killed after a while
//!      └────────── logout, retired ─────────┘ SIGTERM, then SIGKILL
//! ```
//!
//! In the sandbox the agent is tied to us: however we end, it does too.

use super::{
    accounts::{STAFF, account},
    faults::Faults,
    inside::Inside,
    runner::Runner,
    scenario::{AgentConduct, AgentMode, seconds},
};
use shared::{
    exit::Ended,
    facts::ConsoleUser,
    fault::Mishap,
    layout::AGENT_SOCKET,
    sys::{
        child::{self, Child, Limits, Program},
        sandbox::Life,
    },
};
use std::{fs::File, io, path::PathBuf, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::sleep,
};

/// Asks that the agent be ended for good; answered when it is.
pub(super) type Retire = oneshot::Sender<()>;

/// What keeps the agent.
pub(super) struct Launchd {
    /// What runs it.
    pub(super) runner: Runner,
    /// How it behaves.
    pub(super) conduct: AgentConduct,
    /// The daemon's uid as the agent sees it, when that is not the user's own.
    pub(super) daemon_uid: Option<u32>,
    /// Where its output goes.
    pub(super) log: PathBuf,
    /// Who is at the screen.
    pub(super) users: watch::Receiver<Option<ConsoleUser>>,
    /// When it is killed on demand.
    pub(super) faults: Arc<Faults>,
    /// Requests to end it for good.
    pub(super) retire: mpsc::Receiver<Retire>,
    /// Where trouble is told.
    pub(super) notices: super::Notices,
}

/// Why the agent is not kept any longer.
enum Over {
    /// The user went.
    Logout,
    /// Its job was removed.
    Retired(Option<Retire>),
}

impl Launchd {
    /// Keeps the agent until its job is removed.
    pub(super) async fn tend(mut self) {
        let mut crashes = 0;
        loop {
            let user = self.users.borrow_and_update().clone();
            let over = match user {
                Some(user) if self.conduct.mode != AgentMode::Absent => {
                    self.session(&user, &mut crashes).await
                }
                _ => self.until_over().await,
            };
            if let Over::Retired(reply) = over {
                // Whoever asked may have gone.
                let _ = reply.map(|reply| reply.send(()));
                return;
            }
        }
    }

    /// Waits for a change of user, or the removal of the job.
    async fn until_over(&mut self) -> Over {
        tokio::select! {
            retire = self.retire.recv() => Over::Retired(retire),
            changed = self.users.changed() => match changed {
                Ok(()) => Over::Logout,
                Err(_) => Over::Retired(self.retire.recv().await),
            },
        }
    }

    async fn session(&mut self, user: &ConsoleUser, crashes: &mut u32) -> Over {
        if self.conduct.mode == AgentMode::Late {
            let delay = seconds(self.conduct.delay);
            tokio::select! {
                () = sleep(delay) => {}
                over = self.until_over() => return over,
            }
        }
        // A run that starts no program needs no agent either.
        let runner = self.runner.clone();
        tokio::select! {
            () = runner.wanted() => {}
            over = self.until_over() => return over,
        }
        loop {
            if let Some(over) = self.keep(user, crashes).await {
                return over;
            }
            let throttle = seconds(self.conduct.throttle);
            tokio::select! {
                () = sleep(throttle) => {}
                over = self.until_over() => return over,
            }
        }
    }

    /// Runs the agent to its end, or until it is over.
    async fn keep(&mut self, user: &ConsoleUser, crashes: &mut u32) -> Option<Over> {
        // It may check in, and be wanted dead for it, before we are told that it was started.
        let since = self.faults.elapsed();
        let child = match self.start(user).await {
            Ok(child) => child,
            Err(ended) => {
                self.notices.tell(format!("the agent: {ended}"));
                return Some(self.until_over().await);
            }
        };
        let (finished, stop) = child.split();
        tokio::pin!(finished);
        let crash = self.crash_due(*crashes);
        let killed = killed(Arc::clone(&self.faults), since);
        tokio::select! {
            _ = &mut finished => None,
            faults = killed => {
                for fault in faults {
                    self.faults.happens(fault);
                }
                stop.stop();
                finished.await;
                None
            }
            () = crash_after(crash) => {
                *crashes += 1;
                stop.stop();
                finished.await;
                None
            }
            over = self.until_over() => {
                stop.stop();
                finished.await;
                Some(over)
            }
        }
    }

    fn crash_due(&self, crashes: u32) -> Option<f64> {
        let more = self.conduct.crashes.is_none_or(|all| crashes < all);
        (self.conduct.mode == AgentMode::Crashing && more).then_some(self.conduct.crash_after)
    }

    async fn start(&self, user: &ConsoleUser) -> Result<Child, Ended> {
        let log = open_log(&self.log).map_err(|error| Ended::NotStarted(error.to_string()))?;
        let limits = Limits { kill_after: Duration::from_secs(2), ..Limits::default() };
        self.runner.start(self.program(user), child::Output::File(log), limits, Life::Tied).await
    }

    fn program(&self, user: &ConsoleUser) -> Program {
        let daemon_uid = self.daemon_uid.unwrap_or(user.uid);
        let (path, socket) = match (&self.runner.fitting, &self.conduct.program) {
            (None, Some(program)) => {
                let socket = self.runner.root.join(AGENT_SOCKET.trim_start_matches('/'));
                (program.clone(), socket)
            }
            _ => (Inside::AGENT.into(), AGENT_SOCKET.into()),
        };
        Program {
            arguments: vec![
                "--socket".into(),
                socket.into(),
                "--daemon-uid".into(),
                daemon_uid.to_string().into(),
            ],
            environment: account(user).environment(),
            identity: Some((user.uid, STAFF)),
            ..Program::new(&path)
        }
    }
}

async fn crash_after(time: Option<f64>) {
    match time {
        Some(time) => sleep(seconds(time)).await,
        None => std::future::pending().await,
    }
}

/// Resolves when the agent that was started at `since` is to be killed on demand, with the faults that do it.
async fn killed(faults: Arc<Faults>, since: Duration) -> Vec<usize> {
    let mut spells = faults.spells();
    loop {
        let deaths = spells.borrow_and_update().clone();
        let deaths =
            deaths.into_iter().filter(|spell| spell.mishap == Mishap::KillAgent && spell.from >= since);
        let deaths: Vec<_> = deaths.collect();
        let Some(next) = deaths.iter().map(|spell| spell.from).min() else {
            match spells.changed().await {
                Ok(()) => continue,
                Err(_) => return std::future::pending().await,
            }
        };
        let wait = next.saturating_sub(faults.elapsed());
        tokio::select! {
            () = sleep(wait) => {
                return deaths.iter().filter(|spell| spell.from == next).map(|spell| spell.fault).collect();
            }
            _ = spells.changed() => {}
        }
    }
}

fn open_log(path: &PathBuf) -> io::Result<File> {
    File::options().create(true).append(true).open(path)
}
