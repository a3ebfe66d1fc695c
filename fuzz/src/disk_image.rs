//! Any bytes are read as a disk image: without panic, without end or much memory, and never a path that leads outside.
//!
//! The first byte says what is made of the rest: nothing; a raw disk of a fixed size, so that the file systems are reached
//! whatever the bytes are; or such a disk whose blocks have the checksums that APFS wants.

use crate::archive::walk_to_its_end;
use shared::disk_image::DiskImage;
use std::io::Cursor;
use std::path::Path;

/// A volume written by this repository fits.
const DISK: usize = 256 << 10;

/// Of an APFS container.
const BLOCK: usize = 4096;

/// See the head of this file.
pub fn disk_image(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let mut image = bytes.to_vec();
    if kind % 3 > 0 {
        image.resize(DISK, 0);
    }
    if kind % 3 == 2 {
        image.chunks_exact_mut(BLOCK).for_each(set_checksum);
    }
    let Ok(mut image) = DiskImage::open(Cursor::new(image)) else { return };
    let _ = image.verify().map(|wrong| wrong.len());
    for volume in image.volumes().to_vec() {
        for from in ["", "Acme.app/Contents", "nowhere"] {
            if let Ok(Some(walk)) = image.walk(&volume, Path::new(from)) {
                walk_to_its_end(walk);
            }
        }
    }
}

/// Fletcher's sum of a block, which stands before what it is of.
fn set_checksum(block: &mut [u8]) {
    const MODULUS: u64 = 0xffff_ffff;
    let (mut low, mut high) = (0u64, 0u64);
    for word in block[8..].chunks_exact(4) {
        low = (low + word.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))) % MODULUS;
        high = (high + low) % MODULUS;
    }
    let first = MODULUS - (low + high) % MODULUS;
    let second = MODULUS - (low + first) % MODULUS;
    block[..8].copy_from_slice(&(second << 32 | first).to_le_bytes());
}
