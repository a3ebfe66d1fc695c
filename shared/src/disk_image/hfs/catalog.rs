//! The records of an HFS+ catalog: what a folder holds.

use super::super::bytes::Bytes;
use crate::walk::WalkError;

/// Seconds from 1904, where this format begins to count, to 1970.
const EPOCH: u64 = 2_082_844_800;

/// What the catalog says of a folder, file or link.
#[derive(Debug, Clone)]
pub(in crate::disk_image) struct Record {
    pub(super) id: u32,
    pub(super) folder: bool,
    /// Type and permission bits; 0 where a tool that knows no permissions wrote it.
    pub(super) mode: u16,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mtime: u64,
    /// How many names it has, or the number of the file it is a name of, or of the device.
    pub(super) special: u32,
    /// Whether its content is in its attributes or its resource fork, compressed.
    pub(super) compressed: bool,
    /// Whether it is one of several hard links, which are chained.
    pub(super) chained: bool,
    /// Type and creator as the Finder knows them.
    pub(super) finder: (u32, u32),
    pub(super) data: RawFork,
    pub(super) resource: RawFork,
}

/// A fork as recorded, 80 bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct RawFork {
    pub(super) size: u64,
    /// First block and number of blocks.
    pub(super) extents: Vec<(u32, u32)>,
}

impl RawFork {
    pub(super) fn parse(bytes: Bytes<'_>) -> Result<Self, WalkError> {
        Ok(Self { size: bytes.be64(0)?, extents: extents(bytes.from(16)?)? })
    }
}

/// Eight extents, up to the first empty one.
pub(super) fn extents(bytes: Bytes<'_>) -> Result<Vec<(u32, u32)>, WalkError> {
    let mut extents = Vec::new();
    for index in 0..8 {
        let (start, count) = (bytes.be32(index * 8)?, bytes.be32(index * 8 + 4)?);
        if count == 0 {
            break;
        }
        extents.push((start, count));
    }
    Ok(extents)
}

/// The folder a catalog key belongs to, and the name in it.
pub(super) fn key(key: &[u8]) -> Result<(u32, Vec<u16>), WalkError> {
    let key = Bytes::new("a key of the catalog", key);
    Ok((key.be32(0)?, name(key.from(4)?)?))
}

/// A counted UTF-16 name.
pub(super) fn name(bytes: Bytes<'_>) -> Result<Vec<u16>, WalkError> {
    let text = bytes.slice(2, usize::from(bytes.be16(0)?) * 2)?;
    Ok(text
        .chunks_exact(2)
        .map(|unit| unit.iter().fold(0, |unit, byte| unit << 8 | u16::from(*byte)))
        .collect())
}

/// A record; `None` for the threads, which lead from a number to a name.
pub(super) fn record(data: &[u8]) -> Result<Option<Record>, WalkError> {
    let bytes = Bytes::new("a record of the catalog", data);
    let folder = match bytes.be16(0)? {
        1 => true,
        2 => false,
        3 | 4 => return Ok(None),
        other => return Err(WalkError::damage(format!("the catalog has a record of kind {other}"))),
    };
    let fork = |at| if folder { Ok(RawFork::default()) } else { RawFork::parse(bytes.from(at)?) };
    Ok(Some(Record {
        id: bytes.be32(8)?,
        folder,
        mtime: u64::from(bytes.be32(16)?).saturating_sub(EPOCH),
        uid: bytes.be32(32)?,
        gid: bytes.be32(36)?,
        chained: bytes.be16(2)? & 0x20 != 0,
        compressed: bytes.slice(41, 1)?.first().is_some_and(|flags| flags & 0x20 != 0),
        mode: bytes.be16(42)?,
        special: bytes.be32(44)?,
        finder: (bytes.be32(48)?, bytes.be32(52)?),
        data: fork(88)?,
        resource: fork(168)?,
    }))
}
