//! When the simulated Mac has no network: the scenario's outages, as the system would tell of them.

use super::scenario::{NetworkScenario, seconds};
use std::time::{Duration, SystemTime};
use tokio::sync::watch;

/// Whether there is a network `elapsed` after the first start, and when that changes next.
fn weather(outages: &[[f64; 2]], elapsed: Duration) -> (bool, Option<Duration>) {
    let spans = || outages.iter().map(|[from, until]| (seconds(*from), seconds(*until)));
    let up = !spans().any(|(from, until)| (from..until).contains(&elapsed));
    let changes = spans().flat_map(|(from, until)| [from, until]);
    let next = changes.filter(|change| *change > elapsed).min();
    (up, next.map(|change| change.saturating_sub(elapsed)))
}

/// The network of one simulated Mac.
pub(super) struct Outages {
    spans: Vec<[f64; 2]>,
    /// When the Mac was first started.
    started: SystemTime,
    tell: watch::Sender<bool>,
}

impl Outages {
    /// As the scenario says, and what tells of it.
    pub(super) fn new(scenario: &NetworkScenario, started: SystemTime) -> (Self, watch::Receiver<bool>) {
        let elapsed = SystemTime::now().duration_since(started).unwrap_or_default();
        let (tell, online) = watch::channel(weather(&scenario.outages, elapsed).0);
        (Self { spans: scenario.outages.clone(), started, tell }, online)
    }

    /// Lets them happen, for ever.
    pub(super) async fn happen(self) {
        loop {
            let elapsed = SystemTime::now().duration_since(self.started).unwrap_or_default();
            let (up, next) = weather(&self.spans, elapsed);
            self.tell.send_if_modified(|told| std::mem::replace(told, up) != up);
            match next {
                Some(wait) => tokio::time::sleep(wait).await,
                // Whoever listens must not see the sender go.
                None => return self.tell.closed().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_begins_and_ends_and_may_overlap_another() {
        let outages = [[0.0, 2.0], [5.0, 9.0], [8.0, 10.0], [20.0, 20.0]];
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
