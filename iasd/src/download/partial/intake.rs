//! A partial file while it is being received: pieces in order, and parts that others write behind them.

use super::{
    super::{
        folder::StoreError,
        pieces::PIECE,
        store::{Content, Store},
    },
    Held, Partial, SHORT,
};
use shared::{digest::Digester, layout::MacPath};
use std::{
    fs::File,
    io::{Seek as _, SeekFrom, Write as _},
    os::unix::fs::FileExt as _,
};

/// A partial file that takes pieces, and digests them as they come.
pub(crate) struct Intake {
    partial: Partial,
    digester: Digester,
}

impl Intake {
    /// Goes on behind what is in `partial`, which `digester` has seen.
    pub(super) fn new(partial: Partial, digester: Digester) -> Self {
        Self { partial, digester }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn take(&mut self, piece: &[u8]) -> Result<(), StoreError> {
        let partial = &mut self.partial;
        if matches!(partial.held, Held::Memory(_)) && partial.have + piece.len() as u64 > SHORT {
            partial.write_down()?;
        }
        match &mut partial.held {
            Held::Memory(bytes) => bytes.extend_from_slice(piece),
            Held::Disk(file) => {
                partial.store.takes_more(&partial.path)?;
                let failed = |error: std::io::Error| StoreError::write("write", &partial.path, error);
                file.write_all(piece).map_err(failed)?;
            }
        }
        self.digester.update(piece);
        partial.have += piece.len() as u64;
        Ok(())
    }

    /// Checks that a body that does not say how long it is leaves enough of the disk (R117).
    ///
    /// # Errors
    /// When it does not.
    pub(crate) fn look_at_the_disk(&self, store: &Store) -> Result<(), StoreError> {
        store.reserve(&self.partial.work, self.partial.have, None)
    }

    /// The file, for those who bring parts of it.
    ///
    /// # Errors
    /// When the system has no more of what that takes.
    pub(crate) fn share(&self) -> Result<Option<SharedFile>, StoreError> {
        let (store, path) = (self.partial.store.clone(), self.partial.path.clone());
        let Held::Disk(file) = &self.partial.held else { return Ok(None) };
        let file = file.try_clone().map_err(|error| StoreError::io("share", &path, error))?;
        Ok(Some(SharedFile { file, store, path }))
    }

    /// As [`Partial::mark`].
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn mark(&mut self, in_order: Option<u64>) -> Result<(), StoreError> {
        self.partial.mark(in_order)
    }

    /// Takes what others wrote behind what is there, up to `end`: reads and digests it. Lets others go on in between.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) async fn absorb(&mut self, end: u64) -> Result<(), StoreError> {
        let partial = &mut self.partial;
        let Held::Disk(file) = &mut partial.held else { return Ok(()) };
        let failed = |error: std::io::Error| StoreError::io("read", &partial.path, error);
        let mut piece = vec![0; PIECE];
        while partial.have < end {
            let length = usize::try_from(end - partial.have).unwrap_or(PIECE).min(PIECE);
            let part = piece.get_mut(..length).unwrap_or_default();
            file.read_exact_at(part, partial.have).map_err(failed)?;
            self.digester.update(part);
            partial.have += length as u64;
            tokio::task::yield_now().await;
        }
        file.seek(SeekFrom::Start(end)).map(drop).map_err(failed)
    }

    /// Nobody brings parts any more: what lies behind what is there is of no use.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn is_alone(&mut self) -> Result<(), StoreError> {
        if let (Held::Disk(file), true) = (&self.partial.held, self.partial.note.in_order.is_some()) {
            let failed = |error| StoreError::io("cut off", &self.partial.path, error);
            file.set_len(self.partial.have).map_err(failed)?;
        }
        self.partial.mark(None)
    }

    /// No more pieces come: the file, and what is in it.
    pub(crate) fn finish(self) -> (Partial, Content) {
        let content = Content { digest: self.digester.finish(), bytes: self.partial.have };
        (self.partial, content)
    }
}

/// A file that others than the one who receives it in order bring parts of.
pub(crate) struct SharedFile {
    file: File,
    store: Store,
    path: MacPath,
}

impl SharedFile {
    /// Writes a piece where it belongs.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn write_at(&self, piece: &[u8], at: u64) -> Result<(), StoreError> {
        self.store.takes_more(&self.path)?;
        self.file.write_all_at(piece, at).map_err(|error| StoreError::write("write", &self.path, error))
    }
}
