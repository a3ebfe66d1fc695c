//! Knows whether anything may still touch the disk, so that stopping a run can wait for it.

use tokio::sync::watch;

/// Counts transfers and pieces of work on blocking threads; both go on for a moment after they were told to stop.
#[derive(Debug, Clone, Default)]
pub(crate) struct Busy(watch::Sender<usize>);

/// One piece of work; over when dropped.
#[derive(Debug)]
pub(crate) struct Working(watch::Sender<usize>);

impl Busy {
    /// A piece of work begins.
    pub(crate) fn enter(&self) -> Working {
        self.0.send_modify(|count| *count += 1);
        Working(self.0.clone())
    }

    /// Waits until there is none.
    pub(crate) async fn idle(&self) {
        // The sender is ours, so it cannot be gone.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
