//! Which of several addresses of one content is asked next: a pure choice from what each of them answered so far.
//!
//! A *round* asks every address that may still answer, once each. Going on to the next one costs neither an attempt nor
//! a wait; a whole round that failed is one failed attempt. So an address more never makes a download worse.

use super::retry::AttemptFailure;

/// The addresses of one content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mirrors {
    addresses: Vec<Address>,
    at: usize,
    /// The most hopeful failure of this round.
    worst: Option<AttemptFailure>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Address {
    /// It was asked in this round.
    asked: bool,
    client_error_seen: bool,
    /// It is not asked again.
    given_up: bool,
}

/// What follows a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The next address is asked at once.
    Elsewhere,
    /// Every address failed: this is the failure of the whole round.
    RoundFailed(AttemptFailure),
}

impl Mirrors {
    /// `count` addresses, of which the first is asked first.
    pub(super) fn new(count: usize) -> Self {
        Self { addresses: vec![Address::default(); count.max(1)], at: 0, worst: None }
    }

    /// The address to ask, as a position.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.addresses.len()
    }

    /// Begins the round with the first address that is `good`, if there is one and the round has not begun.
    pub(super) fn prefer(&mut self, good: impl Fn(usize) -> bool) {
        let fresh = self.addresses.iter().all(|address| !address.asked);
        let better = (0..self.count()).find(|place| self.may_be_asked(*place) && good(*place));
        if let (true, Some(better)) = (fresh, better) {
            self.at = better;
        }
    }

    /// The address at [`Self::at`] failed.
    pub(super) fn failed(&mut self, failure: AttemptFailure) -> Next {
        if !failure.may_pass_elsewhere() {
            return Next::RoundFailed(failure);
        }
        if let Some(address) = self.addresses.get_mut(self.at) {
            address.asked = true;
            match failure {
                AttemptFailure::WrongAddress => address.given_up = true,
                AttemptFailure::ClientError => {
                    address.given_up = std::mem::replace(&mut address.client_error_seen, true);
                }
                _ => {}
            }
        }
        let worst = self.worst.map_or(failure, |other| other.more_hopeful(failure));
        if let Some(next) = self.following(|address| !address.asked) {
            (self.at, self.worst) = (next, Some(worst));
            return Next::Elsewhere;
        }
        self.addresses.iter_mut().for_each(|address| address.asked = false);
        self.worst = None;
        match self.following(|_| true) {
            Some(next) => {
                self.at = next;
                Next::RoundFailed(worst)
            }
            None => Next::RoundFailed(AttemptFailure::WrongAddress),
        }
    }

    fn may_be_asked(&self, place: usize) -> bool {
        self.addresses.get(place).is_some_and(|address| !address.given_up)
    }

    /// The next address after this one, round and round, that may be asked and is `wanted`.
    fn following(&self, wanted: impl Fn(&Address) -> bool) -> Option<usize> {
        let count = self.count();
        let places = (1..=count).map(|step| (self.at + step) % count);
        places.into_iter().find(|place| {
            self.addresses.get(*place).is_some_and(|address| !address.given_up && wanted(address))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use AttemptFailure::{
        ClientError, DiskFull, HashMismatch, Offline, Permanent, RetryAfter, Transient, WrongAddress,
    };
    use proptest::prelude::*;
    use std::time::Duration;

    fn seconds(seconds: u64) -> AttemptFailure {
        RetryAfter(Duration::from_secs(seconds))
    }

    /// What each failure leads to: the address that is asked next, and the failure of the round if it is over.
    fn story(count: usize, failures: &[AttemptFailure]) -> Vec<(usize, Option<AttemptFailure>)> {
        let mut mirrors = Mirrors::new(count);
        let told = |next| match next {
            Next::Elsewhere => None,
            Next::RoundFailed(failure) => Some(failure),
        };
        failures
            .iter()
            .map(|failure| {
                let next = told(mirrors.failed(*failure));
                (mirrors.at(), next)
            })
            .collect()
    }

    #[test]
    fn every_address_is_asked_once_before_the_attempt_has_failed() {
        let told = story(3, &[Transient; 6]);
        let round = [(1, None), (2, None), (0, Some(Transient))];
        assert_eq!(told, [round, round].concat());
    }

    #[test]
    fn one_address_is_a_round_of_its_own() {
        for failure in [Transient, ClientError, HashMismatch, seconds(3)] {
            assert_eq!(story(1, &[failure]), [(0, Some(failure))]);
        }
        assert_eq!(story(1, &[ClientError, ClientError])[1], (0, Some(WrongAddress)));
        assert_eq!(story(1, &[WrongAddress]), [(0, Some(WrongAddress))]);
    }

    #[test]
    fn a_round_failed_as_its_most_hopeful_address_did() {
        for (first, second, round) in [
            (Transient, HashMismatch, Transient),
            (ClientError, HashMismatch, HashMismatch),
            (WrongAddress, ClientError, ClientError),
            (seconds(9), seconds(5), seconds(9)),
            (seconds(5), seconds(9), seconds(9)),
            (seconds(9), Transient, seconds(9)),
            (Transient, seconds(9), seconds(9)),
            (ClientError, seconds(9), seconds(9)),
        ] {
            assert_eq!(story(2, &[first, second])[1].1, Some(round), "{first:?} {second:?}");
        }
    }

    #[test]
    fn r29_an_address_that_does_not_have_it_is_asked_twice_and_never_again() {
        let told = story(2, &[ClientError, Transient, ClientError, Transient, Transient]);
        let at: Vec<usize> = told.into_iter().map(|(at, _)| at).collect();
        assert_eq!(at, [1, 0, 1, 1, 1]);
    }

    #[test]
    fn what_no_address_can_mend_ends_the_round_where_it_is() {
        for failure in [Permanent, Offline, DiskFull] {
            assert_eq!(story(3, &[failure]), [(0, Some(failure))]);
        }
        assert_eq!(story(2, &[WrongAddress, WrongAddress])[1].1, Some(WrongAddress));
    }

    #[test]
    fn a_round_may_begin_with_an_address_that_is_known_to_work() {
        let mut mirrors = Mirrors::new(3);
        mirrors.prefer(|place| place == 1);
        assert_eq!(mirrors.at(), 1);
        mirrors.failed(Transient);
        mirrors.prefer(|place| place == 0);
        assert_eq!(mirrors.at(), 2, "not in the middle of a round");
        mirrors.prefer(|_| false);
        assert_eq!(mirrors.at(), 2);
    }

    proptest! {
        #[test]
        fn a_round_asks_no_address_twice(
            count in 1_usize..6, failures in prop::collection::vec(0_usize..4, 1..40),
        ) {
            let mut mirrors = Mirrors::new(count);
            let mut asked = vec![0; count];
            for failure in failures.into_iter().map(|at| [Transient, ClientError, HashMismatch, WrongAddress][at]) {
                asked[mirrors.at()] += 1;
                prop_assert!(asked.iter().all(|times| *times <= 1));
                if matches!(mirrors.failed(failure), Next::RoundFailed(_)) {
                    asked.fill(0);
                }
            }
        }
    }
}
