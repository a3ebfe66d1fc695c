//! The records of an APFS volume: what its tree of items holds.

use super::super::bytes::Bytes;
use crate::walk::WalkError;

/// What a record says of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// What it is.
    Inode = 3,
    /// A named value it has.
    Attribute = 4,
    /// A piece of its content.
    Extent = 8,
    /// An item in the folder it is.
    Name = 9,
}

/// The beginning of each key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub(super) id: u64,
    pub(super) kind: u8,
}

impl Key {
    pub(super) fn parse(key: &[u8]) -> Result<Self, WalkError> {
        let both = Bytes::new("a key of the volume", key).le64(0)?;
        Ok(Self { id: both & ((1 << 60) - 1), kind: (both >> 60) as u8 })
    }
}

/// What an item is.
#[derive(Debug, Clone)]
pub(super) struct Inode {
    pub(super) mode: u16,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mtime: u64,
    pub(super) links: u32,
    /// Whether its content is compressed, in attributes.
    pub(super) compressed: bool,
    /// The number of its content, and its bytes.
    pub(super) stream: u64,
    pub(super) size: u64,
}

impl Inode {
    pub(super) fn parse(value: &[u8]) -> Result<Self, WalkError> {
        let bytes = Bytes::new("an item of the volume", value);
        let mode = bytes.le16(80)?;
        let is_folder = mode & 0o170_000 == 0o040_000;
        Ok(Self {
            mode,
            uid: bytes.le32(72)?,
            gid: bytes.le32(76)?,
            mtime: bytes.le64(24)? / 1_000_000_000,
            // For folders this counts what is in them.
            links: if is_folder { 1 } else { bytes.le32(56)?.max(1) },
            compressed: bytes.le32(68)? & 0x20 != 0,
            stream: bytes.le64(8)?,
            size: size(value)?,
        })
    }
}

/// The bytes of an item's content, from the fields behind it: a table of kind, flags and length, then their values.
fn size(value: &[u8]) -> Result<u64, WalkError> {
    const FIELDS: usize = 92;
    const STREAM: u8 = 8;
    if value.len() <= FIELDS {
        return Ok(0);
    }
    let fields = Bytes::new("the fields of an item", value).from(FIELDS)?;
    let count = usize::from(fields.le16(0)?);
    let mut at = 4 + count * 4;
    for index in 0..count {
        let field = fields.slice(4 + index * 4, 4)?;
        if field.first() == Some(&STREAM) {
            return fields.le64(at);
        }
        let length = usize::from(fields.le16(4 + index * 4 + 2)?);
        at += length.next_multiple_of(8);
    }
    Ok(0)
}

/// The name in the key of an item in a folder.
pub(super) fn name(key: &[u8], hashed: bool) -> Result<String, WalkError> {
    let key = Bytes::new("a name in a folder", key);
    let name = match hashed {
        true => key.slice(12, (key.le32(8)? & 0x3ff) as usize)?,
        false => key.slice(10, key.le16(8)?.into())?,
    };
    Ok(String::from_utf8_lossy(name.strip_suffix(b"\0").unwrap_or(name)).into_owned())
}

/// A piece of content: its first byte, its length, and the block it is in.
pub(super) fn extent(key: &[u8], value: &[u8]) -> Result<(u64, u64, u64), WalkError> {
    let (key, value) = (Bytes::new("a piece of a file", key), Bytes::new("a piece of a file", value));
    Ok((key.le64(8)?, value.le64(0)? & ((1 << 56) - 1), value.le64(8)?))
}
