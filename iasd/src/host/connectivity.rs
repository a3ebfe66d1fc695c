//! Whether there is a network, and waiting for one instead of spending attempts on its absence (R47).

use crate::chance::chance;
use shared::plan::jitter::after_outage;
use std::{future::pending, time::Duration};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

/// Whether there is a way to the rest of the world, as the system sees it.
#[derive(Debug, Clone)]
pub(crate) struct Connectivity(watch::Receiver<bool>);

impl Connectivity {
    /// As `online` tells. When its sender is gone, nothing changes any more.
    pub(crate) fn new(online: watch::Receiver<bool>) -> Self {
        Self(online)
    }

    /// Whether there is no way out.
    pub(crate) fn is_down(&self) -> bool {
        !*self.0.borrow()
    }

    /// Waits until there is a network, and a moment longer, or as long as told.
    pub(crate) async fn restored(&self, longest: Duration) {
        if !self.is_down() {
            return;
        }
        let mut online = self.0.clone();
        let restored = async {
            if online.wait_for(|up| *up).await.is_err() {
                pending::<()>().await;
            }
            sleep(after_outage(chance())).await;
        };
        // Over either way.
        let _ = timeout(longest, restored).await;
    }

    /// Waits as long as told, or until the network has come back, and a moment longer, whichever is first.
    pub(crate) async fn pause(&self, wait: Duration) {
        let mut online = self.0.clone();
        let back = async {
            for wanted in [false, true] {
                // It is down already, or goes down while we wait; what counts is that it comes back.
                if online.wait_for(|up| *up == wanted).await.is_err() {
                    pending::<()>().await;
                }
            }
            sleep(after_outage(chance())).await;
        };
        // Over either way.
        let _ = timeout(wait, back).await;
    }

    /// Each change, for ever.
    pub(crate) async fn changed(&mut self) -> bool {
        if self.0.changed().await.is_err() {
            pending::<()>().await;
        }
        *self.0.borrow_and_update()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    const MINUTE: Duration = Duration::from_secs(60);

    /// How long a pause of ten minutes takes while the network is `up` at first and changes after one minute, and two.
    async fn paused(up: bool, changes: &[bool]) -> Duration {
        let (tell, online) = watch::channel(up);
        let (connectivity, start) = (Connectivity::new(online), Instant::now());
        let weather = async {
            for change in changes {
                tokio::time::sleep(MINUTE).await;
                tell.send_replace(*change);
            }
            pending::<()>().await;
        };
        tokio::select! {
            () = connectivity.pause(MINUTE * 10) => {}
            () = weather => {}
        }
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn r47_a_pause_ends_when_the_network_is_back() {
        for (up, changes, back) in [(false, &[true][..], MINUTE), (true, &[false, true], MINUTE * 2)] {
            let waited = paused(up, changes).await;
            let most = back + after_outage(1.0) + Duration::from_millis(1);
            assert!((back..=most).contains(&waited), "{waited:?}: everybody waited for it");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_no_longer_than_it_was_meant_to_be() {
        assert_eq!(paused(true, &[]).await, MINUTE * 10);
        assert_eq!(paused(true, &[false]).await, MINUTE * 10);
        assert_eq!(paused(false, &[false]).await, MINUTE * 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_that_is_there_is_not_waited_for() {
        let (_tell, online) = watch::channel(true);
        let start = Instant::now();
        Connectivity::new(online).restored(MINUTE).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_system_that_tells_nothing_more_changes_nothing() {
        let (tell, online) = watch::channel(true);
        let (connectivity, start) = (Connectivity::new(online), Instant::now());
        drop(tell);
        connectivity.pause(MINUTE).await;
        assert_eq!((connectivity.is_down(), start.elapsed()), (false, MINUTE));
    }
}
