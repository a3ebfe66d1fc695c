//! Any bytes are judged as the CMS signature of a package whose checksum is right: without panic, and never believed.

use shared::flat_package::checksum::{Hasher, Style};
use shared::flat_package::signature::{TrustRoots, verify};
use shared::flat_package::xar::Xar;
use std::io::Cursor;
use time::OffsetDateTime;

/// See the head of this file.
pub fn signature(bytes: &[u8]) {
    let toc = format!(
        "<xar><toc><checksum style='sha1'><offset>0</offset><size>20</size></checksum>\
         <x-signature style='CMS'><offset>20</offset><size>{}</size></x-signature></toc></xar>",
        bytes.len()
    );
    let Ok(mut archive) = Xar::open(Cursor::new(archive(toc.as_bytes(), bytes))) else { return };
    let verdict = verify(&mut archive, &TrustRoots::apple(), OffsetDateTime::UNIX_EPOCH);
    assert!(verdict.outcome.is_err(), "nobody signs by chance");
}

/// A xar archive with the right SHA-1 of its table of contents, which is stored in one zlib block.
fn archive(toc: &[u8], signature: &[u8]) -> Vec<u8> {
    let length = toc.len() as u16;
    let mut zlib = vec![0x78, 0x01, 1];
    zlib.extend(length.to_le_bytes());
    zlib.extend((!length).to_le_bytes());
    zlib.extend(toc);
    let (a, b) = toc.iter().fold((1u32, 0u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65521;
        (a, (b + a) % 65521)
    });
    zlib.extend((b << 16 | a).to_be_bytes());
    let mut hasher = Hasher::new(Style::Sha1);
    hasher.update(&zlib);
    let mut archive = b"xar!\0\x1c\0\x01".to_vec();
    archive.extend((zlib.len() as u64).to_be_bytes());
    archive.extend((toc.len() as u64).to_be_bytes());
    archive.extend(1u32.to_be_bytes());
    archive.extend(zlib);
    archive.extend(hasher.finish());
    archive.extend(signature);
    archive
}
