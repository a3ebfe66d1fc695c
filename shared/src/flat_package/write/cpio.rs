//! Writes a tree as a cpio archive of the old portable format (odc), as `Payload` and `Scripts` hold it (P40).

use super::{
    WriteError,
    tree::{Contents, Node, NodeKind, Tree},
};
use crate::flat_package::bom::{Cksum, ROOT};
use std::{
    collections::HashMap,
    io::{self, Read, Write},
};

/// Largest file: bills of materials count bytes in 32 bits. (The archive itself could hold 8 GiB.)
const MAX_FILE: u64 = u32::MAX as u64;
/// Numbers of six octal digits.
const SIX_DIGITS: u64 = 1 << 18;

/// Writes `tree`; gives back the checksum that the bill of materials holds for each of its nodes (0 for folders).
///
/// Files with several names are stored with each of them, so that readers that know no hard links get all of them.
pub(super) fn write(
    tree: &Tree,
    contents: &dyn Contents,
    out: &mut dyn Write,
) -> Result<Vec<u32>, WriteError> {
    let names = tree.names_of_files();
    let mut inodes = Inodes::default();
    let mut checksums = Vec::with_capacity(tree.nodes().len());
    for node in tree.nodes() {
        let links = match node.kind {
            NodeKind::File { identity: Some(identity), .. } => names.get(&identity).copied().unwrap_or(1),
            _ => 1,
        };
        let name = if node.path == ROOT { ROOT.to_owned() } else { format!("./{}", node.path) };
        header(node, &name, inodes.of(node), links, out)?;
        checksums.push(match &node.kind {
            NodeKind::Folder => 0,
            NodeKind::Link { target } => {
                out.write_all(target.as_bytes())?;
                Cksum::of(target.as_bytes())
            }
            NodeKind::File { size, .. } => body(&node.path, *size, contents, out)?,
        });
    }
    let end = Node { path: String::new(), kind: NodeKind::Folder, mode: 0, uid: 0, gid: 0, mtime: 0 };
    fields(&end, 0, 0, 1, b"TRAILER!!!", out)?;
    Ok(checksums)
}

/// Numbers the files of an archive.
#[derive(Default)]
struct Inodes {
    last: u64,
    known: HashMap<u64, u64>,
}

impl Inodes {
    fn of(&mut self, node: &Node) -> u64 {
        let NodeKind::File { identity: Some(identity), .. } = node.kind else {
            self.last += 1;
            return self.last;
        };
        *self.known.entry(identity).or_insert_with(|| {
            self.last += 1;
            self.last
        })
    }
}

fn header(node: &Node, name: &str, inode: u64, links: u32, out: &mut dyn Write) -> Result<(), WriteError> {
    let limits: [(&'static str, u64, u64); 5] = [
        ("size", node.size(), MAX_FILE),
        ("owner", node.uid.into(), SIX_DIGITS - 1),
        ("group", node.gid.into(), SIX_DIGITS - 1),
        ("number of names", links.into(), SIX_DIGITS - 1),
        // Readers, ours and Apple's, stop at their `PATH_MAX`.
        ("length of the path", name.len() as u64, 1023),
    ];
    if let Some((what, value, _)) = limits.into_iter().find(|(_, value, limit)| value > limit) {
        return Err(WriteError::TooLarge { path: node.path.clone(), what, value });
    }
    fields(node, inode, node.st_mode(), links, name.as_bytes(), out)?;
    Ok(())
}

/// The caller has checked that everything fits. An inode that does not is split between inode and device.
fn fields(
    node: &Node,
    inode: u64,
    mode: u16,
    links: u32,
    name: &[u8],
    out: &mut dyn Write,
) -> io::Result<()> {
    let (device, inode) = ((inode / SIX_DIGITS) % SIX_DIGITS, inode % SIX_DIGITS);
    let (uid, gid, mtime) = (node.uid, node.gid, node.mtime);
    let (name_bytes, size) = (name.len() + 1, node.size());
    write!(out, "070707{device:06o}{inode:06o}{mode:06o}{uid:06o}{gid:06o}{links:06o}{:06o}", 0)?;
    write!(out, "{mtime:011o}{name_bytes:06o}{size:011o}")?;
    out.write_all(name)?;
    out.write_all(&[0])
}

fn body(path: &str, size: u64, contents: &dyn Contents, out: &mut dyn Write) -> Result<u32, WriteError> {
    let unreadable = |source| WriteError::Content { path: path.to_owned(), source };
    let mut reader = contents.open(path).map_err(unreadable)?;
    let mut checksum = Cksum::default();
    let mut buffer = vec![0; 64 * 1024];
    let mut left = size;
    loop {
        let count = match reader.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(error)),
        };
        let changed = count as u64 > left || (count == 0 && left > 0);
        if changed {
            return Err(WriteError::Changed { path: path.to_owned(), expected: size });
        }
        if count == 0 {
            return Ok(checksum.finish());
        }
        let piece = buffer.get(..count).unwrap_or_default();
        checksum.update(piece);
        out.write_all(piece)?;
        left -= count as u64;
    }
}
