//! tar archives as bsdtar and GNU tar write them: ustar, with long names in either dialect.

use super::{LONGEST_NAME, is_attributes};
use crate::walk::{Entry, Kind, Walk, WalkError};
use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

const BLOCK: usize = 512;

/// Headers, and files that are left out: bytes of all together, since each may be few in the compressed archive.
const MOST_BESIDE: u64 = 1 << 30;

/// Attributes of one entry.
const MOST_ATTRIBUTES: u64 = 1 << 20;

/// What may follow the end: archives are padded to a multiple of their tool's choice.
const MOST_PADDING: u64 = 1 << 20;

/// A tar archive.
pub(super) struct Tar<R> {
    source: R,
    /// The first header, read to see whether it is one.
    first: Option<[u8; BLOCK]>,
    /// Bytes of the current body not read yet, and of its padding.
    left: u64,
    padding: u64,
    /// See [`MOST_BESIDE`].
    pub(super) beside_left: u64,
    ended: bool,
    last: PathBuf,
}

/// What is said of the next entry before its header.
#[derive(Default)]
struct Said {
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
    mtime: Option<u64>,
    uid: Option<u32>,
    gid: Option<u32>,
}

impl<R: Read> Tar<R> {
    /// Reads from `source`, which must not be compressed.
    pub(super) fn open(mut source: R) -> Result<Self, WalkError> {
        let mut first = [0; BLOCK];
        let read = source.read_exact(&mut first);
        read.map_err(|error| WalkError::failed("this is no zip or tar archive", error))?;
        if !is_header(&first) {
            return Err(WalkError::damage("this is no zip or tar archive"));
        }
        let (left, padding, beside_left) = (0, 0, MOST_BESIDE);
        let last = PathBuf::new();
        Ok(Self { source, first: Some(first), left, padding, beside_left, ended: false, last })
    }

    /// The next header; `None` at the end, which blocks of zeros mark.
    fn header(&mut self) -> Result<Option<[u8; BLOCK]>, WalkError> {
        self.spend(BLOCK as u64)?;
        let header = match self.first.take() {
            Some(first) => first,
            None => {
                let mut header = Vec::new();
                let read = self.source.by_ref().take(BLOCK as u64).read_to_end(&mut header);
                read.map_err(|error| self.failed("it cannot be read on", error))?;
                header
                    .try_into()
                    .map_err(|_| self.damage("its end is missing: it was not downloaded whole"))?
            }
        };
        if header == [0; BLOCK] {
            let rest = io::copy(&mut self.source.by_ref().take(MOST_PADDING), &mut io::sink());
            return match rest.map_err(|error| self.failed("it cannot be read to its end", error))? {
                MOST_PADDING => Err(self.damage("much follows its end")),
                _ => Ok(None),
            };
        }
        if is_header(&header) {
            Ok(Some(header))
        } else {
            Err(self.damage("no header stands where one should"))
        }
    }

    /// Reads headers up to one of an entry that is not left out.
    fn next(&mut self) -> Result<Option<Entry>, WalkError> {
        let mut said = Said::default();
        loop {
            self.skip()?;
            let Some(header) = self.header()? else { return Ok(None) };
            let size = self.number(&header, 124, 12)?;
            match header[156] {
                b'x' => self.attributes(size, &mut said)?,
                b'g' => self.begin_beside(size)?,
                b'L' => said.path = Some(self.text(size)?),
                b'K' => said.target = Some(self.text(size)?),
                kind => {
                    let entry = self.entry(&header, kind, size, std::mem::take(&mut said))?;
                    self.begin(entry.size);
                    if !is_attributes(&entry.path) {
                        return Ok(Some(entry));
                    }
                    self.spend(entry.size)?;
                }
            }
        }
    }

    fn entry(&mut self, header: &[u8; BLOCK], kind: u8, size: u64, said: Said) -> Result<Entry, WalkError> {
        let path = said.path.unwrap_or_else(|| name(header));
        if path.is_empty() || path.contains(&0) || path.len() as u64 > LONGEST_NAME {
            return Err(self.damage("an entry has no usable name"));
        }
        let is_folder = path.ends_with(b"/");
        self.last = PathBuf::from(OsString::from_vec(path));
        let target = said.target.unwrap_or_else(|| until_zero(&header[157..257]).to_vec());
        let target = PathBuf::from(OsString::from_vec(target));
        let (kind, type_bits, link_to) = match kind {
            b'0' | 0 if is_folder => (Kind::Directory, 0o040_000, None),
            b'0' | b'7' | 0 => (Kind::File, 0o100_000, None),
            b'1' => (Kind::File, 0o100_000, Some(target)),
            b'2' => (Kind::Symlink { target }, 0o120_000, None),
            b'3' => (Kind::Special, 0o020_000, None),
            b'4' => (Kind::Special, 0o060_000, None),
            b'5' => (Kind::Directory, 0o040_000, None),
            b'6' => (Kind::Special, 0o010_000, None),
            other => {
                return Err(self.damage(&format!(
                    "an entry is of kind {:?}, which is not known here",
                    char::from(other)
                )));
            }
        };
        let has_body = kind == Kind::File && link_to.is_none();
        let id = |said: Option<u32>, at| match said {
            Some(id) => Ok(id),
            None => self.number(header, at, 8).map(|id| id as u32),
        };
        let mtime = match said.mtime {
            Some(mtime) => mtime,
            None => self.number(header, 136, 12)?,
        };
        Ok(Entry {
            path: self.last.clone(),
            mode: type_bits | self.number(header, 100, 8)? as u32 & 0o7777,
            uid: id(said.uid, 108)?,
            gid: id(said.gid, 116)?,
            mtime,
            size: if has_body { said.size.unwrap_or(size) } else { 0 },
            // It is not said how many there are: any later entry may be one.
            links: if kind == Kind::File { u32::MAX } else { 1 },
            kind,
            link_to,
        })
    }

    /// Attributes in the form of POSIX: lines of length, key and value.
    fn attributes(&mut self, size: u64, said: &mut Said) -> Result<(), WalkError> {
        if size > MOST_ATTRIBUTES {
            return Err(self.damage(&format!("an entry has {size} bytes of attributes")));
        }
        let all = self.bytes(size)?;
        let mut rest = &*all;
        while !rest.is_empty() {
            let line =
                attribute(rest).ok_or_else(|| self.damage("an attribute has another length than it says"))?;
            let (length, key, value) = line;
            rest = rest.get(length..).unwrap_or_default();
            let number =
                || std::str::from_utf8(value).ok().and_then(|text| text.split('.').next()?.parse().ok());
            match key {
                b"path" => said.path = Some(value.to_vec()),
                b"linkpath" => said.target = Some(value.to_vec()),
                b"size" => said.size = Some(number().ok_or_else(|| self.damage("a size is no number"))?),
                b"mtime" => said.mtime = number(),
                b"uid" => said.uid = number().and_then(|id| id.try_into().ok()),
                b"gid" => said.gid = number().and_then(|id| id.try_into().ok()),
                _ if key.starts_with(b"GNU.sparse") => {
                    return Err(self.damage("a file is stored as a sparse one, which is not known here"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A name that is too long for a header.
    fn text(&mut self, size: u64) -> Result<Vec<u8>, WalkError> {
        if size > LONGEST_NAME + 1 {
            return Err(self.damage(&format!("a name has {size} bytes")));
        }
        self.bytes(size).map(|text| until_zero(&text).to_vec())
    }

    /// A whole body; the caller has bounded it.
    fn bytes(&mut self, size: u64) -> Result<Vec<u8>, WalkError> {
        self.begin_beside(size)?;
        let mut bytes = Vec::new();
        let read = self.body().read_to_end(&mut bytes);
        read.map_err(|error| self.failed("it cannot be read on", error))?;
        Ok(bytes)
    }

    fn begin_beside(&mut self, size: u64) -> Result<(), WalkError> {
        self.begin(size);
        self.spend(size)
    }

    fn begin(&mut self, size: u64) {
        self.left = size;
        self.padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
    }

    fn spend(&mut self, bytes: u64) -> Result<(), WalkError> {
        let left = self.beside_left.checked_sub(bytes);
        self.beside_left =
            left.ok_or_else(|| self.damage("it holds far more beside its files than any tool writes"))?;
        Ok(())
    }

    /// Skips what is left of the current body.
    fn skip(&mut self) -> Result<(), WalkError> {
        let count = self.left.saturating_add(self.padding);
        (self.left, self.padding) = (0, 0);
        let skipped = io::copy(&mut self.source.by_ref().take(count), &mut io::sink());
        match skipped.map_err(|error| self.failed("it cannot be read on", error))? {
            skipped if skipped == count => Ok(()),
            _ => Err(self.damage("it ends inside an entry")),
        }
    }

    /// A number in a header: octal digits, or with the highest bit set the rest as it is.
    fn number(&self, header: &[u8; BLOCK], at: usize, length: usize) -> Result<u64, WalkError> {
        let field = header.get(at..at + length).unwrap_or_default();
        if field.first() == Some(&0x80) {
            let (high, low) = field.split_at(length.saturating_sub(8));
            let fits = high.iter().skip(1).all(|byte| *byte == 0) && length > 8 || length == 8;
            let value = low.iter().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
            return if fits {
                Ok(value & u64::MAX >> 1)
            } else {
                Err(self.damage("a number in a header is too large"))
            };
        }
        let text = std::str::from_utf8(until_zero(field)).unwrap_or("?").trim_matches(' ');
        let number = if text.is_empty() { Ok(0) } else { u64::from_str_radix(text, 8) };
        number.map_err(|_| self.damage(&format!("{text:?} is no number in a header")))
    }

    fn damage(&self, reason: &str) -> WalkError {
        WalkError::damage(self.text_of(reason))
    }

    fn failed(&self, reason: &str, error: io::Error) -> WalkError {
        WalkError::failed(self.text_of(reason), error)
    }

    fn text_of(&self, reason: &str) -> String {
        match self.last.as_os_str().is_empty() {
            true => format!("damaged tar archive: {reason}"),
            false => format!("damaged tar archive, at or after entry {}: {reason}", self.last.display()),
        }
    }
}

impl<R: Read> Walk for Tar<R> {
    fn next_entry(&mut self) -> Result<Option<Entry>, WalkError> {
        if self.ended {
            return Ok(None);
        }
        let entry = self.next()?;
        self.ended = entry.is_none();
        Ok(entry)
    }

    fn body(&mut self) -> Box<dyn Read + '_> {
        Box::new(Body(self))
    }
}

struct Body<'a, R>(&'a mut Tar<R>);

impl<R: Read> Read for Body<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.0.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.0.source.read(buffer.get_mut(..wanted).unwrap_or_default())?;
        if count == 0 && wanted > 0 {
            return Err(self.0.damage("it ends inside an entry").into());
        }
        self.0.left -= count as u64;
        Ok(count)
    }
}

/// Whether a block's checksum is that of its bytes; some tools took them for signed ones.
fn is_header(block: &[u8; BLOCK]) -> bool {
    let text = std::str::from_utf8(until_zero(&block[148..156])).unwrap_or("?").trim_matches(' ');
    let Ok(sum) = i64::from_str_radix(text, 8) else { return false };
    let bytes =
        || block.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { b' ' } else { *byte });
    sum == bytes().map(i64::from).sum::<i64>()
        || sum == bytes().map(|byte| i64::from(byte as i8)).sum::<i64>()
}

/// The name in a header, with the prefix ustar has for long ones.
fn name(header: &[u8; BLOCK]) -> Vec<u8> {
    let name = until_zero(&header[..100]);
    let prefix = until_zero(&header[345..500]);
    if &header[257..263] != b"ustar\0" || prefix.is_empty() {
        return name.to_vec();
    }
    [prefix, b"/", name].concat()
}

fn until_zero(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Length of the line, key and value of the attribute that comes first.
fn attribute(rest: &[u8]) -> Option<(usize, &[u8], &[u8])> {
    let space = rest.iter().position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(rest.get(..space)?).ok()?.parse().ok()?;
    let line = rest.get(space + 1..length)?.strip_suffix(b"\n")?;
    let equals = line.iter().position(|byte| *byte == b'=')?;
    Some((length, line.get(..equals)?, line.get(equals + 1..)?))
}
