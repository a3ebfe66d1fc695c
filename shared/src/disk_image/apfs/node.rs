//! Blocks of an APFS container: checked by their checksum, and taken apart when they are nodes of a B-tree.

use super::super::bytes::Bytes;
use super::super::disk::Disk;
use crate::walk::WalkError;

/// Where the nodes of a tree keep what is behind their header.
const DATA: usize = 56;
/// What a root has at its end.
const ROOT_INFO: usize = 40;

/// A block with a right checksum.
pub(super) fn block(disk: &mut dyn Disk, size: u32, number: u64) -> Result<Vec<u8>, WalkError> {
    let mut bytes = vec![0; size as usize];
    let at = number.saturating_mul(size.into());
    let read = disk.read_at(at, &mut bytes);
    read.map_err(|error| {
        WalkError::failed(format!("block {number} of the container cannot be read"), error)
    })?;
    if Bytes::new("a block", &bytes).le64(0)? != checksum(&bytes) {
        return Err(WalkError::damage(format!(
            "block {number} of the container does not match its checksum"
        )));
    }
    Ok(bytes)
}

/// Fletcher's, with 64 bits, over what is behind it.
pub(super) fn checksum(block: &[u8]) -> u64 {
    const MODULUS: u64 = 0xffff_ffff;
    let words = block.get(8..).unwrap_or_default().chunks_exact(4);
    let (mut low, mut high) = (0u64, 0u64);
    for word in words {
        low = (low + word.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))) % MODULUS;
        high = (high + low) % MODULUS;
    }
    let first = MODULUS - (low + high) % MODULUS;
    let second = MODULUS - (low + first) % MODULUS;
    second << 32 | first
}

/// A node of a B-tree.
pub(super) struct Node {
    bytes: Vec<u8>,
    pub(super) level: u16,
    pub(super) records: u32,
    fixed: bool,
    table: usize,
    keys: usize,
    values_end: usize,
}

impl Node {
    pub(super) fn parse(bytes: Vec<u8>) -> Result<Self, WalkError> {
        let head = Bytes::new("a node of a B-tree", &bytes);
        let (flags, level, records) = (head.le16(32)?, head.le16(34)?, head.le32(36)?);
        if !matches!(head.le32(24)? & 0xffff, 2 | 3) {
            return Err(WalkError::damage("a block that should be a node of a B-tree is none"));
        }
        let table = DATA + usize::from(head.le16(40)?);
        let keys = table + usize::from(head.le16(42)?);
        let info = if flags & 1 != 0 { ROOT_INFO } else { 0 };
        let values_end = bytes.len().saturating_sub(info);
        if records as usize > bytes.len() / 4 {
            return Err(WalkError::damage(format!("a node of a B-tree has {records} records")));
        }
        Ok(Self { bytes, level, records, fixed: flags & 4 != 0, table, keys, values_end })
    }

    /// Key and value of a record; where their lengths are the tree's, what follows them, too.
    pub(super) fn record(&self, index: u32) -> Result<(&[u8], &[u8]), WalkError> {
        let node = Bytes::new("a node of a B-tree", &self.bytes);
        let entry = node.from(self.table + index as usize * if self.fixed { 4 } else { 8 })?;
        let (key, key_length, value, value_length) = match self.fixed {
            true => (entry.le16(0)?, None, entry.le16(2)?, None),
            false => (entry.le16(0)?, Some(entry.le16(2)?), entry.le16(4)?, Some(entry.le16(6)?)),
        };
        let key = self.keys + usize::from(key);
        let value = self.values_end.saturating_sub(value.into());
        let length =
            |given: Option<u16>, at: usize| given.map_or(self.bytes.len().saturating_sub(at), usize::from);
        Ok((node.slice(key, length(key_length, key))?, node.slice(value, length(value_length, value))?))
    }
}
