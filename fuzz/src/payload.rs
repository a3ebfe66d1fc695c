//! Any bytes are read as a compressed cpio archive: without panic, without end or much memory.

use shared::flat_package::cpio::Cpio;
use shared::flat_package::payload::Payload;
use std::io::{Read as _, copy, sink};

/// A few bytes may decompress to gigabytes; this many are enough.
const ENOUGH: u64 = 16 << 20;

/// See the head of this file.
pub fn payload(bytes: &[u8]) {
    let Ok(payload) = Payload::new(bytes) else { return };
    let mut archive = Cpio::new(payload.take(ENOUGH));
    while let Ok(Some(entry)) = archive.next_entry() {
        if let Ok(path) = entry.relative() {
            assert!(path.components().all(|part| matches!(part, std::path::Component::Normal(_))));
        }
        let mut body = archive.body();
        let read = copy(&mut body, &mut sink());
        assert!(read.is_err() || read.is_ok_and(|read| read == 0 || read == entry.size));
    }
}
