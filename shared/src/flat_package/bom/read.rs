//! Reads a bill of materials; every offset and number in it is distrusted.

use super::{Entry, Kind, ROOT};
use std::collections::{HashMap, HashSet};

/// Deeper trees of blocks or folders are not credible.
const MAX_DEPTH: usize = 512;

/// Why bytes are not a usable bill of materials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadBom {
    /// The first bytes are not those of a `BOMStore`.
    #[error("not a bill of materials: it does not begin with `BOMStore`")]
    NotABom,
    /// Something points outside the file or is too short; what it was.
    #[error("the bill of materials is damaged: {0} is outside the file or too short")]
    Truncated(&'static str),
    /// Links between blocks or folders form a loop.
    #[error("the bill of materials is damaged: its {0} form a loop")]
    Loop(&'static str),
    /// A name is not text.
    #[error("the bill of materials contains a name that is not UTF-8")]
    NotText,
    /// A record is of a kind nobody knows.
    #[error("the bill of materials contains an entry of unknown kind {0}")]
    UnknownKind(u8),
}

/// The entries of a bill, sorted so that each folder comes just before what is in it.
///
/// # Errors
/// When the bytes are not a bill or are damaged.
pub fn read(bytes: &[u8]) -> Result<Vec<Entry>, BadBom> {
    let store = Store::open(bytes)?;
    let Some(paths) = store.variable("Paths")? else { return Err(BadBom::Truncated("the list of paths")) };
    let mut records = HashMap::new();
    for (value, key) in store.slots(paths)? {
        let (id, record) = (word(value, 0, "a path")?, word(value, 4, "a path")?);
        let parent = word(key, 0, "a name")?;
        let name = text(key.get(4..).unwrap_or_default())?;
        records.insert(id, (parent, name, store.block(record, "a path's record")?));
    }
    let mut entries = Vec::with_capacity(records.len());
    for (_, name, record) in records.values() {
        entries.push(entry(name, record)?);
    }
    for (entry, (parent, name, _)) in entries.iter_mut().zip(records.values()) {
        entry.path = full_path(*parent, name, &records)?;
    }
    entries.sort_unstable_by(|a, b| a.path.split('/').cmp(b.path.split('/')));
    entries.sort_by_key(|entry| entry.path != ROOT);
    Ok(entries)
}

/// Whether a bill lists files of 4 GiB or more: their [`Entry::size`] is what is left of it in 32 bits.
///
/// # Errors
/// When the bytes are not a bill or are damaged.
pub fn has_long_files(bytes: &[u8]) -> Result<bool, BadBom> {
    let store = Store::open(bytes)?;
    // What is in there is written down nowhere; whether something is, can be seen.
    let sizes = store.variable("Size64")?;
    Ok(sizes.is_some_and(|sizes| !store.slots(sizes).is_ok_and(|slots| slots.is_empty())))
}

fn full_path<R>(parent: u32, name: &str, records: &HashMap<u32, (u32, &str, R)>) -> Result<String, BadBom> {
    let mut names = vec![name];
    let mut parent = parent;
    while let Some((above, name, _)) = records.get(&parent) {
        if *above == 0 {
            break;
        }
        names.push(name);
        parent = *above;
        if names.len() > MAX_DEPTH {
            return Err(BadBom::Loop("folders"));
        }
    }
    names.reverse();
    Ok(names.join("/"))
}

fn entry(name: &str, record: &[u8]) -> Result<Entry, BadBom> {
    let what = "a path's record";
    let checksum = || word(record, 23, what);
    let kind = match record.first().copied().ok_or(BadBom::Truncated(what))? {
        1 => Kind::File(checksum()?),
        2 => Kind::Folder,
        3 => Kind::Link {
            checksum: checksum()?,
            target: text(record.get(31..).unwrap_or_default())?.to_owned(),
        },
        4 => Kind::Device(checksum()?),
        unknown => return Err(BadBom::UnknownKind(unknown)),
    };
    Ok(Entry {
        path: name.to_owned(),
        kind,
        mode: (word(record, 2, what)? & 0xffff) as u16,
        uid: word(record, 6, what)?,
        gid: word(record, 10, what)?,
        mtime: word(record, 14, what)?,
        size: word(record, 18, what)?,
    })
}

fn word(bytes: &[u8], at: usize, what: &'static str) -> Result<u32, BadBom> {
    let four = at.checked_add(4).and_then(|end| bytes.get(at..end)).and_then(|four| four.try_into().ok());
    four.map(u32::from_be_bytes).ok_or(BadBom::Truncated(what))
}

fn text(bytes: &[u8]) -> Result<&str, BadBom> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    std::str::from_utf8(bytes.get(..end).unwrap_or_default()).map_err(|_| BadBom::NotText)
}

/// The blocks of a file.
struct Store<'a> {
    bytes: &'a [u8],
    index: &'a [u8],
    names: &'a [u8],
}

/// Value and key blocks of one slot of a tree.
type Slot<'a> = (&'a [u8], &'a [u8]);

impl<'a> Store<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, BadBom> {
        if !bytes.starts_with(b"BOMStore") {
            return Err(BadBom::NotABom);
        }
        let part = |at, what| range(bytes, word(bytes, at, what)?, word(bytes, at + 4, what)?, what);
        Ok(Self { bytes, index: part(16, "the table of blocks")?, names: part(24, "the list of variables")? })
    }

    fn block(&self, number: u32, what: &'static str) -> Result<&'a [u8], BadBom> {
        let count = word(self.index, 0, "the table of blocks")?;
        if number == 0 || number >= count {
            return Err(BadBom::Truncated(what));
        }
        let at = 4 + number as usize * 8;
        range(self.bytes, word(self.index, at, what)?, word(self.index, at + 4, what)?, what)
    }

    fn variable(&self, wanted: &str) -> Result<Option<u32>, BadBom> {
        let what = "the list of variables";
        let mut at = 4;
        for _ in 0..word(self.names, 0, what)? {
            let block = word(self.names, at, what)?;
            let length = usize::from(*self.names.get(at + 4).ok_or(BadBom::Truncated(what))?);
            let name = self.names.get(at + 5..at + 5 + length).ok_or(BadBom::Truncated(what))?;
            if name == wanted.as_bytes() {
                return Ok(Some(block));
            }
            at += 5 + length;
        }
        Ok(None)
    }

    /// All slots in the leaves of the tree whose head is block `head`.
    fn slots(&self, head: u32) -> Result<Vec<Slot<'a>>, BadBom> {
        let what = "a tree";
        let mut number = word(self.block(head, what)?, 8, what)?;
        for _ in 0..MAX_DEPTH {
            let block = self.block(number, what)?;
            if word(block, 0, what)? >> 16 == 1 {
                return self.leaves(number);
            }
            number = word(block, 12, what)?;
        }
        Err(BadBom::Loop("trees"))
    }

    /// The slots of the leaf `number` and of those chained behind it.
    fn leaves(&self, mut number: u32) -> Result<Vec<Slot<'a>>, BadBom> {
        let what = "a tree's leaf";
        let mut slots = Vec::new();
        let mut seen = HashSet::new();
        while number != 0 {
            if !seen.insert(number) {
                return Err(BadBom::Loop("trees"));
            }
            let leaf = self.block(number, what)?;
            // Honest leaves do not overlap, so that all slots together fit into the file.
            if slots.len() > self.bytes.len() / 8 {
                return Err(BadBom::Loop("trees"));
            }
            for slot in 0..(word(leaf, 0, what)? & 0xffff) as usize {
                let (value, key) = (word(leaf, 12 + slot * 8, what)?, word(leaf, 16 + slot * 8, what)?);
                slots.push((self.block(value, what)?, self.block(key, what)?));
            }
            number = word(leaf, 4, what)?;
        }
        Ok(slots)
    }
}

fn range<'a>(bytes: &'a [u8], at: u32, length: u32, what: &'static str) -> Result<&'a [u8], BadBom> {
    let at = at as usize;
    at.checked_add(length as usize).and_then(|end| bytes.get(at..end)).ok_or(BadBom::Truncated(what))
}
