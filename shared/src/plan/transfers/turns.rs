//! Whose turn it is: what execution waits for first (R54, R55), then in file order; who must not run any longer is held.

use super::{Level, Look};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// What has to happen with a transfer.
#[derive(Debug, PartialEq, Eq)]
pub enum Change<W> {
    /// Whoever waited may begin.
    Begin(usize, W),
    /// It receives nothing until it may go on.
    Hold(usize),
    /// It receives again.
    GoOn(usize),
    /// It may have so many connections besides its own.
    Companions(usize, u32),
}

/// What is known of content that begins to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Incoming {
    /// How many bytes will come, if that is known.
    pub length: Option<u64>,
    /// Whether it can bear to receive nothing for a while.
    pub may_be_held: bool,
    /// Whether parts of it can come over connections of their own.
    pub divisible: bool,
}

/// How a companion ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// Whether anything had come.
    pub received: bool,
    /// Why.
    pub why: Parting,
}

/// Why a companion ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parting {
    /// It had to.
    Told,
    /// There is no part left for it.
    Done,
    /// The server gave it nothing, or broke off.
    Failed,
}

/// Who runs, who is held, who waits. Each transfer has a place: where its item is in the file.
///
/// After each call that may change something, [`Self::change`] tells what follows from it, one by one.
#[derive(Debug)]
pub struct Turns<W> {
    level: Level,
    running: BTreeMap<usize, Running>,
    waiting: BTreeMap<usize, W>,
    /// What execution waits for.
    urgent: BTreeSet<usize>,
    /// Content whose length is known, also of those that do not run at the moment.
    lengths: BTreeMap<usize, u64>,
    /// What will not wait again.
    finished: BTreeSet<usize>,
    /// What could not be divided when that was tried.
    whole: BTreeSet<usize>,
    /// How many began so far.
    begun: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Running {
    /// Whether its content has begun to come.
    receives: bool,
    may_be_held: bool,
    held: bool,
    divisible: bool,
    /// How many connections it may have besides its own.
    companions: u32,
    /// How many it was told that it may have.
    told: u32,
    /// How many of them receive.
    joined: u32,
    /// Which of all that began it is.
    number: u64,
}

impl Running {
    fn goes(&self) -> bool {
        self.receives && !self.held
    }
}

impl<W> Turns<W> {
    /// Nobody runs, nobody waits; from `min` to `max` at a time.
    #[must_use]
    pub fn new(min: u32, max: u32) -> Self {
        Self {
            level: Level::new(min, max),
            running: BTreeMap::new(),
            waiting: BTreeMap::new(),
            urgent: BTreeSet::new(),
            lengths: BTreeMap::new(),
            finished: BTreeSet::new(),
            whole: BTreeSet::new(),
            begun: 0,
        }
    }

    /// The `place`th item wants to begin; `waiter` is how to tell it.
    pub fn wait(&mut self, place: usize, waiter: W) {
        self.waiting.insert(place, waiter);
    }

    /// Execution waits for the `place`th item: it is before all others, now and whenever it waits again.
    pub fn hurry(&mut self, place: usize) {
        if !self.finished.contains(&place) {
            self.urgent.insert(place);
        }
    }

    /// The content of a running one has begun to come.
    pub fn receives(&mut self, place: usize, incoming: Incoming) {
        if let Some(running) = self.running.get_mut(&place) {
            (running.receives, running.may_be_held) = (true, incoming.may_be_held);
            running.divisible = incoming.divisible && !self.whole.contains(&place);
        }
        if let Some(length) = incoming.length {
            self.lengths.insert(place, length);
        }
    }

    /// Which start of the `place`th runs now: what its companions belong to.
    #[must_use]
    pub fn number(&self, place: usize) -> u64 {
        self.running.get(&place).map_or(0, |running| running.number)
    }

    /// A companion of the `place`th receives.
    pub fn joins(&mut self, place: usize, number: u64) {
        if let Some(running) = self.running.get_mut(&place).filter(|running| running.number == number) {
            running.joined += 1;
        }
    }

    /// A companion of the `place`th ended: because it had to, or by itself.
    pub fn parts(&mut self, place: usize, number: u64, left: Left) {
        let Some(running) = self.running.get_mut(&place).filter(|running| running.number == number) else {
            return;
        };
        if left.received {
            running.joined = running.joined.saturating_sub(1);
        }
        if left.why != Parting::Told {
            running.companions = running.companions.saturating_sub(1);
            // What is left is too little to be divided.
            running.divisible = false;
        }
        if left.why == Parting::Failed {
            self.whole.insert(place);
        }
    }

    /// A running one ended, or pauses until its next attempt (R30).
    pub fn leave(&mut self, place: usize) {
        self.running.remove(&place);
    }

    /// The `place`th download reached its end, good or bad.
    pub fn finish(&mut self, place: usize) {
        self.level.finish();
        self.finished.insert(place);
        self.urgent.remove(&place);
        self.lengths.remove(&place);
    }

    /// Whether anybody runs, so that it is worth looking.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        !self.running.is_empty()
    }

    /// Looks at how much came, every [`LOOK_EVERY`](super::LOOK_EVERY): `received` bytes since any fixed moment, `now` since then.
    pub fn look(&mut self, now: Duration, received: u64) {
        let going = || self.running.values().filter(|running| running.goes());
        let receiving = going().map(|running| 1 + running.joined.min(running.companions)).sum();
        let more_want = !self.waiting.is_empty()
            || self.running.values().any(|running| running.held || running.goes() && running.divisible);
        self.level.look(Look { now, received, receiving, more_want });
    }

    /// The next thing that has to change; nothing when everybody does what they should.
    ///
    /// Nobody is held for one that has not begun to receive: its server may think for long.
    pub fn change(&mut self) -> Option<Change<W>> {
        let permits = usize::try_from(self.level.permits()).unwrap_or(usize::MAX);
        let most = usize::try_from(self.level.max()).unwrap_or(usize::MAX);
        let untold = self.running.iter_mut().find(|(_, running)| running.told != running.companions);
        if let Some((place, running)) = untold {
            running.told = running.companions;
            return Some(Change::Companions(*place, running.companions));
        }
        let order = self.in_order(permits);
        let unstoppable = |running: &&Running| running.receives && !running.may_be_held;
        // The first in order always goes, also beside those that cannot be held.
        let mut free = permits.saturating_sub(self.running.values().filter(unstoppable).count()).max(1);
        for place in &order {
            let Some(running) = self.running.get_mut(place).filter(|running| running.receives) else {
                continue;
            };
            let held = running.may_be_held && free == 0;
            if running.may_be_held {
                free = free.saturating_sub(1);
            }
            if held && running.companions > 0 {
                (running.companions, running.told) = (0, 0);
                return Some(Change::Companions(*place, 0));
            }
            if running.held != held {
                running.held = held;
                return Some(if held { Change::Hold(*place) } else { Change::GoOn(*place) });
            }
        }
        let connecting = self.running.values().filter(|running| !running.receives).count();
        let goes = |place: &usize| self.running.get(place).is_some_and(Running::goes);
        let going = order.iter().filter(|place| goes(place)).count();
        let companions: u32 = self.running.values().map(|running| running.companions).sum();
        let companions = usize::try_from(companions).unwrap_or(usize::MAX);
        let waits = order.iter().position(|place| self.waiting.contains_key(place));
        if companions > 0 && (connecting + going + companions > permits || waits.is_some()) {
            return self.one_less(&order);
        }
        let Some(first) = waits else {
            let room = self.running.len() + companions < most && connecting + going + companions < permits;
            return if room { self.one_more(&order) } else { None };
        };
        let place = *order.get(first)?;
        // Execution waits for it, and others receive that come after it.
        let pushes = self.urgent.contains(&place) && connecting == 0 && order.iter().skip(first).any(goes);
        if self.running.len() >= most || (connecting + going >= permits && !pushes) {
            return None;
        }
        let waiter = self.waiting.remove(&place)?;
        self.begun += 1;
        self.running.insert(place, Running { number: self.begun, ..Running::default() });
        Some(Change::Begin(place, waiter))
    }

    /// One connection more for the first in order that can make use of it.
    fn one_more(&mut self, order: &[usize]) -> Option<Change<W>> {
        let can = |place: &&usize| self.running.get(place).is_some_and(|one| one.goes() && one.divisible);
        let place = *order.iter().find(can)?;
        let running = self.running.get_mut(&place)?;
        running.companions += 1;
        running.told = running.companions;
        Some(Change::Companions(place, running.companions))
    }

    /// One connection less for the last in order that has one besides its own: whole files come first.
    fn one_less(&mut self, order: &[usize]) -> Option<Change<W>> {
        let has = |place: &&usize| self.running.get(place).is_some_and(|one| one.companions > 0);
        let place = *order.iter().rev().find(has)?;
        let running = self.running.get_mut(&place)?;
        running.companions -= 1;
        running.told = running.companions;
        Some(Change::Companions(place, running.companions))
    }

    /// Those who run or may be next, the first to run first. Where one at a time is best, the shortest of those that execution waits for is
    /// first: it can be carried out while the longer ones come. A length that is not known is soon known.
    fn in_order(&self, permits: usize) -> Vec<usize> {
        let key = |place: usize| {
            let urgent = self.urgent.contains(&place);
            let length = self.lengths.get(&place).copied().unwrap_or_default();
            (!urgent, if urgent && permits == 1 { length } else { 0 }, place)
        };
        let calm = self.waiting.keys().find(|place| !self.urgent.contains(place));
        let urgent = self.urgent.iter().filter(|place| self.waiting.contains_key(place));
        let mut places: Vec<usize> = self.running.keys().chain(calm).chain(urgent).copied().collect();
        places.sort_by_key(|place| key(*place));
        places
    }
}

#[cfg(test)]
mod tests {
    use super::{super::LOOK_EVERY, *};
    use proptest::prelude::*;

    /// Applies all changes; gives who began.
    fn begun(turns: &mut Turns<usize>) -> Vec<usize> {
        let mut begun = Vec::new();
        while let Some(change) = turns.change() {
            if let Change::Begin(place, waiter) = change {
                assert_eq!(place, waiter);
                begun.push(place);
            }
        }
        begun
    }

    fn incoming(length: Option<u64>, may_be_held: bool) -> Incoming {
        Incoming { length, may_be_held, divisible: false }
    }

    fn waiting(min: u32, max: u32, count: usize) -> Turns<usize> {
        let mut turns = Turns::new(min, max);
        (0..count).for_each(|place| turns.wait(place, place));
        turns
    }

    #[test]
    fn v3_six_equal_downloads_start_at_0_1_1_2_2_2() {
        let mut turns = waiting(1, 4, 6);
        let mut starts = Vec::new();
        for time in 0..3 {
            let started = begun(&mut turns);
            starts.extend(started.iter().map(|place| (*place, time)));
            for place in started {
                turns.leave(place);
                turns.finish(place);
            }
        }
        assert_eq!(starts, [(0, 0), (1, 1), (2, 1), (3, 2), (4, 2), (5, 2)]);
    }

    #[test]
    fn r55_what_execution_waits_for_is_next() {
        let mut turns = waiting(1, 1, 4);
        turns.hurry(3);
        assert_eq!(begun(&mut turns), [3]);
        // It failed and waits again: still first.
        turns.leave(3);
        turns.wait(3, 3);
        assert_eq!(begun(&mut turns), [3]);
        turns.leave(3);
        assert_eq!(begun(&mut turns), [0]);
        assert_eq!(begun(&mut turns), [0_usize; 0]);
    }

    #[test]
    fn r55_what_execution_waits_for_begins_at_once_and_others_are_held_for_it() {
        let mut turns = waiting(1, 4, 2);
        assert_eq!(begun(&mut turns), [0]);
        turns.receives(0, incoming(Some(1000), true));
        turns.hurry(1);
        assert_eq!(turns.change(), Some(Change::Begin(1, 1)));
        assert_eq!(turns.change(), None, "its server may think for long");
        turns.receives(1, incoming(Some(1000), true));
        assert_eq!(turns.change(), Some(Change::Hold(0)));
        assert_eq!(turns.change(), None);
        turns.leave(1);
        assert_eq!(turns.change(), Some(Change::GoOn(0)));
    }

    #[test]
    fn of_those_that_execution_waits_for_the_shortest_comes_first_where_one_at_a_time_is_best() {
        let mut turns = waiting(1, 4, 2);
        turns.hurry(0);
        turns.hurry(1);
        assert_eq!(begun(&mut turns), [0]);
        turns.receives(0, incoming(Some(1000), true));
        // How long the other is must be known first.
        assert_eq!(turns.change(), Some(Change::Begin(1, 1)));
        turns.receives(1, incoming(Some(5000), true));
        assert_eq!(turns.change(), Some(Change::Hold(1)));
        assert_eq!(turns.change(), None);
        turns.leave(0);
        assert_eq!(turns.change(), Some(Change::GoOn(1)));
    }

    #[test]
    fn nobody_is_held_who_cannot_bear_it() {
        let mut turns = waiting(1, 4, 2);
        assert_eq!(begun(&mut turns), [0]);
        turns.receives(0, incoming(None, false));
        turns.hurry(1);
        assert_eq!(turns.change(), Some(Change::Begin(1, 1)), "beside it");
        turns.receives(1, incoming(Some(1000), true));
        assert_eq!(turns.change(), None);
    }

    #[test]
    fn a_second_transfer_runs_while_that_brings_more_and_not_longer() {
        // Both lines give 10 MB/s to one; the first one 20 to two.
        for (limited, permitted) in [(true, 4), (false, 1)] {
            let mut turns = waiting(1, 4, 8);
            let mut received = 0;
            for look in 1_u32..200 {
                for place in begun(&mut turns) {
                    turns.receives(place, incoming(Some(1 << 40), true));
                    let _ = begun(&mut turns);
                }
                let running = turns.running.values().filter(|running| !running.held).count();
                received += 100_000 * if limited { u64::try_from(running).unwrap() } else { 1 };
                turns.look(LOOK_EVERY * look, received);
            }
            assert_eq!(turns.level.permits(), permitted, "each request limited: {limited}");
        }
    }

    /// Applies all changes; gives how many connections the only transfer, which begins if it has not, has in the end.
    fn connections(turns: &mut Turns<usize>, before: u32) -> u32 {
        let mut connections = before;
        while let Some(change) = turns.change() {
            match change {
                Change::Begin(..) => connections = 1,
                Change::Companions(_, count) => connections = 1 + count,
                Change::Hold(_) | Change::GoOn(_) => {}
            }
        }
        connections
    }

    const DIVISIBLE: Incoming = Incoming { length: Some(1 << 40), may_be_held: true, divisible: true };

    #[test]
    fn a_single_file_gets_more_connections_while_that_brings_more() {
        for (limited, expected) in [(true, 4), (false, 1)] {
            let mut turns = waiting(1, 4, 1);
            let mut has = connections(&mut turns, 0);
            turns.receives(0, DIVISIBLE);
            let (mut received, number) = (0, turns.number(0));
            for look in 1_u32..300 {
                received += 100_000 * if limited { u64::from(has) } else { 1 };
                turns.look(LOOK_EVERY * look, received);
                let had = has;
                has = connections(&mut turns, had);
                (had..has).for_each(|_| turns.joins(0, number));
                (has..had).for_each(|_| turns.parts(0, number, Left { received: true, why: Parting::Told }));
            }
            assert_eq!(has, expected, "each request limited: {limited}");
        }
    }

    #[test]
    fn what_a_server_gives_in_one_piece_only_gets_no_more_connections_ever_again() {
        let mut turns = waiting(2, 4, 1);
        assert_eq!(connections(&mut turns, 0), 1);
        turns.receives(0, DIVISIBLE);
        assert_eq!(connections(&mut turns, 1), 2);
        turns.parts(0, turns.number(0), Left { received: false, why: Parting::Failed });
        assert_eq!(connections(&mut turns, 2), 1);
        turns.leave(0);
        turns.wait(0, 0);
        assert_eq!(connections(&mut turns, 0), 1);
        turns.receives(0, DIVISIBLE);
        assert_eq!(connections(&mut turns, 1), 1);
    }

    #[test]
    fn whole_files_come_before_parts_of_others_and_what_is_held_has_no_connections() {
        let mut turns = waiting(2, 2, 1);
        assert_eq!(connections(&mut turns, 0), 1);
        turns.receives(0, DIVISIBLE);
        assert_eq!(turns.change(), Some(Change::Companions(0, 1)));
        turns.wait(1, 1);
        assert_eq!(turns.change(), Some(Change::Companions(0, 0)));
        assert_eq!(turns.change(), Some(Change::Begin(1, 1)));
        assert_eq!(turns.change(), None);
        turns.leave(1);
        assert_eq!(turns.change(), Some(Change::Companions(0, 1)));
        // Two that cannot wait leave no room for it.
        for place in [2, 3] {
            turns.wait(place, place);
            turns.hurry(place);
        }
        assert_eq!(turns.change(), Some(Change::Companions(0, 0)));
        assert_eq!(turns.change(), Some(Change::Begin(2, 2)));
        turns.receives(2, incoming(None, false));
        let changes: Vec<_> = std::iter::from_fn(|| turns.change()).collect();
        assert!(!changes.iter().any(|change| matches!(change, Change::Companions(_, 1..))), "{changes:?}");
    }

    proptest! {
        #[test]
        fn r55_running_transfers_never_exceed_max_and_changes_come_to_an_end(
            min in 1_u32..6, max in 1_u32..6, moves in prop::collection::vec((0_u8..10, 0_usize..12), 0..80),
        ) {
            let (mut turns, mut clock) = (Turns::new(min, max), 0);
            for (step, place) in moves {
                match step {
                    0 => if !turns.running.contains_key(&place) { turns.wait(place, place) },
                    1 => turns.leave(place),
                    2 => turns.hurry(place),
                    3 => turns.receives(place, incoming(Some(place as u64 * 1000), true)),
                    4 => turns.receives(place, incoming(None, false)),
                    5 => { clock += 1; turns.look(LOOK_EVERY * clock, u64::from(clock) * 1000) }
                    6 => turns.receives(place, DIVISIBLE),
                    7 => turns.joins(place, turns.number(place)),
                    8 => {
                        let why = [Parting::Told, Parting::Done, Parting::Failed][place % 3];
                        turns.parts(place, turns.number(place), Left { received: place % 2 == 0, why });
                    }
                    _ => turns.finish(place),
                }
                let _ = begun(&mut turns);
                let companions: u32 = turns.running.values().map(|running| running.companions).sum();
                prop_assert!(turns.running.len() + companions as usize <= usize::try_from(max.max(min)).unwrap());
                prop_assert!(companions == 0 || turns.waiting.is_empty(), "whole files first");
                let idle = turns.running.values().all(|running| running.held);
                prop_assert!(!idle || turns.waiting.is_empty() && turns.running.is_empty(), "somebody runs");
            }
        }
    }
}
