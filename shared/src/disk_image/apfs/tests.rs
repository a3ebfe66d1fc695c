//! APFS containers built here: what the one in the corpus is too small to have.

use super::node::checksum;
use crate::disk_image::DiskImage;
use crate::walk::{Entry, Walk as _, WalkError};
use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};
use std::path::Path;

const BLOCK: usize = 4096;
/// Numbers of the objects of the container that are found through a map.
const VOLUME: u64 = 1026;
const TREE: u64 = 1030;

type Record = (Vec<u8>, Vec<u8>);

/// A container with one volume.
struct Container {
    blocks: Vec<Vec<u8>>,
    /// What the volume's tree holds; sorted by object, kind and rest.
    records: BTreeMap<(u64, u8, Vec<u8>), Vec<u8>>,
    flags: u64,
}

impl Container {
    fn new() -> Self {
        // Blocks 0 to 6 are for the container, its state, maps, and the volume.
        Self { blocks: vec![vec![0; BLOCK]; 7], records: BTreeMap::new(), flags: 1 }
    }

    fn add(&mut self, id: u64, kind: u8, rest: &[u8], value: Vec<u8>) {
        self.records.insert((id, kind, rest.to_vec()), value);
    }

    fn name(&mut self, folder: u64, name: &str, id: u64) {
        // The hash is not looked at; this one keeps names in order.
        let hash = u32::from(name.as_bytes()[0]) << 14 | u32::from(*name.as_bytes().last().unwrap()) << 10;
        let key = [&(hash | (name.len() as u32 + 1)).to_le_bytes()[..], name.as_bytes(), b"\0"].concat();
        self.add(folder, 9, &key, [&id.to_le_bytes()[..], &[0; 10]].concat());
    }

    fn inode(&mut self, id: u64, mode: u16, links: u32, flags: u32, size: Option<u64>) {
        let mut value = [2, id, 0, 1_600_000_000_000_000_000, 0, 0, 0].map(u64::to_le_bytes).concat();
        value.extend([links, 0, 0, flags, 501, 20].map(u32::to_le_bytes).concat());
        value.extend(mode.to_le_bytes());
        value.resize(92, 0);
        if let Some(size) = size {
            // A name before the stream, so that its place is not the first.
            value.extend([2, 0, 16, 0, 4, 2, 5, 0, 8, 0x20, 40, 0]);
            value.extend(b"name\0\0\0\0");
            value.extend([&size.to_le_bytes()[..], &[0; 32]].concat());
        }
        self.add(id, 3, b"", value);
    }

    fn content(&mut self, id: u64, pieces: &[(u64, Option<&[u8]>, u64)]) {
        for (from, content, length) in pieces {
            let block = content.map_or(0, |content| {
                let first = self.blocks.len() as u64;
                self.blocks.extend(content.chunks(BLOCK).map(|chunk| {
                    let mut block = chunk.to_vec();
                    block.resize(BLOCK, 0);
                    block
                }));
                first
            });
            self.add(id, 8, &from.to_le_bytes(), [*length, block, 0].map(u64::to_le_bytes).concat());
        }
    }

    fn attribute(&mut self, id: u64, name: &str, value: &[u8]) {
        let key = [&(name.len() as u16 + 1).to_le_bytes()[..], name.as_bytes(), b"\0"].concat();
        let value = [&2u16.to_le_bytes()[..], &(value.len() as u16).to_le_bytes(), value].concat();
        self.add(id, 4, &key, value);
    }

    /// Puts an object into a block, with its header and checksum.
    fn object(&mut self, at: usize, id: u64, kind: u32, content: &[u8]) {
        let head = [id.to_le_bytes(), 9u64.to_le_bytes()].concat();
        let mut block = [&[0; 8][..], &head, &kind.to_le_bytes(), &[0; 4], content].concat();
        block.resize(BLOCK, 0);
        let sum = checksum(&block);
        block[..8].copy_from_slice(&sum.to_le_bytes());
        self.blocks[at] = block;
    }

    fn fresh(&mut self) -> usize {
        self.blocks.push(Vec::new());
        self.blocks.len() - 1
    }

    /// A tree in as many levels as it needs; its root goes to `root`, and the others get numbers from `id` on.
    fn tree(&mut self, records: Vec<Record>, root: usize, id: u64, fixed: bool) -> Vec<(u64, u64)> {
        let (mut level, mut height, mut next) = (records, 0, id + 1);
        let mut placed = Vec::new();
        loop {
            let mut groups: Vec<Vec<Record>> = vec![Vec::new()];
            let mut used = 0;
            for record in level {
                let size = record.0.len() + record.1.len() + 8;
                if used + size > BLOCK - 56 - 40 {
                    groups.push(Vec::new());
                    used = 0;
                }
                used += size;
                groups.last_mut().unwrap().push(record);
            }
            let is_root = groups.len() == 1;
            let mut above = Vec::new();
            for group in groups {
                let at = if is_root { root } else { self.fresh() };
                let number = if is_root { id } else { next };
                let key = group.first().map(|record| record.0.clone()).unwrap_or_default();
                self.node((at, number), height, is_root, fixed, &group);
                placed.push((number, at as u64));
                // Maps name blocks, other trees numbers.
                let child = if fixed { at as u64 } else { number };
                above.push((key, child.to_le_bytes().to_vec()));
                next += u64::from(!is_root);
            }
            if is_root {
                return placed;
            }
            (level, height) = (above, height + 1);
        }
    }

    fn node(&mut self, (at, id): (usize, u64), level: u16, is_root: bool, fixed: bool, records: &[Record]) {
        let flags = u16::from(is_root) | u16::from(level == 0) << 1 | u16::from(fixed) << 2;
        let (mut table, mut keys, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for (key, value) in records {
            let place = keys.len() as u16;
            values.splice(0..0, value.iter().copied());
            let back = values.len() as u16;
            keys.extend(key);
            let fields = match fixed {
                true => vec![place, back],
                false => vec![place, key.len() as u16, back, value.len() as u16],
            };
            table.extend(fields.iter().flat_map(|field| field.to_le_bytes()));
        }
        let mut content = [flags, level].map(u16::to_le_bytes).concat();
        content.extend((records.len() as u32).to_le_bytes());
        content.extend([0, table.len() as u16].map(u16::to_le_bytes).concat());
        content.resize(24, 0);
        content.extend([table, keys].concat());
        let end = BLOCK - 32 - if is_root { 40 } else { 0 };
        content.resize(end - values.len(), 0);
        content.extend(values);
        self.object(at, id, if is_root { 2 } else { 3 }, &content);
    }

    fn map(&mut self, at: usize, tree: usize, objects: &[(u64, u64)]) {
        let mut objects: Vec<(u64, u64)> = objects.to_vec();
        objects.sort_unstable();
        let record = |(id, block): (u64, u64)| {
            let older = [id, 3].map(u64::to_le_bytes).concat();
            let key = [id, 7].map(u64::to_le_bytes).concat();
            let value = |block: u64| [&[0; 8][..], &block.to_le_bytes()].concat();
            // What an earlier state had is no longer true.
            [(older, value(0)), (key, value(block))]
        };
        self.tree(objects.into_iter().flat_map(record).collect(), tree, 1, true);
        let content = [&[0; 16][..], &(tree as u64).to_le_bytes()].concat();
        self.object(at, at as u64, 0xb, &content);
    }

    fn written(mut self) -> Vec<u8> {
        let records = std::mem::take(&mut self.records);
        let key = |id: u64, kind: u8, rest: Vec<u8>| {
            [&(id | u64::from(kind) << 60).to_le_bytes()[..], &rest].concat()
        };
        let records = records.into_iter().map(|((id, kind, rest), value)| (key(id, kind, rest), value));
        let root = self.fresh();
        let nodes = self.tree(records.collect(), root, TREE, false);
        let at = self.fresh();
        self.map(5, at, &nodes);
        let mut volume = b"APSB".to_vec();
        volume.resize(24, 0);
        volume.extend(1u64.to_le_bytes());
        volume.resize(96, 0);
        volume.extend([5, TREE].map(u64::to_le_bytes).concat());
        volume.resize(232, 0);
        volume.extend(self.flags.to_le_bytes());
        volume.resize(672, 0);
        volume.extend(b"Acme\0");
        self.object(6, VOLUME, 0xd, &volume);
        self.map(3, 4, &[(VOLUME, 6)]);
        let mut container = b"NXSB".to_vec();
        container.extend((BLOCK as u32).to_le_bytes());
        container.extend((self.blocks.len() as u64).to_le_bytes());
        container.resize(72, 0);
        container.extend(2u32.to_le_bytes());
        container.resize(80, 0);
        container.extend(1u64.to_le_bytes());
        container.resize(128, 0);
        container.extend(3u64.to_le_bytes());
        container.resize(152, 0);
        container.extend(VOLUME.to_le_bytes());
        self.object(0, 1, 1, &container);
        self.object(2, 1, 1, &container);
        self.blocks.concat()
    }
}

/// A volume with files in a folder, links of both kinds, and files with holes and compressed ones.
fn container(files: u64) -> Container {
    let mut container = Container::new();
    container.inode(2, 0o040_755, 0, 0, None);
    container.name(2, "folder", 16);
    container.inode(16, 0o040_700, files as u32, 0, None);
    for number in 0..files {
        let id = 100 + number;
        container.name(16, &format!("file {number}"), id);
        container.inode(id, 0o100_644, 1, 0, Some(3));
    }
    let piece = [7; BLOCK];
    container.content(100, &[(0, Some(b"100"), BLOCK as u64)]);
    container.name(2, "link", 17);
    container.inode(17, 0o120_755, 1, 0, None);
    container.attribute(17, "com.apple.fs.symlink", b"folder/file 0\0");
    for name in ["one", "two"] {
        container.name(2, name, 18);
    }
    container.inode(18, 0o100_755, 2, 0, Some(3 * BLOCK as u64));
    let block = BLOCK as u64;
    container
        .content(18, &[(0, Some(&piece), block), (block, None, block), (2 * block, Some(&piece), block)]);
    container.name(2, "packed", 19);
    container.inode(19, 0o100_644, 1, 0x20, None);
    container.attribute(19, "com.apple.decmpfs", b"fpmc\x09\0\0\0\x05\0\0\0\0\0\0\0\xcchello");
    container
}

fn entries(image: Vec<u8>) -> Result<BTreeMap<String, (Entry, Vec<u8>)>, WalkError> {
    let mut image = DiskImage::open(Cursor::new(image))?;
    let volume = image.volumes()[0].clone();
    let mut walk = image.walk(&volume, Path::new(""))?.unwrap();
    let mut found = BTreeMap::new();
    while let Some(entry) = walk.next_entry()? {
        let mut content = Vec::new();
        // Most files here have a size and no content.
        let _ = walk.body().read_to_end(&mut content);
        found.insert(entry.path.display().to_string(), (entry, content));
    }
    Ok(found)
}

#[test]
fn a_volume_of_several_levels_is_walked_whole() {
    let found = entries(container(600).written()).unwrap();
    assert_eq!(found.len(), 1 + 1 + 600 + 4);
    assert_eq!(found["folder"].0.mode, 0o040_700);
    let (entry, content) = &found["folder/file 0"];
    assert_eq!((&**content, entry.uid, entry.gid, entry.mtime), (&b"100"[..], 501, 20, 1_600_000_000));
    let crate::walk::Kind::Symlink { target } = &found["link"].0.kind else { panic!("no link") };
    assert_eq!(target, Path::new("folder/file 0"));
    assert_eq!(found["packed"].1, b"hello");
}

#[test]
fn names_of_one_file_holes_in_it_and_what_is_behind_them() {
    let found = entries(container(600).written()).unwrap();
    // In the order of their hashes.
    let (first, second) = (&found["two"], &found["one"]);
    assert_eq!((first.0.links, &first.0.link_to), (2, &None));
    assert_eq!(second.0.link_to.as_deref(), Some(Path::new("two")));
    let expected = [[7; BLOCK], [0; BLOCK], [7; BLOCK]].concat();
    assert!(first.1 == expected && second.1 == expected);
}

#[test]
fn an_encrypted_volume_is_listed_and_not_read() {
    let mut container = container(600);
    container.flags = 0;
    let mut image = DiskImage::open(Cursor::new(container.written())).unwrap();
    let volume = image.volumes()[0].clone();
    assert!(volume.encrypted && volume.name == "Acme");
    let error = image.walk(&volume, Path::new("")).err().unwrap();
    assert!(error.to_string().contains("the volume Acme is encrypted"), "{error}");
}

#[test]
fn a_block_that_does_not_match_its_checksum_is_refused() {
    let mut image = container(600).written();
    image[6 * BLOCK + 3000] ^= 1;
    let error = DiskImage::open(Cursor::new(image)).err().unwrap().to_string();
    assert!(error.contains("block 6 of the container does not match its checksum"), "{error}");
}

#[test]
fn a_tree_that_leads_to_itself_comes_to_an_end() {
    // All nodes but roots become copies of one of them: whatever comes of it, it ends.
    let image = container(600).written();
    let blocks = image.len() / BLOCK;
    for from in 7..blocks {
        let mut image = image.clone();
        let source = image[from * BLOCK..(from + 1) * BLOCK].to_vec();
        for to in 7..blocks {
            if image[to * BLOCK + 24] == 3 && source[24] == 3 {
                image[to * BLOCK..(to + 1) * BLOCK].copy_from_slice(&source);
            }
        }
        let _ = entries(image);
    }
}
