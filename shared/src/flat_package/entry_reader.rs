//! The decoded bytes of one archive entry, checked against its recorded size and checksums (P38, P39).

use super::checksum::{Checksum, Hasher};
use super::toc::{Encoding, Stored};
use bzip2::bufread::BzDecoder;
use flate2::bufread::ZlibDecoder;
use lzma_rust2::{LzmaReader, XzReader};
use std::io::{self, BufRead, BufReader, Read};

/// Memory an LZMA or xz dictionary may take, in KiB.
pub(crate) const MOST_LZMA_KIB: u32 = 192 << 10;

/// Reads an entry's decoded bytes.
///
/// The last read, the one that gives 0 bytes, verifies size and checksums: until then nothing that was read is
/// known to be genuine. When they do not match it fails, and every read after it too.
pub struct EntryReader<'a, R: Read> {
    decoder: Decoder<'a, R>,
    path: String,
    stored: Stored,
    extracted: Option<Hasher>,
    produced: u64,
    state: State,
}

/// How far the verification is.
enum State {
    Reading,
    Verified,
    Failed(String),
}

impl<'a, R: Read> EntryReader<'a, R> {
    /// Reads what is `stored` from where `source` stands.
    pub(super) fn new(source: &'a mut R, path: &str, stored: Stored) -> io::Result<Self> {
        let hasher =
            |checksum: &Option<Checksum>| checksum.as_ref().map(|checksum| Hasher::new(checksum.style));
        let archived = Archived { source, left: stored.length, hasher: hasher(&stored.archived) };
        let extracted = hasher(&stored.extracted);
        let decoder = Decoder::new(BufReader::with_capacity(1 << 16, archived), &stored.encoding)?;
        Ok(Self { decoder, path: path.to_owned(), stored, extracted, produced: 0, state: State::Reading })
    }

    /// The entry is over: everything must fit.
    fn verify(&mut self) -> Result<(), String> {
        if self.produced != self.stored.size {
            return Err(format!("has {} bytes instead of {}", self.produced, self.stored.size));
        }
        let archived = self.decoder.rest().map_err(|error| error.to_string())?;
        let same = |hasher: Option<Hasher>, checksum: &Option<Checksum>| match (hasher, checksum) {
            (Some(hasher), Some(checksum)) => hasher.finish() == checksum.value,
            _ => true,
        };
        if !same(archived, &self.stored.archived) {
            return Err("does not match its archived checksum".into());
        }
        if !same(self.extracted.take(), &self.stored.extracted) {
            return Err("does not match its extracted checksum".into());
        }
        Ok(())
    }

    fn fail(&mut self, reason: &str) -> io::Error {
        let text = format!("{} {reason}: the package was damaged or altered; download it again", self.path);
        self.state = State::Failed(text.clone());
        io::Error::new(io::ErrorKind::InvalidData, text)
    }
}

impl<R: Read> Read for EntryReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.state {
            State::Verified => return Ok(0),
            State::Failed(reason) => return Err(io::Error::new(io::ErrorKind::InvalidData, reason.clone())),
            State::Reading if buffer.is_empty() => return Ok(0),
            State::Reading => {}
        }
        let count = match self.decoder.read(buffer) {
            Ok(count) => count,
            Err(error) => return Err(self.fail(&format!("cannot be decoded ({error})"))),
        };
        self.produced += count as u64;
        if self.produced > self.stored.size {
            return Err(self.fail(&format!("has more than its {} bytes", self.stored.size)));
        }
        if let Some(hasher) = &mut self.extracted {
            hasher.update(buffer.get(..count).unwrap_or_default());
        }
        if count == 0 {
            match self.verify() {
                Ok(()) => self.state = State::Verified,
                Err(reason) => return Err(self.fail(&reason)),
            }
        }
        Ok(count)
    }
}

/// The entry's bytes in the archive, hashed as they go by.
struct Archived<'a, R> {
    source: &'a mut R,
    left: u64,
    hasher: Option<Hasher>,
}

impl<R: Read> Read for Archived<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let buffer = buffer.get_mut(..wanted).unwrap_or_default();
        // The decoders above do not survive an interrupted read.
        let count = loop {
            match self.source.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => break outcome?,
            }
        };
        if count == 0 && wanted > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file ends inside it"));
        }
        self.left -= count as u64;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(buffer.get(..count).unwrap_or_default());
        }
        Ok(count)
    }
}

/// One of the encodings.
enum Decoder<'a, R: Read> {
    Plain(BufReader<Archived<'a, R>>),
    Zlib(ZlibDecoder<BufReader<Archived<'a, R>>>),
    Bzip2(BzDecoder<BufReader<Archived<'a, R>>>),
    Lzma(Box<LzmaReader<BufReader<Archived<'a, R>>>>),
    Xz(Box<XzReader<BufReader<Archived<'a, R>>>>),
}

impl<'a, R: Read> Decoder<'a, R> {
    fn new(mut archived: BufReader<Archived<'a, R>>, encoding: &Encoding) -> io::Result<Self> {
        let empty = archived.get_ref().left == 0;
        Ok(match encoding {
            _ if empty => Self::Plain(archived),
            Encoding::Zlib => Self::Zlib(ZlibDecoder::new(archived)),
            Encoding::Bzip2 => Self::Bzip2(BzDecoder::new(archived)),
            // xar writes xz streams under this name, libarchive LZMA ones.
            Encoding::Lzma if archived.fill_buf()?.first() == Some(&0xfd) => {
                Self::Xz(Box::new(XzReader::new_mem_limit(archived, false, MOST_LZMA_KIB)))
            }
            Encoding::Lzma => Self::Lzma(Box::new(LzmaReader::new_mem_limit(archived, MOST_LZMA_KIB, None)?)),
            Encoding::Plain | Encoding::Unknown(_) => Self::Plain(archived),
        })
    }

    /// Reads what follows the stream up to the end of the entry; the hasher of the archived bytes has then seen all.
    fn rest(&mut self) -> io::Result<Option<Hasher>> {
        let archived = match self {
            Self::Plain(archived) => archived,
            Self::Zlib(decoder) => decoder.get_mut(),
            Self::Bzip2(decoder) => decoder.get_mut(),
            Self::Lzma(decoder) => decoder.inner_mut(),
            Self::Xz(decoder) => decoder.inner_mut(),
        };
        io::copy(archived, &mut io::sink())?;
        Ok(archived.get_mut().hasher.take())
    }
}

impl<R: Read> Read for Decoder<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(decoder) => decoder.read(buffer),
            Self::Zlib(decoder) => decoder.read(buffer),
            Self::Bzip2(decoder) => decoder.read(buffer),
            Self::Lzma(decoder) => decoder.read(buffer),
            Self::Xz(decoder) => decoder.read(buffer),
        }
    }
}
