//! What stands around the blocks of a `.dmg`: the trailer at its end, the list of its parts and their chunks (P51).
//!
//! The last 512 bytes, `koly`, say where an XML property list stands; that holds one table (`mish`) for each part of
//! the disk, and the table says for each run of sectors where in the file they are and how they are compressed.

use super::bytes::Bytes;
use crate::property_list;
use crate::walk::WalkError;
use plist::Value;
use std::io::{Read, Seek, SeekFrom};

pub(super) const SECTOR: u64 = 512;

/// The largest property list that is read; one with a million chunks has a tenth of that for each.
const LARGEST_LIST: u64 = 64 << 20;

/// Disk images have a handful of parts.
const MOST_TABLES: usize = 128;

const TRAILER: usize = 512;
const TABLE_HEAD: usize = 204;
const CHUNK: usize = 40;

/// How a run of sectors is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Coding {
    /// Not at all: they belong to no file, and read as zeros. Checksums leave them out.
    Unused,
    /// Not at all: they are zeros.
    Zero,
    /// As they are.
    Raw,
    /// Apple Data Compression, the oldest.
    Adc,
    /// zlib.
    Zlib,
    /// bzip2.
    Bzip2,
    /// LZFSE.
    Lzfse,
    /// xz.
    Lzma,
}

/// A run of sectors; places and lengths in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunk {
    pub(super) start: u64,
    pub(super) length: u64,
    pub(super) coding: Coding,
    /// Where in the file.
    pub(super) stored_at: u64,
    pub(super) stored: u64,
}

/// A part of the disk, such as a partition or its map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Such as `disk image (Apple_HFS : 4)`.
    pub name: String,
    /// Its first byte on the disk.
    pub start: u64,
    /// Its bytes.
    pub length: u64,
    /// CRC-32 of them, if recorded.
    pub crc: Option<u32>,
}

/// All that is known before a block is read.
#[derive(Debug)]
pub(super) struct Udif {
    pub(super) tables: Vec<Table>,
    /// Sorted by their first byte.
    pub(super) chunks: Vec<Chunk>,
    /// Whether a licence must be agreed to before it is attached.
    pub(super) licence: bool,
}

/// Reads what is around the blocks; `None`: there is no trailer.
pub(super) fn read<R: Read + Seek>(source: &mut R) -> Result<Option<Udif>, WalkError> {
    let failed = |error| WalkError::failed("the disk image cannot be read", error);
    let size = source.seek(SeekFrom::End(0)).map_err(failed)?;
    let Some(trailer_at) = size.checked_sub(TRAILER as u64) else { return Ok(None) };
    let mut trailer = [0; TRAILER];
    source.seek(SeekFrom::Start(trailer_at)).map_err(failed)?;
    source.read_exact(&mut trailer).map_err(failed)?;
    if !trailer.starts_with(b"koly") {
        return Ok(None);
    }
    let trailer = Bytes::new("the trailer of the disk image", &trailer);
    let segments = (trailer.be32(56)?, trailer.be32(60)?);
    if segments.1 > 1 {
        let (number, count) = segments;
        return Err(WalkError::damage(format!(
            "this is file {number} of the {count} a segmented disk image has; convert it to one file"
        )));
    }
    let (data_at, list_at, list) = (trailer.be64(24)?, trailer.be64(216)?, trailer.be64(224)?);
    if list == 0 || list > LARGEST_LIST {
        return Err(WalkError::damage(format!(
            "its property list has {list} bytes, which this program does not read"
        )));
    }
    source.seek(SeekFrom::Start(list_at)).map_err(failed)?;
    let mut text = Vec::new();
    source.by_ref().take(list).read_to_end(&mut text).map_err(failed)?;
    let text = String::from_utf8(text).map_err(|_| WalkError::damage("its property list is no text"))?;
    let list = property_list::from_xml::<{ LARGEST_LIST as usize }>(&text);
    let list = list.map_err(|error| WalkError::damage(format!("its property list is none: {error}")))?;
    parts(&list, data_at).map(Some)
}

fn parts(list: &Value, data_at: u64) -> Result<Udif, WalkError> {
    let resources = list.as_dictionary().and_then(|list| list.get("resource-fork")?.as_dictionary());
    let resources = resources.ok_or_else(|| WalkError::damage("its property list has no resource-fork"))?;
    let found = resources.get("blkx").and_then(Value::as_array);
    let found = found.ok_or_else(|| WalkError::damage("its property list has no blkx"))?;
    if found.len() > MOST_TABLES {
        return Err(WalkError::damage(format!(
            "its property list has {} parts, more than {MOST_TABLES}",
            found.len()
        )));
    }
    let mut udif = Udif { tables: Vec::new(), chunks: Vec::new(), licence: resources.contains_key("LPic") };
    for part in found {
        let part = part.as_dictionary();
        let text = |key| {
            part.and_then(|part| part.get(key)).and_then(Value::as_string).filter(|text| !text.is_empty())
        };
        let name = text("CFName").or_else(|| text("Name")).unwrap_or("an unnamed part").to_owned();
        let data = part.and_then(|part| part.get("Data")).and_then(Value::as_data).unwrap_or_default();
        table(name, data, data_at, &mut udif)?;
    }
    udif.chunks.sort_by_key(|chunk| chunk.start);
    Ok(udif)
}

fn table(name: String, data: &[u8], data_at: u64, udif: &mut Udif) -> Result<(), WalkError> {
    let bytes = Bytes::new("a table of chunks", data);
    if !data.starts_with(b"mish") {
        return Err(WalkError::damage(format!("the table of {name} is none")));
    }
    let outside = || WalkError::damage(format!("the table of {name} leads outside the disk"));
    let place = |sector: u64| sector.checked_mul(SECTOR).filter(|place| *place < 1 << 62).ok_or_else(outside);
    let (start, sectors) = (bytes.be64(8)?, bytes.be64(16)?);
    let stored_at = data_at.checked_add(bytes.be64(24)?).ok_or_else(outside)?;
    let crc = (bytes.be32(64)? == 2).then(|| bytes.be32(72)).transpose()?;
    let count = bytes.be32(200)? as usize;
    let chunks = bytes.from(TABLE_HEAD)?;
    for index in 0..count {
        let chunk = Bytes::new("a table of chunks", chunks.slice(index.saturating_mul(CHUNK), CHUNK)?);
        let coding = match chunk.be32(0)? {
            0 => Coding::Zero,
            2 => Coding::Unused,
            1 => Coding::Raw,
            0x8000_0004 => Coding::Adc,
            0x8000_0005 => Coding::Zlib,
            0x8000_0006 => Coding::Bzip2,
            0x8000_0007 => Coding::Lzfse,
            0x8000_0008 => Coding::Lzma,
            0x7fff_fffe => continue,
            0xffff_ffff => break,
            other => {
                return Err(WalkError::damage(format!(
                    "{name} is compressed in a way this program does not know ({other:#x})"
                )));
            }
        };
        udif.chunks.push(Chunk {
            start: place(start.checked_add(chunk.be64(8)?).ok_or_else(outside)?)?,
            length: place(chunk.be64(16)?)?,
            coding,
            stored_at: stored_at.checked_add(chunk.be64(24)?).ok_or_else(outside)?,
            stored: chunk.be64(32)?,
        });
    }
    let (start, length) = (place(start)?, place(sectors)?);
    udif.tables.push(Table { name, start, length, crc });
    Ok(())
}
