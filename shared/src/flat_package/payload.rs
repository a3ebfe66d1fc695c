//! The compression around a `Payload` or `Scripts` archive, told by its first bytes and never by a name (P40).

use super::entry_reader::MOST_LZMA_KIB;
use super::pbzx::Pbzx;
use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;
use std::fmt;
use std::io::{self, BufReader, Chain, Cursor, Read};

/// How a payload is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, what `pkgbuild` writes by default.
    Gzip,
    /// bzip2.
    Bzip2,
    /// xz.
    Xz,
    /// Apple's chunks of xz, what `pkgbuild --compression latest` writes.
    Pbzx,
}

impl Compression {
    /// Tells it from the first bytes of a stream.
    #[must_use]
    pub fn sniff(first: &[u8]) -> Self {
        match first {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [b'B', b'Z', b'h', ..] => Self::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [b'p', b'b', b'z', b'x', ..] => Self::Pbzx,
            _ => Self::None,
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Pbzx => "pbzx",
        })
    }
}

/// The stream with its sniffed beginning put back.
type Input<R> = BufReader<Chain<Cursor<Vec<u8>>, R>>;

/// Reads what is inside a compressed payload, in a bounded amount of memory.
pub struct Payload<R: Read> {
    decoder: Decoder<R>,
    failed: bool,
}

enum Decoder<R: Read> {
    None(Input<R>),
    Gzip(MultiGzDecoder<Input<R>>),
    Bzip2(MultiBzDecoder<Input<R>>),
    Xz(Box<XzReader<Input<R>>>),
    Pbzx(Box<Pbzx<Input<R>>>),
}

impl<R: Read> Payload<R> {
    /// Looks at the first bytes of `stream` and decodes it accordingly.
    ///
    /// # Errors
    /// Reading the first bytes fails.
    pub fn new(mut stream: R) -> io::Result<Self> {
        let mut first = Vec::new();
        stream.by_ref().take(6).read_to_end(&mut first)?;
        let compression = Compression::sniff(&first);
        let input = BufReader::with_capacity(1 << 16, Cursor::new(first).chain(stream));
        let decoder = match compression {
            Compression::None => Decoder::None(input),
            Compression::Gzip => Decoder::Gzip(MultiGzDecoder::new(input)),
            Compression::Bzip2 => Decoder::Bzip2(MultiBzDecoder::new(input)),
            Compression::Xz => Decoder::Xz(Box::new(XzReader::new_mem_limit(input, true, MOST_LZMA_KIB))),
            Compression::Pbzx => Decoder::Pbzx(Box::new(Pbzx::new(input))),
        };
        Ok(Self { decoder, failed: false })
    }

    /// How the stream is compressed.
    #[must_use]
    pub fn compression(&self) -> Compression {
        match &self.decoder {
            Decoder::None(_) => Compression::None,
            Decoder::Gzip(_) => Compression::Gzip,
            Decoder::Bzip2(_) => Compression::Bzip2,
            Decoder::Xz(_) => Compression::Xz,
            Decoder::Pbzx(_) => Compression::Pbzx,
        }
    }
}

impl<R: Read> Read for Payload<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // A decoder that failed may panic when it is asked again.
        if self.failed {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "decompressing it failed before"));
        }
        // Nothing asked for is nothing read; the xz decoder would take it for the end of its stream.
        if buffer.is_empty() {
            return Ok(0);
        }
        let outcome = self.decoder.read(buffer);
        self.failed = outcome.is_err();
        outcome
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::None(decoder) => decoder.read(buffer),
            Self::Gzip(decoder) => decoder.read(buffer),
            Self::Bzip2(decoder) => decoder.read(buffer),
            Self::Xz(decoder) => decoder.read(buffer),
            Self::Pbzx(decoder) => decoder.read(buffer),
        }
    }
}
