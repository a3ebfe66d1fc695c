//! Any bytes are read as a disk image: without panic, without end or much memory, and never a path that leads outside.
//!
//! An odd first byte makes the rest a raw disk of a fixed size, so that the file systems are reached whatever the bytes are;
//! an even one leaves them as they are.

use crate::archive::walk_to_its_end;
use shared::disk_image::DiskImage;
use std::io::Cursor;
use std::path::Path;

/// A volume written by this repository fits.
const DISK: usize = 256 << 10;

/// See the head of this file.
pub fn disk_image(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let mut image = bytes.to_vec();
    if kind % 2 == 1 {
        image.resize(DISK, 0);
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
