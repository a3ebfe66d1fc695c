//! The B-trees of an HFS+ volume: where a record is, and the one after it.

use super::super::bytes::Bytes;
use super::super::disk::{Disk, Fork};
use crate::walk::WalkError;
use std::cmp::Ordering;
use std::collections::VecDeque;
use std::sync::Arc;

/// No tree of this format is deeper.
const DEEPEST: u32 = 16;

/// No tree has more nodes. Its header says how many there are, and nothing else holds it to that.
const MOST_NODES: u64 = 1 << 22;

/// Nodes that are kept.
const KEPT: usize = 32;

const LEAF: u8 = 0xff;
const INDEX: u8 = 0;

/// A B-tree.
pub(super) struct BTree {
    what: &'static str,
    fork: Fork,
    node_size: u16,
    nodes: u64,
    root: u32,
    /// Whether names in keys are told apart by their bytes.
    pub(super) binary: bool,
    kept: VecDeque<(u32, Arc<Node>)>,
}

/// Where a record stands: a leaf, and its place in it.
#[derive(Debug, Clone, Copy)]
pub(in crate::disk_image) struct Position {
    node: u32,
    record: u16,
    /// Leaves that have been walked, and one of them: whoever comes back to it goes round in a ring. It is a later one
    /// each time their number has doubled, so that a ring is found before it was walked three times.
    walked: u64,
    mark: u32,
}

impl Position {
    fn at(node: u32, record: u16) -> Self {
        Self { node, record, walked: 0, mark: node }
    }

    /// Moves on to the leaf `next`; `false`: it is one of those walked already.
    #[must_use]
    fn step(&mut self, next: u32) -> bool {
        let is_new = next != self.mark && self.walked < MOST_NODES;
        self.walked += 1;
        if self.walked.is_power_of_two() {
            self.mark = next;
        }
        (self.node, self.record) = (next, 0);
        is_new
    }
}

struct Node {
    bytes: Vec<u8>,
    next: u32,
    kind: u8,
    records: u16,
}

impl Node {
    /// Key, without its length, and data of a record.
    fn record(&self, index: u16) -> Result<(&[u8], &[u8]), WalkError> {
        let bytes = Bytes::new("a node of a B-tree", &self.bytes);
        let offset = |index: u16| {
            let back = (usize::from(index) + 1) * 2;
            bytes.be16(self.bytes.len().saturating_sub(back)).map(usize::from)
        };
        let (start, end) = (offset(index)?, offset(index + 1)?);
        let length =
            end.checked_sub(start).ok_or_else(|| WalkError::damage("a B-tree has a record of no length"))?;
        let record = Bytes::new("a record of a B-tree", bytes.slice(start, length)?);
        let key = usize::from(record.be16(0)?);
        let data = (2 + key).next_multiple_of(2);
        let rest = record.slice(data.min(length), length.saturating_sub(data))?;
        Ok((record.slice(2, key)?, rest))
    }
}

impl BTree {
    /// Reads the tree's header.
    pub(super) fn open(what: &'static str, disk: &mut dyn Disk, fork: Fork) -> Result<Self, WalkError> {
        let mut head = [0; 14 + 106];
        fork.read_at(disk, 0, &mut head)
            .map_err(|error| WalkError::failed(format!("{what} cannot be read"), error))?;
        let head = Bytes::new("the header of a B-tree", &head);
        let node_size = head.be16(14 + 18)?;
        if !node_size.is_power_of_two() || node_size < 512 {
            return Err(WalkError::damage(format!("{what} has nodes of {node_size} bytes")));
        }
        let nodes = (fork.size / u64::from(node_size)).min(MOST_NODES);
        let (root, binary) = (head.be32(14 + 2)?, head.slice(14 + 37, 1)? == [0xbc]);
        Ok(Self { what, fork, node_size, nodes, root, binary, kept: VecDeque::new() })
    }

    /// The first record of which `order` says that it is not before the one that is looked for.
    pub(super) fn seek(
        &mut self,
        disk: &mut dyn Disk,
        order: impl Fn(&[u8]) -> Result<Ordering, WalkError>,
    ) -> Result<Position, WalkError> {
        let mut number = self.root;
        if number == 0 {
            // Nothing is in it.
            return Ok(Position::at(0, 0));
        }
        for _ in 0..DEEPEST {
            let node = self.node(disk, number)?;
            // The records are sorted: the first that is not before.
            let (mut low, mut high) = (0, node.records);
            while low < high {
                let middle = low + (high - low) / 2;
                if order(node.record(middle)?.0)? == Ordering::Less {
                    low = middle + 1
                } else {
                    high = middle
                }
            }
            match node.kind {
                LEAF => return Ok(Position::at(number, low)),
                INDEX => {
                    // An index key is the first of its node, so what is looked for may begin in the node before.
                    let exact = low < node.records && order(node.record(low)?.0)? == Ordering::Equal;
                    let child = if exact { low } else { low.saturating_sub(1) };
                    number = Bytes::new("an index record of a B-tree", node.record(child)?.1).be32(0)?;
                }
                kind => return Err(self.damage(&format!("node {number} is of kind {kind}"))),
            }
        }
        Err(self.damage("it is too deep"))
    }

    /// What `read` makes of the record at `position`, which moves on; `None` behind the last.
    pub(super) fn next<T>(
        &mut self,
        disk: &mut dyn Disk,
        position: &mut Position,
        read: impl FnOnce(&[u8], &[u8]) -> Result<T, WalkError>,
    ) -> Result<Option<T>, WalkError> {
        if self.root == 0 {
            return Ok(None);
        }
        loop {
            let node = self.node(disk, position.node)?;
            if node.kind != LEAF {
                return Err(self.damage(&format!("node {} should be a leaf", position.node)));
            }
            if position.record < node.records {
                let (key, data) = node.record(position.record)?;
                position.record += 1;
                return read(key, data).map(Some);
            }
            if node.next == 0 {
                return Ok(None);
            }
            if node.records == 0 {
                return Err(self.damage(&format!("leaf {} holds nothing", position.node)));
            }
            if !position.step(node.next) {
                return Err(self.damage("its leaves form a ring"));
            }
        }
    }

    fn node(&mut self, disk: &mut dyn Disk, number: u32) -> Result<Arc<Node>, WalkError> {
        if let Some((_, node)) = self.kept.iter().find(|(kept, _)| *kept == number) {
            return Ok(Arc::clone(node));
        }
        if u64::from(number) >= self.nodes {
            return Err(self.damage(&format!("there is no node {number}")));
        }
        let mut bytes = vec![0; usize::from(self.node_size)];
        let at = u64::from(number) * u64::from(self.node_size);
        let read = self.fork.read_at(disk, at, &mut bytes);
        read.map_err(|error| WalkError::failed(format!("{} cannot be read", self.what), error))?;
        let head = Bytes::new("a node of a B-tree", &bytes);
        let (next, records) = (head.be32(0)?, head.be16(10)?);
        let kind = head.slice(8, 1)?.first().copied().unwrap_or(INDEX);
        if usize::from(records) > bytes.len() / 4 {
            return Err(self.damage(&format!("node {number} has {records} records")));
        }
        let node = Arc::new(Node { bytes, next, kind, records });
        self.kept.push_back((number, Arc::clone(&node)));
        if self.kept.len() > KEPT {
            self.kept.pop_front();
        }
        Ok(node)
    }

    fn damage(&self, reason: &str) -> WalkError {
        WalkError::damage(format!("{} is damaged: {reason}", self.what))
    }
}
