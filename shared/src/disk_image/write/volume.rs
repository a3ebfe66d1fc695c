//! Writes a tree of files as an HFSX volume, each file in one piece.

use super::catalog::{NODE, Record, catalog, counted, no_extents};
use crate::flat_package::{
    bom::ROOT as ROOT_PATH,
    write::{Contents, Node, NodeKind, Source, WriteError},
};
use std::{
    collections::{BTreeMap, HashMap},
    io::{self, Read as _, Write},
};

/// Seconds from 1904, where this format begins to count, to 1970.
const EPOCH: u32 = 2_082_844_800;
const BLOCK: u64 = 4096;
const ROOT_PARENT: u32 = 1;
const ROOT: u32 = 2;
const FIRST_ID: u32 = 16;
/// Where the files behind hard links are kept.
const LINKED_FILES: &str = "\0\0\0\0HFS+ Private Data";
/// Characters of a name, in UTF-16.
const LONGEST_NAME: usize = 255;

/// The volume while its records are made.
struct Volume<'a> {
    records: Vec<Record>,
    next_id: u32,
    next_block: u64,
    /// What is written behind the catalog, in order.
    bodies: Vec<&'a Node>,
    files: u32,
    folders: u32,
}

/// Writes it.
pub(super) fn write(name: &str, source: Source<'_>, out: &mut dyn Write) -> Result<(), WriteError> {
    // Made twice: the records have the same length wherever the files are, and only then is known where that is.
    let bitmap_for = |blocks: u64| blocks.div_ceil(8 * BLOCK);
    let (_, draft) = records(name, source, 0)?;
    let (bodies, length) =
        (draft.next_block, catalog(draft.records).ok_or_else(|| too_large(name))?.len() as u64);
    let fixed = 1 + 1 + length / BLOCK + bodies + 1;
    let bitmap = bitmap_for(fixed + bitmap_for(fixed) + 1);
    let total = fixed + bitmap;
    let catalog_at = 1 + bitmap + 1;
    let (root, volume) = records(name, source, catalog_at + length / BLOCK)?;
    let tree = catalog(volume.records).ok_or_else(|| too_large(name))?;
    let blocks = u32::try_from(total).map_err(|_| too_large(name))?;
    let forks = [fork(bitmap * BLOCK, 1), fork(NODE as u64, 1 + bitmap), fork(length, catalog_at)];
    let mut header = b"HX\0\x05\0\0\x01\0".to_vec();
    header.extend(b"10.0\0\0\0\0");
    let time = root.mtime.saturating_add(EPOCH);
    for number in [time, time, 0, time] {
        header.extend(number.to_be_bytes());
    }
    for number in
        [volume.files, volume.folders, BLOCK as u32, blocks, 0, 0, 65_536, 65_536, volume.next_id, 1]
    {
        header.extend(number.to_be_bytes());
    }
    header.extend(1u64.to_be_bytes());
    header.extend([0; 32]);
    header.extend(forks.concat());
    header.resize(512, 0);
    out.write_all(&[0; 1024])?;
    out.write_all(&header)?;
    out.write_all(&[0; 2560])?;
    write_bitmap(total, bitmap, out)?;
    out.write_all(&no_extents())?;
    out.write_all(&tree)?;
    for node in volume.bodies {
        body(node, source.contents, out)?;
    }
    out.write_all(&[0; 3072])?;
    out.write_all(&header)?;
    Ok(out.write_all(&[0; 512])?)
}

/// All records of the catalog, for bodies that begin at block `first`; the root folder, too.
fn records<'a>(name: &str, source: Source<'a>, first: u64) -> Result<(Node, Volume<'a>), WriteError> {
    let mut volume = Volume {
        records: Vec::new(),
        next_id: FIRST_ID,
        next_block: first,
        bodies: Vec::new(),
        files: 0,
        folders: 0,
    };
    let nodes = source.tree.nodes();
    let parent =
        |path: &'a str| path.rsplit_once('/').map_or((ROOT_PATH, path), |(parent, name)| (parent, name));
    let mut inside: HashMap<&str, u32> = HashMap::new();
    let below = || nodes.iter().filter(|node| node.path != ROOT_PATH);
    below().for_each(|node| *inside.entry(parent(&node.path).0).or_default() += 1);
    let linked = linked_files(nodes);
    if !linked.is_empty() {
        *inside.entry(ROOT_PATH).or_default() += 1;
    }
    let root = nodes.iter().find(|node| node.path == ROOT_PATH).ok_or_else(|| too_large(name))?;
    let valence = |path: &str| inside.get(path).copied().unwrap_or(0);
    let mut ids = HashMap::from([(ROOT_PATH, ROOT)]);
    volume.add(ROOT_PARENT, name, ROOT, volume_folder(root, ROOT, valence(ROOT_PATH)))?;
    let mut numbers: HashMap<u64, u32> = HashMap::new();
    for node in below() {
        let (folder, name) = parent(&node.path);
        let folder = ids.get(folder).copied().ok_or_else(|| too_large(&node.path))?;
        let id = volume.take_id();
        let data = match node.kind {
            NodeKind::Folder => {
                volume.folders += 1;
                ids.insert(&node.path, id);
                volume_folder(node, id, valence(&node.path))
            }
            NodeKind::File { identity: Some(identity), .. } if linked.contains_key(&identity) => {
                volume.files += 1;
                numbers.insert(identity, *numbers.get(&identity).unwrap_or(&id));
                let number = numbers.get(&identity).copied().unwrap_or(id);
                file(node, id, number, *b"hlnkhfs+", &[0; 80])
            }
            _ => volume.stored_file(node, id, 1),
        };
        volume.add(folder, name, id, data)?;
    }
    if !linked.is_empty() {
        volume.add_linked(root, &linked, &numbers)?;
    }
    Ok((root.clone(), volume))
}

/// Files with several names, by identity: one of the names, and how many there are.
fn linked_files(nodes: &[Node]) -> BTreeMap<u64, (&Node, u32)> {
    let mut linked = BTreeMap::new();
    for node in nodes {
        if let NodeKind::File { identity: Some(identity), .. } = node.kind {
            linked.entry(identity).or_insert((node, 0)).1 += 1;
        }
    }
    linked.retain(|_, (_, names)| *names > 1);
    linked
}

impl<'a> Volume<'a> {
    fn take_id(&mut self) -> u32 {
        self.next_id += 1;
        self.next_id - 1
    }

    /// A record, and the one that leads from its number back to it.
    fn add(&mut self, folder: u32, name: &str, id: u32, data: Vec<u8>) -> Result<(), WriteError> {
        // What programs call `:` is `/` on the volume.
        let units: Vec<u16> = name.replace(':', "/").encode_utf16().collect();
        if units.len() > LONGEST_NAME {
            let value = units.len() as u64;
            return Err(WriteError::TooLarge { path: name.to_owned(), what: "its name's length", value });
        }
        let kind: u8 = if data.get(1) == Some(&1) { 3 } else { 4 };
        let thread = [&[0, kind, 0, 0][..], &folder.to_be_bytes(), &counted(&units)].concat();
        self.records.push(Record { folder, name: units, data });
        self.records.push(Record { folder: id, name: Vec::new(), data: thread });
        Ok(())
    }

    /// A file or link whose content is here.
    fn stored_file(&mut self, node: &'a Node, id: u32, names: u32) -> Vec<u8> {
        self.files += 1;
        let kind = if matches!(node.kind, NodeKind::Link { .. }) { *b"slnkrhap" } else { [0; 8] };
        let data = file(node, id, names, kind, &fork(node.size(), self.next_block));
        self.next_block += node.size().div_ceil(BLOCK);
        self.bodies.push(node);
        data
    }

    fn add_linked(
        &mut self,
        root: &Node,
        linked: &BTreeMap<u64, (&'a Node, u32)>,
        numbers: &HashMap<u64, u32>,
    ) -> Result<(), WriteError> {
        let folder = self.take_id();
        self.folders += 1;
        let hidden = Node { mode: 0, ..root.clone() };
        self.add(ROOT, LINKED_FILES, folder, volume_folder(&hidden, folder, linked.len() as u32))?;
        for (identity, (node, names)) in linked {
            let id = self.take_id();
            let number = numbers.get(identity).copied().unwrap_or_default();
            let data = self.stored_file(node, id, *names);
            self.add(folder, &format!("iNode{number}"), id, data)?;
        }
        Ok(())
    }
}

fn volume_folder(node: &Node, id: u32, valence: u32) -> Vec<u8> {
    let mut data = [[0, 1, 0, 0], valence.to_be_bytes(), id.to_be_bytes()].concat();
    data.extend(dates_and_permissions(node, 0));
    data.resize(88, 0);
    data
}

fn file(node: &Node, id: u32, special: u32, kind: [u8; 8], fork: &[u8]) -> Vec<u8> {
    // It has a record that leads from its number to it.
    let mut data = [[0, 2, 0, 2], [0; 4], id.to_be_bytes()].concat();
    data.extend(dates_and_permissions(node, special));
    data.extend(kind);
    data.resize(88, 0);
    data.extend(fork);
    data.resize(248, 0);
    data
}

fn dates_and_permissions(node: &Node, special: u32) -> Vec<u8> {
    let time = node.mtime.saturating_add(EPOCH);
    let numbers = [time, time, time, time, 0, node.uid, node.gid, node.st_mode().into(), special];
    numbers.map(u32::to_be_bytes).concat()
}

/// A file in one piece that begins at a block.
fn fork(size: u64, at: u64) -> Vec<u8> {
    let blocks = size.div_ceil(BLOCK) as u32;
    let start = if blocks == 0 { 0 } else { at as u32 };
    let mut fork = size.to_be_bytes().to_vec();
    for number in [0, blocks, start, blocks] {
        fork.extend(number.to_be_bytes());
    }
    fork.resize(80, 0);
    fork
}

/// The map of blocks: all of them are taken.
fn write_bitmap(total: u64, blocks: u64, out: &mut dyn Write) -> io::Result<()> {
    let mut bitmap = vec![0xff; (total / 8) as usize];
    if !total.is_multiple_of(8) {
        bitmap.push(!(0xff >> (total % 8)) as u8);
    }
    bitmap.resize((blocks * BLOCK) as usize, 0);
    out.write_all(&bitmap)
}

/// The content of a file or link, up to the end of its last block.
fn body(node: &Node, contents: &dyn Contents, out: &mut dyn Write) -> Result<(), WriteError> {
    let failed = |source| WriteError::Content { path: node.path.clone(), source };
    let size = node.size();
    match &node.kind {
        NodeKind::Link { target } => out.write_all(target.as_bytes())?,
        _ => {
            let mut content = contents.open(&node.path).map_err(failed)?;
            let copied = io::copy(&mut content.by_ref().take(size), out)?;
            let more = content.read(&mut [0]).map_err(failed)?;
            if copied != size || more > 0 {
                return Err(WriteError::Changed { path: node.path.clone(), expected: size });
            }
        }
    }
    let padding = (BLOCK - size % BLOCK) % BLOCK;
    io::copy(&mut io::repeat(0).take(padding), out)?;
    Ok(())
}

fn too_large(name: &str) -> WriteError {
    WriteError::TooLarge {
        path: name.to_owned(),
        what: "the number of its files",
        value: u64::from(u32::MAX),
    }
}
