//! Writes the catalog of a volume: a B-tree whose nodes stand one after the other, leaves first.

use std::iter::once;

pub(super) const NODE: usize = 4096;
/// What the header node has room for in its map of nodes.
const MOST_NODES: usize = (NODE - 256) * 8;
const DESCRIPTOR: usize = 14;
const LEAF: u8 = 0xff;
const INDEX: u8 = 0;

/// A record and its key, which sorts by folder and then by the numbers of the name's characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Record {
    pub(super) folder: u32,
    pub(super) name: Vec<u16>,
    pub(super) data: Vec<u8>,
}

impl Record {
    fn key(&self) -> Vec<u8> {
        let mut key = (6 + 2 * self.name.len() as u16).to_be_bytes().to_vec();
        key.extend(self.folder.to_be_bytes());
        key.extend(counted(&self.name));
        key
    }
}

/// A name with its length.
pub(super) fn counted(name: &[u16]) -> Vec<u8> {
    once(&(name.len() as u16)).chain(name).flat_map(|unit| unit.to_be_bytes()).collect()
}

/// The whole tree; `None`: it is larger than one map of nodes.
pub(super) fn catalog(mut records: Vec<Record>) -> Option<Vec<u8>> {
    records.sort_unstable();
    let leaf_records = records.len() as u32;
    let whole = |record: &Record| (record.key(), [record.key(), record.data.clone()].concat());
    let mut nodes: Vec<Vec<u8>> = Vec::new();
    let mut level: Vec<(Vec<u8>, Vec<u8>)> = records.iter().map(whole).collect();
    let (mut height, mut last_leaf) = (1, 0);
    loop {
        // The number of the first node of this level; the header is node 0.
        let first = nodes.len() + 1;
        let groups = groups(&level);
        let count = groups.len();
        let mut above = Vec::new();
        for (index, group) in groups.into_iter().enumerate() {
            let number = first + index;
            let next = if index + 1 < count { number + 1 } else { 0 };
            let previous = if index > 0 { number - 1 } else { 0 };
            let kind = if height == 1 { LEAF } else { INDEX };
            nodes.push(node(kind, height, next, previous, group.iter().map(|(_, record)| &**record)));
            let key = group.first().map(|(key, _)| key.clone()).unwrap_or_default();
            above.push((key.clone(), [key, (number as u32).to_be_bytes().to_vec()].concat()));
        }
        if height == 1 {
            last_leaf = nodes.len() as u32;
        }
        if count <= 1 || nodes.len() >= MOST_NODES {
            break;
        }
        (level, height) = (above, height + 1);
    }
    let total = nodes.len() as u32 + 1;
    let tree = Tree {
        depth: height.into(),
        root: total - 1,
        leaf_records,
        last_leaf,
        total,
        key: 516,
        attributes: 6,
    };
    let header = once(header(&tree));
    (nodes.len() < MOST_NODES).then(|| header.chain(nodes).flatten().collect())
}

/// The tree of extents that did not fit elsewhere: there are none.
pub(super) fn no_extents() -> Vec<u8> {
    header(&Tree { depth: 0, root: 0, leaf_records: 0, last_leaf: 0, total: 1, key: 10, attributes: 2 })
}

/// Records that go into one node each.
fn groups(level: &[(Vec<u8>, Vec<u8>)]) -> Vec<&[(Vec<u8>, Vec<u8>)]> {
    let (mut groups, mut start, mut used) = (Vec::new(), 0, DESCRIPTOR + 2);
    for (index, (_, record)) in level.iter().enumerate() {
        if used + record.len() + 2 > NODE {
            groups.extend(level.get(start..index));
            (start, used) = (index, DESCRIPTOR + 2);
        }
        used += record.len() + 2;
    }
    groups.extend(level.get(start..));
    groups
}

/// Descriptor, records, and from the end backwards the place of each and of the free room.
fn node<'a>(
    kind: u8,
    height: u8,
    next: usize,
    previous: usize,
    records: impl Iterator<Item = &'a [u8]>,
) -> Vec<u8> {
    let mut node = [(next as u32).to_be_bytes(), (previous as u32).to_be_bytes()].concat();
    node.extend([kind, height, 0, 0, 0, 0]);
    let mut places = vec![];
    for record in records {
        places.push(node.len() as u16);
        node.extend(record);
    }
    let count = places.len() as u16;
    node.splice(10..12, count.to_be_bytes());
    places.push(node.len() as u16);
    node.resize(NODE - 2 * places.len(), 0);
    node.extend(places.iter().rev().flat_map(|place| place.to_be_bytes()));
    node
}

struct Tree {
    depth: u16,
    root: u32,
    leaf_records: u32,
    last_leaf: u32,
    total: u32,
    key: u16,
    attributes: u32,
}

fn header(tree: &Tree) -> Vec<u8> {
    let mut head = tree.depth.to_be_bytes().to_vec();
    let first_leaf = u32::from(tree.root > 0);
    for number in [tree.root, tree.leaf_records, first_leaf, tree.last_leaf] {
        head.extend(number.to_be_bytes());
    }
    head.extend((NODE as u16).to_be_bytes());
    head.extend(tree.key.to_be_bytes());
    head.extend(tree.total.to_be_bytes());
    head.extend([0; 6]);
    head.extend((NODE as u32).to_be_bytes());
    // Names are told apart by their characters' numbers.
    head.extend([0, if tree.key > 10 { 0xbc } else { 0 }]);
    head.extend(tree.attributes.to_be_bytes());
    head.resize(106, 0);
    let mut map = vec![0; NODE - 256];
    for number in 0..tree.total as usize {
        if let Some(byte) = map.get_mut(number / 8) {
            *byte |= 0x80 >> (number % 8);
        }
    }
    node(1, 0, 0, 0, [&head[..], &[0; 128], &map].into_iter())
}
