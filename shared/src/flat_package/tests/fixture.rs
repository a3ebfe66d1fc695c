//! Archives made byte by byte, also such as no tool would write.

use crate::flat_package::checksum::{Hasher, Style};
use lzma_rust2::{LzmaOptions, LzmaWriter, XzOptions, XzWriter};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn hash(style: Style, bytes: &[u8]) -> Vec<u8> {
    let mut hasher = Hasher::new(style);
    hasher.update(bytes);
    hasher.finish()
}

pub(super) fn zlib(plain: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let level = flate2::Compression::default();
    flate2::read::ZlibEncoder::new(plain, level).read_to_end(&mut packed).unwrap();
    packed
}

pub(super) fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    flate2::read::GzEncoder::new(plain, flate2::Compression::default()).read_to_end(&mut packed).unwrap();
    packed
}

pub(super) fn bzip2(plain: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    bzip2::read::BzEncoder::new(plain, bzip2::Compression::default()).read_to_end(&mut packed).unwrap();
    packed
}

pub(super) fn xz(plain: &[u8]) -> Vec<u8> {
    let mut writer = XzWriter::new(Vec::new(), XzOptions::with_preset(1)).unwrap();
    writer.write_all(plain).unwrap();
    writer.finish().unwrap()
}

pub(super) fn lzma(plain: &[u8]) -> Vec<u8> {
    let options = LzmaOptions::with_preset(1);
    let mut writer = LzmaWriter::new_use_header(Vec::new(), &options, Some(plain.len() as u64)).unwrap();
    writer.write_all(plain).unwrap();
    writer.finish().unwrap()
}

/// The `data` element of `stored` bytes at `offset` that decode to `plain`, with SHA-1 checksums.
pub(super) fn data(offset: usize, stored: &[u8], plain: &[u8], encoding: &str) -> String {
    format!(
        "<data><offset>{offset}</offset><length>{}</length><size>{}</size><encoding style='application/{encoding}'/>\
         <archived-checksum style='sha1'>{}</archived-checksum>\
         <unarchived-checksum style='SHA1'>{}</unarchived-checksum></data>",
        stored.len(),
        plain.len(),
        hex(&hash(Style::Sha1, stored)),
        hex(&hash(Style::Sha1, plain)),
    )
}

/// An archive being put together.
pub(super) struct Fixture {
    pub(super) toc: String,
    pub(super) heap: Vec<u8>,
    pub(super) style: Style,
}

impl Fixture {
    pub(super) fn new() -> Self {
        Self::with(Style::Sha1)
    }

    pub(super) fn with(style: Style) -> Self {
        let toc =
            format!("<checksum style='{style}'><offset>0</offset><size>{}</size></checksum>", style.bytes());
        Self { toc, heap: vec![0; style.bytes()], style }
    }

    /// XML for the table of contents.
    pub(super) fn xml(mut self, xml: &str) -> Self {
        self.toc.push_str(xml);
        self
    }

    /// A file; `stored` decodes to `plain`.
    pub(super) fn file(mut self, name: &str, stored: &[u8], plain: &[u8], encoding: &str) -> Self {
        let data = data(self.heap.len(), stored, plain, encoding);
        write!(self.toc, "<file><name>{name}</name><type>file</type>{data}</file>").unwrap();
        self.heap.extend_from_slice(stored);
        self
    }

    /// A file stored as it is.
    pub(super) fn plain(self, name: &str, plain: &[u8]) -> Self {
        self.file(name, plain, plain, "octet-stream")
    }

    /// A folder with what `fill` puts into it.
    pub(super) fn folder(mut self, name: &str, fill: impl FnOnce(Self) -> Self) -> Self {
        write!(self.toc, "<file><type>directory</type>").unwrap();
        let filled = fill(self);
        filled.xml(&format!("<name>{name}</name></file>"))
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        let toc = format!("<?xml version='1.0'?><xar><toc>{}</toc></xar>", self.toc);
        let packed = zlib(toc.as_bytes());
        let digest = hash(self.style, &packed);
        self.heap[..digest.len()].copy_from_slice(&digest);
        let id = match self.style {
            Style::Sha1 => 1,
            Style::Md5 => 2,
            Style::Sha256 => 3,
            Style::Sha512 => 4,
        };
        [header(28, 1, packed.len() as u64, toc.len() as u64, id), packed, self.heap].concat()
    }
}

pub(super) fn header(size: u16, version: u16, compressed: u64, uncompressed: u64, checksum: u32) -> Vec<u8> {
    let (size, version) = (size.to_be_bytes(), version.to_be_bytes());
    let lengths = [compressed.to_be_bytes(), uncompressed.to_be_bytes()].concat();
    [b"xar!".as_slice(), &size, &version, &lengths, &checksum.to_be_bytes()].concat()
}

/// An odc entry.
pub(super) fn odc(name: &str, ino: u32, mode: u32, links: u32, body: &[u8]) -> Vec<u8> {
    let header = format!(
        "070707{:06o}{ino:06o}{mode:06o}{:06o}{:06o}{links:06o}{:06o}{:011o}{:06o}{:011o}{name}\0",
        1,
        501,
        20,
        0,
        1_700_000_000,
        name.len() + 1,
        body.len()
    );
    [header.as_bytes(), body].concat()
}

/// A newc entry.
pub(super) fn newc(name: &str, ino: u32, mode: u32, links: u32, body: &[u8]) -> Vec<u8> {
    let fields =
        [ino, mode, 501, 20, links, 1_700_000_000, body.len() as u32, 0, 1, 0, 0, name.len() as u32 + 1, 0];
    let fields: String = fields.iter().map(|field| format!("{field:08X}")).collect();
    let mut entry = format!("070701{fields}{name}\0").into_bytes();
    entry.resize(entry.len().next_multiple_of(4), 0);
    entry.extend_from_slice(body);
    entry.resize(entry.len().next_multiple_of(4), 0);
    entry
}

/// A small odc archive: a folder, a file, a symbolic link.
pub(super) fn small_odc() -> Vec<u8> {
    let entries = [
        odc(".", 1, 0o040755, 2, b""),
        odc("./tool", 2, 0o100755, 1, b"#!/bin/sh\nexit 0\n"),
        odc("./link", 3, 0o120755, 1, b"tool"),
        odc("TRAILER!!!", 0, 0, 1, b""),
    ];
    entries.concat()
}

/// A pbzx stream of these chunks; `true` compresses.
pub(super) fn pbzx(chunks: &[(&[u8], bool)]) -> Vec<u8> {
    let mut stream = [b"pbzx".as_slice(), &(16u64 << 20).to_be_bytes()].concat();
    for (plain, compress) in chunks {
        let stored = if *compress { xz(plain) } else { plain.to_vec() };
        stream.extend_from_slice(&(plain.len() as u64).to_be_bytes());
        stream.extend_from_slice(&(stored.len() as u64).to_be_bytes());
        stream.extend_from_slice(&stored);
    }
    stream
}

/// A stream that gives one byte at a time and is interrupted before each.
pub(super) struct Reluctant<R> {
    inner: R,
    ready: bool,
}

impl<R> Reluctant<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, ready: false }
    }
}

impl<R: std::io::Read> std::io::Read for Reluctant<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.ready = !self.ready;
        if self.ready {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        let end = buffer.len().min(1);
        self.inner.read(&mut buffer[..end])
    }
}

impl<R: std::io::Seek> std::io::Seek for Reluctant<R> {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        self.inner.seek(to)
    }
}
