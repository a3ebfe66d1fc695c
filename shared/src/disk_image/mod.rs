//! Disk images, read without the tools of macOS: what blocks are in them, which volumes, and what is on those (P51).
//!
//! ```text
//! file ── udif ──► chunks ── blocks ──► disk ── partitions ──► volume ── hfs, apfs ──► walk
//! ```
//!
//! Nothing in an image is trusted: no number found in it decides how much memory is taken, how long a loop lasts or
//! which byte is read. What this program cannot read it refuses by name: encrypted images, sparse ones, segments.

mod apfs;
mod blocks;
mod bytes;
mod coding;
mod decmpfs;
mod disk;
mod hfs;
mod partitions;
mod udif;
mod volume;
mod walker;
pub mod write;

use crate::walk::{Walk, WalkError};
use apfs::Apfs;
use blocks::Blocks;
use disk::{Disk, Part};
use flate2::Crc;
use hfs::Hfs;
use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
pub use udif::{Coding, Table};
use walker::VolumeWalk;

/// The most of a disk that is read for checksums: zeros take no room in the file, but time, and parts may overlap.
const LARGEST_CHECKED: u64 = 64 << 30;

/// A disk image.
pub struct DiskImage<R> {
    disk: Blocks<R>,
    codings: BTreeSet<Coding>,
    tables: Option<Vec<Table>>,
    licence: bool,
    volumes: Vec<Volume>,
}

/// A volume on the disk.
#[derive(Debug, Clone)]
pub struct Volume {
    /// What the Finder shows.
    pub name: String,
    /// Which file system it has.
    pub file_system: FileSystemKind,
    /// Bytes of its partition, which other volumes may share.
    pub size: u64,
    /// Whether it needs a password; it cannot be walked then.
    pub encrypted: bool,
    start: u64,
    in_container: Option<apfs::Found>,
}

/// A file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSystemKind {
    /// HFS+, also called Mac OS Extended.
    HfsPlus,
    /// APFS.
    Apfs,
}

impl fmt::Display for FileSystemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HfsPlus => "HFS+",
            Self::Apfs => "APFS",
        })
    }
}

impl<R: Read + Seek> DiskImage<R> {
    /// Reads what is around the blocks, and finds the volumes. A file without a trailer may be a disk as it is.
    ///
    /// # Errors
    /// It is no disk image, a damaged one, or one of a kind this program cannot read.
    pub fn open(mut source: R) -> Result<Self, WalkError> {
        refuse_by_beginning(&mut source)?;
        let udif = udif::read(&mut source)?;
        let failed = |error| WalkError::failed("the disk image cannot be read", error);
        let (chunks, tables, licence) = match udif {
            Some(udif) => (Some(udif.chunks), Some(udif.tables), udif.licence),
            None => (None, None, false),
        };
        let codings = chunks.iter().flatten().map(|chunk| chunk.coding).collect();
        let disk = Blocks::new(source, chunks).map_err(failed)?;
        let mut image = Self { disk, codings, tables, licence, volumes: Vec::new() };
        image.find_volumes()?;
        if image.tables.is_none() && image.volumes.is_empty() {
            return Err(WalkError::damage(
                "this is no disk image: it has no trailer, and no volume is in it",
            ));
        }
        Ok(image)
    }

    /// The volumes that can be walked.
    #[must_use]
    pub fn volumes(&self) -> &[Volume] {
        &self.volumes
    }

    /// Bytes of the disk.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.disk.size()
    }

    /// How its blocks are stored, as `hdiutil` calls it.
    #[must_use]
    pub fn format(&self) -> &'static str {
        match self.codings.last() {
            _ if self.tables.is_none() => "raw",
            None | Some(Coding::Unused | Coding::Zero | Coding::Raw) => "UDRO",
            Some(Coding::Adc) => "UDCO",
            Some(Coding::Zlib) => "UDZO",
            Some(Coding::Bzip2) => "UDBZ",
            Some(Coding::Lzfse) => "ULFO",
            Some(Coding::Lzma) => "ULMO",
        }
    }

    /// Its parts as listed; none where the file is the disk.
    #[must_use]
    pub fn tables(&self) -> &[Table] {
        self.tables.as_deref().unwrap_or_default()
    }

    /// Whether attaching it asks for agreement to a licence.
    #[must_use]
    pub fn has_licence(&self) -> bool {
        self.licence
    }

    /// Walks a volume from `from` on, a path below its root; the empty path is the root. Paths of the entries are
    /// relative to it, so that of `from` itself is empty. `None`: there is no such item.
    ///
    /// # Errors
    /// The volume is damaged.
    pub fn walk<'a>(
        &'a mut self,
        volume: &Volume,
        from: &Path,
    ) -> Result<Option<Box<dyn Walk + 'a>>, WalkError> {
        let mut part = Part { disk: &mut self.disk, start: volume.start, length: volume.size };
        match &volume.in_container {
            Some(found) => {
                let system = Apfs::open(&mut part, found)?;
                Ok(VolumeWalk::new(part, system, from)?.map(|walk| Box::new(walk) as Box<dyn Walk + 'a>))
            }
            None => {
                let system = Hfs::open(&mut part)?;
                Ok(VolumeWalk::new(part, system, from)?.map(|walk| Box::new(walk) as Box<dyn Walk + 'a>))
            }
        }
    }

    /// Reads every part that has a checksum; what does not match or cannot be read, one sentence each.
    ///
    /// # Errors
    /// That is too much to be read.
    pub fn verify(&mut self) -> Result<Vec<String>, WalkError> {
        let mut wrong = Vec::new();
        let checked = |table: &&Table| table.crc.is_some();
        let runs = |disk: &Blocks<R>, table: &Table| {
            disk.checked_runs(table.start, table.start.saturating_add(table.length))
        };
        let all = self.tables.iter().flatten().filter(checked).flat_map(|table| runs(&self.disk, table));
        let all = all.fold(0u64, |all, (_, length)| all.saturating_add(length));
        if all > LARGEST_CHECKED {
            return Err(WalkError::damage(format!("parts of {all} bytes are too large to be checked")));
        }
        let mut buffer = vec![0; 1 << 20];
        for table in self.tables.iter().flatten() {
            let Some(expected) = table.crc else { continue };
            let runs = runs(&self.disk, table);
            match crc(&mut self.disk, &runs, &mut buffer) {
                Ok(crc) if crc == expected => {}
                Ok(_) => wrong
                    .push(format!("{} does not match its checksum; download the image again", table.name)),
                Err(error) => wrong.push(format!("{} cannot be read: {error}", table.name)),
            }
        }
        Ok(wrong)
    }

    fn find_volumes(&mut self) -> Result<(), WalkError> {
        let tables = self.tables.iter().flatten().map(|table| (table.start, table.length));
        let mut places: BTreeSet<(u64, u64)> = tables.collect();
        let whole = self.disk.size();
        places.extend(partitions::list(&mut self.disk)?);
        places.insert((0, whole));
        let mut found = BTreeSet::new();
        for (start, length) in places {
            let length = length.min(whole.saturating_sub(start));
            let mut part = Part { disk: &mut self.disk, start, length };
            if let Some(block_size) = apfs::block_size(&mut part)? {
                if found.insert(start) {
                    let volumes = apfs::volumes(&mut part, block_size)?;
                    self.volumes.extend(volumes.into_iter().map(|found| Volume {
                        name: found.name.clone(),
                        file_system: FileSystemKind::Apfs,
                        size: length,
                        encrypted: found.encrypted,
                        start,
                        in_container: Some(found),
                    }));
                }
                continue;
            }
            let Some(inner) = hfs::find(&mut part)? else { continue };
            let Some(size) = length.checked_sub(inner) else { continue };
            let start = start.saturating_add(inner);
            if found.insert(start) {
                let mut part = Part { disk: &mut self.disk, start, length: size };
                let name = Hfs::open(&mut part)?.name().to_owned();
                let file_system = FileSystemKind::HfsPlus;
                self.volumes.push(Volume {
                    name,
                    file_system,
                    size,
                    encrypted: false,
                    start,
                    in_container: None,
                });
            }
        }
        Ok(())
    }
}

/// CRC-32 of runs of the disk, one after the other.
fn crc(disk: &mut dyn Disk, runs: &[(u64, u64)], buffer: &mut [u8]) -> io::Result<u32> {
    let mut crc = Crc::new();
    for (mut at, mut left) in runs.iter().copied() {
        while left > 0 {
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            let piece = buffer.get_mut(..count).unwrap_or_default();
            disk.read_at(at, piece)?;
            crc.update(piece);
            (at, left) = (at + count as u64, left - count as u64);
        }
    }
    Ok(crc.sum())
}

/// Names those kinds of images that are recognised by their first bytes.
fn refuse_by_beginning(source: &mut (impl Read + Seek)) -> Result<(), WalkError> {
    let failed = |error| WalkError::failed("the disk image cannot be read", error);
    let mut first = Vec::new();
    source.seek(SeekFrom::Start(0)).map_err(failed)?;
    source.by_ref().take(8).read_to_end(&mut first).map_err(failed)?;
    let kind = match &*first {
        b"encrcdsa" => "an encrypted disk image; convert it to one without a password",
        [b's', b'p', b'r', b's', ..] => "a sparse disk image; convert it to a compressed one",
        _ => return Ok(()),
    };
    Err(WalkError::damage(format!("this is {kind} (hdiutil convert -format UDZO)")))
}

#[cfg(test)]
mod tests;
