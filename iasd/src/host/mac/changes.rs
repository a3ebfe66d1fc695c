//! When to look again at what the system knows: when configd tells of a change, and now and then all the same.

use shared::sys::mac::dynamic_store;
use std::time::Duration;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

/// How often to look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rhythm {
    /// When nothing tells of changes.
    pub(super) poll: Duration,
    /// When something does: a safety net.
    pub(super) safety: Duration,
}

/// Changes of some keys of the dynamic store.
pub(super) struct Changes {
    told: Option<watch::Receiver<()>>,
    rhythm: Rhythm,
}

impl Changes {
    /// Those of `keys`.
    pub(super) fn of(keys: &'static [&'static str], rhythm: Rhythm) -> Self {
        let (signal, told) = watch::channel(());
        let is_told = dynamic_store::watch(keys, move || signal.send_replace(())).is_ok();
        Self { told: is_told.then_some(told), rhythm }
    }

    /// Waits until it is time to look again.
    pub(super) async fn next(&mut self) {
        match &mut self.told {
            // Told, or not told for long: either way it is time.
            Some(told) => drop(timeout(self.rhythm.safety, told.changed()).await),
            None => sleep(self.rhythm.poll).await,
        }
    }
}
