//! Any bytes are read as a flat package: without panic, and never an entry outside its checksums.
//!
//! An odd first byte makes the rest a table of contents with a right header around it, so that the reader behind the
//! compression is reached; an even one leaves the bytes as they are.

use shared::flat_package::FlatPackage;
use shared::flat_package::signature::TrustRoots;
use shared::flat_package::xar::EntryId;
use std::io::{Cursor, Read as _, copy, sink};
use time::OffsetDateTime;

/// A few bytes may decompress to gigabytes; this many are enough.
const ENOUGH: u64 = 16 << 20;

/// See the head of this file.
pub fn flat_package(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let archive = if kind % 2 == 1 { with_header(bytes) } else { bytes.to_vec() };
    let Ok(mut package) = FlatPackage::open(Cursor::new(archive)) else { return };
    let _ = (package.identity(), package.installs().len());
    let verdict = package.verify(&TrustRoots::apple(), OffsetDateTime::UNIX_EPOCH);
    assert!(verdict.outcome.is_err(), "nobody signs by chance");
    for id in (0..package.archive.entries().len()).map(EntryId) {
        if let Ok(entry) = package.archive.read(id) {
            let _ = copy(&mut entry.take(ENOUGH), &mut sink());
        }
        let _ = package.nested(id).map(|nested| nested.components.len());
    }
}

/// A xar archive without checksums whose table of contents is `toc`, in stored zlib blocks.
fn with_header(toc: &[u8]) -> Vec<u8> {
    let mut zlib = vec![0x78, 0x01];
    let mut blocks = toc.chunks(0xffff).peekable();
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        zlib.push(u8::from(blocks.peek().is_none()));
        zlib.extend(length.to_le_bytes());
        zlib.extend((!length).to_le_bytes());
        zlib.extend(block);
    }
    let (a, b) = toc.iter().fold((1u32, 0u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65521;
        (a, (b + a) % 65521)
    });
    zlib.extend((b << 16 | a).to_be_bytes());
    let mut archive = b"xar!\0\x1c\0\x01".to_vec();
    archive.extend((zlib.len() as u64).to_be_bytes());
    archive.extend((toc.len() as u64).to_be_bytes());
    archive.extend(0u32.to_be_bytes());
    archive.extend(zlib);
    archive.extend([0; 256]);
    archive
}
