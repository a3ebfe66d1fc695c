//! Bytes that can be read at any place: a disk, a part of one, a file on it.

use std::io::{self, Read};

/// Something with a size that is read at places.
pub(super) trait Disk {
    /// Its bytes.
    fn size(&self) -> u64;

    /// Fills `buffer` with what stands from `at` on.
    ///
    /// # Errors
    /// It ends before that, or reading fails.
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> io::Result<()>;
}

/// Why a read behind the end fails.
pub(super) fn ends_early() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the disk ends before that")
}

/// A partition.
pub(super) struct Part<'a> {
    pub(super) disk: &'a mut dyn Disk,
    pub(super) start: u64,
    pub(super) length: u64,
}

impl Disk for Part<'_> {
    fn size(&self) -> u64 {
        self.length
    }

    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        let end = at.checked_add(buffer.len() as u64).filter(|end| *end <= self.length);
        let start = self.start.checked_add(at).filter(|_| end.is_some());
        self.disk.read_at(start.ok_or_else(ends_early)?, buffer)
    }
}

/// The most pieces a file may be in.
const MOST_RUNS: usize = 1 << 18;

/// Where the content of a file lies.
#[derive(Debug, Clone, Default)]
pub(super) struct Fork {
    /// Bytes of content.
    pub(super) size: u64,
    runs: Vec<Run>,
}

#[derive(Debug, Clone, Copy)]
struct Run {
    /// The first byte of the content it holds.
    from: u64,
    length: u64,
    /// Where on the disk; `None`: zeros, which are not stored.
    at: Option<u64>,
}

impl Fork {
    pub(super) fn new(size: u64) -> Self {
        Self { size, runs: Vec::new() }
    }

    /// The content that has a place so far.
    pub(super) fn placed(&self) -> u64 {
        self.runs.last().map_or(0, |run| run.from.saturating_add(run.length))
    }

    /// Adds the next piece; `false`: there are too many.
    #[must_use]
    pub(super) fn add(&mut self, at: Option<u64>, length: u64) -> bool {
        if length > 0 {
            self.runs.push(Run { from: self.placed(), length, at });
        }
        self.runs.len() <= MOST_RUNS
    }

    /// Fills `buffer` with what stands from `from` on.
    pub(super) fn read_at(&self, disk: &mut dyn Disk, mut from: u64, buffer: &mut [u8]) -> io::Result<()> {
        if from.checked_add(buffer.len() as u64).is_none_or(|end| end > self.size) {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file ends before that"));
        }
        let mut rest = buffer;
        while !rest.is_empty() {
            let index = self.runs.partition_point(|run| run.from <= from).checked_sub(1);
            let run = index.and_then(|index| self.runs.get(index)).copied();
            let run = run.filter(|run| from - run.from < run.length);
            let missing = || io::Error::new(io::ErrorKind::InvalidData, "a part of the file has no place");
            let run = run.ok_or_else(missing)?;
            let skipped = from - run.from;
            let count = usize::try_from(run.length - skipped).unwrap_or(usize::MAX).min(rest.len());
            let (now, later) = rest.split_at_mut(count);
            match run.at {
                Some(at) => disk.read_at(at.checked_add(skipped).ok_or_else(ends_early)?, now)?,
                None => now.fill(0),
            }
            from += count as u64;
            rest = later;
        }
        Ok(())
    }
}

/// Reads a file from its beginning to its end.
pub(super) struct ForkReader<'a> {
    pub(super) disk: &'a mut dyn Disk,
    pub(super) fork: Fork,
    pub(super) at: u64,
}

impl Read for ForkReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.fork.size.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let count = left.min(buffer.len());
        let buffer = buffer.get_mut(..count).unwrap_or_default();
        self.fork.read_at(self.disk, self.at, buffer)?;
        self.at += count as u64;
        Ok(count)
    }
}
