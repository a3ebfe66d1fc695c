//! The files of a package, as long as the disk they are written to takes more.

use crate::disk::Disk;
use shared::walk::{Entry, Walk, WalkError};
use std::io::Read;

/// Files from `walk`, on their way to `disk`.
pub(super) struct Filling<W> {
    pub(super) walk: W,
    pub(super) disk: Disk,
}

impl<W: Walk> Walk for Filling<W> {
    fn next_entry(&mut self) -> Result<Option<Entry>, WalkError> {
        let full =
            |source| WalkError { reason: "nothing more can be written".to_owned(), source: Some(source) };
        self.disk.takes_more().map_err(full)?;
        self.walk.next_entry()
    }

    fn body(&mut self) -> Box<dyn Read + '_> {
        self.walk.body()
    }
}
