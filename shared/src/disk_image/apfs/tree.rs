//! The B-trees of an APFS container: looking up a number, and walking records in their order.

use super::super::bytes::Bytes;
use super::super::disk::Disk;
use super::node::{Node, block};
use crate::walk::WalkError;
use std::cmp::Ordering;
use std::collections::VecDeque;
use std::sync::Arc;

/// No tree is deeper.
const DEEPEST: u16 = 12;

/// Nodes that are read for one walk; a disk may claim to be of any size.
const MOST_NODES: u64 = 1 << 22;

/// Nodes that are kept.
const KEPT: usize = 64;

/// Reads nodes of trees in one container.
pub(super) struct Nodes {
    block_size: u32,
    kept: VecDeque<(u64, Arc<Node>)>,
}

impl Nodes {
    pub(super) fn new(block_size: u32) -> Self {
        Self { block_size, kept: VecDeque::new() }
    }

    fn node(&mut self, disk: &mut dyn Disk, number: u64) -> Result<Arc<Node>, WalkError> {
        if let Some((_, node)) = self.kept.iter().find(|(kept, _)| *kept == number) {
            return Ok(Arc::clone(node));
        }
        let node = Arc::new(Node::parse(block(disk, self.block_size, number)?)?);
        if node.level > DEEPEST {
            return Err(WalkError::damage("a B-tree is too deep"));
        }
        self.kept.push_back((number, Arc::clone(&node)));
        if self.kept.len() > KEPT {
            self.kept.pop_front();
        }
        Ok(node)
    }

    /// The block that holds object `wanted` in the newest state not after `state`, by the map whose root is `map`.
    pub(super) fn look_up(
        &mut self,
        disk: &mut dyn Disk,
        map: u64,
        wanted: u64,
        state: u64,
    ) -> Result<u64, WalkError> {
        let missing = || WalkError::damage(format!("object {wanted} of the container is nowhere"));
        let (mut number, mut level) = (map, None);
        loop {
            let node = self.node(disk, number)?;
            check_level(&node, level)?;
            let key = |index| -> Result<(u64, u64), WalkError> {
                let key = Bytes::new("a key of an object map", node.record(index)?.0);
                Ok((key.le64(0)?, key.le64(8)?))
            };
            let after = first(&node, |index| Ok(key(index)?.cmp(&(wanted, state)).then(Ordering::Less)))?;
            let index = after.checked_sub(1).ok_or_else(missing)?;
            let value = Bytes::new("a value of an object map", node.record(index)?.1);
            if node.level > 0 {
                (number, level) = (value.le64(0)?, Some(node.level));
                continue;
            }
            let deleted = value.le32(0)? & 1 != 0;
            return if key(index)?.0 == wanted && !deleted { value.le64(8) } else { Err(missing()) };
        }
    }
}

/// A tree whose nodes are found through an object map.
pub(super) struct Tree {
    pub(super) root: u64,
    pub(super) map: u64,
    pub(super) state: u64,
}

/// A place in a tree: the nodes on the way to it, and the record in each.
#[derive(Default)]
pub(in crate::disk_image) struct Place {
    way: Vec<(u64, u32)>,
    /// Nodes that may still be read, so that a tree that leads to itself ends.
    nodes_left: u64,
}

impl Tree {
    /// The first record of which `order` does not say that it is before what is looked for. It must not call a record
    /// equal: one node before may have the same.
    pub(super) fn seek(
        &self,
        nodes: &mut Nodes,
        disk: &mut dyn Disk,
        order: impl Fn(&[u8]) -> Result<Ordering, WalkError>,
    ) -> Result<Place, WalkError> {
        let blocks = disk.size() / u64::from(nodes.block_size);
        let nodes_left = blocks.saturating_add(u64::from(DEEPEST)).min(MOST_NODES);
        let mut place = Place { way: Vec::new(), nodes_left };
        let (mut number, mut level) = (nodes.look_up(disk, self.map, self.root, self.state)?, None);
        loop {
            let node = nodes.node(disk, number)?;
            check_level(&node, level)?;
            let found = first(&node, |index| order(node.record(index)?.0))?;
            if node.level == 0 {
                place.way.push((number, found));
                return Ok(place);
            }
            let index = found.saturating_sub(1);
            place.way.push((number, index));
            (number, level) = (self.child(nodes, disk, &node, index)?, Some(node.level));
        }
    }

    /// What `read` makes of the record at a place, which moves on; `None` behind the last.
    pub(super) fn next<T>(
        &self,
        nodes: &mut Nodes,
        disk: &mut dyn Disk,
        place: &mut Place,
        read: impl FnOnce(&[u8], &[u8]) -> Result<T, WalkError>,
    ) -> Result<Option<T>, WalkError> {
        loop {
            let Some((number, index)) = place.way.last_mut() else { return Ok(None) };
            let node = nodes.node(disk, *number)?;
            if *index >= node.records {
                place.way.pop();
                if let Some((_, index)) = place.way.last_mut() {
                    *index += 1;
                }
                continue;
            }
            if node.level == 0 {
                let (key, value) = node.record(*index)?;
                *index += 1;
                return read(key, value).map(Some);
            }
            let left = place.nodes_left.checked_sub(1);
            place.nodes_left = left.ok_or_else(|| WalkError::damage("a B-tree leads to itself"))?;
            let child = self.child(nodes, disk, &node, *index)?;
            check_level(&*nodes.node(disk, child)?, Some(node.level))?;
            place.way.push((child, 0));
        }
    }

    fn child(
        &self,
        nodes: &mut Nodes,
        disk: &mut dyn Disk,
        node: &Node,
        index: u32,
    ) -> Result<u64, WalkError> {
        let object = Bytes::new("an index record of a B-tree", node.record(index)?.1).le64(0)?;
        nodes.look_up(disk, self.map, object, self.state)
    }
}

/// Each node is one level below the one that leads to it, so that every way has an end.
fn check_level(node: &Node, above: Option<u16>) -> Result<(), WalkError> {
    let right = above.is_none_or(|above| node.level + 1 == above);
    if right { Ok(()) } else { Err(WalkError::damage("a node of a B-tree is on the wrong level")) }
}

/// The first record of a node that is not before what is looked for.
fn first(node: &Node, order: impl Fn(u32) -> Result<Ordering, WalkError>) -> Result<u32, WalkError> {
    let (mut low, mut high) = (0, node.records);
    while low < high {
        let middle = low + (high - low) / 2;
        if order(middle)? == Ordering::Less { low = middle + 1 } else { high = middle }
    }
    Ok(low)
}
