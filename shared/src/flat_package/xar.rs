//! The xar archive a flat package is: header, verified table of contents, and a way to each entry's bytes (P38).

use super::checksum::{Checksum, Hasher, Style};
pub use super::entry_reader::EntryReader;
use super::impostor::{BYTES_NEEDED, Impostor};
use super::places;
use super::section::Section;
use super::toc::Toc;
pub use super::toc::{Encoding, Entry, EntryKind, RawSignature, Stored};
use super::xml::XmlError;
use std::io::{self, Read, Seek, SeekFrom};

/// A compressed table of contents larger than this is no package's.
const LARGEST_TOC: u64 = 16 << 20;

/// A decompressed table of contents larger than this is no package's.
const LARGEST_TOC_TEXT: u64 = 64 << 20;

/// Why an archive or one of its entries cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum XarError {
    /// The file cannot be read.
    #[error("cannot read {what}")]
    Io {
        /// Which part.
        what: String,
        /// Why not.
        source: io::Error,
    },
    /// The file is something else.
    #[error("not a flat package: it looks like {}; {}", .0.description(), .0.remedy())]
    NotXar(Impostor),
    /// The header is damaged.
    #[error("damaged xar header at byte {at}: {reason}; download the package again")]
    Header {
        /// Offset in the file.
        at: u64,
        /// What is wrong.
        reason: String,
    },
    /// The table of contents cannot be read.
    #[error("damaged table of contents; download the package again")]
    Toc(#[from] XmlError),
    /// The table of contents says something impossible.
    #[error("the table of contents is not to be trusted: {0}; download the package again")]
    Inconsistent(String),
    /// The bytes of the table of contents are not the ones its author wrote.
    #[error(
        "the table of contents does not match its {0} checksum: the package was damaged or altered; download it again"
    )]
    TocDigest(Style),
    /// There is no such entry.
    #[error("the package has no entry {0}")]
    NoEntry(String),
    /// The entry's bytes cannot be had.
    #[error("entry {path}: {reason}")]
    Entry {
        /// Its path in the archive.
        path: String,
        /// What is wrong and what to do.
        reason: String,
    },
}

impl XarError {
    fn io(what: &str) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Io { what: what.to_owned(), source }
    }
}

/// An entry's place in [`Xar::entries`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryId(pub usize);

/// An open archive, its table of contents read and verified.
#[derive(Debug)]
pub struct Xar<R> {
    source: R,
    /// Where the compressed table of contents begins.
    table: u64,
    /// Where it ends and the heap begins.
    heap: u64,
    digest: Option<Checksum>,
    toc: Toc,
}

/// The table of contents as it is stored: what a signature covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// The compressed bytes.
    pub compressed: Vec<u8>,
    /// How their digest is computed.
    pub style: Style,
    /// Their digest, verified.
    pub digest: Vec<u8>,
}

/// The fixed first 28 bytes.
struct Header {
    size: u16,
    compressed: u64,
    uncompressed: u64,
    checksum: u32,
}

impl Header {
    fn parse(bytes: &[u8; 28], file: u64) -> Result<Self, XarError> {
        let [_, _, _, _, s0, s1, v0, v1, rest @ ..] = *bytes;
        let (size, version) = (u16::from_be_bytes([s0, s1]), u16::from_be_bytes([v0, v1]));
        let number =
            |range: std::ops::Range<usize>| rest[range].iter().fold(0u64, |sum, b| sum << 8 | u64::from(*b));
        let header = Self {
            size,
            compressed: number(0..8),
            uncompressed: number(8..16),
            checksum: number(16..20) as u32,
        };
        let refuse = |at, reason: String| Err(XarError::Header { at, reason });
        let room = file.saturating_sub(u64::from(size));
        if size < 28 {
            return refuse(4, format!("a header of {size} bytes, expected at least 28"));
        }
        if version != 1 {
            return refuse(6, format!("xar version {version}, expected 1"));
        }
        if header.compressed > room || header.compressed > LARGEST_TOC {
            let announced = header.compressed;
            return refuse(8, format!("a table of contents of {announced} bytes in a file of {file}"));
        }
        if header.uncompressed > LARGEST_TOC_TEXT {
            return refuse(
                16,
                format!("a table of contents of {} bytes once decompressed", header.uncompressed),
            );
        }
        Ok(header)
    }
}

impl<R: Read + Seek> Xar<R> {
    /// Opens the archive that begins at byte 0 of `source`, verifies the checksum of its table of contents and
    /// every offset in it.
    ///
    /// # Errors
    /// [`XarError`]: something else than a xar archive, a damaged or altered one, or one made to harm.
    pub fn open(mut source: R) -> Result<Self, XarError> {
        let file = source.seek(SeekFrom::End(0)).map_err(XarError::io("the size of the file"))?;
        let header = read_header(&mut source, file)?;
        source
            .seek(SeekFrom::Start(u64::from(header.size)))
            .map_err(XarError::io("the table of contents"))?;
        let mut compressed = Vec::new();
        source
            .by_ref()
            .take(header.compressed)
            .read_to_end(&mut compressed)
            .map_err(XarError::io("the table of contents"))?;
        if compressed.len() as u64 != header.compressed {
            return Err(XarError::Header {
                at: 8,
                reason: "the file ends inside the table of contents".into(),
            });
        }
        let decoded = flate2::bufread::ZlibDecoder::new(compressed.as_slice()).take(header.uncompressed);
        let toc = Toc::parse(io::BufReader::new(decoded))?;
        let heap = u64::from(header.size) + header.compressed;
        let mut archive = Self { source, table: header.size.into(), heap, digest: None, toc };
        archive.digest = archive.verified_digest(&compressed, header.checksum)?;
        places::check(&archive.toc, file - heap)?;
        archive.check_paths()?;
        Ok(archive)
    }

    /// Reads an entry's decoded bytes; its checksums are verified when the last one is read.
    ///
    /// # Errors
    /// [`XarError::Entry`] when it has no bytes or we cannot decode them, [`XarError::Io`] when seeking fails.
    pub fn read(&mut self, id: EntryId) -> Result<EntryReader<'_, R>, XarError> {
        let entry =
            self.toc.entries.get(id.0).ok_or_else(|| XarError::NoEntry(format!("number {}", id.0)))?;
        let refuse = |reason: String| XarError::Entry { path: entry.path.clone(), reason };
        let stored = match (&entry.data, &entry.kind) {
            (Some(stored), _) => stored.clone(),
            (None, EntryKind::File) => EMPTY,
            (None, _) => return Err(refuse("is not a file".into())),
        };
        if let Encoding::Unknown(style) = &stored.encoding {
            return Err(refuse(format!("is encoded as {style}, which this program cannot decode")));
        }
        let place = self.heap.saturating_add(stored.offset);
        self.source.seek(SeekFrom::Start(place)).map_err(XarError::io(&entry.path))?;
        EntryReader::new(&mut self.source, &entry.path, stored).map_err(|error| refuse(error.to_string()))
    }

    /// All decoded bytes of an entry that is not larger than `limit`, verified.
    ///
    /// # Errors
    /// As [`Xar::read`]; also when it is larger or fails its checksums.
    pub fn read_whole(&mut self, id: EntryId, limit: u64) -> Result<Vec<u8>, XarError> {
        let path = self.entry(id).map_or_else(String::new, |entry| entry.path.clone());
        let size = self.entry(id).and_then(|entry| entry.data.as_ref()).map_or(0, |stored| stored.size);
        if size > limit {
            return Err(XarError::Entry {
                path,
                reason: format!("has {size} bytes, more than the {limit} expected"),
            });
        }
        let mut bytes = Vec::new();
        let outcome = self.read(id)?.read_to_end(&mut bytes);
        outcome.map_err(|error| XarError::Entry { path, reason: error.to_string() })?;
        Ok(bytes)
    }

    /// The bytes of an entry that is stored as it is, as a file of its own, after verifying them.
    ///
    /// # Errors
    /// As [`Xar::read`]; also when it is stored in any other way or fails its checksums.
    pub fn section(&mut self, id: EntryId) -> Result<Section<'_>, XarError> {
        let entry = self.entry(id).ok_or_else(|| XarError::NoEntry(format!("number {}", id.0)))?;
        let path = entry.path.clone();
        let refuse = |reason: String| XarError::Entry { path: path.clone(), reason };
        let Some(Stored { offset, length, encoding: Encoding::Plain, .. }) = entry.data.clone() else {
            return Err(refuse("is stored compressed; unpack it and use it by itself".into()));
        };
        io::copy(&mut self.read(id)?, &mut io::sink()).map_err(|error| refuse(error.to_string()))?;
        let start = self.heap.saturating_add(offset);
        Ok(Section::new(&mut self.source, start, length))
    }

    /// The raw bytes at `offset` in the heap, for signatures; at most `size`, which must not exceed 1 MiB.
    ///
    /// # Errors
    /// [`XarError::Io`], also when the file ends before.
    pub fn heap_bytes(&mut self, offset: u64, size: u64) -> Result<Vec<u8>, XarError> {
        const LARGEST: u64 = 1 << 20;
        let what = "a checksum or signature in the heap";
        if size > LARGEST {
            return Err(XarError::Inconsistent(format!("{size} bytes for {what}")));
        }
        self.source.seek(SeekFrom::Start(self.heap.saturating_add(offset))).map_err(XarError::io(what))?;
        let mut bytes = Vec::new();
        self.source.by_ref().take(size).read_to_end(&mut bytes).map_err(XarError::io(what))?;
        if bytes.len() as u64 != size {
            return Err(XarError::Inconsistent(format!("the file ends inside {what}")));
        }
        Ok(bytes)
    }

    /// Compares the table of contents with its checksum, when it has one.
    fn verified_digest(&mut self, compressed: &[u8], announced: u32) -> Result<Option<Checksum>, XarError> {
        let Some(place) = self.toc.digest.clone().filter(|place| !place.style.eq_ignore_ascii_case("none"))
        else {
            return match announced {
                0 => Ok(None),
                id => Err(XarError::Inconsistent(format!(
                    "the header announces checksum {id} but there is none"
                ))),
            };
        };
        let style = Style::named(&place.style)
            .ok_or_else(|| XarError::Inconsistent(format!("unknown checksum style `{}`", place.style)))?;
        let agrees = match announced {
            1 => style == Style::Sha1,
            2 => style == Style::Md5,
            3 => matches!(style, Style::Sha256 | Style::Sha512),
            4 => style == Style::Sha512,
            _ => true,
        };
        if !agrees || place.size != style.bytes() as u64 {
            let text = format!(
                "the header announces checksum {announced}, the contents {style} of {} bytes",
                place.size
            );
            return Err(XarError::Inconsistent(text));
        }
        let mut hasher = Hasher::new(style);
        hasher.update(compressed);
        let value = hasher.finish();
        if self.heap_bytes(place.offset, place.size)? != value {
            return Err(XarError::TocDigest(style));
        }
        Ok(Some(Checksum { style, value }))
    }

    /// The table of contents that was read when the archive was opened, for whoever verifies a signature; `None`: it
    /// carries no checksum.
    ///
    /// # Errors
    /// [`XarError`]; also when the file is no longer the one that was opened.
    pub fn contents(&mut self) -> Result<Option<Contents>, XarError> {
        let Some(Checksum { style, value: digest }) = self.digest.clone() else { return Ok(None) };
        let what = "the table of contents";
        self.source.seek(SeekFrom::Start(self.table)).map_err(XarError::io(what))?;
        let mut compressed = Vec::new();
        let length = self.heap.saturating_sub(self.table);
        self.source.by_ref().take(length).read_to_end(&mut compressed).map_err(XarError::io(what))?;
        let mut hasher = Hasher::new(style);
        hasher.update(&compressed);
        if hasher.finish() != digest {
            return Err(XarError::TocDigest(style));
        }
        Ok(Some(Contents { compressed, style, digest }))
    }
}

impl<R> Xar<R> {
    /// The entries in the order of the table of contents; a folder stands before what is in it.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.toc.entries
    }

    /// The entry with this id.
    #[must_use]
    pub fn entry(&self, id: EntryId) -> Option<&Entry> {
        self.toc.entries.get(id.0)
    }

    /// The entry at `path`.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<EntryId> {
        self.toc.entries.iter().position(|entry| entry.path == path).map(EntryId)
    }

    /// How the table of contents was verified; `None`: the archive carries no checksum of it.
    #[must_use]
    pub fn digest(&self) -> Option<Style> {
        self.digest.as_ref().map(|digest| digest.style)
    }

    /// The signatures the table of contents announces. Nothing here is verified.
    #[must_use]
    pub fn signatures(&self) -> &[RawSignature] {
        &self.toc.signatures
    }

    /// Two entries at one path: readers would disagree about which one counts.
    fn check_paths(&self) -> Result<(), XarError> {
        let mut paths: Vec<&str> = self.toc.entries.iter().map(|entry| entry.path.as_str()).collect();
        paths.sort_unstable();
        match paths.windows(2).find(|pair| pair.first() == pair.last()) {
            Some(pair) => Err(XarError::Inconsistent(format!("two entries are called {:?}", pair.first()))),
            None => Ok(()),
        }
    }
}

/// What an empty file without a `data` element stands for.
const EMPTY: Stored =
    Stored { offset: 0, length: 0, size: 0, encoding: Encoding::Plain, archived: None, extracted: None };

fn read_header(source: &mut (impl Read + Seek), file: u64) -> Result<Header, XarError> {
    let what = "the header";
    source.seek(SeekFrom::Start(0)).map_err(XarError::io(what))?;
    let mut first = Vec::new();
    source.by_ref().take(BYTES_NEEDED as u64).read_to_end(&mut first).map_err(XarError::io(what))?;
    if !first.starts_with(b"xar!") {
        let mut last = Vec::new();
        source.seek(SeekFrom::Start(file.saturating_sub(BYTES_NEEDED as u64))).map_err(XarError::io(what))?;
        source.by_ref().take(BYTES_NEEDED as u64).read_to_end(&mut last).map_err(XarError::io(what))?;
        return Err(XarError::NotXar(Impostor::judge(&first, &last)));
    }
    match first.first_chunk::<28>() {
        Some(bytes) => Header::parse(bytes, file),
        None => {
            Err(XarError::Header { at: first.len() as u64, reason: "the file ends inside the header".into() })
        }
    }
}
