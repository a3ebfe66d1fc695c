//! An APFS container: its newest whole state, and the volumes in that.

use super::super::bytes::Bytes;
use super::super::disk::Disk;
use super::node::block;
use super::tree::Nodes;
use crate::walk::WalkError;

/// Blocks that may hold states.
const MOST_STATES: u32 = 4096;
/// Volumes in a container.
const MOST_VOLUMES: usize = 100;

/// Where a volume is.
#[derive(Debug, Clone)]
pub(in crate::disk_image) struct Found {
    pub(in crate::disk_image) name: String,
    pub(in crate::disk_image) encrypted: bool,
    /// The block with what is known of it.
    pub(super) at: u64,
    pub(super) state: u64,
    pub(super) block_size: u32,
}

/// The size of its blocks, if a container begins here.
pub(in crate::disk_image) fn block_size(disk: &mut dyn Disk) -> Result<Option<u32>, WalkError> {
    let mut head = [0; 64];
    if disk.size() < 4096 {
        return Ok(None);
    }
    disk.read_at(0, &mut head).map_err(|error| WalkError::failed("the container cannot be read", error))?;
    let head = Bytes::new("the container", &head);
    if head.slice(32, 4)? != b"NXSB" {
        return Ok(None);
    }
    match head.le32(36)? {
        size if size.is_power_of_two() && (4096..=65_536).contains(&size) => Ok(Some(size)),
        size => Err(WalkError::damage(format!("the container has blocks of {size} bytes"))),
    }
}

/// The volumes of a container.
pub(in crate::disk_image) fn volumes(disk: &mut dyn Disk, block_size: u32) -> Result<Vec<Found>, WalkError> {
    let first = block(disk, block_size, 0)?;
    let head = Bytes::new("the container", &first);
    let (count, base) = (head.le32(104)?, head.le64(112)?);
    if count & 1 << 31 != 0 || count > MOST_STATES {
        return Err(WalkError::damage("its states are stored in a way this program does not know"));
    }
    // The states lie in a ring; the newest whole one counts.
    let mut newest = (head.le64(16)?, first.clone());
    for number in 0..u64::from(count) {
        let Ok(bytes) = block(disk, block_size, base.saturating_add(number)) else { continue };
        let state = Bytes::new("a state of the container", &bytes);
        let age = state.le64(16)?;
        if state.slice(32, 4)? == b"NXSB" && age > newest.0 {
            newest = (age, bytes);
        }
    }
    let (state, bytes) = newest;
    let container = Bytes::new("the container", &bytes);
    let map = map_root(disk, block_size, container.le64(160)?)?;
    let mut nodes = Nodes::new(block_size);
    let mut found = Vec::new();
    for index in 0..MOST_VOLUMES {
        let object = container.le64(184 + index * 8)?;
        if object == 0 {
            continue;
        }
        let at = nodes.look_up(disk, map, object, state)?;
        let bytes = block(disk, block_size, at)?;
        let volume = Bytes::new("a volume of the container", &bytes);
        if volume.slice(32, 4)? != b"APSB" {
            return Err(WalkError::damage("a volume of the container is none"));
        }
        let name = volume.slice(704, 256)?.split(|byte| *byte == 0).next().unwrap_or_default();
        let name = String::from_utf8_lossy(name).into_owned();
        let encrypted = volume.le64(264)? & 1 == 0;
        found.push(Found { name, encrypted, at, state, block_size });
    }
    Ok(found)
}

/// The root of the tree of an object map.
pub(super) fn map_root(disk: &mut dyn Disk, block_size: u32, map: u64) -> Result<u64, WalkError> {
    Bytes::new("an object map", &block(disk, block_size, map)?).le64(48)
}
