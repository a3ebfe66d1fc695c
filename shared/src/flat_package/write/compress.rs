//! How a payload is compressed: not at all, with gzip, or in the xz chunks of Apple's `pbzx`.

use flate2::{GzBuilder, write::GzEncoder};
use lzma_rust2::{XzOptions, XzWriter};
use serde::Deserialize;
use std::io::{self, Write};

/// Bytes of one chunk before compression, as Apple's tools write them (P40).
const CHUNK: usize = 16 << 20;
/// xz preset: 6 is Apple's and xz's own default.
const XZ_PRESET: u32 = 6;

/// How `Payload` is compressed, and `Scripts` as well unless it is [`Compression::Xz`]: they have gzip then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, which every macOS reads.
    #[default]
    Gzip,
    /// xz in chunks (`pbzx`): smallest; needs macOS 10.10. Holds one chunk of 16 MiB in memory.
    Xz,
}

/// A writer that compresses into `W`.
pub(super) enum Compressor<W: Write> {
    None(W),
    Gzip(GzEncoder<W>),
    Xz(Chunks<W>),
}

impl<W: Write> Compressor<W> {
    pub(super) fn new(compression: Compression, out: W) -> io::Result<Self> {
        Ok(match compression {
            Compression::None => Self::None(out),
            // No name, no time: the same input gives the same bytes.
            Compression::Gzip => Self::Gzip(GzBuilder::new().write(out, flate2::Compression::best())),
            Compression::Xz => Self::Xz(Chunks::new(out)?),
        })
    }

    pub(super) fn finish(self) -> io::Result<W> {
        match self {
            Self::None(out) => Ok(out),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Xz(chunks) => chunks.finish(),
        }
    }
}

impl<W: Write> Write for Compressor<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::None(out) => out.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Xz(chunks) => chunks.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::None(out) => out.flush(),
            Self::Gzip(encoder) => encoder.flush(),
            Self::Xz(chunks) => chunks.out.flush(),
        }
    }
}

/// The `pbzx` stream: a magic, the chunk size, then chunks of plain size, stored size and an xz stream.
pub(super) struct Chunks<W: Write> {
    out: W,
    plain: Vec<u8>,
}

impl<W: Write> Chunks<W> {
    fn new(mut out: W) -> io::Result<Self> {
        out.write_all(b"pbzx")?;
        out.write_all(&(CHUNK as u64).to_be_bytes())?;
        Ok(Self { out, plain: Vec::new() })
    }

    fn chunk(&mut self) -> io::Result<()> {
        let mut xz = XzWriter::new(Vec::new(), XzOptions::with_preset(XZ_PRESET))?;
        xz.write_all(&self.plain)?;
        let compressed = xz.finish()?;
        // A chunk that is not smaller is stored as it is; readers tell by the missing xz magic.
        let shrinks = compressed.len() < self.plain.len();
        let stored = if shrinks || self.plain.starts_with(b"\xfd7zXZ\0") { &compressed } else { &self.plain };
        self.out.write_all(&(self.plain.len() as u64).to_be_bytes())?;
        self.out.write_all(&(stored.len() as u64).to_be_bytes())?;
        self.out.write_all(stored)?;
        self.plain.clear();
        Ok(())
    }

    fn finish(mut self) -> io::Result<W> {
        if !self.plain.is_empty() {
            self.chunk()?;
        }
        Ok(self.out)
    }
}

impl<W: Write> Write for Chunks<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(CHUNK - self.plain.len());
        self.plain.extend(bytes.iter().take(taken));
        if self.plain.len() == CHUNK {
            self.chunk()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
