//! Writes a bill of materials.

use super::{Entry, Kind, ROOT};
use std::collections::HashMap;

/// Entries of one tree block; what Apple's tools put into a leaf.
const BLOCK_ENTRIES: usize = 256;
/// Size of the blocks of most trees.
const BLOCK_BYTES: u32 = 4096;
/// Size of the blocks of the (always empty) `VIndex` tree.
const VIEW_BLOCK_BYTES: u32 = 128;
const HEADER_BYTES: usize = 512;

/// The list does not fit the format, whose offsets have 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a bill of materials of {0} bytes is larger than the format allows")]
pub struct BomTooLarge(usize);

/// The bytes of a bill with `entries`: folders before what is in them, [`ROOT`] first.
///
/// # Errors
/// When it grows beyond 4 GiB.
pub fn write(entries: &[Entry]) -> Result<Vec<u8>, BomTooLarge> {
    let mut store = Store::default();
    let info = store.add(&info(entries));
    let mut leaves = path_leaves(&mut store, entries);
    let paths = store.tree(&mut leaves, BLOCK_BYTES);
    let links = store.tree(&mut Vec::new(), BLOCK_BYTES);
    let views = store.tree(&mut Vec::new(), VIEW_BLOCK_BYTES);
    let view_index = store.add(&[&words(&[1, views, 0])[..], &[0]].concat());
    let sizes = store.tree(&mut Vec::new(), BLOCK_BYTES);
    let variables =
        [("BomInfo", info), ("Paths", paths), ("HLIndex", links), ("VIndex", view_index), ("Size64", sizes)];
    store.finish(&variables)
}

fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_be_bytes()).collect()
}

/// Version, number of paths and one more, and the bytes of all files for every architecture (0: any).
fn info(entries: &[Entry]) -> Vec<u8> {
    let files = entries.iter().filter(|entry| matches!(entry.kind, Kind::File(_)));
    let bytes = files.fold(0_u32, |sum, entry| sum.saturating_add(entry.size));
    let paths = entries.len() as u32 + 1;
    if bytes == 0 { words(&[1, paths, 0]) } else { words(&[1, paths, 1, 0, 0, bytes, 0]) }
}

/// One slot of a tree block: the block of the value, then the block of the key.
type Slot = (u32, u32);

/// Stores the records of all entries; the slots come in the tree's order.
fn path_leaves(store: &mut Store, entries: &[Entry]) -> Vec<Slot> {
    let ids: HashMap<&str, u32> =
        entries.iter().zip(1..).map(|(entry, id)| (entry.path.as_str(), id)).collect();
    let mut keyed: Vec<((u32, &str), Slot)> = Vec::with_capacity(entries.len());
    for (entry, id) in entries.iter().zip(1_u32..) {
        let (folder, name) = match entry.path.rsplit_once('/') {
            Some((folder, name)) => (folder, name),
            None => (ROOT, entry.path.as_str()),
        };
        let parent = if entry.path == ROOT { 0 } else { ids.get(folder).copied().unwrap_or(1) };
        let record = store.add(&record(entry));
        let value = store.add(&words(&[id, record]));
        let key = store.add(&[&parent.to_be_bytes()[..], name.as_bytes(), &[0]].concat());
        keyed.push(((parent, name), (value, key)));
    }
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, slot)| slot).collect()
}

fn record(entry: &Entry) -> Vec<u8> {
    let kind = match entry.kind {
        Kind::File(_) => 1,
        Kind::Folder => 2,
        Kind::Link { .. } => 3,
        Kind::Device(_) => 4,
    };
    // Any architecture.
    let mut record = vec![kind, 1, 0, 15];
    record.extend(entry.mode.to_be_bytes());
    record.extend(words(&[entry.uid, entry.gid, entry.mtime, entry.size]));
    record.push(1);
    match &entry.kind {
        Kind::File(checksum) => record.extend(words(&[*checksum, 0, 0])),
        Kind::Folder => record.extend(words(&[0, 0])),
        Kind::Device(number) => record.extend(words(&[*number, 0])),
        Kind::Link { target, checksum } => {
            record.extend(words(&[*checksum, target.len() as u32 + 1]));
            record.extend(target.as_bytes());
            record.push(0);
        }
    }
    record
}

/// Numbered blocks, placed one after another behind the header.
#[derive(Default)]
struct Store {
    data: Vec<u8>,
    /// Offset in the file and length of each block, from number 1.
    blocks: Vec<(usize, usize)>,
}

impl Store {
    fn add(&mut self, bytes: &[u8]) -> u32 {
        self.blocks.push((HEADER_BYTES + self.data.len(), bytes.len()));
        self.data.extend(bytes);
        self.blocks.len() as u32
    }

    /// Stores a tree over `slots`, which are in order, and gives back the number of its head block.
    fn tree(&mut self, slots: &mut Vec<Slot>, block_bytes: u32) -> u32 {
        let count = slots.len() as u32;
        let mut is_leaf = true;
        loop {
            *slots = self.level(slots, is_leaf, block_bytes);
            is_leaf = false;
            if let [(root, _)] = slots[..] {
                let head = [&b"tree"[..], &words(&[1, root, block_bytes, count]), &[0]].concat();
                return self.add(&head);
            }
        }
    }

    /// Stores one level of a tree as a chain of blocks; the slots of the level above it.
    fn level(&mut self, slots: &[Slot], is_leaf: bool, block_bytes: u32) -> Vec<Slot> {
        let groups: Vec<&[Slot]> =
            if slots.is_empty() { vec![&[]] } else { slots.chunks(BLOCK_ENTRIES).collect() };
        let first = self.blocks.len() as u32 + 1;
        let last = first + groups.len() as u32 - 1;
        let mut above = Vec::with_capacity(groups.len());
        for (group, number) in groups.into_iter().zip(first..) {
            let forward = if number < last { number + 1 } else { 0 };
            let backward = if number > first { number - 1 } else { 0 };
            let mut block = [u16::from(is_leaf), group.len() as u16].map(u16::to_be_bytes).concat();
            block.extend(words(&[forward, backward]));
            block.extend(group.iter().flat_map(|(value, key)| words(&[*value, *key])));
            block.resize(block_bytes as usize, 0);
            above.push((self.add(&block), group.last().map_or(0, |(_, key)| *key)));
        }
        above
    }

    fn finish(self, variables: &[(&str, u32)]) -> Result<Vec<u8>, BomTooLarge> {
        let mut names = words(&[variables.len() as u32]);
        for (name, block) in variables {
            names.extend(block.to_be_bytes());
            names.push(name.len() as u8);
            names.extend(name.as_bytes());
        }
        let names_at = HEADER_BYTES + self.data.len();
        let index_at = names_at + names.len();
        // The table begins with the empty block 0; an empty list of free blocks with room for two ends it.
        let mut index = words(&[self.blocks.len() as u32 + 1, 0, 0]);
        index.extend(self.blocks.iter().flat_map(|(at, length)| words(&[*at as u32, *length as u32])));
        index.extend(words(&[0, 0, 0, 0, 0]));
        let total = index_at + index.len();
        if u32::try_from(total).is_err() {
            return Err(BomTooLarge(total));
        }
        let counts = [1, self.blocks.len(), index_at, index.len(), names_at, names.len()];
        let mut file = b"BOMStore".to_vec();
        file.extend(words(&counts.map(|count| count as u32)));
        file.resize(HEADER_BYTES, 0);
        Ok([file, self.data, names, index].concat())
    }
}
