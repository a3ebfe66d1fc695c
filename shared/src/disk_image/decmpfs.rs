//! Files whose content macOS keeps compressed: in an attribute, or in chunks of 64 KiB in the resource fork.
//!
//! The attribute begins with a magic, the kind of compression and the size; small content follows it.

use super::bytes::Bytes;
use super::coding::{lzfse, lzvn};
use super::disk::{Disk, Fork};
use crate::walk::WalkError;
use flate2::bufread::ZlibDecoder;
use std::io::{self, Cursor, Read};

/// The attribute's name.
pub(super) const ATTRIBUTE: &str = "com.apple.decmpfs";

const HEAD: usize = 16;
const CHUNK: u64 = 64 << 10;

/// A chunk that did not shrink is stored with one byte before it.
const LARGEST_STORED: u32 = (64 << 10) + 1024;

/// Chunks of one file: 64 GiB.
const MOST_CHUNKS: u64 = 1 << 20;

/// How it is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Plain,
    Zlib,
    Lzvn,
    Lzfse,
}

/// The size of the content an attribute stands for.
pub(super) fn size(attribute: &[u8]) -> Result<u64, WalkError> {
    let head = Bytes::new("the attribute of a compressed file", attribute);
    if head.slice(0, 4)? != b"fpmc" {
        return Err(WalkError::damage("the attribute of a compressed file is none"));
    }
    head.le64(8)
}

/// The content an attribute stands for; `resource` gives the resource fork.
pub(super) fn content<'a>(
    attribute: &[u8],
    disk: &'a mut dyn Disk,
    resource: impl FnOnce(&mut dyn Disk) -> Result<Fork, WalkError>,
) -> Result<Box<dyn Read + 'a>, WalkError> {
    let size = size(attribute)?;
    let kind = Bytes::new("the attribute of a compressed file", attribute).le32(4)?;
    let (method, in_resource) = match kind {
        1 | 9 => (Method::Plain, false),
        3 => (Method::Zlib, false),
        4 => (Method::Zlib, true),
        7 => (Method::Lzvn, false),
        8 => (Method::Lzvn, true),
        10 => (Method::Plain, true),
        11 => (Method::Lzfse, false),
        12 => (Method::Lzfse, true),
        other => {
            return Err(WalkError::damage(format!(
                "a file is compressed by macOS in a way this program does not know (kind {other})"
            )));
        }
    };
    let failed = |error| WalkError::failed("a file compressed by macOS cannot be read", error);
    if !in_resource {
        if size > CHUNK {
            return Err(WalkError::damage(format!("an attribute stands for {size} bytes of content")));
        }
        // Plain content of kind 9 has a byte before it.
        let stored = attribute.get(HEAD + usize::from(kind == 9)..).unwrap_or_default();
        return Ok(Box::new(Cursor::new(decode(method, stored, size).map_err(failed)?)));
    }
    if size.div_ceil(CHUNK) > MOST_CHUNKS {
        return Err(WalkError::damage(format!(
            "a compressed file has {size} bytes, which is too much for this program"
        )));
    }
    let fork = resource(disk)?;
    let chunks =
        if method == Method::Zlib { zlib_chunks(disk, &fork, size) } else { offsets(disk, &fork, size) };
    let chunks = chunks.map_err(failed)?;
    Ok(Box::new(Chunks {
        disk,
        fork,
        method,
        chunks: chunks.into_iter(),
        left: size,
        now: Cursor::default(),
    }))
}

/// One chunk, decoded.
fn decode(method: Method, stored: &[u8], length: u64) -> io::Result<Vec<u8>> {
    let plain = |from: usize| stored.get(from..).unwrap_or_default().to_vec();
    match (method, stored.first()) {
        (Method::Plain, _) => Ok(plain(0)),
        (Method::Zlib, Some(first)) if first & 0x0f == 0x0f => Ok(plain(1)),
        (Method::Lzvn, Some(0x06)) | (Method::Lzfse, Some(0xff)) => Ok(plain(1)),
        (Method::Zlib, _) => {
            let mut content = Vec::new();
            ZlibDecoder::new(stored).take(length).read_to_end(&mut content)?;
            Ok(content)
        }
        (Method::Lzvn, _) => lzvn(stored, length),
        (Method::Lzfse, _) => lzfse(stored, length),
    }
}

/// The chunks of a resource fork of Mac OS' own form: a header, then one resource with a table.
fn zlib_chunks(disk: &mut dyn Disk, fork: &Fork, size: u64) -> io::Result<Vec<(u64, u32)>> {
    let mut head = [0; 4];
    fork.read_at(disk, 0, &mut head)?;
    let table = u64::from(u32::from_be_bytes(head)).saturating_add(4);
    let mut count = [0; 4];
    fork.read_at(disk, table, &mut count)?;
    let mut chunks = Vec::new();
    for index in 0..u64::from(u32::from_le_bytes(count)).min(size.div_ceil(CHUNK)) {
        let mut entry = [0; 8];
        fork.read_at(disk, table.saturating_add(4 + index * 8), &mut entry)?;
        let [a, b, c, d, size @ ..] = entry;
        let start = table.saturating_add(u32::from_le_bytes([a, b, c, d]).into());
        chunks.push((start, u32::from_le_bytes(size)));
    }
    Ok(chunks)
}

/// The chunks of a resource fork that begins with the place of each, and of the end.
fn offsets(disk: &mut dyn Disk, fork: &Fork, size: u64) -> io::Result<Vec<(u64, u32)>> {
    let mut chunks = Vec::new();
    let mut place = |index: u64| {
        let mut offset = [0; 4];
        fork.read_at(disk, index * 4, &mut offset).map(|()| u32::from_le_bytes(offset))
    };
    let mut start = place(0)?;
    for index in 1..=size.div_ceil(CHUNK) {
        let end = place(index)?;
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "its table of chunks goes backwards");
        chunks.push((start.into(), end.checked_sub(start).ok_or_else(damaged)?));
        start = end;
    }
    Ok(chunks)
}

/// Reads chunk after chunk.
struct Chunks<'a> {
    disk: &'a mut dyn Disk,
    fork: Fork,
    method: Method,
    chunks: std::vec::IntoIter<(u64, u32)>,
    left: u64,
    now: Cursor<Vec<u8>>,
}

impl Read for Chunks<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.now.read(buffer)?;
            if count > 0 || buffer.is_empty() || self.left == 0 {
                return Ok(count);
            }
            let Some((at, stored)) = self.chunks.next() else { return Ok(0) };
            if stored > LARGEST_STORED {
                let text = format!("a chunk of a compressed file has {stored} bytes");
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            let mut bytes = vec![0; stored as usize];
            self.fork.read_at(self.disk, at, &mut bytes)?;
            let content = decode(self.method, &bytes, self.left.min(CHUNK))?;
            self.left = self.left.saturating_sub(content.len() as u64);
            self.now = Cursor::new(content);
        }
    }
}
