//! Processes nobody waits for: counted, ended when asked to, their ends told once (R65, R66, R69).

use crate::{content::PrivateCopy, serve::Outbox};
use shared::{
    exit::Ended,
    ipc::message::{FromAgent, RequestId},
    item::ItemId,
    sys::child::{Child, Finished, Stop},
};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    pin::Pin,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Mutex as AsyncMutex, watch},
    time::timeout,
};

/// The user's background processes. They live on when the agent ends.
#[derive(Default)]
pub(crate) struct Backgrounds {
    /// Changes with each beginning and end.
    running: watch::Sender<HashMap<RequestId, Option<Stop>>>,
    /// Those that were ended because their time was over.
    overdue: Mutex<HashSet<RequestId>>,
    ends: AsyncMutex<Ends>,
}

/// Ends nobody was told yet, and who is to be told.
#[derive(Default)]
struct Ends {
    untold: VecDeque<(ItemId, Ended)>,
    outbox: Option<Outbox>,
}

/// One background process.
pub(crate) struct Running {
    id: RequestId,
    item: ItemId,
    finished: Pin<Box<dyn Future<Output = Finished> + Send>>,
    copy: PrivateCopy,
}

impl Backgrounds {
    /// Counts a process that has started.
    pub(crate) fn add(&self, id: RequestId, item: ItemId, child: Child, copy: PrivateCopy) -> Running {
        let (finished, stop) = child.split();
        self.running.send_modify(|running| {
            running.insert(id, Some(stop));
        });
        Running { id, item, finished: Box::pin(finished), copy }
    }

    /// Waits for its end and tells it.
    pub(crate) async fn watch(&self, running: Running) {
        let finished = running.finished.await;
        drop(running.copy);
        let overdue = self.overdue.lock().unwrap_or_else(PoisonError::into_inner).remove(&running.id);
        let ended = if overdue { Ended::TimedOut } else { finished.ended };
        let mut ends = self.ends.lock().await;
        ends.untold.push_back((running.item, ended));
        ends.tell().await;
        drop(ends);
        // Last, so that who waits for it finds the end told.
        self.running.send_modify(|all| {
            all.remove(&running.id);
        });
    }

    /// From now on, ends are told there.
    pub(crate) async fn report_to(&self, outbox: Outbox) {
        let mut ends = self.ends.lock().await;
        ends.outbox = Some(outbox);
        ends.tell().await;
    }

    /// How many run.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.running.borrow().len()).unwrap_or(u32::MAX)
    }

    /// Waits until none runs; ends those that still do after `limit`.
    pub(crate) async fn wait(&self, limit: Duration) {
        let mut running = self.running.subscribe();
        if timeout(limit, running.wait_for(HashMap::is_empty)).await.is_ok() {
            return;
        }
        self.running.send_modify(|running| {
            for (id, stop) in running.iter_mut().filter_map(|(id, stop)| Some((id, stop.take()?))) {
                self.overdue.lock().unwrap_or_else(PoisonError::into_inner).insert(*id);
                stop.stop();
            }
        });
        // Each ends by SIGKILL at the latest; the sender lives as long as `self`.
        let _ = running.wait_for(HashMap::is_empty).await;
    }
}

impl Ends {
    async fn tell(&mut self) {
        let Some(outbox) = &self.outbox else { return };
        while let Some((item, ended)) = self.untold.front().cloned() {
            if outbox.send(FromAgent::BackgroundEnded { item, ended }).await.is_err() {
                // Kept for the next daemon.
                self.outbox = None;
                return;
            }
            self.untold.pop_front();
        }
    }
}
