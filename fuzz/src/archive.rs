//! Any bytes are read as an archive: without panic, without end or much memory, and never a body of another length.

use shared::archive::Archive;
use shared::walk::{Kind, Walk};
use std::io::{Cursor, Read as _, copy, sink};
use std::path::Component;

/// A few bytes may decompress to gigabytes; this many are enough.
const ENOUGH: u64 = 16 << 20;
/// Entries of one walk that are looked at.
const MANY: usize = 10_000;

/// See the head of this file.
pub fn archive(bytes: &[u8]) {
    if let Ok(archive) = Archive::open(Cursor::new(bytes)) {
        walk_to_its_end(archive.into_walk());
    }
}

/// Reads all that is walked, up to a limit.
pub(crate) fn walk_to_its_end(mut walk: Box<dyn Walk + '_>) {
    let mut left = ENOUGH;
    for _ in 0..MANY {
        let Ok(Some(entry)) = walk.next_entry() else { return };
        if let Ok(path) = entry.relative() {
            assert!(path.components().all(|part| matches!(part, Component::Normal(_))));
        }
        assert!(entry.kind == Kind::File || entry.size == 0, "only files have content");
        let read = copy(&mut walk.body().take(left), &mut sink());
        let whole = entry.size <= left;
        assert!(read.is_err() || !whole || read.as_ref().is_ok_and(|read| *read == entry.size));
        left = left.saturating_sub(read.unwrap_or(0));
        if left == 0 {
            return;
        }
    }
}
