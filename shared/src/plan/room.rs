//! How much of a disk a transfer may take: what must be free for it to begin or to go on (R117), and where a body ends
//! that does not say how long it is.

/// What stays free of a disk that a body of unknown length fills; a Mac with less does not work well any more.
pub const SPARE: u64 = 1 << 30;
/// No content without a length is longer than this.
pub const LONGEST_UNANNOUNCED: u64 = 64 << 30;
/// A body of unknown length is looked at whenever so many more bytes have come.
pub const LOOK_EVERY: u64 = 64 << 20;

/// How many bytes must be free for a transfer of which `have` bytes are there: what is missing and a tenth of the
/// whole more, or, where nobody knows the `length`, a tenth of what came and never less than [`SPARE`].
#[must_use]
pub fn needed(have: u64, length: Option<u64>) -> u64 {
    match length {
        Some(length) => length.saturating_sub(have).saturating_add(length / 10),
        None => SPARE.max(have / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn r117_a_transfer_needs_what_is_missing_and_a_tenth_of_the_whole() {
        for (have, length, expected) in [
            (0, Some(1000), 1100),
            (400, Some(1000), 700),
            (1000, Some(1000), 100),
            (2000, Some(1000), 100),
            (0, Some(u64::MAX), u64::MAX),
            (0, None, SPARE),
            (20 << 30, None, 2 << 30),
        ] {
            assert_eq!(needed(have, length), expected, "{have} of {length:?}");
        }
    }

    proptest! {
        #[test]
        fn a_transfer_that_may_begin_may_go_on(length in 0_u64..1 << 50, part in 0.0_f64..=1.0, free in any::<u64>()) {
            let have = (length as f64 * part) as u64;
            prop_assume!(free >= needed(0, Some(length)));
            prop_assert!(free - have.min(length) >= needed(have.min(length), Some(length)));
        }
    }
}
