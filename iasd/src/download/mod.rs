//! From a URL to bytes that were checked: fetch, store, verify, and the queue that orders them.

use shared::{digest::Digest, event::AcceptedBecause, layout::MacPath};
use std::{fs::File, sync::Arc};

/// Content that passed the checks of R88 and R116; only such content is executed or installed.
///
/// It has one constructor, in `verify`. The file is held open: what is executed is what was digested (R89).
#[derive(Debug, Clone)]
pub(crate) struct VerifiedArtifact {
    path: MacPath,
    file: Arc<File>,
    digest: Digest,
    bytes: u64,
    because: AcceptedBecause,
    reused: bool,
}

#[expect(dead_code, reason = "widened with the engine")]
impl VerifiedArtifact {
    /// Where it lies on the Mac.
    pub(crate) fn path(&self) -> &MacPath {
        &self.path
    }

    /// The open file whose content was digested.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Its SHA-256.
    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }

    /// Its length.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The rule that accepted it.
    pub(crate) fn because(&self) -> AcceptedBecause {
        self.because
    }

    /// Whether it was there already.
    pub(crate) fn reused(&self) -> bool {
        self.reused
    }
}
