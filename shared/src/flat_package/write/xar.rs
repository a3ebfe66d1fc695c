//! Writes a xar archive: the heap goes to a scratch stream first, because the table before it tells its lengths (P38).

use super::{
    WriteError,
    signer::{self, PackageSigner, SignedContents},
};
use crate::flat_package::checksum::{Hasher, Style};
use flate2::{Compression, write::ZlibEncoder};
use quick_xml::escape::escape;
use std::{
    fmt::Write as _,
    io::{self, Read, Seek, SeekFrom, Write},
};
use time::{OffsetDateTime, macros::format_description};

/// Length of the fixed header.
const HEADER_BYTES: u16 = 28;

/// How an entry is stored in the heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// As it is; for what is compressed already.
    Plain,
    /// With zlib (which xar calls `x-gzip`).
    Zlib,
}

/// An archive being made. Names one level deep (`folder/name`) get their folder in the table.
pub(super) struct Archive<'a, S> {
    scratch: S,
    /// Where the next entry begins in the heap, behind the table's checksum and signatures.
    offset: u64,
    style: Style,
    time: String,
    signer: Option<&'a dyn PackageSigner>,
    files: Vec<File>,
}

struct File {
    folder: Option<String>,
    name: String,
    offset: u64,
    stored: u64,
    plain: u64,
    encoding: Encoding,
    archived: String,
    extracted: String,
}

impl<'a, S: Read + Write + Seek> Archive<'a, S> {
    /// An empty archive; `scratch` is empty too, and `time` (seconds since 1970) is recorded for everything in it.
    pub(super) fn new(scratch: S, style: Style, time: u32, signer: Option<&'a dyn PackageSigner>) -> Self {
        let offset = style.bytes() as u64 + signer::reserved(signer);
        Self { scratch, offset, style, time: iso_time(time), signer, files: Vec::new() }
    }

    /// Adds a file whose content `fill` writes.
    pub(super) fn add<T>(
        &mut self,
        path: &str,
        encoding: Encoding,
        fill: impl FnOnce(&mut dyn Write) -> Result<T, WriteError>,
    ) -> Result<T, WriteError> {
        let mut stored = Meter::new(&mut self.scratch, self.style);
        let (given, plain) = match encoding {
            Encoding::Plain => {
                let mut plain = Meter::new(&mut stored, self.style);
                (fill(&mut plain)?, plain.finish())
            }
            Encoding::Zlib => {
                let mut zlib = ZlibEncoder::new(&mut stored, Compression::best());
                let mut plain = Meter::new(&mut zlib, self.style);
                let done = (fill(&mut plain)?, plain.finish());
                zlib.finish()?;
                done
            }
        };
        let (stored, archived) = stored.finish();
        let (plain, extracted) = plain;
        let (folder, name) = match path.split_once('/') {
            Some((folder, name)) => (Some(folder.to_owned()), name.to_owned()),
            None => (None, path.to_owned()),
        };
        let offset = self.offset;
        self.offset += stored;
        self.files.push(File { folder, name, offset, stored, plain, encoding, archived, extracted });
        Ok(given)
    }

    /// Writes the whole archive to `out`.
    pub(super) fn finish(mut self, out: &mut dyn Write) -> Result<(), WriteError> {
        let table = self.table();
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
        zlib.write_all(table.as_bytes())?;
        let compressed = zlib.finish()?;
        let checksum_id: u32 = match self.style {
            Style::Sha1 => 1,
            Style::Md5 => 2,
            Style::Sha256 => 3,
            Style::Sha512 => 4,
        };
        out.write_all(b"xar!")?;
        out.write_all(&HEADER_BYTES.to_be_bytes())?;
        out.write_all(&1_u16.to_be_bytes())?;
        out.write_all(&(compressed.len() as u64).to_be_bytes())?;
        out.write_all(&(table.len() as u64).to_be_bytes())?;
        out.write_all(&checksum_id.to_be_bytes())?;
        out.write_all(&compressed)?;
        let mut hasher = Hasher::new(self.style);
        hasher.update(&compressed);
        let digest = hasher.finish();
        out.write_all(&digest)?;
        if let Some(signer) = self.signer {
            let contents = SignedContents { compressed: &compressed, digest: &digest, style: self.style };
            out.write_all(&signer::values(signer, &contents)?)?;
        }
        self.scratch.seek(SeekFrom::Start(0))?;
        let copied = io::copy(&mut self.scratch, out)?;
        let expected = self.offset - self.style.bytes() as u64 - signer::reserved(self.signer);
        if copied != expected {
            let lost = format!("the scratch file holds {copied} bytes instead of {expected}");
            return Err(WriteError::Output(io::Error::other(lost)));
        }
        out.flush()?;
        Ok(())
    }

    fn table(&self) -> String {
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xar>\n <toc>\n");
        let creation = self.time.trim_end_matches('Z');
        line(&mut xml, format_args!("  <creation-time>{creation}</creation-time>"));
        line(&mut xml, format_args!("  <checksum style=\"{}\">", self.style));
        line(&mut xml, format_args!("   <offset>0</offset>\n   <size>{}</size>", self.style.bytes()));
        line(&mut xml, format_args!("  </checksum>"));
        if let Some(signer) = self.signer {
            xml.push_str(&signer::announce(signer, self.style.bytes() as u64));
        }
        let mut id = 0;
        let mut open: Option<&str> = None;
        for file in &self.files {
            if file.folder.as_deref() != open {
                close(&mut xml, open);
                if let Some(folder) = &file.folder {
                    id += 1;
                    line(&mut xml, format_args!("  <file id=\"{id}\">"));
                    self.properties(&mut xml, "0755", "directory", folder);
                }
                open = file.folder.as_deref();
            }
            id += 1;
            line(&mut xml, format_args!("  <file id=\"{id}\">"));
            self.data(&mut xml, file);
            self.properties(&mut xml, "0644", "file", &file.name);
            line(&mut xml, format_args!("  </file>"));
        }
        close(&mut xml, open);
        xml.push_str(" </toc>\n</xar>\n");
        xml
    }

    fn data(&self, xml: &mut String, file: &File) {
        let encoding = match file.encoding {
            Encoding::Plain => "application/octet-stream",
            Encoding::Zlib => "application/x-gzip",
        };
        let style = self.style;
        line(xml, format_args!("   <data>"));
        line(xml, format_args!("    <length>{}</length>", file.stored));
        line(xml, format_args!("    <offset>{}</offset>", file.offset));
        line(xml, format_args!("    <size>{}</size>", file.plain));
        line(xml, format_args!("    <encoding style=\"{encoding}\"/>"));
        let (extracted, archived) = (&file.extracted, &file.archived);
        line(xml, format_args!("    <extracted-checksum style=\"{style}\">{extracted}</extracted-checksum>"));
        line(xml, format_args!("    <archived-checksum style=\"{style}\">{archived}</archived-checksum>"));
        line(xml, format_args!("   </data>"));
    }

    fn properties(&self, xml: &mut String, mode: &str, kind: &str, name: &str) {
        for stamp in ["ctime", "mtime", "atime"] {
            line(xml, format_args!("   <{stamp}>{}</{stamp}>", self.time));
        }
        line(xml, format_args!("   <group>wheel</group>\n   <gid>0</gid>"));
        line(xml, format_args!("   <user>root</user>\n   <uid>0</uid>"));
        line(xml, format_args!("   <mode>{mode}</mode>\n   <type>{kind}</type>"));
        line(xml, format_args!("   <name>{}</name>", escape(name)));
    }
}

fn close(xml: &mut String, folder: Option<&str>) {
    if folder.is_some() {
        line(xml, format_args!("  </file>"));
    }
}

fn line(xml: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a `String` cannot fail.
    let _ = writeln!(xml, "{text}");
}

fn iso_time(seconds: u32) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    let moment = OffsetDateTime::from_unix_timestamp(seconds.into()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    moment.format(format).unwrap_or_default()
}

/// Counts and digests what goes through it.
struct Meter<'a> {
    out: &'a mut dyn Write,
    hasher: Hasher,
    bytes: u64,
}

impl<'a> Meter<'a> {
    fn new(out: &'a mut dyn Write, style: Style) -> Self {
        Self { out, hasher: Hasher::new(style), bytes: 0 }
    }

    /// Bytes and hexadecimal digest.
    fn finish(self) -> (u64, String) {
        let digits = self.hasher.finish().iter().map(|byte| format!("{byte:02x}")).collect();
        (self.bytes, digits)
    }
}

impl Write for Meter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.out.write(bytes)?;
        self.hasher.update(bytes.get(..taken).unwrap_or_default());
        self.bytes += taken as u64;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
