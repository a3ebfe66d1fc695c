//! The permits of a queue: who may begin, who is held for a while, and how much comes in (R55).

use shared::plan::transfers::{Change, LOOK_EVERY, Turns};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{oneshot, watch},
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};

/// A transfer that is held longer than this lets go: a server would not wait much longer for its client to read on.
pub(super) const LONGEST_HELD: Duration = Duration::from_secs(10);

/// The permits, and who waits for one.
pub(crate) struct Gate {
    turns: Mutex<Turns<oneshot::Sender<Permit>>>,
    /// How those that run learn that they are held.
    held: Mutex<HashMap<usize, watch::Sender<bool>>>,
    received: AtomicU64,
    /// Whether there is anything to look at.
    busy: watch::Sender<bool>,
    begun: Instant,
    longest_held: Duration,
}

/// One transfer may run while this is there.
pub(crate) struct Permit(Option<Granted>);

struct Granted {
    gate: Arc<Gate>,
    place: usize,
    held: watch::Receiver<bool>,
}

/// A transfer was held for so long that it should end, and wait for its turn again.
pub(crate) struct LetGo;

impl Gate {
    /// From `min` to `max` at a time; one that is held lets go after `longest_held`.
    pub(crate) fn new(min: u32, max: u32, longest_held: Duration) -> Self {
        Self {
            turns: Mutex::new(Turns::new(min, max)),
            held: Mutex::default(),
            received: AtomicU64::new(0),
            busy: watch::Sender::new(false),
            begun: Instant::now(),
            longest_held,
        }
    }

    /// A permit for the `place`th, once it is its turn.
    pub(crate) fn request(self: &Arc<Self>, place: usize) -> oneshot::Receiver<Permit> {
        let (waiter, permit) = oneshot::channel();
        self.change(|turns| turns.wait(place, waiter));
        permit
    }

    /// Execution waits for the `place`th.
    pub(crate) fn hurry(self: &Arc<Self>, place: usize) {
        self.change(|turns| turns.hurry(place));
    }

    /// The `place`th download reached its end, good or bad.
    pub(crate) fn finish(self: &Arc<Self>, place: usize) {
        self.change(|turns| turns.finish(place));
    }

    /// Looks at what comes in, as long as anything does. Dropped, it ends.
    pub(crate) async fn watch(self: &Arc<Self>) {
        let mut busy = self.busy.subscribe();
        // The sender is ours, so it cannot be gone.
        while busy.wait_for(|busy| *busy).await.is_ok() {
            let mut looks = interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
            looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while *busy.borrow_and_update() {
                looks.tick().await;
                let (now, received) = (self.begun.elapsed(), self.received.load(Ordering::Relaxed));
                self.change(|turns| turns.look(now, received));
            }
        }
    }

    /// Does what follows from `act`, for as long as anything follows.
    fn change(self: &Arc<Self>, act: impl FnOnce(&mut Turns<oneshot::Sender<Permit>>)) {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut turns);
        while let Some(change) = turns.change() {
            match change {
                Change::Begin(place, waiter) => {
                    if let Err(mut unwanted) = waiter.send(self.permit(place)) {
                        // Whoever wanted it has gone; taken apart here, because dropping it would come back to this lock.
                        unwanted.0 = None;
                        self.held().remove(&place);
                        turns.leave(place);
                    }
                }
                Change::Hold(place) => self.hold(place, true),
                Change::GoOn(place) => self.hold(place, false),
            }
        }
        let busy = turns.is_busy();
        self.busy.send_if_modified(|was| std::mem::replace(was, busy) != busy);
    }

    fn permit(self: &Arc<Self>, place: usize) -> Permit {
        let (tell, held) = watch::channel(false);
        self.held().insert(place, tell);
        Permit(Some(Granted { gate: Arc::clone(self), place, held }))
    }

    fn hold(&self, place: usize, hold: bool) {
        if let Some(tell) = self.held().get(&place) {
            tell.send_replace(hold);
        }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, HashMap<usize, watch::Sender<bool>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// One that depends on nobody else.
    #[cfg(test)]
    pub(crate) fn free() -> Self {
        Self(None)
    }

    /// Content begins to come, `length` bytes of it if that is known; one that `may_be_held` can go on later where it was.
    pub(crate) fn receives(&self, length: Option<u64>, may_be_held: bool) {
        if let Some(Granted { gate, place, .. }) = &self.0 {
            gate.change(|turns| turns.receives(*place, length, may_be_held));
        }
    }

    /// So many bytes have come. Waits while it is held.
    ///
    /// # Errors
    /// When that takes too long.
    pub(crate) async fn received(&mut self, bytes: usize) -> Result<(), LetGo> {
        let Some(Granted { gate, held, .. }) = &mut self.0 else { return Ok(()) };
        gate.received.fetch_add(bytes as u64, Ordering::Relaxed);
        if !*held.borrow() {
            return Ok(());
        }
        let goes_on = timeout(gate.longest_held, held.wait_for(|held| !held)).await;
        goes_on.map(drop).map_err(|_| LetGo)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(Granted { gate, place, .. }) = self.0.take() {
            gate.held().remove(&place);
            gate.change(|turns| turns.leave(place));
        }
    }
}
