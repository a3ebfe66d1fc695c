//! APFS volumes, read only: the newest state of a volume without encryption; snapshots are left alone.

mod container;
mod node;
mod record;
mod tree;

use super::bytes::Bytes;
use super::decmpfs;
use super::disk::{Disk, Fork};
use super::volume::{About, Child, FileSystem, Which, shown_name};
use crate::walk::WalkError;
pub(super) use container::{Found, block_size, volumes};
use record::{Inode, Key, Kind};
use std::cmp::Ordering;
use tree::{Nodes, Place, Tree};

const ROOT: u64 = 2;
const SYMLINK: &str = "com.apple.fs.symlink";
const RESOURCE_FORK: &str = "com.apple.ResourceFork";

/// A volume.
pub(super) struct Apfs {
    block_size: u32,
    nodes: Nodes,
    tree: Tree,
    /// Whether names are kept with their hashes.
    hashed: bool,
    ignores_case: bool,
}

/// Where an item's content is: the stream, and its size.
pub(super) struct Streams {
    data: (u64, u64),
    resource: Option<(u64, u64)>,
}

/// What stands in an attribute.
enum Attribute {
    Value(Vec<u8>),
    /// Too large for that: a stream, and its size.
    Stream(u64, u64),
}

impl Apfs {
    pub(super) fn open(disk: &mut dyn Disk, found: &Found) -> Result<Self, WalkError> {
        if found.encrypted {
            return Err(WalkError::damage(format!(
                "the volume {} is encrypted; this program has no password",
                found.name
            )));
        }
        let bytes = node::block(disk, found.block_size, found.at)?;
        let volume = Bytes::new("the volume", &bytes);
        let features = volume.le64(56)?;
        if features & 0x20 != 0 {
            return Err(WalkError::damage(format!(
                "the volume {} is sealed, as only macOS itself is",
                found.name
            )));
        }
        let map = container::map_root(disk, found.block_size, volume.le64(128)?)?;
        let tree = Tree { root: volume.le64(136)?, map, state: found.state };
        Ok(Self {
            block_size: found.block_size,
            nodes: Nodes::new(found.block_size),
            tree,
            hashed: features & 9 != 0,
            ignores_case: features & 1 != 0,
        })
    }

    /// The first record of a kind that an object has.
    fn first(&mut self, disk: &mut dyn Disk, id: u64, kind: Kind) -> Result<Place, WalkError> {
        let wanted = (id, kind as u8);
        let order = |key: &[u8]| {
            let key = Key::parse(key)?;
            // Never equal: it may have several of that kind.
            Ok(if (key.id, key.kind) < wanted { Ordering::Less } else { Ordering::Greater })
        };
        self.tree.seek(&mut self.nodes, disk, order)
    }

    /// The next record of a kind that an object has: what `read` makes of key and value.
    fn next<T>(
        &mut self,
        disk: &mut dyn Disk,
        place: &mut Place,
        id: u64,
        kind: Kind,
        read: impl FnOnce(&[u8], &[u8]) -> Result<T, WalkError>,
    ) -> Result<Option<T>, WalkError> {
        let found = self.tree.next(&mut self.nodes, disk, place, |key, value| {
            let parsed = Key::parse(key)?;
            let same = (parsed.id, parsed.kind) == (id, kind as u8);
            if same { read(key, value).map(Some) } else { Ok(None) }
        })?;
        Ok(found.flatten())
    }

    fn inode(&mut self, disk: &mut dyn Disk, id: u64) -> Result<Inode, WalkError> {
        let mut place = self.first(disk, id, Kind::Inode)?;
        let found = self.next(disk, &mut place, id, Kind::Inode, |_, value| Inode::parse(value))?;
        found.ok_or_else(|| WalkError::damage(format!("item {id} of the volume is nowhere")))
    }

    fn attribute(
        &mut self,
        disk: &mut dyn Disk,
        id: u64,
        wanted: &str,
    ) -> Result<Option<Attribute>, WalkError> {
        let mut place = self.first(disk, id, Kind::Attribute)?;
        let read = |key: &[u8], value: &[u8]| {
            let key = Bytes::new("a key of an attribute", key);
            let name = key.slice(10, key.le16(8)?.into())?;
            if name.strip_suffix(b"\0").unwrap_or(name) != wanted.as_bytes() {
                return Ok(None);
            }
            let value = Bytes::new("an attribute", value);
            Ok(Some(match value.le16(0)? & 1 {
                0 => Attribute::Value(value.slice(4, value.le16(2)?.into())?.to_vec()),
                _ => Attribute::Stream(value.le64(4)?, value.le64(12)?),
            }))
        };
        while let Some(found) = self.next(disk, &mut place, id, Kind::Attribute, read)? {
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn value(&mut self, disk: &mut dyn Disk, id: u64, name: &str) -> Result<Option<Vec<u8>>, WalkError> {
        match self.attribute(disk, id, name)? {
            Some(Attribute::Value(value)) => Ok(Some(value)),
            Some(Attribute::Stream(..)) => {
                Err(WalkError::damage(format!("the attribute {name} is larger than any")))
            }
            None => Ok(None),
        }
    }

    fn about(&mut self, disk: &mut dyn Disk, id: u64, inode: &Inode) -> Result<(About, Streams), WalkError> {
        let target = if inode.mode & 0o170_000 == 0o120_000 { self.value(disk, id, SYMLINK)? } else { None };
        let compressed = if inode.compressed { self.value(disk, id, decmpfs::ATTRIBUTE)? } else { None };
        let size = compressed.as_deref().map_or(Ok(inode.size), decmpfs::size)?;
        let resource = match compressed {
            Some(_) => self.attribute(disk, id, RESOURCE_FORK)?,
            None => None,
        };
        let resource = match resource {
            Some(Attribute::Stream(stream, size)) => Some((stream, size)),
            _ => None,
        };
        let about = About {
            id,
            mode: inode.mode.into(),
            uid: inode.uid,
            gid: inode.gid,
            mtime: inode.mtime,
            links: inode.links,
            size,
            compressed,
            target,
        };
        Ok((about, Streams { data: (inode.stream, inode.size), resource }))
    }
}

impl FileSystem for Apfs {
    type Cursor = Option<Place>;
    type Item = Streams;

    fn root(&self) -> u64 {
        ROOT
    }

    fn next_child(
        &mut self,
        disk: &mut dyn Disk,
        folder: u64,
        cursor: &mut Option<Place>,
    ) -> Result<Option<Child<Streams>>, WalkError> {
        let mut place = match cursor.take() {
            Some(place) => place,
            None => self.first(disk, folder, Kind::Name)?,
        };
        let hashed = self.hashed;
        let read = |key: &[u8], value: &[u8]| {
            Ok((record::name(key, hashed)?, Bytes::new("a name in a folder", value).le64(0)?))
        };
        let found = self.next(disk, &mut place, folder, Kind::Name, read)?;
        *cursor = Some(place);
        let Some((name, id)) = found else { return Ok(None) };
        let inode = self.inode(disk, id)?;
        let (about, item) = self.about(disk, id, &inode)?;
        Ok(Some(Child { name: shown_name(&name)?, about, item }))
    }

    fn fork(&mut self, disk: &mut dyn Disk, item: &Streams, which: Which) -> Result<Fork, WalkError> {
        let (stream, size) = match which {
            Which::Data => item.data,
            Which::Resource => item.resource.unwrap_or_default(),
        };
        let mut fork = Fork::new(size);
        let mut place = self.first(disk, stream, Kind::Extent)?;
        while fork.placed() < size {
            let found = self.next(disk, &mut place, stream, Kind::Extent, record::extent)?;
            let Some((from, length, block)) = found else { break };
            let at = block.checked_mul(self.block_size.into());
            // What is not stored is zeros; pieces are sorted.
            let gap = from.checked_sub(fork.placed());
            let (Some(gap), Some(at)) = (gap, at) else {
                return Err(WalkError::damage("the pieces of a file overlap"));
            };
            if !fork.add(None, gap) || !fork.add((block != 0).then_some(at), length) {
                return Err(WalkError::damage("a file is in too many pieces"));
            }
        }
        Ok(fork)
    }

    fn ignores_case(&self) -> bool {
        self.ignores_case
    }
}

#[cfg(test)]
mod tests;
