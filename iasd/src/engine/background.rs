//! Processes nobody waits for (R65–R69): they are watched, and settled where the settings or a package ask for it.

use super::{Ending, Engine, recorder::Recorder};
use crate::host::Running;
use futures::future::join_all;
use shared::{
    event::{Category, EventKind, Level},
    exit::Ended,
    item::{Item, ItemId, ItemKind},
    layout::MacPath,
    plan::{Consequence, PhasePlan, verdict},
    settings::duration,
};
use std::{
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::OwnedMutexGuard,
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};

/// What of a background process is known when its time is over; a package that runs on has no end yet.
type Settled = Result<(ItemId, Ended), ItemId>;

/// How long a stopped process may take: 10 s to SIGKILL (R69), and a little.
const AFTER_STOP: Duration = Duration::from_secs(12);
/// A package must not vanish under the installer, so it gets a multiple of `BackgroundTimeout` (R68).
const PACKAGE_PATIENCE: u32 = 4;
/// How long a package waits for another one even where `BackgroundTimeout` is 0.
const LEAST_PATIENCE: Duration = Duration::from_secs(1);

/// A background process may outlive the run, so its output goes to a file of its own (R66).
pub(crate) fn log_of(id: ItemId) -> Option<MacPath> {
    MacPath::new(&format!("/private/var/log/ias/{}-{}.log", id.phase, id.index)).ok()
}

/// Whose process it is.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    /// The item.
    pub(crate) id: ItemId,
    /// Its kind.
    pub(crate) kind: ItemKind,
    /// Its program file.
    pub(crate) file: MacPath,
}

impl From<&Item> for Owner {
    fn from(item: &Item) -> Self {
        Self { id: item.id, kind: item.kind, file: item.file.clone() }
    }
}

struct Watched {
    owner: Owner,
    since: Instant,
    ended: JoinHandle<Ended>,
    stop: Option<Box<dyn FnOnce() + Send>>,
}

/// The background processes of a run.
#[derive(Default)]
pub(crate) struct Background(Mutex<Vec<Watched>>);

impl Background {
    /// Watches a started process; `lane` is kept until it ends.
    pub(crate) fn watch(
        &self,
        owner: Owner,
        running: Running,
        lane: Option<OwnedMutexGuard<()>>,
        recorder: &Recorder,
    ) {
        let (id, recorder) = (owner.id, recorder.clone());
        let ended = tokio::spawn(async move {
            let ended = running.ended.await.ended;
            // A run that is over has nobody to tell.
            let _ = recorder.record(EventKind::BackgroundEnded { id, ended: ended.clone() }).await;
            // Whoever gets the lane next knows that nothing of this package is lost.
            drop(lane);
            ended
        });
        self.list().push(Watched { owner, since: Instant::now(), ended, stop: Some(running.stop) });
    }

    /// The program files of processes that still run (R67).
    pub(crate) fn files_in_use(&self) -> Vec<MacPath> {
        let running = |watched: &&Watched| !watched.ended.is_finished();
        self.list().iter().filter(running).map(|watched| watched.owner.file.clone()).collect()
    }

    /// The package that has been going on for at least this long, if one has.
    fn package_longer_than(&self, patience: Duration) -> Option<ItemId> {
        let too_long = |watched: &&Watched| {
            let is_package = watched.owner.kind == ItemKind::Package;
            is_package && !watched.ended.is_finished() && watched.since.elapsed() >= patience
        };
        self.list().iter().find(too_long).map(|watched| watched.owner.id)
    }

    /// Waits for background packages, whatever the settings say (R68).
    pub(crate) async fn packages_ended(&self, background_timeout: Duration) {
        let deadline = Instant::now() + background_timeout * PACKAGE_PATIENCE;
        for mut watched in self.take(|watched| watched.owner.kind == ItemKind::Package) {
            if timeout_at(deadline, &mut watched.ended).await.is_err() {
                // Killing the installer would leave half a package: it keeps its file and goes on (R67).
                self.list().push(watched);
            }
        }
    }

    /// Waits for all, and stops what takes longer (R69); packages that go on are watched further, and named.
    pub(crate) async fn settle(&self, patience: Duration) -> Vec<Settled> {
        let settled =
            join_all(self.take(|_| true).into_iter().map(|watched| settle(watched, patience))).await;
        settled
            .into_iter()
            .map(|settled| {
                settled.map_err(|running| {
                    let id = running.owner.id;
                    self.list().push(running);
                    id
                })
            })
            .collect()
    }

    fn take(&self, wanted: impl FnMut(&mut Watched) -> bool) -> Vec<Watched> {
        self.list().extract_if(.., wanted).collect()
    }

    fn list(&self) -> MutexGuard<'_, Vec<Watched>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// Waits until a package may be installed (R59). Behind one in the background that has outlived its patience (R68)
    /// the run pauses: it may hang, and is not to keep the others waiting for ever. A package that is awaited has its
    /// own `timeout`.
    pub(super) async fn lane(&self) -> Result<OwnedMutexGuard<()>, Ending> {
        let patience = (self.settings.background_timeout * PACKAGE_PATIENCE).max(LEAST_PATIENCE);
        let mut free = pin!(self.package_lane.clone().lock_owned());
        loop {
            match timeout(patience, &mut free).await {
                Ok(lane) => return Ok(lane),
                Err(_) => {
                    if let Some(id) = self.background.package_longer_than(patience) {
                        let patience = duration::show(patience);
                        return Err(Ending::Temporary(format!(
                            "the package {id} is still being installed in the background after {patience}, and another \
                             one waits for it (four times BackgroundTimeout)"
                        )));
                    }
                }
            }
        }
    }

    /// At the end of a phase with `TrackBackgroundProcesses`: waits, stops what does not end, judges (R69).
    ///
    /// A package is never stopped, because that would leave half of it: after its longer time (R68) it goes on, and is
    /// waited for again before cleanup.
    pub(super) async fn settle_background(&self, plan: &PhasePlan) -> Result<(), Ending> {
        let patience = self.settings.background_timeout;
        let of_agent = async {
            if plan.needs_agent() { self.agents.settle_background(patience).await } else { Ok(Vec::new()) }
        };
        let (own, of_agent) = futures::join!(self.background.settle(patience), of_agent);
        let mut ends = Vec::new();
        for settled in own {
            match settled {
                Ok(end) => ends.push(end),
                Err(running) => {
                    let text = "this package is still being installed; the run goes on beside it, but for other packages".to_owned();
                    self.recorder.notice(Level::Warning, Category::Item, Some(running), text).await;
                }
            }
        }
        match of_agent {
            Ok(of_agent) => ends.extend(of_agent),
            Err(error) => {
                self.recorder.notice(Level::Warning, Category::Agent, None, error.to_string()).await;
            }
        }
        self.judge_background(plan, &ends).await
    }

    async fn judge_background(&self, plan: &PhasePlan, ends: &[(ItemId, Ended)]) -> Result<(), Ending> {
        let mut failures = Vec::new();
        for (id, ended) in ends.iter().filter(|(_, ended)| !ended.is_success()) {
            let Some(item) = plan.items().find(|item| item.id == *id) else { continue };
            self.mark_failed(&item.file);
            let text = format!("{id} \"{}\" in the background: {ended}", item.name);
            self.recorder.record(EventKind::BackgroundFailed { id: *id, ended: ended.clone() }).await?;
            if verdict::after_background(ended, item.fail_policy) == Consequence::Abort {
                failures.push(text);
            }
        }
        if failures.is_empty() { Ok(()) } else { Err(Ending::Aborted(failures.join("; "))) }
    }
}

/// Waits for a process, and ends one that takes too long.
async fn settle(mut watched: Watched, patience: Duration) -> Result<(ItemId, Ended), Watched> {
    let is_package = watched.owner.kind == ItemKind::Package;
    let patience = if is_package { patience * PACKAGE_PATIENCE } else { patience };
    let ended = match timeout(patience, &mut watched.ended).await {
        Ok(ended) => ended,
        Err(_) if is_package => return Err(watched),
        Err(_) => stop(&mut watched).await,
    };
    let ended = (watched.owner.id, ended.unwrap_or_else(|_| Ended::Lost("its watcher ended".to_owned())));
    Ok(ended)
}

async fn stop(watched: &mut Watched) -> Result<Ended, tokio::task::JoinError> {
    if let Some(stop) = watched.stop.take() {
        stop();
    }
    match timeout(AFTER_STOP, &mut watched.ended).await {
        Ok(Ok(_)) => Ok(Ended::TimedOut),
        Ok(Err(error)) => Err(error),
        Err(_) => Ok(Ended::Lost("it did not end when it was killed".to_owned())),
    }
}
