//! Where content is put, and how (R113, R114).

use shared::{item::ItemKind, layout::MacPath};

/// Where content is put, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The final path.
    pub(crate) path: MacPath,
    /// R113.
    pub(crate) mode: u32,
    /// Whether it must be on the disk before it appears there, and its name once it does (R114).
    pub(crate) flush: bool,
}

impl Place {
    /// The place of an item's content (R113).
    ///
    /// A root file is flushed, because nobody looks at it again. What only this daemon reads is not: it is digested
    /// again before any later run uses it (R87), and waiting for the disk would hold up the run for nothing.
    pub(crate) fn of(kind: ItemKind, path: MacPath) -> Self {
        let mode = match kind {
            ItemKind::Package | ItemKind::UserFile | ItemKind::App | ItemKind::Title => 0o600,
            ItemKind::RootScript => 0o700,
            ItemKind::UserScript => 0o755,
            ItemKind::RootFile => 0o644,
        };
        Self { path, mode, flush: kind == ItemKind::RootFile }
    }

    /// A place in the work folder, where content waits for its turn.
    pub(crate) fn aside(path: MacPath) -> Self {
        Self { path, mode: 0o600, flush: false }
    }
}
