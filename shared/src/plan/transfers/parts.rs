//! Which bytes of a file come over which of several connections.
//!
//! ```text
//! 0 ──────────── front ───────── part ─── free ─── part ──────── length
//!   there, digested   comes in order  │ comes, or is there already
//! ```
//!
//! What is in front was digested in order. Parts behind it come over connections of their own; where one lets go, what it
//! did not bring is free again.

use std::{collections::BTreeMap, ops::Range};

/// How long a part is: so long that asking for the next one costs little, so short that little is lost with it.
pub const PART_BYTES: u64 = 16 << 20;
/// Less than this is not worth a connection of its own.
const LEAST_BYTES: u64 = 4 << 20;

/// The parts of one file.
#[derive(Debug, Clone)]
pub struct Parts {
    length: u64,
    taken: BTreeMap<u64, Part>,
}

#[derive(Debug, Clone, Copy)]
struct Part {
    end: u64,
    /// How far it is there.
    reached: u64,
    /// Whether nobody brings more of it.
    whole: bool,
}

impl Parts {
    /// Of a file of `length` bytes, none taken.
    #[must_use]
    pub fn new(length: u64) -> Self {
        Self { length, taken: BTreeMap::new() }
    }

    /// Whether a file of which so many bytes are missing is worth a second connection.
    #[must_use]
    pub fn are_worth_it(missing: u64) -> bool {
        missing >= 2 * PART_BYTES
    }

    /// Takes the next part for one more connection; `front` is how far everything is there, `flows` whether a connection
    /// brings what follows it.
    pub fn take(&mut self, front: u64, flows: bool) -> Option<Range<u64>> {
        let gaps = self.gaps(front);
        let is_first = |gap: &Range<u64>| flows && gap.start == front;
        let behind = gaps.iter().find_map(|gap| {
            let begin = if is_first(gap) { gap.start + PART_BYTES } else { gap.start };
            let least = if is_first(gap) { LEAST_BYTES } else { 1 };
            (gap.end >= begin + least).then_some(begin..gap.end)
        });
        // Where there is nothing else, what one connection is about to bring is shared with it.
        let shared = || {
            let gap = gaps.first().filter(|gap| is_first(gap) && gap.end - gap.start >= 2 * LEAST_BYTES)?;
            Some(gap.start + (gap.end - gap.start) / 2..gap.end)
        };
        let free = behind.or_else(shared)?;
        let part = free.start..free.end.min(free.start + PART_BYTES);
        self.taken.insert(part.start, Part { end: part.end, reached: part.start, whole: false });
        Some(part)
    }

    /// What nobody brings, behind `front`.
    fn gaps(&self, front: u64) -> Vec<Range<u64>> {
        let taken = self.taken.range(front..).map(|(start, part)| (*start, part.end));
        let mut begin = front;
        let mut gap = |(end, next)| std::mem::replace(&mut begin, next)..end;
        let gaps = taken.chain([(self.length, self.length)]).map(&mut gap);
        gaps.filter(|gap| gap.start < gap.end).collect()
    }

    /// How far what comes in order may go: to the next part that is taken.
    #[must_use]
    pub fn limit(&self, front: u64) -> u64 {
        self.taken.range(front..).next().map_or(self.length, |(start, _)| *start)
    }

    /// Of the part that begins at `start` everything up to `reached` is there, and more comes.
    pub fn come(&mut self, start: u64, reached: u64) {
        if let Some(part) = self.taken.get_mut(&start) {
            part.reached = reached.min(part.end);
        }
    }

    /// The connection for the part that begins at `start` ends; up to `reached` its bytes are there.
    pub fn leave(&mut self, start: u64, reached: u64) {
        if reached <= start {
            self.taken.remove(&start);
        } else if let Some(part) = self.taken.get_mut(&start) {
            let end = reached.min(part.end);
            *part = Part { end, reached: end, whole: true };
        }
    }

    /// What is there behind `front` without a gap, which is in front from now on.
    pub fn advance(&mut self, front: u64) -> Option<Range<u64>> {
        let mut reached = front;
        while let Some(part) = self.taken.get(&reached).filter(|part| part.whole).copied() {
            self.taken.remove(&reached);
            reached = part.end;
        }
        (reached > front).then_some(front..reached)
    }

    /// How many bytes are there that are not in front yet.
    #[must_use]
    pub fn ahead(&self) -> u64 {
        self.taken.iter().map(|(start, part)| part.reached - start).sum()
    }

    /// Whether no part is taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn the_first_gap_is_left_to_whoever_brings_it_and_shared_when_it_gets_short() {
        let mut parts = Parts::new(100 * MIB);
        for begin in [17, 33, 49, 65, 81, 97] {
            assert_eq!(parts.take(MIB, true), Some(begin * MIB..100.min(begin + 16) * MIB));
        }
        assert_eq!((parts.limit(MIB), parts.take(MIB, true)), (17 * MIB, Some(9 * MIB..17 * MIB)));
        assert_eq!((parts.limit(MIB), parts.take(MIB, false)), (9 * MIB, Some(MIB..9 * MIB)));
        assert_eq!(parts.take(MIB, false), None);
    }

    #[test]
    fn what_a_connection_did_not_bring_is_free_again() {
        let mut parts = Parts::new(100 * MIB);
        assert_eq!(parts.take(0, true), Some(16 * MIB..32 * MIB));
        parts.come(16 * MIB, 18 * MIB);
        assert_eq!((parts.ahead(), parts.advance(16 * MIB)), (2 * MIB, None));
        parts.leave(16 * MIB, 20 * MIB);
        assert_eq!((parts.limit(0), parts.ahead()), (16 * MIB, 4 * MIB));
        assert_eq!(parts.advance(10 * MIB), None);
        assert_eq!(parts.advance(16 * MIB), Some(16 * MIB..20 * MIB));
        assert_eq!((parts.limit(20 * MIB), parts.is_empty()), (100 * MIB, true));
        assert_eq!(parts.take(20 * MIB, false), Some(20 * MIB..36 * MIB));
        parts.leave(20 * MIB, 20 * MIB);
        assert!(parts.is_empty());
    }

    #[test]
    fn little_is_not_worth_a_connection() {
        assert!(!Parts::are_worth_it(31 * MIB) && Parts::are_worth_it(32 * MIB));
        let mut parts = Parts::new(8 * MIB);
        assert_eq!(parts.take(2 * MIB, true), None);
        assert_eq!(parts.take(2 * MIB, false), Some(2 * MIB..8 * MIB));
        assert_eq!(parts.take(2 * MIB, false), None);
    }

    proptest! {
        #[test]
        fn whatever_comes_and_goes_every_byte_comes_once(
            length in 1_u64..400, moves in prop::collection::vec((0_u8..4, 0_usize..4, 0_u64..20), 0..200),
        ) {
            let (length, mut front) = (length * MIB / 3 + 1, 0);
            let mut parts = Parts::new(length);
            let (mut coming, mut came) = (Vec::<Range<u64>>::new(), Vec::<Range<u64>>::new());
            for (step, which, much) in moves {
                match step {
                    // Another connection; the file's own runs, or not any more.
                    0 | 1 => coming.extend(parts.take(front, step == 0)),
                    2 if which < coming.len() => {
                        let part = coming.swap_remove(which);
                        let reached = (part.start + much * MIB).min(part.end);
                        parts.leave(part.start, reached);
                        came.push(part.start..reached);
                    }
                    _ => {
                        let next = parts.limit(front).min(front + much * MIB);
                        came.push(front..next);
                        front = next;
                    }
                }
                if let Some(there) = parts.advance(front) {
                    prop_assert_eq!(there.start, front);
                    front = there.end;
                }
                let mut all: Vec<_> = coming.iter().chain(&came).filter(|part| !part.is_empty()).collect();
                all.sort_by_key(|part| part.start);
                prop_assert!(all.windows(2).all(|two| two[0].end <= two[1].start), "{:?}", all);
                prop_assert!(all.last().is_none_or(|part| part.end <= length));
            }
            // In the end everything can be had.
            coming.into_iter().for_each(|part| parts.leave(part.start, part.start));
            while front < length {
                front = parts.advance(front).map_or_else(|| parts.limit(front), |there| there.end);
            }
        }
    }
}
