//! The permits of a queue: who may begin, who is held for a while, and how much comes in (R55).

use shared::plan::transfers::{Change, Incoming, LOOK_EVERY, Left, Parting, Turns};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
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
    /// How those that run learn what they should do.
    orders: Mutex<HashMap<usize, watch::Sender<Orders>>>,
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
    /// Which start of the `place`th it is.
    number: u64,
    orders: watch::Receiver<Orders>,
    /// How many companions it has.
    companions: Arc<AtomicU32>,
}

/// What a transfer should do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Orders {
    /// It receives nothing.
    held: bool,
    /// How many connections it may have besides its own.
    companions: u32,
}

/// One more connection of a transfer may run while this is there.
pub(crate) struct Companion {
    gate: Arc<Gate>,
    place: usize,
    number: u64,
    orders: watch::Receiver<Orders>,
    /// The companions of the transfer; `None`: it is there in place of the transfer's own connection.
    among: Option<Arc<AtomicU32>>,
    received: bool,
    why: Parting,
}

/// A companion has to end.
pub(crate) struct Told;

/// A transfer was held for so long that it should end, and wait for its turn again.
pub(crate) struct LetGo;

impl Gate {
    /// From `min` to `max` at a time; one that is held lets go after `longest_held`.
    pub(crate) fn new(min: u32, max: u32, longest_held: Duration) -> Self {
        Self {
            turns: Mutex::new(Turns::new(min, max)),
            orders: Mutex::default(),
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
                    if let Err(mut unwanted) = waiter.send(self.permit(place, turns.number(place))) {
                        // Whoever wanted it has gone; taken apart here, because dropping it would come back to this lock.
                        unwanted.0 = None;
                        self.orders().remove(&place);
                        turns.leave(place);
                    }
                }
                Change::Hold(place) => self.order(place, |orders| orders.held = true),
                Change::GoOn(place) => self.order(place, |orders| orders.held = false),
                Change::Companions(place, count) => self.order(place, |orders| orders.companions = count),
            }
        }
        let busy = turns.is_busy();
        self.busy.send_if_modified(|was| std::mem::replace(was, busy) != busy);
    }

    fn permit(self: &Arc<Self>, place: usize, number: u64) -> Permit {
        let (tell, orders) = watch::channel(Orders::default());
        self.orders().insert(place, tell);
        let companions = Arc::default();
        Permit(Some(Granted { gate: Arc::clone(self), place, number, orders, companions }))
    }

    fn order(&self, place: usize, change: impl FnOnce(&mut Orders)) {
        if let Some(tell) = self.orders().get(&place) {
            tell.send_modify(change);
        }
    }

    fn orders(&self) -> std::sync::MutexGuard<'_, HashMap<usize, watch::Sender<Orders>>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// One that depends on nobody else.
    #[cfg(test)]
    pub(crate) fn free() -> Self {
        Self(None)
    }

    /// Content begins to come. What may be held can go on later where it was.
    pub(crate) fn receives(&self, incoming: Incoming) {
        if let Some(Granted { gate, place, .. }) = &self.0 {
            gate.change(|turns| turns.receives(*place, incoming));
        }
    }

    /// Whether it may have another connection besides those it has.
    pub(crate) fn may_have_more(&self) -> bool {
        self.0.as_ref().is_some_and(|granted| {
            granted.companions.load(Ordering::Relaxed) < granted.orders.borrow().companions
        })
    }

    /// Another connection of it, or one in place of its own.
    pub(crate) fn companion(&self, in_place_of_own: bool) -> Option<Companion> {
        let Granted { gate, place, number, orders, companions } = self.0.as_ref()?;
        let among = (!in_place_of_own).then(|| Arc::clone(companions));
        if let Some(companions) = &among {
            companions.fetch_add(1, Ordering::Relaxed);
        }
        Some(Companion {
            gate: Arc::clone(gate),
            place: *place,
            number: *number,
            orders: orders.clone(),
            among,
            received: false,
            why: Parting::Told,
        })
    }

    /// Waits until what it should do may be different.
    pub(crate) async fn ordered(&mut self) {
        match &mut self.0 {
            // The sender lives as long as the permit.
            Some(granted) => drop(granted.orders.changed().await),
            None => std::future::pending().await,
        }
    }

    /// The same as [`Self::received`] of nothing.
    pub(crate) async fn goes(&mut self) -> Result<(), LetGo> {
        self.received(0).await
    }

    /// So many bytes have come. Waits while it is held.
    ///
    /// # Errors
    /// When that takes too long.
    pub(crate) async fn received(&mut self, bytes: usize) -> Result<(), LetGo> {
        let Some(Granted { gate, orders, .. }) = &mut self.0 else { return Ok(()) };
        gate.received.fetch_add(bytes as u64, Ordering::Relaxed);
        if !orders.borrow().held {
            return Ok(());
        }
        let goes_on = timeout(gate.longest_held, orders.wait_for(|orders| !orders.held)).await;
        goes_on.map(drop).map_err(|_| LetGo)
    }
}

impl Companion {
    /// So many bytes have come.
    ///
    /// # Errors
    /// When it has to end.
    pub(crate) fn received(&mut self, bytes: usize) -> Result<(), Told> {
        self.gate.received.fetch_add(bytes as u64, Ordering::Relaxed);
        let orders = *self.orders.borrow();
        let Some(among) = &self.among else { return if orders.held { Err(Told) } else { Ok(()) } };
        if !std::mem::replace(&mut self.received, true) {
            self.gate.change(|turns| turns.joins(self.place, self.number));
        }
        // Of those that are too many any may end.
        let one_less = |count: u32| (count > orders.companions).then(|| count - 1);
        if among.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_err() {
            return Ok(());
        }
        self.part(Parting::Told);
        Err(Told)
    }

    /// There is no part left for it.
    pub(crate) fn done(mut self) {
        self.why = Parting::Done;
    }

    /// The server gave it nothing, or broke off.
    pub(crate) fn failed(mut self) {
        self.why = Parting::Failed;
    }

    /// It ends, and is not counted any more.
    fn part(&mut self, why: Parting) {
        self.among = None;
        let left = Left { received: self.received, why };
        self.gate.change(|turns| turns.parts(self.place, self.number, left));
    }
}

impl Drop for Companion {
    fn drop(&mut self) {
        if let Some(among) = &self.among {
            among.fetch_sub(1, Ordering::Relaxed);
            self.part(self.why);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(Granted { gate, place, .. }) = self.0.take() {
            gate.orders().remove(&place);
            gate.change(|turns| turns.leave(place));
        }
    }
}
