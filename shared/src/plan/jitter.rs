//! Waits lengthened by chance, so that a fleet that failed in the same second does not come back in the same second.
//!
//! No chance in here: the caller passes a number from 0 to 1.

use std::time::Duration;

/// How much of the wait before the next attempt chance may add (R28).
pub(super) const BETWEEN_ATTEMPTS: f64 = 0.1;
/// How much of the wait before the next series of attempts chance may add.
const BETWEEN_SERIES: f64 = 0.5;
/// The first wait after a series of attempts failed (R47).
const FIRST_SERIES: Duration = Duration::from_secs(30);
/// It doubles up to this (R47).
const LONGEST_SERIES: Duration = Duration::from_secs(15 * 60);
/// What is spread over this time when a network is back, because everybody in the building waited for it.
const NETWORK_BACK: Duration = Duration::from_secs(3);

/// `wait`, longer by up to `share` of itself, as `chance` has it.
#[must_use]
pub(super) fn lengthened(wait: Duration, share: f64, chance: f64) -> Duration {
    let extra = Duration::try_from_secs_f64(wait.as_secs_f64() * bounded(chance) * share).unwrap_or_default();
    wait.saturating_add(extra)
}

/// How long to wait before a series of attempts is made again, after `failed` of them, 1 or more (R47); never less than
/// the server `asked` for, as far as that is heard (R29).
#[must_use]
pub fn before_series(failed: u32, asked: Option<Duration>, chance: f64) -> Duration {
    let doublings = failed.saturating_sub(1).min(31);
    let wait = FIRST_SERIES.saturating_mul(1 << doublings).min(LONGEST_SERIES);
    let asked = asked.unwrap_or_default().min(super::retry::LONGEST_RETRY_AFTER);
    lengthened(wait.max(asked), BETWEEN_SERIES, chance)
}

/// How long to wait once a network is back.
#[must_use]
pub fn after_outage(chance: f64) -> Duration {
    NETWORK_BACK.mul_f64(bounded(chance))
}

fn bounded(chance: f64) -> f64 {
    if chance.is_finite() { chance.clamp(0.0, 1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn r47_the_wait_before_a_series_doubles_from_half_a_minute_to_a_quarter_of_an_hour() {
        let waits: Vec<u64> = (1..8).map(|failed| before_series(failed, None, 0.0).as_secs()).collect();
        assert_eq!(waits, [30, 60, 120, 240, 480, 900, 900]);
        assert_eq!(before_series(u32::MAX, None, 0.0), LONGEST_SERIES);
        assert_eq!(before_series(1, None, 1.0), seconds(45));
    }

    #[test]
    fn r29_a_server_that_says_when_is_heard_between_series_too() {
        for (failed, asked, wait) in [(1, 90, 90), (1, 5, 30), (1, 86_400, 300), (6, 300, 900)] {
            assert_eq!(before_series(failed, Some(seconds(asked)), 0.0), seconds(wait), "{failed} {asked}");
        }
    }

    /// The most of a thousand Macs that come back in the same second.
    fn rush(wait: impl Fn(f64) -> Duration) -> usize {
        let mut seconds = std::collections::BTreeMap::<u64, usize>::new();
        for mac in 0..1000 {
            *seconds.entry(wait(f64::from(mac) / 1000.0).as_secs()).or_default() += 1;
        }
        seconds.into_values().max().unwrap()
    }

    #[test]
    fn a_thousand_macs_do_not_come_back_in_the_same_second() {
        let minute = |chance| lengthened(seconds(60), BETWEEN_ATTEMPTS, chance);
        for (label, most, rush) in [
            ("first series", 67, rush(|chance| before_series(1, None, chance))),
            ("later series", 3, rush(|chance| before_series(6, None, chance))),
            ("asked by the server", 23, rush(|chance| before_series(1, Some(seconds(90)), chance))),
            ("attempts", 168, rush(minute)),
            ("the network is back", 334, rush(after_outage)),
        ] {
            assert!(rush <= most, "{label}: {rush} at once");
        }
    }

    proptest! {
        #[test]
        fn chance_only_lengthens_and_never_beyond_its_share(
            failed in any::<u32>(), asked in prop::option::of(any::<u64>()), chance in any::<f64>(),
        ) {
            let asked = asked.map(Duration::from_secs);
            let (least, most) = (before_series(failed, asked, 0.0), before_series(failed, asked, 1.0));
            prop_assert!((least..=most).contains(&before_series(failed, asked, chance)));
            prop_assert!(least >= FIRST_SERIES && most <= LONGEST_SERIES.mul_f64(1.0 + BETWEEN_SERIES));
            prop_assert!(before_series(failed.saturating_add(1), asked, 0.0) >= least, "it never gets shorter");
            prop_assert!(after_outage(chance) <= NETWORK_BACK);
        }

        #[test]
        fn more_chance_is_more_wait(wait in 0_u64..100_000, one in 0.0_f64..=1.0, other in 0.0_f64..=1.0) {
            let waits = [one.min(other), one.max(other)].map(|chance| lengthened(seconds(wait), 0.5, chance));
            prop_assert!(waits[0] <= waits[1]);
        }
    }
}
