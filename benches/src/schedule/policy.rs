//! Each tool's way: whom of the transfers it lets run, and when it carries out what came.

use shared::plan::transfers::{Change, Incoming, LOOK_EVERY, Turns};
use std::{collections::BTreeSet, time::Duration};

/// A tool's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    /// Ours: in the order of execution, as many as the line is measured to be worth.
    Measuring,
    /// InstallApplications, Swiftly: one more for each finished one.
    Counting,
    /// Always so many, in the order of execution.
    Fixed(usize),
    /// go-installapplications: all of a phase, then it is carried out.
    PhaseByPhase,
    /// InstallApplications: one after the other, everything, and then one after the other, everything.
    OneByOne,
}

/// Downloads at a time, at most: the default of the settings.
pub(crate) const MOST: u32 = 4;

impl Policy {
    /// Whether content is carried out while other content comes.
    pub(crate) fn overlaps(self) -> bool {
        matches!(self, Self::Measuring | Self::Counting | Self::Fixed(_))
    }

    /// Whether parallel groups are known.
    pub(crate) fn knows_groups(self) -> bool {
        self != Self::OneByOne
    }
}

/// Who runs of the transfers of one run.
pub(crate) struct Chooser {
    policy: Policy,
    /// In the order they came in.
    running: Vec<usize>,
    waiting: BTreeSet<usize>,
    finished: usize,
    /// Ours knows by itself who runs.
    turns: Turns<()>,
    held: BTreeSet<usize>,
    /// How long the content of each is.
    lengths: Vec<u64>,
}

impl Chooser {
    /// For transfers of these lengths, all of which wait.
    pub(crate) fn new(policy: Policy, lengths: Vec<u64>) -> Self {
        let mut turns = Turns::new(1, MOST);
        (0..lengths.len()).for_each(|place| turns.wait(place, ()));
        let waiting = (0..lengths.len()).collect();
        let (running, held) = (Vec::new(), BTreeSet::new());
        let mut chooser = Self { policy, running, waiting, finished: 0, turns, held, lengths };
        chooser.go_on();
        chooser
    }

    /// The transfers that receive.
    pub(crate) fn receiving(&self) -> Vec<usize> {
        self.running.iter().copied().filter(|place| !self.held.contains(place)).collect()
    }

    /// Execution waits for this one.
    pub(crate) fn hurry(&mut self, place: usize) {
        self.turns.hurry(place);
        self.go_on();
    }

    /// This one has come.
    pub(crate) fn finish(&mut self, place: usize) {
        self.running.retain(|running| *running != place);
        self.finished += 1;
        self.turns.leave(place);
        self.turns.finish(place);
        self.go_on();
    }

    /// How often it wants to look.
    pub(crate) fn looks_every(&self) -> f64 {
        if self.policy == Policy::Measuring { LOOK_EVERY.as_secs_f64() } else { f64::INFINITY }
    }

    /// Sees how many bytes have been received.
    pub(crate) fn look(&mut self, now: f64, received: u64) {
        self.turns.look(Duration::from_secs_f64(now), received);
        self.go_on();
    }

    fn go_on(&mut self) {
        let permits = match self.policy {
            Policy::Measuring => return self.measured(),
            Policy::Counting => (self.finished + 1).min(4),
            Policy::Fixed(at_once) => at_once,
            Policy::PhaseByPhase => 4,
            Policy::OneByOne => 1,
        };
        while self.running.len() < permits {
            let Some(next) = self.waiting.pop_first() else { return };
            self.running.push(next);
        }
    }

    fn measured(&mut self) {
        while let Some(change) = self.turns.change() {
            match change {
                Change::Begin(place, ()) => {
                    self.running.push(place);
                    let length = self.lengths.get(place).copied();
                    self.turns.receives(place, Incoming { length, may_be_held: true, divisible: false });
                }
                Change::Hold(place) => drop(self.held.insert(place)),
                Change::GoOn(place) => drop(self.held.remove(&place)),
                Change::Companions(..) => {}
            }
        }
    }
}
