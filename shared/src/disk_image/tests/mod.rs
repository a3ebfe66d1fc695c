//! Disk images: those of the corpus, those written here, and hostile ones.

mod corpus;
mod crafted;
mod endless;
mod written;

use super::{DiskImage, FileSystemKind};
use crate::digest::Digester;
use crate::walk::{Entry, Kind, Walk, WalkError};
use std::io::{Read, Seek};
use std::path::Path;

/// All that is below `from` on a volume, with the digest of each file.
fn listing<R: Read + Seek>(
    image: &mut DiskImage<R>,
    volume: usize,
    from: &str,
) -> Result<Vec<(Entry, String)>, WalkError> {
    let volume = image.volumes()[volume].clone();
    let mut walk = image.walk(&volume, Path::new(from))?.expect("it is there");
    let mut found = Vec::new();
    while let Some(entry) = walk.next_entry()? {
        let digest = if entry.kind == Kind::File { digest(&mut *walk)? } else { String::new() };
        found.push((entry, digest));
    }
    Ok(found)
}

fn digest(walk: &mut dyn Walk) -> Result<String, WalkError> {
    let mut content = Vec::new();
    let read = walk.body().read_to_end(&mut content);
    read.map_err(|error| WalkError::failed("a file", error))?;
    let mut digester = Digester::default();
    digester.update(&content);
    Ok(digester.finish().to_string())
}

/// As one line: what it is, its path, its size or target, the beginning of its digest.
fn line((entry, digest): &(Entry, String)) -> String {
    let path = entry.path.display();
    let mode = entry.mode & 0o7777;
    match &entry.kind {
        Kind::Directory => format!("d {mode:o} {path}/"),
        Kind::File => format!("f {mode:o} {path} {} {}", entry.size, &digest[..8]),
        Kind::Symlink { target } => format!("l {mode:o} {path} -> {}", target.display()),
        Kind::Special => format!("s {mode:o} {path}"),
    }
}
