//! cpio archives, the inside of `Payload` and `Scripts`: the odc and newc formats, read as a stream (P40).

use super::other_names::OtherNames;
pub use crate::walk::{Entry as CpioEntry, Kind, Outside, below};
use crate::walk::{Walk, WalkError};
use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

/// Longest name of an entry or target of a link, in bytes.
const LONGEST_NAME: u64 = 4096;

/// Bytes of all names together: whoever unpacks may have to remember many of them. The largest packages have a third.
const MOST_NAME_BYTES: u64 = 256 << 20;

const TRAILER: &[u8] = b"TRAILER!!!";

/// The archive cannot be read on.
#[derive(Debug, thiserror::Error)]
#[error("damaged cpio archive at byte {offset}{}: {reason}", entry_named(.entry))]
pub struct CpioError {
    /// Bytes from the beginning of the decompressed archive.
    pub offset: u64,
    /// The last entry whose name was read.
    pub entry: Option<PathBuf>,
    /// What is wrong.
    pub reason: String,
    /// The stream's own failure, if that was it.
    #[source]
    pub source: Option<io::Error>,
}

fn entry_named(entry: &Option<PathBuf>) -> String {
    entry.as_ref().map_or_else(String::new, |path| format!(", at or after entry {}", path.display()))
}

/// Reads a cpio archive entry by entry.
///
/// ```
/// # fn list(archive: impl std::io::Read) -> Result<(), Box<dyn std::error::Error>> {
/// let mut archive = shared::flat_package::cpio::Cpio::new(archive);
/// while let Some(entry) = archive.next_entry()? {
///     println!("{} {}", entry.size, entry.path.display());
///     std::io::copy(&mut archive.body(), &mut std::io::sink())?; // or leave it out: next_entry skips the body
/// }
/// # Ok(()) }
/// ```
pub struct Cpio<R> {
    source: R,
    offset: u64,
    /// Bytes it may have, and bytes its further names may have.
    limit: u64,
    names_left: u64,
    /// Bytes of the current body not read yet, and of its padding.
    left: u64,
    padding: u64,
    last: Option<PathBuf>,
    names: OtherNames,
    ended: bool,
}

/// The numbers of a header, of either format.
struct Header {
    device: u64,
    inode: u64,
    mode: u32,
    uid: u32,
    gid: u32,
    links: u32,
    mtime: u64,
    name: u64,
    size: u64,
    /// Names and bodies are padded to a multiple of this.
    align: u64,
    length: u64,
}

impl<R: Read> Cpio<R> {
    /// Reads from `source`, which must not be compressed.
    pub fn new(source: R) -> Self {
        let (limit, names_left) = (u64::MAX, MOST_NAME_BYTES);
        let (offset, left, padding, names) = (0, 0, 0, OtherNames::default());
        Self { source, offset, limit, names_left, left, padding, last: None, names, ended: false }
    }

    /// Refuses what lies beyond so many bytes, without reading it: a few compressed bytes may stand for very many.
    #[must_use]
    pub fn at_most(self, bytes: u64) -> Self {
        Self { limit: bytes, ..self }
    }

    /// The next entry, skipping what is left of the current one's body. `None` at the archive's end, when the stream
    /// has been read to *its* end too, so whatever verifies it underneath has had its say.
    ///
    /// # Errors
    /// The archive is damaged, ends early, or the stream fails.
    pub fn next_entry(&mut self) -> Result<Option<CpioEntry>, CpioError> {
        if self.ended {
            return Ok(None);
        }
        self.skip(self.left + self.padding)?;
        (self.left, self.padding) = (0, 0);
        let header = self.header()?;
        let name = self.name(&header)?;
        if name == TRAILER {
            self.ended = true;
            let room = self.limit.saturating_sub(self.offset);
            return match io::copy(&mut self.source.by_ref().take(room.saturating_add(1)), &mut io::sink()) {
                Ok(count) if count > room => Err(self.too_much()),
                Ok(_) => Ok(None),
                Err(source) => Err(self.failed("the stream fails after the last entry", source)),
            };
        }
        self.last = Some(PathBuf::from(OsString::from_vec(name)));
        if self.offset.saturating_add(header.size) > self.limit {
            return Err(self.too_much());
        }
        self.left = header.size;
        self.padding = padding(header.size, header.align);
        self.entry(&header).map(Some)
    }

    /// The stream the archive is read from.
    pub fn stream(&self) -> &R {
        &self.source
    }

    /// The bytes of the current entry that have not been read yet.
    pub fn body(&mut self) -> Body<'_, R> {
        Body(self)
    }

    fn entry(&mut self, header: &Header) -> Result<CpioEntry, CpioError> {
        let kind = match header.mode & 0o170_000 {
            0o100_000 | 0 => Kind::File,
            0o040_000 => Kind::Directory,
            0o120_000 => Kind::Symlink { target: self.target()? },
            _ => Kind::Special,
        };
        let mut entry = CpioEntry {
            path: self.last.clone().unwrap_or_default(),
            kind,
            mode: header.mode,
            uid: header.uid,
            gid: header.gid,
            mtime: header.mtime,
            size: header.size,
            links: header.links,
            link_to: None,
        };
        if entry.kind == Kind::File && entry.links > 1 {
            let first = self.names.first(&entry, (header.device, header.inode));
            entry.link_to = first.map_err(|reason| self.damage(reason))?;
        }
        Ok(entry)
    }

    fn header(&mut self) -> Result<Header, CpioError> {
        let magic: [u8; 6] = self.array()?;
        match &magic {
            b"070707" => self.odc(),
            b"070701" | b"070702" => self.newc(),
            [b'A', b'A', b'0', b'1', ..] | [b'Y', b'A', b'A', b'1', ..] => {
                Err(self.damage("this is an Apple Archive, which this program cannot read".into()))
            }
            _ => Err(self.damage("no cpio entry (odc or newc) begins here".into())),
        }
    }

    /// `070707`, then octal digits: dev, ino, mode, uid, gid, nlink, rdev (6 each), mtime (11), namesize (6), filesize (11).
    fn odc(&mut self) -> Result<Header, CpioError> {
        let fields: [u8; 70] = self.array()?;
        let field = |from: usize, digits: usize| self.number(&fields, from, digits, 8);
        Ok(Header {
            device: field(0, 6)?,
            inode: field(6, 6)?,
            mode: field(12, 6)? as u32,
            uid: field(18, 6)? as u32,
            gid: field(24, 6)? as u32,
            links: field(30, 6)? as u32,
            mtime: field(42, 11)?,
            name: field(53, 6)?,
            size: field(59, 11)?,
            align: 1,
            length: 76,
        })
    }

    /// `070701` or `070702`, then 8 hexadecimal digits each: ino, mode, uid, gid, nlink, mtime, filesize, devmajor,
    /// devminor, rdevmajor, rdevminor, namesize, checksum.
    fn newc(&mut self) -> Result<Header, CpioError> {
        let fields: [u8; 104] = self.array()?;
        let field = |index: usize| self.number(&fields, index * 8, 8, 16);
        Ok(Header {
            device: field(7)? << 32 | field(8)?,
            inode: field(0)?,
            mode: field(1)? as u32,
            uid: field(2)? as u32,
            gid: field(3)? as u32,
            links: field(4)? as u32,
            mtime: field(5)?,
            size: field(6)?,
            name: field(11)?,
            align: 4,
            length: 110,
        })
    }

    fn number(&self, fields: &[u8], from: usize, digits: usize, radix: u32) -> Result<u64, CpioError> {
        let text =
            fields.get(from..from + digits).and_then(|field| std::str::from_utf8(field).ok()).unwrap_or("");
        let number = text.trim_matches([' ', '\0']);
        u64::from_str_radix(number, radix)
            .map_err(|_| self.damage(format!("{text:?} is not a number in a header")))
    }

    /// The name with its final zero removed.
    fn name(&mut self, header: &Header) -> Result<Vec<u8>, CpioError> {
        if header.name == 0 || header.name > LONGEST_NAME {
            return Err(self.damage(format!("a name of {} bytes", header.name)));
        }
        let too_many = || self.damage(format!("its names have more than {MOST_NAME_BYTES} bytes"));
        self.names_left = self.names_left.checked_sub(header.name).ok_or_else(too_many)?;
        let mut name = self.bytes(header.name)?;
        if name.pop() != Some(0) || name.is_empty() || name.contains(&0) {
            return Err(self.damage("a name that does not end where it should".into()));
        }
        self.skip(padding(header.length + header.name, header.align))?;
        Ok(name)
    }

    fn target(&mut self) -> Result<PathBuf, CpioError> {
        if self.left > LONGEST_NAME {
            return Err(self.damage(format!("a symbolic link to a path of {} bytes", self.left)));
        }
        let mut target = self.bytes(self.left)?;
        self.left = 0;
        if let Some(end) = target.iter().position(|byte| *byte == 0) {
            target.truncate(end);
        }
        Ok(PathBuf::from(OsString::from_vec(target)))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CpioError> {
        let mut bytes = [0; N];
        self.source
            .read_exact(&mut bytes)
            .map_err(|source| self.failed("it ends or fails inside a header", source))?;
        self.offset += N as u64;
        Ok(bytes)
    }

    /// Exactly `count` bytes; the caller has bounded it.
    fn bytes(&mut self, count: u64) -> Result<Vec<u8>, CpioError> {
        let mut bytes = Vec::new();
        let outcome = self.source.by_ref().take(count).read_to_end(&mut bytes);
        outcome.map_err(|source| self.failed("the stream fails", source))?;
        if bytes.len() as u64 != count {
            return Err(self.damage("it ends inside an entry".into()));
        }
        self.offset += count;
        Ok(bytes)
    }

    fn skip(&mut self, count: u64) -> Result<(), CpioError> {
        let outcome = io::copy(&mut self.source.by_ref().take(count), &mut io::sink());
        let skipped = outcome.map_err(|source| self.failed("the stream fails inside an entry", source))?;
        self.offset += skipped;
        if skipped < count {
            return Err(self.damage("it ends inside an entry".into()));
        }
        Ok(())
    }

    fn too_much(&self) -> CpioError {
        self.damage(format!(
            "it holds more than {} bytes, which is far more than the package says of itself; do not install it",
            self.limit
        ))
    }

    fn damage(&self, reason: String) -> CpioError {
        CpioError { offset: self.offset, entry: self.last.clone(), reason, source: None }
    }

    fn failed(&self, reason: &str, source: io::Error) -> CpioError {
        CpioError { source: Some(source), ..self.damage(reason.to_owned()) }
    }
}

/// Bytes from `length` to the next multiple of `align`.
fn padding(length: u64, align: u64) -> u64 {
    (align - length % align) % align
}

/// Reads the body of an archive's current entry, from [`Cpio::body`].
pub struct Body<'a, R>(&'a mut Cpio<R>);

impl<R: Read> Read for Body<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.0.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.0.source.read(buffer.get_mut(..wanted).unwrap_or_default())?;
        if count == 0 && wanted > 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                self.0.damage("it ends inside an entry".into()),
            ));
        }
        self.0.left -= count as u64;
        self.0.offset += count as u64;
        Ok(count)
    }
}

impl<R: Read> Walk for Cpio<R> {
    fn next_entry(&mut self) -> Result<Option<CpioEntry>, WalkError> {
        self.next_entry().map_err(|error| WalkError { reason: error.to_string(), source: error.source })
    }

    fn body(&mut self) -> Box<dyn Read + '_> {
        Box::new(self.body())
    }
}
