//! HFS+ and HFSX volumes, read only: folders, files in any number of pieces, links of both kinds, compressed files.

mod btree;
mod catalog;

use super::bytes::Bytes;
use super::decmpfs;
use super::disk::{Disk, Fork};
use super::volume::{About, Child, FileSystem, Which, shown_name};
use crate::walk::WalkError;
use btree::{BTree, Position};
use catalog::{RawFork, Record};
use std::cmp::Ordering;
use std::collections::HashMap;

const ROOT_PARENT: u32 = 1;
const ROOT: u32 = 2;

/// Where the files behind hard links are kept, in the root.
const LINKED_FILES: &str = "\0\0\0\0HFS+ Private Data";
/// Type and creator of what is another name of a file.
const FILE_LINK: (u32, u32) = (u32::from_be_bytes(*b"hlnk"), u32::from_be_bytes(*b"hfs+"));
/// Those of what is another name of a folder, as Time Machine made them; in no chain it is an alias, an ordinary file.
const FOLDER_LINK: (u32, u32) = (u32::from_be_bytes(*b"fdrp"), u32::from_be_bytes(*b"MACS"));

/// Names in the root that macOS shows to nobody.
const HIDDEN: [&str; 4] = [LINKED_FILES, ".HFS+ Private Directory Data\r", ".journal", ".journal_info_block"];

/// Files with several names there may be on a volume.
const MOST_LINKED: usize = 1 << 18;

const TYPE_BITS: u16 = 0o170_000;

/// A volume.
pub(super) struct Hfs {
    block_size: u32,
    catalog: BTree,
    extents: BTree,
    attributes: Option<BTree>,
    name: String,
    /// The files behind hard links, by number; read when the first is met.
    linked: Option<HashMap<u32, Record>>,
}

/// Where in the partition a volume begins; `None`: there is none. Old ones are wrapped in an HFS volume.
pub(super) fn find(disk: &mut dyn Disk) -> Result<Option<u64>, WalkError> {
    let mut head = [0; 512];
    if disk.size() < 2048 {
        return Ok(None);
    }
    disk.read_at(1024, &mut head).map_err(|error| WalkError::failed("the volume cannot be read", error))?;
    let bytes = Bytes::new("the volume header", &head);
    Ok(match bytes.slice(0, 2)? {
        b"H+" | b"HX" => Some(0),
        b"BD" if matches!(bytes.slice(124, 2)?, b"H+" | b"HX") => {
            let inner = u64::from(bytes.be16(126)?).saturating_mul(u64::from(bytes.be32(20)?));
            Some(inner + u64::from(bytes.be16(28)?) * 512)
        }
        _ => None,
    })
}

impl Hfs {
    pub(super) fn open(disk: &mut dyn Disk) -> Result<Self, WalkError> {
        let mut head = [0; 512];
        disk.read_at(1024, &mut head)
            .map_err(|error| WalkError::failed("the volume cannot be read", error))?;
        let bytes = Bytes::new("the volume header", &head);
        let block_size = bytes.be32(40)?;
        if !block_size.is_power_of_two() || block_size < 512 {
            return Err(WalkError::damage(format!("the volume has blocks of {block_size} bytes")));
        }
        let raw = |at| RawFork::parse(bytes.from(at)?);
        let extents = whole(&raw(192)?, block_size)?;
        let mut extents = BTree::open("the list of extents", disk, extents)?;
        let mut special = |id, at| complete(disk, &mut extents, block_size, id, Which::Data, &raw(at)?);
        let (catalog, attributes) = (special(4, 272)?, special(8, 352)?);
        let catalog = BTree::open("the catalog", disk, catalog)?;
        let attributes =
            (attributes.size > 0).then(|| BTree::open("the list of attributes", disk, attributes));
        let attributes = attributes.transpose()?;
        let mut volume = Self { block_size, catalog, extents, attributes, name: String::new(), linked: None };
        let mut first = volume.first_in(disk, ROOT_PARENT)?;
        let name = volume.catalog.next(disk, &mut first, |key, _| catalog::key(key))?;
        volume.name = name
            .filter(|(parent, _)| *parent == ROOT_PARENT)
            .map_or_else(String::new, |(_, name)| text(&name));
        Ok(volume)
    }

    /// What the volume is called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn first_in(&mut self, disk: &mut dyn Disk, folder: u32) -> Result<Position, WalkError> {
        self.catalog.seek(disk, |key| {
            let (parent, name) = catalog::key(key)?;
            let first = if name.is_empty() { Ordering::Equal } else { Ordering::Greater };
            Ok(parent.cmp(&folder).then(first))
        })
    }

    /// The next record of a folder, with its name as recorded.
    fn next_record(
        &mut self,
        disk: &mut dyn Disk,
        folder: u32,
        position: &mut Position,
    ) -> Result<Option<(String, Record)>, WalkError> {
        loop {
            let read = |key: &[u8], data: &[u8]| {
                let (parent, name) = catalog::key(key)?;
                let record = if parent == folder { catalog::record(data)? } else { None };
                Ok((parent, name, record))
            };
            match self.catalog.next(disk, position, read)? {
                Some((parent, name, Some(record))) if parent == folder => {
                    return Ok(Some((text(&name), record)));
                }
                Some((parent, _, None)) if parent == folder => {}
                _ => return Ok(None),
            }
        }
    }

    /// The file that a hard link stands for.
    fn behind_link(&mut self, disk: &mut dyn Disk, number: u32) -> Result<Record, WalkError> {
        if self.linked.is_none() {
            self.linked = Some(self.linked_files(disk)?);
        }
        let found = self.linked.as_ref().and_then(|linked| linked.get(&number)).cloned();
        found.ok_or_else(|| {
            WalkError::damage(format!("there is no file {number}, of which a hard link is a name"))
        })
    }

    fn linked_files(&mut self, disk: &mut dyn Disk) -> Result<HashMap<u32, Record>, WalkError> {
        let mut linked = HashMap::new();
        let mut position = self.first_in(disk, ROOT)?;
        let mut folder = None;
        while let (None, Some((name, record))) = (folder, self.next_record(disk, ROOT, &mut position)?) {
            folder = (name == LINKED_FILES && record.folder).then_some(record.id);
        }
        let Some(folder) = folder else { return Ok(linked) };
        let mut position = self.first_in(disk, folder)?;
        while let Some((name, record)) = self.next_record(disk, folder, &mut position)? {
            if let Some(number) = name.strip_prefix("iNode").and_then(|number| number.parse().ok()) {
                linked.insert(number, record);
            }
            if linked.len() > MOST_LINKED {
                return Err(WalkError::damage(format!("more than {MOST_LINKED} files with several names")));
            }
        }
        Ok(linked)
    }

    fn about(&mut self, disk: &mut dyn Disk, record: &Record, links: u32) -> Result<About, WalkError> {
        let usual = if record.folder { 0o040_755 } else { 0o100_644 };
        let mode = if record.mode & TYPE_BITS == 0 { usual } else { record.mode };
        let is_folder = mode & TYPE_BITS == 0o040_000;
        if is_folder != record.folder {
            return Err(WalkError::damage(format!("item {} is a folder and is none", record.id)));
        }
        let compressed =
            if record.compressed { self.attribute(disk, record.id, decmpfs::ATTRIBUTE)? } else { None };
        let size = match &compressed {
            Some(attribute) => decmpfs::size(attribute)?,
            None => record.data.size,
        };
        Ok(About {
            id: record.id.into(),
            mode: mode.into(),
            uid: record.uid,
            gid: record.gid,
            mtime: record.mtime,
            links,
            size,
            compressed,
            target: None,
        })
    }

    /// The value of an attribute that is kept in its list.
    fn attribute(&mut self, disk: &mut dyn Disk, id: u32, name: &str) -> Result<Option<Vec<u8>>, WalkError> {
        let Some(attributes) = &mut self.attributes else { return Ok(None) };
        let wanted: Vec<u16> = name.encode_utf16().collect();
        let order = |key: &[u8]| {
            let key = Bytes::new("a key of the attributes", key);
            let order = key.be32(2)?.cmp(&id);
            Ok(order.then(catalog::name(key.from(10)?)?.cmp(&wanted)).then(key.be32(6)?.cmp(&0)))
        };
        let mut position = attributes.seek(disk, order)?;
        let found = attributes.next(disk, &mut position, |key, data| {
            let data = Bytes::new("an attribute", data);
            let inline = order(key)? == Ordering::Equal && data.be32(0)? == 0x10;
            Ok(if inline { Some(data.slice(16, data.be32(12)? as usize)?.to_vec()) } else { None })
        })?;
        Ok(found.flatten())
    }
}

impl FileSystem for Hfs {
    type Cursor = Option<Position>;
    type Item = Record;

    fn root(&self) -> u64 {
        ROOT.into()
    }

    fn next_child(
        &mut self,
        disk: &mut dyn Disk,
        folder: u64,
        cursor: &mut Option<Position>,
    ) -> Result<Option<Child<Record>>, WalkError> {
        let folder = u32::try_from(folder).map_err(|_| WalkError::damage("a folder has no such number"))?;
        let mut position = match cursor.take() {
            Some(position) => position,
            None => self.first_in(disk, folder)?,
        };
        let found = loop {
            match self.next_record(disk, folder, &mut position)? {
                Some((name, _)) if folder == ROOT && HIDDEN.contains(&name.as_str()) => {}
                found => break found,
            }
        };
        *cursor = Some(position);
        let Some((name, record)) = found else { return Ok(None) };
        let name = shown_name(&name)?;
        let (record, links) = match record.finder {
            FOLDER_LINK if record.chained && !record.folder => {
                return Err(WalkError::damage(format!(
                    "{} is a hard link of a folder, which this program does not read",
                    name.display()
                )));
            }
            FILE_LINK => {
                let file = self.behind_link(disk, record.special)?;
                let links = file.special.max(2);
                (file, links)
            }
            _ => (record, 1),
        };
        let about = self.about(disk, &record, links)?;
        Ok(Some(Child { name, about, item: record }))
    }

    fn fork(&mut self, disk: &mut dyn Disk, item: &Record, which: Which) -> Result<Fork, WalkError> {
        let raw = match which {
            Which::Data => &item.data,
            Which::Resource => &item.resource,
        };
        complete(disk, &mut self.extents, self.block_size, item.id, which, raw)
    }

    fn ignores_case(&self) -> bool {
        !self.catalog.binary
    }
}

fn text(name: &[u16]) -> String {
    String::from_utf16_lossy(name)
}

/// A fork of which all extents stand in its record.
fn whole(raw: &RawFork, block_size: u32) -> Result<Fork, WalkError> {
    let mut fork = Fork::new(raw.size);
    add(&mut fork, &raw.extents, block_size)?;
    Ok(fork)
}

/// A fork with those extents, too, for which its record has no room.
fn complete(
    disk: &mut dyn Disk,
    overflow: &mut BTree,
    block_size: u32,
    id: u32,
    which: Which,
    raw: &RawFork,
) -> Result<Fork, WalkError> {
    let mut fork = whole(raw, block_size)?;
    if fork.placed() >= fork.size {
        return Ok(fork);
    }
    let kind = if which == Which::Data { 0 } else { 0xff };
    let place = |key: &[u8]| {
        let key = Bytes::new("a key of the extents", key);
        let kind = key.slice(0, 1)?.first().copied().unwrap_or_default();
        Ok((key.be32(2)?, kind, key.be32(6)?))
    };
    let blocks = |fork: &Fork| u32::try_from(fork.placed() / u64::from(block_size)).unwrap_or(u32::MAX);
    let wanted = (id, kind, blocks(&fork));
    let mut position = overflow.seek(disk, |key| Ok(place(key)?.cmp(&wanted)))?;
    while fork.placed() < fork.size {
        let expected = (id, kind, blocks(&fork));
        let found = overflow.next(disk, &mut position, |key, data| {
            let more = catalog::extents(Bytes::new("a record of extents", data))?;
            Ok(if place(key)? == expected { more } else { Vec::new() })
        })?;
        let found = found.filter(|more| !more.is_empty());
        let missing = || WalkError::damage(format!("a part of file {id} has no place on the volume"));
        add(&mut fork, &found.ok_or_else(missing)?, block_size)?;
    }
    Ok(fork)
}

fn add(fork: &mut Fork, extents: &[(u32, u32)], block_size: u32) -> Result<(), WalkError> {
    let bytes = |blocks: u32| u64::from(blocks) * u64::from(block_size);
    for (start, count) in extents {
        if !fork.add(Some(bytes(*start)), bytes(*count)) {
            return Err(WalkError::damage("a file is in too many pieces"));
        }
    }
    Ok(())
}
