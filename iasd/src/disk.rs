//! Whether there is room to write: what the system says, except where a rehearsal fills the disk.

use std::{
    io::{self, ErrorKind},
    sync::Arc,
};

/// The disk a run writes on.
#[derive(Clone, Default)]
pub(crate) struct Disk(Option<Arc<dyn Fn() -> bool + Send + Sync>>);

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Disk").finish_non_exhaustive()
    }
}

impl Disk {
    /// One that takes nothing while `is_full` says so.
    #[cfg(feature = "simulated")]
    pub(crate) fn full_while(is_full: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(is_full)))
    }

    /// To be asked before each write.
    ///
    /// # Errors
    /// As the system has it for a full disk, while a rehearsal has filled it.
    pub(crate) fn takes_more(&self) -> io::Result<()> {
        match &self.0 {
            Some(is_full) if is_full() => Err(ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }
}
