//! The end of the time that one start of the daemon has (`RunDeadline`): it ends what waits and lets what works finish.

use super::Ending;
use shared::settings::duration;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// When a start has to pause, and how long it may take; `None`: never.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Option<(Instant, Duration)>);

impl Deadline {
    /// Counted from now.
    pub(crate) fn new(limit: Option<Duration>) -> Self {
        Self(limit.map(|limit| (Instant::now() + limit, limit)))
    }

    /// What `wait` waits for, unless the time is over first.
    ///
    /// # Errors
    /// When it is: the run pauses.
    pub(super) async fn bound<T>(&self, wait: impl Future<Output = T>) -> Result<T, Ending> {
        match self.0 {
            None => Ok(wait.await),
            Some((at, limit)) => timeout_at(at, wait).await.map_err(|_| paused(limit)),
        }
    }

    /// Whether something may still begin.
    ///
    /// # Errors
    /// When it may not: the run pauses.
    pub(super) fn check(&self) -> Result<(), Ending> {
        match self.0 {
            Some((at, limit)) if Instant::now() >= at => Err(paused(limit)),
            _ => Ok(()),
        }
    }
}

fn paused(limit: Duration) -> Ending {
    Ending::Temporary(format!("this start has taken {} (RunDeadline)", duration::show(limit)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
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
}
