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
}

#[derive(Debug, Clone, Copy, Default)]
struct Running {
    /// Whether its content has begun to come.
    receives: bool,
    may_be_held: bool,
    held: bool,
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

    /// The content of a running one has begun to come, `length` bytes of it if that is known. One that `may_be_held` can
    /// bear to receive nothing for a while.
    pub fn receives(&mut self, place: usize, length: Option<u64>, may_be_held: bool) {
        if let Some(running) = self.running.get_mut(&place) {
            (running.receives, running.may_be_held) = (true, may_be_held);
        }
        if let Some(length) = length {
            self.lengths.insert(place, length);
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
        let receiving = self.running.values().filter(|running| running.receives && !running.held).count();
        let more_want = !self.waiting.is_empty() || self.running.values().any(|running| running.held);
        let receiving = u32::try_from(receiving).unwrap_or(u32::MAX);
        self.level.look(Look { now, received, receiving, more_want });
    }

    /// The next thing that has to change; nothing when everybody does what they should.
    ///
    /// Nobody is held for one that has not begun to receive: its server may think for long.
    pub fn change(&mut self) -> Option<Change<W>> {
        let permits = usize::try_from(self.level.permits()).unwrap_or(usize::MAX);
        let most = usize::try_from(self.level.max()).unwrap_or(usize::MAX);
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
            if running.held != held {
                running.held = held;
                return Some(if held { Change::Hold(*place) } else { Change::GoOn(*place) });
            }
        }
        let connecting = self.running.values().filter(|running| !running.receives).count();
        let goes =
            |place: &usize| self.running.get(place).is_some_and(|running| running.receives && !running.held);
        let going = order.iter().filter(|place| goes(place)).count();
        let first = order.iter().position(|place| self.waiting.contains_key(place))?;
        let place = *order.get(first)?;
        // Execution waits for it, and others receive that come after it.
        let pushes = self.urgent.contains(&place) && connecting == 0 && order.iter().skip(first).any(goes);
        if self.running.len() >= most || (connecting + going >= permits && !pushes) {
            return None;
        }
        let waiter = self.waiting.remove(&place)?;
        self.running.insert(place, Running::default());
        Some(Change::Begin(place, waiter))
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
        turns.receives(0, Some(1000), true);
        turns.hurry(1);
        assert_eq!(turns.change(), Some(Change::Begin(1, 1)));
        assert_eq!(turns.change(), None, "its server may think for long");
        turns.receives(1, Some(1000), true);
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
        turns.receives(0, Some(1000), true);
        // How long the other is must be known first.
        assert_eq!(turns.change(), Some(Change::Begin(1, 1)));
        turns.receives(1, Some(5000), true);
        assert_eq!(turns.change(), Some(Change::Hold(1)));
        assert_eq!(turns.change(), None);
        turns.leave(0);
        assert_eq!(turns.change(), Some(Change::GoOn(1)));
    }

    #[test]
    fn nobody_is_held_who_cannot_bear_it() {
        let mut turns = waiting(1, 4, 2);
        assert_eq!(begun(&mut turns), [0]);
        turns.receives(0, None, false);
        turns.hurry(1);
        assert_eq!(turns.change(), Some(Change::Begin(1, 1)), "beside it");
        turns.receives(1, Some(1000), true);
        assert_eq!(turns.change(), None);
    }

    #[test]
    fn a_second_transfer_runs_while_that_brings_more_and_not_longer() {
        // Both lines give 10 MB/s to one; the first one 20 to two.
        for (limited, permitted) in [(true, 4), (false, 1)] {
            let mut turns = waiting(1, 4, 8);
            let mut received = 0;
            for look in 1_u32..40 {
                for place in begun(&mut turns) {
                    turns.receives(place, Some(1 << 40), true);
                    let _ = begun(&mut turns);
                }
                let running = turns.running.values().filter(|running| !running.held).count();
                received += 500_000 * if limited { u64::try_from(running).unwrap() } else { 1 };
                turns.look(LOOK_EVERY * look, received);
            }
            assert_eq!(turns.level.permits(), permitted, "each request limited: {limited}");
        }
    }

    proptest! {
        #[test]
        fn r55_running_transfers_never_exceed_max_and_changes_come_to_an_end(
            min in 1_u32..6, max in 1_u32..6, moves in prop::collection::vec((0_u8..7, 0_usize..12), 0..80),
        ) {
            let (mut turns, mut clock) = (Turns::new(min, max), 0);
            for (step, place) in moves {
                match step {
                    0 => if !turns.running.contains_key(&place) { turns.wait(place, place) },
                    1 => turns.leave(place),
                    2 => turns.hurry(place),
                    3 => turns.receives(place, Some(place as u64 * 1000), true),
                    4 => turns.receives(place, None, false),
                    5 => { clock += 1; turns.look(LOOK_EVERY * clock, u64::from(clock) * 1000) }
                    _ => turns.finish(place),
                }
                let _ = begun(&mut turns);
                prop_assert!(turns.running.len() <= usize::try_from(max.max(min)).unwrap());
                let idle = turns.running.values().all(|running| running.held);
                prop_assert!(!idle || turns.waiting.is_empty() && turns.running.is_empty(), "somebody runs");
            }
        }
    }
}
