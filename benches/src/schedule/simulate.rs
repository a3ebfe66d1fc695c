//! A run of a load over a line by a policy, without a clock: from event to event.

use super::{
    load::{Batch, Lane, Line, Load, Work},
    policy::{Chooser, Policy},
};
use std::time::Duration;

/// Differences below this are rounding.
const NOTHING: f64 = 1e-6;

/// How long the whole run takes, in seconds.
pub(crate) fn makespan(load: &Load, line: Line, policy: Policy) -> f64 {
    let batches = |phase: &[Batch]| Run::new(phase.to_vec(), line, policy).finish();
    match policy {
        Policy::PhaseByPhase => load.phases.iter().map(|phase| batches(phase)).sum(),
        _ if policy.knows_groups() => batches(&load.phases.concat()),
        _ => batches(&load.items().map(|work| vec![work]).collect::<Vec<_>>()),
    }
}

struct Run {
    items: Vec<Item>,
    line: Line,
    policy: Policy,
    chooser: Chooser,
    /// Seconds.
    now: f64,
    received: f64,
    next_look: f64,
    /// The batch that execution is at.
    batch: Option<usize>,
}

struct Item {
    work: Work,
    batch: usize,
    /// Bytes still to come.
    missing: f64,
    /// When it will have been carried out, once it has begun.
    ends: Option<f64>,
    ended: bool,
}

impl Run {
    fn new(batches: Vec<Batch>, line: Line, policy: Policy) -> Self {
        let works = batches.into_iter().enumerate();
        let item = |batch, work: Work| Item { work, batch, missing: work.bytes, ends: None, ended: false };
        let items: Vec<Item> =
            works.flat_map(|(batch, works)| works.into_iter().map(move |work| item(batch, work))).collect();
        let chooser = Chooser::new(policy, items.iter().map(|item| whole(item.work.bytes)).collect());
        let next_look = chooser.looks_every();
        Self { items, line, policy, chooser, now: 0.0, received: 0.0, next_look, batch: None }
    }

    fn finish(mut self) -> f64 {
        loop {
            self.begin_work();
            let receiving = self.chooser.receiving();
            let rate = self.line.share(receiving.len());
            let arrives =
                receiving.iter().filter_map(|place| self.items.get(*place)).map(|item| item.missing / rate);
            let ends = self
                .items
                .iter()
                .filter(|item| !item.ended)
                .filter_map(|item| item.ends)
                .map(|at| at - self.now);
            let step = arrives.chain(ends).fold(f64::INFINITY, f64::min);
            if step == f64::INFINITY {
                return self.now;
            }
            let look = if receiving.is_empty() { f64::INFINITY } else { self.next_look - self.now };
            self.pass(step.min(look).max(0.0), &receiving, rate);
            if self.now + NOTHING >= self.next_look {
                self.chooser.look(self.now, whole(self.received));
                self.next_look = self.now + self.chooser.looks_every();
            }
        }
    }

    /// Lets time go by.
    fn pass(&mut self, step: f64, receiving: &[usize], rate: f64) {
        self.now += step;
        for place in receiving {
            let Some(item) = self.items.get_mut(*place) else { continue };
            let came = (rate * step).min(item.missing);
            self.received += came;
            item.missing -= came;
            if item.missing < rate * NOTHING {
                item.missing = 0.0;
                self.chooser.finish(*place);
            }
        }
        for item in &mut self.items {
            item.ended |= item.ends.is_some_and(|at| at <= self.now + NOTHING);
        }
    }

    /// Begins to carry out what can be.
    fn begin_work(&mut self) {
        while let Some(batch) = self.items.iter().find(|item| !item.ended).map(|item| item.batch) {
            self.arrive_at(batch);
            if !self.policy.overlaps() && self.items.iter().any(|item| item.missing > 0.0) {
                return;
            }
            let is_package = |item: &Item| item.work.lane == Lane::Package;
            let runs = |item: &Item| item.ends.is_some() && !item.ended;
            let mut lane_is_free = !self.items.iter().any(|item| is_package(item) && runs(item));
            let ready = |item: &&mut Item| item.batch == batch && item.ends.is_none() && item.missing <= 0.0;
            for item in self.items.iter_mut().filter(ready) {
                if is_package(item) && !std::mem::take(&mut lane_is_free) {
                    continue;
                }
                item.ends = Some(self.now + item.work.seconds);
                item.ended = item.work.seconds <= 0.0;
            }
            // What takes no time may have been the last of its batch.
            if self.items.iter().any(|item| item.batch == batch && !item.ended) {
                return;
            }
        }
    }

    /// Execution asks for all of a batch when it comes to it.
    fn arrive_at(&mut self, batch: usize) {
        if self.batch.replace(batch) != Some(batch) {
            let members =
                self.items.iter().enumerate().filter(|(_, item)| item.batch == batch && item.missing > 0.0);
            for place in members.map(|(place, _)| place).collect::<Vec<_>>() {
                self.chooser.hurry(place);
            }
        }
    }
}

/// Whole bytes; by way of seconds, because that conversion cannot overflow.
fn whole(bytes: f64) -> u64 {
    Duration::try_from_secs_f64(bytes).unwrap_or_default().as_secs()
}
