//! zip archives as `ditto`, Archive Utility and zip write them: stored and deflated entries, listed at the end of the file.

use super::{LONGEST_NAME, is_attributes};
use crate::walk::{Entry, Kind, Walk, WalkError};
use flate2::{Crc, bufread::DeflateDecoder};
use std::ffi::OsString;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Take};
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use time::{Date, Month, PrimitiveDateTime, Time};

const END: &[u8] = b"PK\x05\x06";
const END_LENGTH: usize = 22;
const ENTRY: &[u8] = b"PK\x01\x02";
const ENTRY_LENGTH: usize = 46;
const LOCAL_LENGTH: usize = 30;

/// A zip archive.
pub(super) struct Zip<R> {
    source: R,
    /// Where in the list of entries the next one stands, and where the list ends.
    at: u64,
    end: u64,
    current: Option<Stored>,
}

/// Where the content of an entry is.
#[derive(Debug, Clone, Copy)]
struct Stored {
    header_at: u64,
    stored: u64,
    size: u64,
    deflated: bool,
    crc: u32,
}

impl<R: Read + Seek> Zip<R> {
    /// Finds the list of entries.
    pub(super) fn open(mut source: R) -> Result<Self, WalkError> {
        let failed = |error| WalkError::failed("the archive cannot be read", error);
        let length = source.seek(SeekFrom::End(0)).map_err(failed)?;
        // A comment of up to 64 KiB may follow the end record, and the one for large archives stands before it.
        let tail_at = length.saturating_sub(END_LENGTH as u64 + 0xffff + 20);
        source.seek(SeekFrom::Start(tail_at)).map_err(failed)?;
        let mut tail = Vec::new();
        source.by_ref().take(END_LENGTH as u64 + 0xffff + 20).read_to_end(&mut tail).map_err(failed)?;
        let at = tail.windows(END_LENGTH).rposition(|window| window.starts_with(END));
        let cut_off = || damage("its list of entries is missing: it was not downloaded to its end");
        let at = at.ok_or_else(cut_off)?;
        let record = tail.get(at..).unwrap_or_default();
        let (size, start) = (le32(record, 12)?, le32(record, 16)?);
        let (mut size, mut start) = (u64::from(size), u64::from(start));
        let locator = at
            .checked_sub(20)
            .and_then(|at| tail.get(at..at + 20))
            .filter(|it| it.starts_with(b"PK\x06\x07"));
        if let (Some(locator), true) = (locator, size == 0xffff_ffff || start == 0xffff_ffff) {
            let mut large = [0; 56];
            source.seek(SeekFrom::Start(le64(locator, 8)?)).map_err(failed)?;
            source.read_exact(&mut large).map_err(failed)?;
            if !large.starts_with(b"PK\x06\x06") {
                return Err(damage("its end record leads nowhere"));
            }
            (size, start) = (le64(&large, 40)?, le64(&large, 48)?);
        }
        let end = start.checked_add(size).filter(|end| *end <= length).ok_or_else(cut_off)?;
        Ok(Self { source, at: start, end, current: None })
    }

    /// The next entry; the number of entries is not believed, since macOS counts modulo 65,536.
    fn next(&mut self) -> Result<Option<Entry>, WalkError> {
        loop {
            let Some(left) = self.end.checked_sub(self.at).filter(|left| *left > 0) else { return Ok(None) };
            if left < ENTRY_LENGTH as u64 {
                return Err(damage("its list of entries ends inside one"));
            }
            let head = self.read(self.at, ENTRY_LENGTH)?;
            if !head.starts_with(ENTRY) {
                return Err(damage("its list of entries is damaged"));
            }
            let lengths = (le16(&head, 28)?, le16(&head, 30)?, le16(&head, 32)?);
            let (name, extra, comment) =
                (usize::from(lengths.0), usize::from(lengths.1), usize::from(lengths.2));
            let rest = self.read(self.at + ENTRY_LENGTH as u64, name + extra)?;
            self.at += (ENTRY_LENGTH + name + extra + comment) as u64;
            let (name, extra) = rest.split_at_checked(name).unwrap_or_default();
            let (entry, stored) = self.entry(&head, name, extra)?;
            if !is_attributes(&entry.path) {
                self.current = Some(stored);
                return Ok(Some(entry));
            }
        }
    }

    fn entry(&mut self, head: &[u8], name: &[u8], extra: &[u8]) -> Result<(Entry, Stored), WalkError> {
        if name.is_empty() || name.contains(&0) || name.len() as u64 > LONGEST_NAME {
            return Err(damage("an entry has no usable name"));
        }
        let path = PathBuf::from(OsString::from_vec(name.to_vec()));
        let about = |reason: &str| damage(&format!("{} {reason}", path.display()));
        if le16(head, 8)? & 1 != 0 {
            return Err(about("needs a password"));
        }
        let deflated = match le16(head, 10)? {
            0 => false,
            8 => true,
            other => return Err(about(&format!("is compressed in a way that is not known here ({other})"))),
        };
        let (mut size, mut stored, mut header_at) =
            (le32(head, 24)?.into(), le32(head, 20)?.into(), le32(head, 42)?.into());
        let mut large = field(extra, 1).unwrap_or_default();
        for value in [&mut size, &mut stored, &mut header_at] {
            if *value == 0xffff_ffff && large.len() >= 8 {
                *value = le64(large, 0)?;
                large = large.get(8..).unwrap_or_default();
            }
        }
        let stored = Stored { header_at, stored, size, deflated, crc: le32(head, 16)? };
        // Made on a Unix: its mode stands in the upper half.
        let unix = matches!(head.get(5), Some(3 | 19)).then_some(le32(head, 38)? >> 16);
        let is_folder = name.ends_with(b"/");
        let usual = if is_folder { 0o040_755 } else { 0o100_644 };
        let mode = unix.filter(|mode| mode & 0o170_000 != 0).unwrap_or(usual);
        let kind = match mode & 0o170_000 {
            0o040_000 => Kind::Directory,
            _ if is_folder => Kind::Directory,
            0o100_000 => Kind::File,
            0o120_000 => {
                Kind::Symlink { target: self.target(stored).map_err(|error| about_failed(&path, error))? }
            }
            _ => Kind::Special,
        };
        let size = if kind == Kind::File { stored.size } else { 0 };
        let mtime = moment(head, extra);
        let stored = if kind == Kind::File {
            stored
        } else {
            Stored { size: 0, stored: 0, deflated: false, crc: 0, ..stored }
        };
        Ok((Entry { path, kind, mode, uid: 0, gid: 0, mtime, size, links: 1, link_to: None }, stored))
    }

    /// A symbolic link's content is where it points.
    fn target(&mut self, stored: Stored) -> io::Result<PathBuf> {
        if stored.size == 0 || stored.size > LONGEST_NAME {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it leads to no path"));
        }
        let mut target = Vec::new();
        self.content(stored)?.read_to_end(&mut target)?;
        Ok(PathBuf::from(OsString::from_vec(target)))
    }

    fn content(&mut self, stored: Stored) -> io::Result<Content<'_, R>> {
        let mut local = [0; LOCAL_LENGTH];
        self.source.seek(SeekFrom::Start(stored.header_at))?;
        self.source.read_exact(&mut local)?;
        if !local.starts_with(b"PK\x03\x04") {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "no entry begins where the list says"));
        }
        let [.., a, b, c, d] = local;
        let skipped = i64::from(u16::from_le_bytes([a, b])) + i64::from(u16::from_le_bytes([c, d]));
        self.source.seek(SeekFrom::Current(skipped))?;
        let bytes = BufReader::with_capacity(1 << 16, self.source.by_ref().take(stored.stored));
        let decoder = if stored.deflated {
            Decoder::Deflate(DeflateDecoder::new(bytes))
        } else {
            Decoder::Plain(bytes)
        };
        Ok(Content { decoder, crc: Crc::new(), left: stored.size, expected: stored.crc })
    }

    fn read(&mut self, at: u64, length: usize) -> Result<Vec<u8>, WalkError> {
        let failed = |error| WalkError::failed("the archive's list of entries cannot be read", error);
        let mut bytes = vec![0; length];
        self.source.seek(SeekFrom::Start(at)).map_err(failed)?;
        self.source.read_exact(&mut bytes).map_err(failed)?;
        Ok(bytes)
    }
}

impl<R: Read + Seek> Walk for Zip<R> {
    fn next_entry(&mut self) -> Result<Option<Entry>, WalkError> {
        self.current = None;
        self.next()
    }

    fn body(&mut self) -> Box<dyn Read + '_> {
        let Some(stored) = self.current.filter(|stored| stored.size > 0) else {
            return Box::new(io::empty());
        };
        match self.content(stored) {
            Ok(content) => Box::new(content),
            Err(error) => Box::new(Broken(Some(error))),
        }
    }
}

/// The content of an entry: as many bytes as was said, with the right checksum, or an error.
struct Content<'a, R> {
    decoder: Decoder<'a, R>,
    crc: Crc,
    left: u64,
    expected: u32,
}

enum Decoder<'a, R> {
    Plain(BufReader<Take<&'a mut R>>),
    Deflate(DeflateDecoder<BufReader<Take<&'a mut R>>>),
}

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if wanted == 0 {
            return Ok(0);
        }
        let buffer = buffer.get_mut(..wanted).unwrap_or_default();
        let count = match &mut self.decoder {
            Decoder::Plain(bytes) => bytes.read(buffer)?,
            Decoder::Deflate(decoder) => decoder.read(buffer)?,
        };
        self.crc.update(buffer.get(..count).unwrap_or_default());
        self.left -= count as u64;
        let wrong = match (count, self.left) {
            (0, left) => format!("an entry ends {left} bytes early"),
            (_, 0) if self.crc.sum() != self.expected => "an entry does not match its checksum".to_owned(),
            _ => return Ok(count),
        };
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{wrong}: the archive was damaged; download it again"),
        ))
    }
}

/// Content that could not be opened: its first read says why.
struct Broken(Option<io::Error>);

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(self.0.take().unwrap_or_else(|| io::Error::other("reading it failed before")))
    }
}

/// The last change, in seconds since 1970: to the second in UTC where some Unix noted it, else as the clock on the wall showed.
fn moment(head: &[u8], extra: &[u8]) -> u64 {
    let unix = field(extra, 0x5455).and_then(|data| data.get(1..5));
    let unix = unix.or_else(|| field(extra, 0x5855)?.get(4..8));
    if let Some(Ok(seconds)) = unix.map(|seconds| le32(seconds, 0)) {
        return seconds.into();
    }
    let (time, date) = (le16(head, 12).unwrap_or(0), le16(head, 14).unwrap_or(0));
    let month = Month::try_from((date >> 5 & 15) as u8);
    let day = month
        .and_then(|month| Date::from_calendar_date(1980 + i32::from(date >> 9), month, (date & 31) as u8));
    let clock = Time::from_hms((time >> 11) as u8, (time >> 5 & 63) as u8, (time & 31) as u8 * 2);
    let moment = day.ok().zip(clock.ok()).map(|(day, clock)| PrimitiveDateTime::new(day, clock).assume_utc());
    moment.and_then(|moment| moment.unix_timestamp().try_into().ok()).unwrap_or(0)
}

/// One of the fields behind an entry's name.
fn field(mut extra: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let (id, length) = (le16(extra, 0).ok()?, le16(extra, 2).ok()?);
        let data = extra.get(4..4 + usize::from(length))?;
        if id == wanted {
            return Some(data);
        }
        extra = extra.get(4 + usize::from(length)..)?;
    }
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], WalkError> {
    let found = bytes.get(at..at + N).and_then(|bytes| bytes.try_into().ok());
    found.ok_or_else(|| damage("its list of entries is cut off"))
}

fn le16(bytes: &[u8], at: usize) -> Result<u16, WalkError> {
    number(bytes, at).map(u16::from_le_bytes)
}

fn le32(bytes: &[u8], at: usize) -> Result<u32, WalkError> {
    number(bytes, at).map(u32::from_le_bytes)
}

fn le64(bytes: &[u8], at: usize) -> Result<u64, WalkError> {
    number(bytes, at).map(u64::from_le_bytes)
}

fn about_failed(path: &std::path::Path, error: io::Error) -> WalkError {
    WalkError::failed(format!("damaged zip archive: the link {} cannot be read", path.display()), error)
}

fn damage(reason: &str) -> WalkError {
    WalkError::damage(format!("damaged zip archive: {reason}"))
}
