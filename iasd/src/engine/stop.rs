//! A phase's signal that nothing new may begin (R57).

use shared::{
    event::ItemEnd,
    item::Item,
    plan::{Consequence, verdict},
};
use tokio::sync::watch;

/// Raised by the first item whose failure ends the run; seen by all that go on beside it.
#[derive(Debug)]
pub(super) struct Stop(watch::Sender<bool>);

impl Stop {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// From now on no sibling begins.
    pub(super) fn raise(&self) {
        self.0.send_replace(true);
    }

    /// Raises it if the end of `item` ends the run.
    pub(super) fn judge(&self, item: &Item, end: &ItemEnd) {
        if verdict::after(end, item.fail_policy) == Consequence::Abort {
            self.raise();
        }
    }

    /// Whether it was raised.
    pub(super) fn is_raised(&self) -> bool {
        *self.0.borrow()
    }

    /// Resolves when it is raised.
    pub(super) async fn raised(&self) {
        // The sender is `self`, so the channel cannot close while we wait.
        let _ = self.0.subscribe().wait_for(|raised| *raised).await;
    }
}
