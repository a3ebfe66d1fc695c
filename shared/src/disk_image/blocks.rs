//! The disk that is in an image, decoded where it is read.

use super::coding::decode;
use super::disk::{Disk, ends_early};
use super::udif::{Chunk, Coding};
use std::collections::VecDeque;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

/// The largest chunk that is decoded; tools write chunks of one megabyte at most.
const LARGEST_CHUNK: u64 = 32 << 20;

/// Decoded chunks that are kept together, in bytes: a walk goes back and forth between the list of files and files.
const KEPT: usize = 48 << 20;

/// The blocks of a disk image.
pub(super) struct Blocks<R> {
    source: R,
    /// Sorted; what none of them holds is zeros. `None`: the file is the disk.
    chunks: Option<Vec<Chunk>>,
    size: u64,
    kept: VecDeque<(usize, Arc<Vec<u8>>)>,
}

impl<R: Read + Seek> Blocks<R> {
    /// A disk that is stored as it is, or in chunks.
    pub(super) fn new(mut source: R, chunks: Option<Vec<Chunk>>) -> io::Result<Self> {
        let ends = chunks.iter().flatten().map(|chunk| chunk.start.saturating_add(chunk.length));
        let size = match &chunks {
            Some(_) => ends.max().unwrap_or(0),
            None => source.seek(SeekFrom::End(0))?,
        };
        Ok(Self { source, chunks, size, kept: VecDeque::new() })
    }

    /// The runs between two places of which a checksum is taken: first byte and length.
    pub(super) fn checked_runs(&self, start: u64, end: u64) -> Vec<(u64, u64)> {
        let chunks = self.chunks.iter().flatten().filter(|chunk| chunk.coding != Coding::Unused);
        chunks
            .filter(|chunk| (start..end).contains(&chunk.start))
            .map(|chunk| (chunk.start, chunk.length))
            .collect()
    }

    /// Reads up to the next border between chunks; how many bytes those were.
    fn read_some(&mut self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(chunks) = &self.chunks else {
            read_from(&mut self.source, at, buffer)?;
            return Ok(buffer.len());
        };
        let after = chunks.partition_point(|chunk| chunk.start <= at);
        let up_to = |end: u64| usize::try_from(end - at).unwrap_or(usize::MAX).min(buffer.len());
        let found = after.checked_sub(1).and_then(|index| Some((index, *chunks.get(index)?)));
        let found = found.filter(|(_, chunk)| at - chunk.start < chunk.length);
        let Some((index, chunk)) = found else {
            let count = up_to(chunks.get(after).map_or(u64::MAX, |next| next.start));
            buffer.get_mut(..count).unwrap_or_default().fill(0);
            return Ok(count);
        };
        let skipped = at - chunk.start;
        let count = up_to(chunk.start.saturating_add(chunk.length));
        let buffer = buffer.get_mut(..count).unwrap_or_default();
        match chunk.coding {
            Coding::Unused | Coding::Zero => buffer.fill(0),
            Coding::Raw => {
                let inside = skipped.checked_add(count as u64).is_some_and(|end| end <= chunk.stored);
                let at = chunk.stored_at.checked_add(skipped).filter(|_| inside);
                read_from(&mut self.source, at.ok_or_else(ends_early)?, buffer)?;
            }
            _ => {
                let sectors = self.decoded(index, chunk)?;
                let from = usize::try_from(skipped).unwrap_or(usize::MAX);
                let piece = sectors.get(from..from.saturating_add(count)).ok_or_else(ends_early)?;
                buffer.copy_from_slice(piece);
            }
        }
        Ok(count)
    }

    fn decoded(&mut self, index: usize, chunk: Chunk) -> io::Result<Arc<Vec<u8>>> {
        if let Some(place) = self.kept.iter().position(|(kept, _)| *kept == index)
            && let Some(kept) = self.kept.remove(place)
        {
            let sectors = Arc::clone(&kept.1);
            self.kept.push_back(kept);
            return Ok(sectors);
        }
        if chunk.length > LARGEST_CHUNK {
            let text = format!("a chunk of {} bytes is larger than any tool makes", chunk.length);
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        self.source.seek(SeekFrom::Start(chunk.stored_at))?;
        let sectors = decode(chunk.coding, self.source.by_ref().take(chunk.stored), chunk.length);
        let place = chunk.start;
        let sectors = sectors.map_err(|error| {
            io::Error::new(error.kind(), format!("the sectors at byte {place} cannot be decoded: {error}"))
        })?;
        let sectors = Arc::new(sectors);
        self.kept.push_back((index, Arc::clone(&sectors)));
        while self.kept.iter().map(|(_, kept)| kept.len()).sum::<usize>() > KEPT && self.kept.len() > 1 {
            self.kept.pop_front();
        }
        Ok(sectors)
    }
}

impl<R: Read + Seek> Disk for Blocks<R> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&mut self, mut at: u64, buffer: &mut [u8]) -> io::Result<()> {
        if at.checked_add(buffer.len() as u64).is_none_or(|end| end > self.size) {
            return Err(ends_early());
        }
        let mut rest = buffer;
        while !rest.is_empty() {
            let count = self.read_some(at, rest)?;
            at += count as u64;
            rest = rest.split_at_mut(count).1;
        }
        Ok(())
    }
}

fn read_from(source: &mut (impl Read + Seek), at: u64, buffer: &mut [u8]) -> io::Result<()> {
    source.seek(SeekFrom::Start(at))?;
    source.read_exact(buffer)
}
