//! What lies where an earlier run placed a file: looked at for a repair, never used.

use super::Downloader;
use rustix::fs::{Mode, OFlags};
use shared::{
    digest::{Digest, Digester},
    layout::MacPath,
};
use std::{fs::File, path::Path};

/// Files of control files are small; whatever is larger than this was not placed by one.
const LARGEST: u64 = 1 << 32;

impl Downloader {
    /// The digest of the plain file at `path`, if there is one. A user may own it: it only decides whether the file is
    /// placed again.
    pub(crate) async fn placed(&self, path: &MacPath) -> Option<Digest> {
        let (path, turn) = (path.under(self.store.root()), self.digests.acquire().await);
        let digest = tokio::task::spawn_blocking(move || digest(&path)).await;
        drop(turn);
        digest.ok().flatten()
    }
}

fn digest(path: &Path) -> Option<Digest> {
    // Without O_NONBLOCK a named pipe would hold us up for ever.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::open(path, flags, Mode::empty()).ok()?);
    let found = file.metadata().ok().filter(|found| found.is_file() && found.len() <= LARGEST)?;
    let mut digester = Digester::default();
    let length = super::pieces::read_pieces(&mut file, |piece| {
        digester.update(piece);
        Ok(())
    });
    (length.ok()? == found.len()).then(|| digester.finish())
}
