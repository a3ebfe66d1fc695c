//! Makes archives from trees of files, for examples and tests: the same input gives the same bytes.

use crate::flat_package::bom::ROOT;
use crate::flat_package::payload::Compression;
use crate::flat_package::write::{Node, NodeKind, Source, WriteError};
use bzip2::{Compression as BzLevel, write::BzEncoder};
use flate2::{Compression as Level, Crc, GzBuilder, write::DeflateEncoder};
use lzma_rust2::{XzOptions, XzWriter};
use std::io::{self, Read as _, Write};

const BLOCK: u64 = 512;

/// Writes a tar archive; `pbzx` is not known to those who read one.
///
/// # Errors
/// A file cannot be read or has changed, something is too large, or the output cannot be written.
pub fn write_tar(
    source: Source<'_>,
    compression: Compression,
    out: &mut dyn Write,
) -> Result<(), WriteError> {
    match compression {
        Compression::None => tar(source, out),
        Compression::Gzip => {
            let mut encoder = GzBuilder::new().write(out, Level::default());
            tar(source, &mut encoder)?;
            encoder.finish().map(drop).map_err(WriteError::from)
        }
        Compression::Bzip2 => {
            let mut encoder = BzEncoder::new(out, BzLevel::default());
            tar(source, &mut encoder)?;
            encoder.finish().map(drop).map_err(WriteError::from)
        }
        Compression::Xz => {
            let mut encoder = XzWriter::new(out, XzOptions::with_preset(6))?;
            tar(source, &mut encoder)?;
            encoder.finish().map(drop).map_err(WriteError::from)
        }
        Compression::Pbzx => {
            Err(WriteError::Output(io::Error::other("archives are not compressed with pbzx")))
        }
    }
}

fn tar(source: Source<'_>, out: &mut dyn Write) -> Result<(), WriteError> {
    for node in source.tree.nodes().iter().filter(|node| node.path != ROOT) {
        let (kind, target) = match &node.kind {
            NodeKind::Folder => (b'5', ""),
            NodeKind::File { .. } => (b'0', ""),
            NodeKind::Link { target } => (b'2', target.as_str()),
        };
        for (long, flag) in [(&*node.path, b'L'), (target, b'K')] {
            if long.len() > 100 {
                out.write_all(&tar_header(node, long.len() as u64 + 1, flag, ""))?;
                padded(&[long.as_bytes(), b"\0"].concat(), out)?;
            }
        }
        match content(node, source)? {
            Some(content) => {
                out.write_all(&tar_header(node, content.len() as u64, kind, target))?;
                padded(&content, out)?;
            }
            None => out.write_all(&tar_header(node, 0, kind, target))?,
        }
    }
    Ok(out.write_all(&[0; 2 * BLOCK as usize])?)
}

fn tar_header(node: &Node, size: u64, kind: u8, target: &str) -> Vec<u8> {
    fn fixed(text: &str, length: usize) -> Vec<u8> {
        let mut field = text.as_bytes().to_vec();
        field.resize(length, 0);
        field
    }
    let mut header = fixed(&node.path, 100);
    header.extend(format!("{:07o}\0{:07o}\0{:07o}\0", node.mode, node.uid, node.gid).bytes());
    header.extend(format!("{size:011o}\0{:011o}\0        ", node.mtime).bytes());
    header.push(kind);
    header.extend(fixed(target, 100));
    header.extend(b"ustar\x0000");
    header.resize(BLOCK as usize, 0);
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header.splice(148..156, format!("{sum:06o}\0 ").bytes());
    header
}

fn padded(content: &[u8], out: &mut dyn Write) -> io::Result<()> {
    out.write_all(content)?;
    let padding = (BLOCK - content.len() as u64 % BLOCK) % BLOCK;
    io::copy(&mut io::repeat(0).take(padding), out).map(drop)
}

/// Writes a zip archive with deflated entries.
///
/// # Errors
/// A file cannot be read or has changed, something is too large, or the output cannot be written.
pub fn write_zip(source: Source<'_>, out: &mut dyn Write) -> Result<(), WriteError> {
    let (mut list, mut at, mut count) = (Vec::new(), 0u64, 0u16);
    for node in source.tree.nodes().iter().filter(|node| node.path != ROOT) {
        let begins = at;
        let too_large = || WriteError::TooLarge {
            path: node.path.clone(),
            what: "the size of the archive",
            value: begins,
        };
        let (name, content) = match &node.kind {
            NodeKind::Folder => (format!("{}/", node.path), Vec::new()),
            NodeKind::File { .. } => (node.path.clone(), content(node, source)?.unwrap_or_default()),
            NodeKind::Link { target } => (node.path.clone(), target.as_bytes().to_vec()),
        };
        let mut encoder = DeflateEncoder::new(Vec::new(), Level::default());
        encoder.write_all(&content)?;
        let stored = encoder.finish()?;
        let mut crc = Crc::new();
        crc.update(&content);
        // Version, flags, method, time and date, checksum, sizes, lengths of the name and of the time of the last change.
        let mut fields = b"\x14\0\0\x08\x08\0\0\0\x21\0".to_vec();
        fields.extend(crc.sum().to_le_bytes());
        for number in [stored.len(), content.len()] {
            fields.extend(u32::try_from(number).map_err(|_| too_large())?.to_le_bytes());
        }
        fields.extend(u16::try_from(name.len()).map_err(|_| too_large())?.to_le_bytes());
        fields.extend(9u16.to_le_bytes());
        let extra = [&b"UT\x05\0\x01"[..], &node.mtime.to_le_bytes()].concat();
        let local = [b"PK\x03\x04", &fields[..], name.as_bytes(), &extra, &stored].concat();
        out.write_all(&local)?;
        // Made on a Unix, whose mode stands behind three fields that are empty.
        list.extend([b"PK\x01\x02\x14\x03", &fields[..], &[0; 6]].concat());
        list.extend([[0; 2], node.st_mode().to_le_bytes()].concat());
        list.extend(u32::try_from(begins).map_err(|_| too_large())?.to_le_bytes());
        list.extend([name.as_bytes(), &extra].concat());
        at += local.len() as u64;
        count = count.checked_add(1).ok_or_else(too_large)?;
    }
    out.write_all(&list)?;
    let (size, at) = (list.len() as u32, at as u32);
    let end = [&b"PK\x05\x06\0\0\0\0"[..], &count.to_le_bytes(), &count.to_le_bytes(), &size.to_le_bytes()]
        .concat();
    Ok(out.write_all(&[end, at.to_le_bytes().to_vec(), vec![0; 2]].concat())?)
}

/// A file's content; `None` for what has none.
fn content(node: &Node, source: Source<'_>) -> Result<Option<Vec<u8>>, WriteError> {
    let NodeKind::File { size, .. } = node.kind else { return Ok(None) };
    let failed = |error| WriteError::Content { path: node.path.clone(), source: error };
    let mut bytes = Vec::new();
    let mut file = source.contents.open(&node.path).map_err(failed)?;
    file.by_ref().take(size.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    let whole = bytes.len() as u64 == size;
    if whole { Ok(Some(bytes)) } else { Err(WriteError::Changed { path: node.path.clone(), expected: size }) }
}
