//! How items ended so far, for those that need others to have ended well (T42).

use shared::{event::ItemEnd, item::ItemId};
use std::collections::BTreeMap;
use tokio::sync::watch;

/// Ends by item; whoever waits for one is told.
#[derive(Debug)]
pub(crate) struct Ends(watch::Sender<BTreeMap<ItemId, bool>>);

impl Default for Ends {
    fn default() -> Self {
        Self(watch::Sender::new(BTreeMap::new()))
    }
}

impl Ends {
    /// The item is over.
    pub(super) fn set(&self, id: ItemId, end: &ItemEnd) {
        let good = !end.is_failure() && *end != ItemEnd::NotStarted;
        self.0.send_modify(|ends| {
            ends.insert(id, good);
        });
    }

    /// Whether the item is over.
    pub(super) fn knows(&self, id: ItemId) -> bool {
        self.0.borrow().contains_key(&id)
    }

    /// Waits for the end of an item, and says whether it was a good one.
    pub(super) async fn good(&self, id: ItemId) -> bool {
        let mut ends = self.0.subscribe();
        // The sender is `self`, so the channel is not closed while we wait.
        match ends.wait_for(|ends| ends.contains_key(&id)).await {
            Ok(ends) => ends.get(&id).copied().unwrap_or(false),
            Err(_) => false,
        }
    }
}
