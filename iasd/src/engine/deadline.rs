//! When one start of the daemon has to pause: its time is over (`RunDeadline`), or it was told to. What waits is ended, what works finishes.

use super::Ending;
use crate::watched::found;
use shared::settings::duration;
use std::{future::pending, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// When a start has to pause. Clones are one and the same.
#[derive(Debug, Clone)]
pub(crate) struct Deadline {
    /// The end of its time, and how long that is; `None`: never.
    limit: Option<(Instant, Duration)>,
    /// Why it has to pause at once.
    told: watch::Sender<Option<String>>,
}

impl Deadline {
    /// Counted from now.
    pub(crate) fn new(limit: Option<Duration>) -> Self {
        let limit = limit.map(|limit| (Instant::now() + limit, limit));
        Self { limit, told: watch::Sender::new(None) }
    }

    /// From now on nothing begins any more, because of `why`.
    pub(crate) fn pause(&self, why: String) {
        self.told.send_replace(Some(why));
    }

    /// What `wait` waits for, unless the start has to pause first.
    ///
    /// # Errors
    /// When it has to.
    pub(super) async fn bound<T>(&self, wait: impl Future<Output = T>) -> Result<T, Ending> {
        tokio::select! {
            biased;
            why = self.told() => Err(Ending::Temporary(why)),
            done = wait => Ok(done),
            limit = self.over() => Err(paused(limit)),
        }
    }

    /// Whether something may still begin.
    ///
    /// # Errors
    /// When it may not: the run pauses.
    pub(super) fn check(&self) -> Result<(), Ending> {
        if let Some(why) = &*self.told.borrow() {
            return Err(Ending::Temporary(why.clone()));
        }
        match self.limit {
            Some((at, limit)) if Instant::now() >= at => Err(paused(limit)),
            _ => Ok(()),
        }
    }

    async fn told(&self) -> String {
        let mut told = self.told.subscribe();
        match found(&mut told, Clone::clone).await {
            Some(why) => why,
            // The sender is `self`, so the channel is not closed while we wait.
            None => pending().await,
        }
    }

    async fn over(&self) -> Duration {
        match self.limit {
            Some((at, limit)) => {
                sleep_until(at).await;
                limit
            }
            None => pending().await,
        }
    }
}

fn paused(limit: Duration) -> Ending {
    Ending::Temporary(format!("this start has taken {} (RunDeadline)", duration::show(limit)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::sleep;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test(start_paused = true)]
    async fn what_waits_is_ended_when_the_time_is_over_and_nothing_begins_any_more() {
        let deadline = Deadline::new(Some(HOUR));
        assert_eq!((deadline.bound(async { 7 }).await, deadline.check()), (Ok(7), Ok(())));
        let begun = Instant::now();
        let Err(Ending::Temporary(why)) = deadline.bound(pending::<()>()).await else { panic!("it goes on") };
        assert_eq!((why.as_str(), begun.elapsed()), ("this start has taken 1h (RunDeadline)", HOUR));
        assert!(deadline.check().is_err() && deadline.bound(sleep(HOUR)).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_deadline_there_is_all_the_time_in_the_world() {
        let deadline = Deadline::new(None);
        assert_eq!(deadline.bound(sleep(HOUR * 10_000)).await, Ok(()));
        assert_eq!(deadline.check(), Ok(()));
    }

    #[tokio::test]
    async fn who_is_told_to_pause_ends_what_waits_and_begins_nothing() {
        let deadline = Deadline::new(None);
        let told = deadline.clone();
        let (waited, ()) =
            tokio::join!(deadline.bound(pending::<()>()), async { told.pause("stopped".into()) });
        let stopped = Ending::Temporary("stopped".to_owned());
        assert_eq!(waited, Err(stopped.clone()));
        assert_eq!((deadline.bound(async {}).await, deadline.check()), (Err(stopped.clone()), Err(stopped)));
    }
}
