//! What the server does wrong on demand: which fault is committed in which answer. Pure but for the counting.

use shared::fault::{Misdeed, ServerFault};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// Faults, and what of them was committed.
#[derive(Debug, Default)]
pub(crate) struct Misdeeds {
    planned: Vec<Planned>,
    committed: Mutex<Committed>,
}

/// One fault, and the URLs it is about.
#[derive(Debug)]
pub(crate) struct Planned {
    /// Its place in the list of all faults.
    pub(crate) at: usize,
    /// What.
    pub(crate) fault: ServerFault,
    /// Host and path, percent-decoded, of each URL; `None`: all there are.
    pub(crate) urls: Option<Vec<(String, String)>>,
}

/// How often which fault was committed at which URL: by its place in the list, host and path.
type Committed = BTreeMap<(usize, String, String), u32>;

/// An answer that is about to be given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answering<'a> {
    /// The host that was asked.
    pub(super) host: &'a str,
    /// The path.
    pub(super) path: &'a str,
    /// The first byte of the content that is to be sent.
    pub(super) first: u64,
    /// How many are.
    pub(super) count: u64,
    /// How many the whole has.
    pub(super) length: u64,
    /// Whether a range was asked for, and would be given.
    pub(super) is_part: bool,
}

/// What is wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Wrong {
    /// This status instead of the content, with `Retry-After`.
    pub(super) status: Option<(u16, Option<u64>)>,
    /// The connection ends after so many bytes.
    pub(super) drop: Option<u64>,
    /// Silence after so many bytes, for so long or until the client goes.
    pub(super) stall: Option<(u64, Option<f64>)>,
    /// Bytes in a second.
    pub(super) speed: Option<u64>,
    /// This byte of the content is another.
    pub(super) corrupt: Option<u64>,
    /// Ranges are ignored.
    pub(super) no_range: bool,
}

impl Misdeeds {
    /// Nothing of them committed yet.
    pub(crate) fn new(planned: Vec<Planned>) -> Self {
        Self { planned, ..Self::default() }
    }

    /// How often the fault at this place in the list was committed.
    pub(crate) fn count(&self, at: usize) -> u32 {
        let committed = self.committed.lock().unwrap_or_else(PoisonError::into_inner);
        committed.iter().filter(|((fault, ..), _)| *fault == at).map(|(_, count)| count).sum()
    }

    /// What goes wrong with the next answer: of the faults that are counted the first one left, and all that last. A
    /// status stands alone, for without content nothing else can be wrong with it.
    pub(super) fn commit(&self, answer: &Answering<'_>) -> Wrong {
        let mut committed = self.committed.lock().unwrap_or_else(PoisonError::into_inner);
        let key = |planned: &Planned| (planned.at, answer.host.to_owned(), answer.path.to_owned());
        let here = |(host, path): &(String, String)| host == answer.host && path == answer.path;
        let fits = self.planned.iter().filter(|Planned { fault, urls, .. }| {
            urls.as_ref().is_none_or(|urls| urls.iter().any(here)) && can_be(fault.misdeed, answer)
        });
        let (counted, lasting): (Vec<_>, Vec<_>) = fits.partition(|planned| planned.fault.times.is_some());
        let left = |planned: &&&Planned| {
            planned.fault.times > Some(committed.get(&key(planned)).copied().unwrap_or_default())
        };
        let mut now: Vec<&Planned> = counted.iter().find(left).copied().into_iter().chain(lasting).collect();
        if let Some(status) = now.iter().position(|it| matches!(it.fault.misdeed, Misdeed::Status { .. })) {
            now = vec![now.swap_remove(status)];
        }
        let mut wrong = Wrong::default();
        for planned in now {
            *committed.entry(key(planned)).or_default() += 1;
            wrong.add(planned.fault.misdeed, answer);
        }
        wrong
    }
}

/// Whether anybody would notice it in this answer.
fn can_be(misdeed: Misdeed, answer: &Answering<'_>) -> bool {
    match misdeed {
        Misdeed::Status { .. } | Misdeed::Throttle { .. } => true,
        Misdeed::Drop { after } | Misdeed::Stall { after, .. } => after < answer.count,
        Misdeed::Corrupt { at } => {
            let at = at.unwrap_or(answer.length / 2);
            (answer.first..answer.first.saturating_add(answer.count)).contains(&at)
        }
        Misdeed::NoRange => answer.is_part,
    }
}

impl Wrong {
    fn add(&mut self, misdeed: Misdeed, answer: &Answering<'_>) {
        match misdeed {
            Misdeed::Status { status, retry_after } => self.status = Some((status, retry_after)),
            Misdeed::Drop { after } => self.drop = Some(after),
            Misdeed::Stall { after, seconds } => self.stall = Some((after, seconds)),
            Misdeed::Throttle { speed } => self.speed = Some(speed),
            Misdeed::Corrupt { at } => self.corrupt = Some(at.unwrap_or(answer.length / 2)),
            Misdeed::NoRange => self.no_range = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::fault::Fault;

    fn misdeeds(faults: &[&str]) -> Misdeeds {
        let planned = faults.iter().enumerate().map(|(at, text)| {
            let Ok(Fault::Server(fault)) = text.parse() else { panic!("{text}") };
            let urls = fault.target.as_ref().map(|path| vec![("a".to_owned(), path.clone())]);
            Planned { at, fault, urls }
        });
        Misdeeds::new(planned.collect())
    }

    fn whole(path: &str) -> Answering<'_> {
        Answering { host: "a", path, first: 0, count: 100, length: 100, is_part: false }
    }

    #[test]
    fn counted_faults_of_a_url_come_one_after_another_and_lasting_ones_always() {
        let misdeeds =
            misdeeds(&["drop=10@/x", "status=503,retry-after=2,times=2@/x", "corrupt@/x", "throttle=5"]);
        let always = Wrong { speed: Some(5), ..Wrong::default() };
        let down = Wrong { status: Some((503, Some(2))), ..Wrong::default() };
        let expected =
            [Wrong { drop: Some(10), ..always }, down, down, Wrong { corrupt: Some(50), ..always }, always];
        assert_eq!(expected.map(|_| misdeeds.commit(&whole("/x"))), expected);
        assert_eq!(misdeeds.commit(&whole("/y")), always);
        assert_eq!([0, 1, 2, 3].map(|at| misdeeds.count(at)), [1, 2, 1, 4]);
    }

    #[test]
    fn without_a_target_each_url_gets_its_share() {
        let misdeeds = misdeeds(&["status=404"]);
        let down = Wrong { status: Some((404, None)), ..Wrong::default() };
        for (path, expected) in [("/x", down), ("/y", down), ("/x", Wrong::default())] {
            assert_eq!(misdeeds.commit(&whole(path)), expected, "{path}");
        }
        assert_eq!(misdeeds.count(0), 2);
    }

    #[test]
    fn a_fault_nobody_would_notice_waits_for_an_answer_in_which_it_shows() {
        let misdeeds = misdeeds(&["drop=100", "stall=99,seconds=1", "corrupt=7", "no-range"]);
        let rest = |first| Answering { first, count: 100 - first, is_part: true, ..whole("/x") };
        let ignores = Wrong { no_range: true, ..Wrong::default() };
        assert_eq!(misdeeds.commit(&rest(8)), ignores, "the wrong byte is not in it");
        assert_eq!(misdeeds.commit(&rest(7)), Wrong { corrupt: Some(7), ..ignores });
        assert_eq!(misdeeds.commit(&whole("/x")), Wrong { stall: Some((99, Some(1.0))), ..Wrong::default() });
        assert_eq!(misdeeds.commit(&whole("/x")), Wrong::default());
        assert_eq!(misdeeds.count(0), 0, "it was never long enough");
    }
}
