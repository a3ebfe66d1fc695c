//! The retry schedule of one download: after each failed attempt, how long to wait for the next one, or to give up.
//!
//! No clock and no chance in here: the caller passes what failed and its own random number, and does the waiting.

use super::{
    jitter::{BETWEEN_ATTEMPTS, lengthened},
    mirrors::{Mirrors, Next},
};
use crate::item::RetryKeys;
use std::time::Duration;

/// No wait of ours grows beyond this, unless the configured one is longer (R28).
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);
/// What a wait of zero becomes when it is doubled (R28).
const SHORTEST_DOUBLED: Duration = Duration::from_secs(1);
/// No server makes us wait longer than this (R29).
pub(super) const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(300);
/// Without a network the next attempt is made after this time even if the system still knows of none (R47).
pub const LONGEST_OFFLINE: Duration = Duration::from_secs(5 * 60);
/// A network that wants a login is waited for so long before asking it costs attempts (R47).
pub const PORTAL_PATIENCE: Duration = Duration::from_secs(5 * 60);

/// Why an attempt failed, as far as the next one depends on it (R29).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptFailure {
    /// There is no network: costs no attempt, the next one begins when there is one (R47).
    Offline,
    /// Somebody answered in the server's place: a network that wants a login. Costs no attempt for some minutes (R47).
    Portal,
    /// Connection error, timeout, truncated body, 408, 425, 429 or 5xx.
    Transient,
    /// The same, and the server said when to come back (`Retry-After`).
    RetryAfter(Duration),
    /// Any other 4xx: one retry only, because it seldom passes.
    ClientError,
    /// The content is complete and not what `hash` says.
    HashMismatch,
    /// The same, but only after a partial download was resumed: the kept part may be what is wrong, so the first
    /// such failure costs no attempt (R125).
    ResumedHashMismatch,
    /// This address will never give it: refused redirect, unusable URL. Another one may.
    WrongAddress,
    /// The disk is full: no other address helps, but what fills it may go away.
    DiskFull,
    /// No other attempt can help: a disk that cannot be written, a stopped run.
    Permanent,
}

impl AttemptFailure {
    /// What an HTTP status other than 200 and 206 means, with the `Retry-After` of the answer.
    #[must_use]
    pub fn of_status(status: u16, retry_after: Option<Duration>) -> Self {
        match status {
            408 | 425 | 429 | 500..=599 => retry_after.map_or(Self::Transient, Self::RetryAfter),
            400..=499 => Self::ClientError,
            _ => Self::WrongAddress,
        }
    }

    /// Whether another server may do better.
    pub(super) fn may_pass_elsewhere(self) -> bool {
        !matches!(self, Self::Offline | Self::DiskFull | Self::Permanent)
    }

    /// Of the failures of two addresses the one from which more can be hoped.
    pub(super) fn more_hopeful(self, other: Self) -> Self {
        let hope = |failure| match failure {
            Self::Portal => 5,
            // The next round asks all addresses again: none before the time it named (R29).
            Self::RetryAfter(_) => 4,
            Self::Transient => 3,
            Self::HashMismatch | Self::ResumedHashMismatch => 2,
            Self::ClientError => 1,
            Self::WrongAddress | Self::Offline | Self::DiskFull | Self::Permanent => 0,
        };
        match (self, other) {
            (Self::RetryAfter(one), Self::RetryAfter(two)) => Self::RetryAfter(one.max(two)),
            _ if hope(other) > hope(self) => other,
            _ => self,
        }
    }
}

/// Counts the attempts of one download and spaces them out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrySchedule {
    attempt: u32,
    round: u32,
    retries_left: u32,
    /// The wait before the next retry, before cap and jitter.
    backoff: Duration,
    longest: Duration,
    client_error_seen: bool,
    resumed_mismatch_seen: bool,
    /// How long a network that wants a login may still be waited for at no cost.
    patience: Duration,
    mirrors: Mirrors,
}

impl RetrySchedule {
    /// The schedule for an item's keys over the settings `MaximumRedownloads` and `RetryDelay` (R27, R28).
    #[must_use]
    pub fn new(keys: RetryKeys, redownloads: u32, retry_delay: Duration) -> Self {
        let wait = keys.wait_seconds.map_or(retry_delay, |seconds| Duration::from_secs(seconds.into()));
        Self {
            attempt: 1,
            round: 1,
            retries_left: keys.retries.unwrap_or(redownloads),
            backoff: wait,
            longest: wait.max(LONGEST_BACKOFF),
            client_error_seen: false,
            resumed_mismatch_seen: false,
            patience: PORTAL_PATIENCE,
            mirrors: Mirrors::new(1),
        }
    }

    /// The same for content that can be had at `count` addresses.
    #[must_use]
    pub fn with_addresses(self, count: usize) -> Self {
        Self { mirrors: Mirrors::new(count), ..self }
    }

    /// The same with another patience than [`PORTAL_PATIENCE`].
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The address that is asked in the attempt under way, as its position.
    #[must_use]
    pub fn address(&self) -> usize {
        self.mirrors.at()
    }

    /// Asks the first address that is `good` first, if no address was asked in this attempt yet.
    pub fn prefer(&mut self, good: impl Fn(usize) -> bool) {
        self.mirrors.prefer(good);
    }

    /// The attempt under way; counts from 1. A restart that costs no attempt keeps its number.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The round under way, in which every address is asked once; more than one may go into an attempt that costs
    /// nothing.
    #[must_use]
    pub fn round(&self) -> u32 {
        self.round
    }

    /// Whether another attempt is left after this one: policy `Warning` needs to know (R86).
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.retries_left == 0
    }

    /// The address under way failed: how long to wait before the next one is asked, or `None` to give up. As long as
    /// one is left that was not asked in this attempt, it is asked at once.
    ///
    /// `jitter` is chance, 0 to 1; it lengthens the wait by up to 10 %, so that a fleet does not return in step.
    #[must_use]
    pub fn next_wait(&mut self, failure: AttemptFailure, jitter: f64) -> Option<Duration> {
        if failure == AttemptFailure::ResumedHashMismatch && !self.resumed_mismatch_seen {
            self.resumed_mismatch_seen = true;
            return Some(Duration::ZERO);
        }
        if failure == AttemptFailure::Offline {
            return Some(LONGEST_OFFLINE);
        }
        let failure = match self.mirrors.failed(failure) {
            Next::Elsewhere => return Some(Duration::ZERO),
            Next::RoundFailed(failure) => failure,
        };
        self.round = self.round.saturating_add(1);
        if failure == AttemptFailure::Portal
            && let Some(left) = self.patience.checked_sub(self.backoff.max(SHORTEST_DOUBLED))
        {
            self.patience = left;
            return Some(lengthened(self.double(), BETWEEN_ATTEMPTS, jitter));
        }
        let pointless = match failure {
            AttemptFailure::Permanent | AttemptFailure::WrongAddress => true,
            AttemptFailure::ClientError => std::mem::replace(&mut self.client_error_seen, true),
            _ => false,
        };
        if pointless {
            self.retries_left = 0;
        }
        self.retries_left = self.retries_left.checked_sub(1)?;
        self.attempt = self.attempt.saturating_add(1);
        let asked = match failure {
            AttemptFailure::RetryAfter(wait) => wait.min(LONGEST_RETRY_AFTER),
            _ => Duration::ZERO,
        };
        Some(lengthened(self.double().max(asked), BETWEEN_ATTEMPTS, jitter))
    }

    /// The wait of now; the next one will be twice as long.
    fn double(&mut self) -> Duration {
        let doubled = self.backoff.saturating_mul(2).max(SHORTEST_DOUBLED).min(self.longest);
        std::mem::replace(&mut self.backoff, doubled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn schedule(retries: u32, wait: u32) -> RetrySchedule {
        let keys = RetryKeys { retries: Some(retries), wait_seconds: Some(wait), within_seconds: None };
        RetrySchedule::new(keys, 9, Duration::from_secs(99))
    }

    fn waits(mut schedule: RetrySchedule, failures: &[AttemptFailure]) -> Vec<Option<u64>> {
        failures.iter().map(|f| schedule.next_wait(*f, 0.0).map(|wait| wait.as_secs())).collect()
    }

    #[test]
    fn r27_there_is_one_attempt_more_than_retries() {
        for retries in [0_u32, 1, 3] {
            let mut schedule = schedule(retries, 0);
            let mut attempts = 1;
            while schedule.next_wait(AttemptFailure::HashMismatch, 0.0).is_some() {
                attempts += 1;
                assert_eq!(schedule.attempt(), attempts);
            }
            assert_eq!(attempts, retries + 1);
            assert!(schedule.is_last());
            assert_eq!(schedule.next_wait(AttemptFailure::Transient, 0.0), None, "given up is given up");
        }
    }

    #[test]
    fn r27_r28_settings_hold_where_the_item_says_nothing() {
        let settings = RetrySchedule::new(RetryKeys::default(), 3, Duration::from_secs(5));
        assert_eq!(waits(settings, &[AttemptFailure::Transient; 4]), [Some(5), Some(10), Some(20), None]);
    }

    #[test]
    fn r28_the_wait_doubles_up_to_a_minute_or_the_configured_value() {
        let doubled = waits(schedule(6, 5), &[AttemptFailure::Transient; 6]);
        assert_eq!(doubled, [5, 10, 20, 40, 60, 60].map(Some));
        assert_eq!(waits(schedule(3, 120), &[AttemptFailure::Transient; 3]), [120, 120, 120].map(Some));
    }

    #[test]
    fn r28_a_wait_of_zero_is_an_immediate_retry_and_then_doubles_from_a_second() {
        let doubled = waits(schedule(9, 0), &[AttemptFailure::Transient; 9]);
        assert_eq!(doubled, [0, 1, 2, 4, 8, 16, 32, 60, 60].map(Some));
    }

    #[test]
    fn r29_a_server_that_says_when_is_heard_for_at_most_five_minutes() {
        let ask = |seconds| AttemptFailure::RetryAfter(Duration::from_secs(seconds));
        let heard = waits(schedule(4, 5), &[ask(90), ask(1), ask(86_400), AttemptFailure::Transient]);
        assert_eq!(heard, [90, 10, 300, 40].map(Some));
    }

    #[test]
    fn r29_a_client_error_is_tried_once_more_within_the_budget() {
        use AttemptFailure::{ClientError, Transient};
        assert_eq!(waits(schedule(9, 1), &[ClientError, ClientError]), [Some(1), None]);
        assert_eq!(waits(schedule(9, 1), &[ClientError, Transient, ClientError]), [Some(1), Some(2), None]);
        assert_eq!(waits(schedule(0, 1), &[ClientError]), [None]);
    }

    #[test]
    fn what_cannot_pass_is_not_tried_again() {
        assert_eq!(
            waits(schedule(9, 1), &[AttemptFailure::Permanent, AttemptFailure::Transient]),
            [None, None]
        );
    }

    #[test]
    fn a_full_disk_is_waited_for_and_no_other_address_is_asked_meanwhile() {
        let mut schedule = schedule(2, 1).with_addresses(2);
        let waits = [0; 3].map(|_| (schedule.next_wait(AttemptFailure::DiskFull, 0.0), schedule.address()));
        let second = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(waits, [(second(1), 0), (second(2), 0), (None, 0)]);
    }

    #[test]
    fn r125_a_mismatch_after_a_resume_is_free_once() {
        let mut schedule = schedule(1, 5);
        assert_eq!(schedule.next_wait(AttemptFailure::ResumedHashMismatch, 0.5), Some(Duration::ZERO));
        assert_eq!(schedule.attempt(), 1);
        assert!(schedule.next_wait(AttemptFailure::ResumedHashMismatch, 0.5).is_some());
        assert_eq!(schedule.attempt(), 2);
        assert_eq!(schedule.next_wait(AttemptFailure::ResumedHashMismatch, 0.5), None);
    }

    #[test]
    fn r27_an_attempt_has_failed_when_every_address_has() {
        use AttemptFailure::{ClientError, Transient};
        let schedule = schedule(1, 5).with_addresses(2);
        assert_eq!(waits(schedule.clone(), &[Transient; 4]), [Some(0), Some(5), Some(0), None]);
        let gone = waits(schedule, &[ClientError, Transient, ClientError, Transient]);
        assert_eq!(gone, [Some(0), Some(5), Some(0), None]);
    }

    #[test]
    fn r29_a_server_that_says_when_is_not_asked_earlier_because_another_one_failed() {
        let ask = |seconds| AttemptFailure::RetryAfter(Duration::from_secs(seconds));
        let two = || schedule(1, 5).with_addresses(2);
        assert_eq!(waits(two(), &[AttemptFailure::Transient, ask(120)]), [Some(0), Some(120)]);
        assert_eq!(waits(two(), &[ask(120), AttemptFailure::Transient]), [Some(0), Some(120)]);
        assert_eq!(waits(two(), &[ask(30), ask(120)]), [Some(0), Some(120)]);
    }

    #[test]
    fn r125_the_free_restart_stays_with_its_address() {
        let mut schedule = schedule(0, 5).with_addresses(2);
        assert_eq!(schedule.next_wait(AttemptFailure::ResumedHashMismatch, 0.0), Some(Duration::ZERO));
        assert_eq!((schedule.address(), schedule.attempt()), (0, 1));
        assert_eq!(schedule.next_wait(AttemptFailure::ResumedHashMismatch, 0.0), Some(Duration::ZERO));
        assert_eq!((schedule.address(), schedule.attempt()), (1, 1));
    }

    #[test]
    fn r47_the_absence_of_a_network_costs_no_attempt() {
        let mut schedule = schedule(0, 5);
        for _ in 0..100 {
            assert_eq!(schedule.next_wait(AttemptFailure::Offline, 0.5), Some(LONGEST_OFFLINE));
        }
        assert_eq!(schedule.attempt(), 1);
        assert_eq!(schedule.next_wait(AttemptFailure::Transient, 0.5), None);
    }

    #[test]
    fn r47_a_login_that_is_wanted_costs_no_attempt_for_five_minutes() {
        use AttemptFailure::{ClientError, Portal};
        let mut portal = schedule(1, 5);
        let mut waited = Duration::ZERO;
        while portal.attempt() == 1 {
            waited += portal.next_wait(Portal, 0.0).unwrap();
        }
        assert!((PORTAL_PATIENCE..PORTAL_PATIENCE * 2).contains(&waited), "{waited:?}");
        assert_eq!(portal.next_wait(Portal, 0.0), None, "then it is a failure like others");

        let zero = schedule(0, 0);
        assert_eq!(waits(zero, &[Portal, Portal, Portal, ClientError]), [Some(0), Some(1), Some(2), None]);
        assert_eq!(waits(schedule(0, 0).with_patience(Duration::ZERO), &[Portal]), [None]);
        let mirrored = schedule(0, 0).with_addresses(2);
        assert_eq!(waits(mirrored, &[Portal, ClientError, Portal, Portal]), [0, 0, 0, 1].map(Some));
    }

    #[test]
    fn r29_statuses_fall_into_their_classes() {
        let soon = Some(Duration::from_secs(7));
        for status in [408, 425, 429, 500, 503, 599] {
            assert_eq!(AttemptFailure::of_status(status, None), AttemptFailure::Transient, "{status}");
            assert_eq!(
                AttemptFailure::of_status(status, soon),
                AttemptFailure::RetryAfter(Duration::from_secs(7))
            );
        }
        for status in [400, 401, 403, 404, 410, 416] {
            assert_eq!(AttemptFailure::of_status(status, soon), AttemptFailure::ClientError, "{status}");
        }
        for status in [204, 304, 307, 600] {
            assert_eq!(AttemptFailure::of_status(status, soon), AttemptFailure::WrongAddress, "{status}");
        }
    }

    fn any_failure() -> impl Strategy<Value = AttemptFailure> {
        prop_oneof![
            Just(AttemptFailure::Offline),
            Just(AttemptFailure::Portal),
            Just(AttemptFailure::Transient),
            any::<u64>().prop_map(|s| AttemptFailure::RetryAfter(Duration::from_secs(s))),
            Just(AttemptFailure::ClientError),
            Just(AttemptFailure::HashMismatch),
            Just(AttemptFailure::ResumedHashMismatch),
            Just(AttemptFailure::WrongAddress),
            Just(AttemptFailure::Permanent),
        ]
    }

    proptest! {
        #[test]
        fn no_schedule_outlives_its_budget_or_its_caps(
            retries in 0_u32..20,
            wait in any::<u32>(),
            failures in prop::collection::vec((any_failure(), any::<f64>()), 0..40),
        ) {
            let mut schedule = schedule(retries, wait);
            let longest = Duration::from_secs(u64::from(wait).max(300)).mul_f64(1.1);
            let mut given = 0;
            for (failure, jitter) in failures {
                let before = schedule.attempt();
                if let Some(wait) = schedule.next_wait(failure, jitter) {
                    prop_assert!(wait <= longest + Duration::from_millis(1));
                    given += u32::from(schedule.attempt() > before);
                }
            }
            prop_assert!(given <= retries);
            prop_assert!(schedule.attempt() <= retries + 1);
        }

        #[test]
        fn r28_jitter_adds_at_most_a_tenth(wait in 1_u32..100_000, jitter in 0.0_f64..=1.0) {
            let exact = Duration::from_secs(wait.into());
            let given = schedule(1, wait).next_wait(AttemptFailure::Transient, jitter).unwrap();
            prop_assert!(given >= exact && given <= exact.mul_f64(1.1) + Duration::from_millis(1));
        }
    }
}
