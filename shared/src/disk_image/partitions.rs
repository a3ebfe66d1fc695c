//! Where the partitions of a disk are: GUID and Apple partition maps.

use super::bytes::Bytes;
use super::disk::Disk;
use super::udif::SECTOR;
use crate::walk::WalkError;

/// Disk images have a handful.
const MOST: u32 = 128;

/// First byte and length of each partition; none when the disk has no map that is known here.
pub(super) fn list(disk: &mut dyn Disk) -> Result<Vec<(u64, u64)>, WalkError> {
    if disk.size() < 3 * SECTOR {
        return Ok(Vec::new());
    }
    let mut head = [0; 2 * SECTOR as usize];
    read(disk, 0, &mut head)?;
    let bytes = Bytes::new("the partition map", &head);
    match (bytes.slice(512, 8)?, bytes.slice(0, 2)?) {
        (b"EFI PART", _) => guid(disk, bytes.from(512)?),
        (_, b"ER") => apple(disk, u64::from(bytes.be16(2)?)),
        ([b'P', b'M', ..], _) => apple(disk, SECTOR),
        _ => Ok(Vec::new()),
    }
}

fn guid(disk: &mut dyn Disk, head: Bytes<'_>) -> Result<Vec<(u64, u64)>, WalkError> {
    let (table, count, size) = (head.le64(72)?, head.le32(80)?, head.le32(84)?);
    let mut found = Vec::new();
    for index in 0..count.min(MOST) {
        let at = table.checked_mul(SECTOR).and_then(|at| at.checked_add(u64::from(index) * u64::from(size)));
        let mut entry = [0; 48];
        read(disk, at.unwrap_or(u64::MAX), &mut entry)?;
        let entry = Bytes::new("the partition map", &entry);
        let (first, last) = (entry.le64(32)?, entry.le64(40)?);
        let sectors = last.checked_sub(first).and_then(|length| length.checked_add(1));
        let length = sectors.and_then(|sectors| sectors.checked_mul(SECTOR));
        let used = entry.slice(0, 16)? != [0; 16];
        found.extend(first.checked_mul(SECTOR).zip(length).filter(|_| used));
    }
    Ok(found)
}

/// Each entry says how many there are.
fn apple(disk: &mut dyn Disk, block: u64) -> Result<Vec<(u64, u64)>, WalkError> {
    let block = if block == 0 { SECTOR } else { block };
    let (mut found, mut count, mut index) = (Vec::new(), 1, 1);
    while index <= count.min(MOST) {
        let mut entry = [0; 64];
        read(disk, u64::from(index) * block, &mut entry)?;
        let entry = Bytes::new("the partition map", &entry);
        if entry.slice(0, 2)? != b"PM" {
            break;
        }
        count = entry.be32(4)?;
        found.push((u64::from(entry.be32(8)?) * block, u64::from(entry.be32(12)?) * block));
        index += 1;
    }
    Ok(found)
}

fn read(disk: &mut dyn Disk, at: u64, buffer: &mut [u8]) -> Result<(), WalkError> {
    disk.read_at(at, buffer).map_err(|error| WalkError::failed("the partition map cannot be read", error))
}
