//! `pbzx`: Apple's chunks of xz or plain bytes (P40).
//!
//! `pbzx`, 8 bytes of flags, then chunks: plain size and stored size (8 bytes each, big-endian), then the stored
//! bytes. A chunk that would not shrink is stored as it is.

use super::entry_reader::MOST_LZMA_KIB;
use lzma_rust2::XzReader;
use std::io::{self, BufRead, Read, Take};

/// Apple writes chunks of 16 MiB; larger than this is damage.
const LARGEST_CHUNK: u64 = 1 << 30;

/// Reads the plain bytes of a pbzx stream.
pub(super) struct Pbzx<R: BufRead> {
    state: State<R>,
    chunks: u64,
}

enum State<R: BufRead> {
    /// Before the magic.
    Start(R),
    /// Before a chunk's sizes, or at the end.
    Between(R),
    /// In a chunk that is stored as it is.
    Stored(Take<R>),
    /// In a compressed chunk with so many plain bytes left.
    Compressed(Box<XzReader<Take<R>>>, u64),
    /// Damaged, or moved out while working.
    Broken,
}

impl<R: BufRead> Pbzx<R> {
    /// Reads from `source`, which stands at the magic.
    pub(super) fn new(source: R) -> Self {
        Self { state: State::Start(source), chunks: 0 }
    }

    /// Moves on until there are bytes to give; `None` at the end of the stream.
    fn step(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let (state, outcome) = match std::mem::replace(&mut self.state, State::Broken) {
            State::Start(mut source) => {
                source.read_exact(&mut [0; 12])?;
                (State::Between(source), Some(0))
            }
            State::Between(mut source) => match source.fill_buf()?.is_empty() {
                true => (State::Between(source), None),
                false => (self.begin(source)?, Some(0)),
            },
            State::Stored(mut chunk) => match chunk.read(buffer)? {
                0 if chunk.limit() > 0 => return Err(self.damage("the stream ends inside it")),
                0 => (State::Between(chunk.into_inner()), Some(0)),
                count => (State::Stored(chunk), Some(count)),
            },
            State::Compressed(chunk, left) => self.decompress(chunk, left, buffer)?,
            State::Broken => return Err(self.damage("reading it failed before")),
        };
        self.state = state;
        Ok(outcome)
    }

    fn begin(&mut self, mut source: R) -> io::Result<State<R>> {
        self.chunks += 1;
        let (mut plain, mut stored) = ([0; 8], [0; 8]);
        source.read_exact(&mut plain)?;
        source.read_exact(&mut stored)?;
        let (plain, stored) = (u64::from_be_bytes(plain), u64::from_be_bytes(stored));
        if plain > LARGEST_CHUNK || stored > LARGEST_CHUNK {
            return Err(self.damage(&format!("it announces {plain} bytes in {stored}")));
        }
        if plain == stored {
            return Ok(State::Stored(source.take(stored)));
        }
        Ok(State::Compressed(
            Box::new(XzReader::new_mem_limit(source.take(stored), false, MOST_LZMA_KIB)),
            plain,
        ))
    }

    fn decompress(
        &self,
        mut chunk: Box<XzReader<Take<R>>>,
        left: u64,
        buffer: &mut [u8],
    ) -> io::Result<(State<R>, Option<usize>)> {
        let count = chunk.read(buffer).map_err(|error| self.damage(&error.to_string()))?;
        let left =
            left.checked_sub(count as u64).ok_or_else(|| self.damage("it has more bytes than announced"))?;
        if count > 0 {
            return Ok((State::Compressed(chunk, left), Some(count)));
        }
        if left > 0 {
            return Err(self.damage(&format!("it ends {left} bytes early")));
        }
        let mut rest = chunk.into_inner();
        io::copy(&mut rest, &mut io::sink())?;
        Ok((State::Between(rest.into_inner()), Some(0)))
    }

    fn damage(&self, reason: &str) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, format!("pbzx chunk {}: {reason}", self.chunks))
    }
}

impl<R: BufRead> Read for Pbzx<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match self.step(buffer)? {
                Some(0) => {}
                Some(count) => return Ok(count),
                None => return Ok(0),
            }
        }
    }
}
