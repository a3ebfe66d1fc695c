//! How many transfers may run, and who is next (R55): pure counting and ordering.

use std::collections::{BTreeMap, BTreeSet};

/// Permits grow from `min` by one for each finished download, up to `max` (R55).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ramp {
    min: u32,
    max: u32,
    finished: u32,
}

impl Ramp {
    /// A ramp at its beginning; a `max` below `min` is raised to it.
    pub(crate) fn new(min: u32, max: u32) -> Self {
        let min = min.max(1);
        Self { min, max: max.max(min), finished: 0 }
    }

    /// How many transfers may run.
    pub(crate) fn permits(&self) -> u32 {
        self.max.min(self.min.saturating_add(self.finished))
    }

    /// A download reached its end, good or bad.
    pub(crate) fn finish(&mut self) {
        self.finished = self.finished.saturating_add(1);
    }
}

/// Who runs and who waits: in file order, but what execution waits for comes first (R54, R55).
#[derive(Debug)]
pub(crate) struct Slots<W> {
    ramp: Ramp,
    running: u32,
    waiting: BTreeMap<(bool, usize), W>,
    urgent: BTreeSet<usize>,
}

impl<W> Slots<W> {
    /// Nobody runs, nobody waits.
    pub(crate) fn new(ramp: Ramp) -> Self {
        Self { ramp, running: 0, waiting: BTreeMap::new(), urgent: BTreeSet::new() }
    }

    /// The `place`th item wants a permit; `waiter` is how to tell it.
    pub(crate) fn wait(&mut self, place: usize, waiter: W) {
        self.waiting.insert((!self.urgent.contains(&place), place), waiter);
    }

    /// Execution waits for the `place`th item: it is next, now and whenever it waits again.
    pub(crate) fn hurry(&mut self, place: usize) {
        self.urgent.insert(place);
        if let Some(waiter) = self.waiting.remove(&(true, place)) {
            self.waiting.insert((false, place), waiter);
        }
    }

    /// Takes the next one who may run, if there is one: it counts as running from now on.
    pub(crate) fn next(&mut self) -> Option<W> {
        if self.running >= self.ramp.permits() {
            return None;
        }
        let (_, waiter) = self.waiting.pop_first()?;
        self.running += 1;
        Some(waiter)
    }

    /// A transfer ended, or pauses until its next attempt (R30).
    pub(crate) fn release(&mut self) {
        self.running = self.running.saturating_sub(1);
    }

    /// A download reached its end.
    pub(crate) fn finish(&mut self) {
        self.ramp.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn permits(min: u32, max: u32, finished: usize) -> Vec<u32> {
        let mut ramp = Ramp::new(min, max);
        let mut seen = vec![ramp.permits()];
        for _ in 0..finished {
            ramp.finish();
            seen.push(ramp.permits());
        }
        seen
    }

    #[test]
    fn v3_permits_follow_the_finished_downloads() {
        assert_eq!(permits(1, 4, 4), [1, 2, 3, 4, 4]);
        assert_eq!(permits(2, 2, 3), [2, 2, 2, 2]);
        assert_eq!(permits(5, 3, 2), [5, 5, 5], "Max is raised to Min");
    }

    #[test]
    fn v3_six_equal_downloads_start_at_0_1_1_2_2_2() {
        let mut slots = Slots::new(Ramp::new(1, 4));
        (0..6).for_each(|place| slots.wait(place, place));
        let mut starts = Vec::new();
        for time in 0..3 {
            let started: Vec<usize> = std::iter::from_fn(|| slots.next()).collect();
            starts.extend(started.iter().map(|place| (*place, time)));
            for _ in started {
                slots.release();
                slots.finish();
            }
        }
        assert_eq!(starts, [(0, 0), (1, 1), (2, 1), (3, 2), (4, 2), (5, 2)]);
    }

    #[test]
    fn r55_what_execution_waits_for_is_next() {
        let mut slots = Slots::new(Ramp::new(1, 1));
        (0..4).for_each(|place| slots.wait(place, place));
        slots.hurry(3);
        assert_eq!(slots.next(), Some(3));
        // It failed and waits again: still first.
        slots.release();
        slots.wait(3, 3);
        assert_eq!(slots.next(), Some(3));
        slots.release();
        assert_eq!(slots.next(), Some(0));
        assert_eq!(slots.next(), None);
    }

    proptest! {
        #[test]
        fn r55_running_transfers_never_exceed_max(
            min in 1_u32..6, max in 1_u32..6, moves in prop::collection::vec(0_u8..4, 0..80),
        ) {
            let (mut slots, mut running, mut place) = (Slots::new(Ramp::new(min, max)), 0, 0);
            for step in moves {
                match step {
                    0 => { slots.wait(place, ()); place += 1; }
                    1 => running += u32::from(slots.next().is_some()),
                    2 if running > 0 => { slots.release(); running -= 1; }
                    3 => slots.hurry(place / 2),
                    _ => slots.finish(),
                }
                prop_assert!(running <= max.max(min));
            }
        }
    }
}
