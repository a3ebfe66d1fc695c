//! Packages made byte by byte, such as no tool would make and only somebody who means harm would.

use flate2::{Compression, write::GzEncoder, write::ZlibEncoder};
use std::{
    fmt::Write as _,
    io::{self, Read, Write as _},
};

/// A flat package with these parts, such as `PackageInfo` and `Payload`; nothing in it is checked by anybody.
///
/// # Panics
/// Never: everything happens in memory.
#[must_use]
pub fn flat_package(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut toc, mut heap) = (String::from("<xar><toc>"), Vec::new());
    for (name, content) in parts {
        let (offset, length) = (heap.len(), content.len());
        write!(
            toc,
            "<file><name>{name}</name><type>file</type><data><offset>{offset}</offset><length>{length}</length>\
             <size>{length}</size><encoding style='application/octet-stream'/></data></file>"
        )
        .expect("text in memory");
        heap.extend_from_slice(content);
    }
    toc.push_str("</toc></xar>");
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(toc.as_bytes()).expect("bytes in memory");
    let packed = packed.finish().expect("bytes in memory");
    let mut package = b"xar!\0\x1c\0\x01".to_vec();
    package.extend((packed.len() as u64).to_be_bytes());
    package.extend((toc.len() as u64).to_be_bytes());
    // No checksum.
    package.extend([0; 4]);
    [package, packed, heap].concat()
}

/// A `PackageInfo` for `id` at version 1.0, with further attributes and elements.
#[must_use]
pub fn package_info(id: &str, attributes: &str, elements: &str) -> String {
    format!("<pkg-info identifier='{id}' version='1.0' {attributes}>{elements}</pkg-info>")
}

/// One entry of a cpio archive: name, mode, number of names, inode, content or target.
pub type Line<'a> = (&'a str, u32, u32, u32, &'a [u8]);

/// A file.
pub const FILE: u32 = 0o100_644;
/// A symbolic link.
pub const LINK: u32 = 0o120_755;

/// A cpio archive, gzipped.
///
/// # Panics
/// Never: everything happens in memory.
#[must_use]
pub fn payload(lines: &[Line<'_>]) -> Vec<u8> {
    let mut archive = GzEncoder::new(Vec::new(), Compression::fast());
    for (name, mode, links, inode, body) in lines {
        head(&mut archive, (name, *mode, *links, *inode), body.len() as u64);
        archive.write_all(body).expect("bytes in memory");
    }
    head(&mut archive, ("TRAILER!!!", 0, 1, 0), 0);
    archive.finish().expect("bytes in memory")
}

/// A gzipped cpio archive with one entry of `mode`, called `name`, that is `bytes` zeros long.
///
/// # Panics
/// Never: everything happens in memory.
#[must_use]
pub fn bomb(name: &str, mode: u32, bytes: u64) -> Vec<u8> {
    let mut archive = GzEncoder::new(Vec::new(), Compression::fast());
    head(&mut archive, (name, mode, 1, 1), bytes);
    io::copy(&mut io::repeat(0).take(bytes), &mut archive).expect("bytes in memory");
    head(&mut archive, ("TRAILER!!!", 0, 1, 0), 0);
    archive.finish().expect("bytes in memory")
}

fn head(to: &mut impl io::Write, (name, mode, links, inode): (&str, u32, u32, u32), size: u64) {
    let head = format!(
        "070707{:06o}{inode:06o}{mode:06o}{:06o}{:06o}{links:06o}{:06o}{:011o}{:06o}{size:011o}{name}\0",
        1,
        0,
        0,
        0,
        1_600_000_000,
        name.len() + 1
    );
    to.write_all(head.as_bytes()).expect("bytes in memory");
}
