//! When the simulated Mac has no network: the scenario's outages, as the system would tell of them.

use super::{
    faults::{Faults, Spell},
    scenario::{NetworkScenario, seconds},
};
use shared::fault::Mishap;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// From when until when there is no network.
type Outage = (Duration, Option<Duration>);

/// Whether there is a network `elapsed` after the first start, and when that changes next.
fn weather(outages: &[Outage], elapsed: Duration) -> (bool, Option<Duration>) {
    let hit = |(from, until): &Outage| *from <= elapsed && until.is_none_or(|until| elapsed < until);
    let up = !outages.iter().any(hit);
    let changes = outages.iter().flat_map(|(from, until)| std::iter::once(*from).chain(*until));
    let next = changes.filter(|change| *change > elapsed).min();
    (up, next.map(|change| change.saturating_sub(elapsed)))
}

/// The network of one simulated Mac.
pub(super) struct Outages {
    planned: Vec<Outage>,
    faults: Arc<Faults>,
    spells: watch::Receiver<Vec<Spell>>,
    tell: watch::Sender<bool>,
}

impl Outages {
    /// As the scenario says, and what tells of it.
    pub(super) fn new(scenario: &NetworkScenario, faults: Arc<Faults>) -> (Self, watch::Receiver<bool>) {
        let planned =
            scenario.outages.iter().map(|[from, until]| (seconds(*from), Some(seconds(*until)))).collect();
        let (tell, online) = watch::channel(true);
        let mut outages = Self { planned, spells: faults.spells(), faults, tell };
        outages.look();
        (outages, online)
    }

    /// Lets them happen, for ever.
    pub(super) async fn happen(mut self) {
        loop {
            let wait = self.look();
            let change = async {
                match wait {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = change => {}
                begun = self.spells.changed() => if begun.is_err() {
                    // Whoever listens must not see the sender go.
                    return self.tell.closed().await;
                }
            }
        }
    }

    /// Tells how it is now; when that may change.
    fn look(&mut self) -> Option<Duration> {
        let spells = self.spells.borrow_and_update();
        let away = spells.iter().filter(|spell| matches!(spell.mishap, Mishap::NetworkAway { .. }));
        let mut outages = self.planned.clone();
        outages.extend(away.map(|spell| (spell.from, spell.until)));
        drop(spells);
        let (up, next) = weather(&outages, self.faults.elapsed());
        self.tell.send_if_modified(|told| std::mem::replace(told, up) != up);
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_begins_and_ends_and_may_overlap_another() {
        let second = Duration::from_secs;
        let outages = [(0, 2), (5, 9), (8, 10), (20, 20)];
        let outages = outages.map(|(from, until)| (second(from), Some(second(until))));
        let at = |elapsed| weather(&outages, Duration::from_secs(elapsed));
        let after = |wait| Some(Duration::from_secs(wait));
        assert_eq!(at(0), (false, after(2)));
        assert_eq!(at(2), (true, after(3)));
        assert_eq!(at(5), (false, after(3)));
        assert_eq!(at(9), (false, after(1)));
        assert_eq!(at(10), (true, after(10)));
        assert_eq!(at(20), (true, None), "one of no length is none");
        assert_eq!(weather(&[], Duration::ZERO), (true, None));
    }
}
