//! A folder on disk as a tree to be packed: normalised, so that it does not depend on who checked it out.

use crate::flat_package::{
    bom::ROOT,
    write::{Contents, Node, NodeKind, Tree},
};
use std::{
    collections::HashMap,
    fs::{self, File, Metadata},
    io::{self, Read},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

/// Names that never belong into a package; those `pkgbuild` leaves out too.
const LEFT_OUT: [&str; 4] = [".DS_Store", ".svn", "CVS", ".git"];

/// A folder listed for packing.
#[derive(Debug)]
pub struct PackedFolder {
    /// What is in it.
    pub tree: Tree,
    /// Opens its files.
    pub contents: FolderContents,
}

/// The files of a folder on disk.
#[derive(Debug)]
pub struct FolderContents {
    folder: PathBuf,
}

impl Contents for FolderContents {
    fn open(&self, path: &str) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(File::open(self.folder.join(path))?))
    }
}

/// Lists `folder`: everything belongs to root and wheel, was changed at `mtime`, folders and executable files are
/// 0755, other files 0644. Symbolic links stay links, several names of one file stay one file.
///
/// # Errors
/// When something cannot be read, has a name that is not UTF-8, or is neither folder, file nor link; the message
/// names it.
pub fn list(folder: &Path, mtime: u32) -> io::Result<PackedFolder> {
    let mut listing = Listing { nodes: Vec::new(), identities: HashMap::new(), mtime };
    listing.node(ROOT, NodeKind::Folder, 0o755);
    let mut waiting = vec![(folder.to_owned(), String::new())];
    while let Some((folder, prefix)) = waiting.pop() {
        for found in fs::read_dir(&folder).map_err(|error| about(&folder, &error))? {
            let file = found?.path();
            let Some(name) = file.file_name().and_then(|name| name.to_str()) else {
                return Err(about(&file, &"its name is not UTF-8"));
            };
            if LEFT_OUT.contains(&name) {
                continue;
            }
            let path = format!("{prefix}{name}");
            let metadata = fs::symlink_metadata(&file).map_err(|error| about(&file, &error))?;
            listing.add(&file, &path, &metadata)?;
            if metadata.is_dir() {
                waiting.push((file, path + "/"));
            }
        }
    }
    let tree = Tree::new(listing.nodes).map_err(|error| about(folder, &error))?;
    Ok(PackedFolder { tree, contents: FolderContents { folder: folder.to_owned() } })
}

struct Listing {
    nodes: Vec<Node>,
    identities: HashMap<(u64, u64), u64>,
    mtime: u32,
}

impl Listing {
    fn add(&mut self, file: &Path, path: &str, metadata: &Metadata) -> io::Result<()> {
        let kind = metadata.file_type();
        if kind.is_dir() {
            self.node(path, NodeKind::Folder, 0o755);
        } else if kind.is_symlink() {
            let target = fs::read_link(file).map_err(|error| about(file, &error))?;
            let Some(target) = target.to_str() else {
                return Err(about(file, &"the link's target is not UTF-8"));
            };
            self.node(path, NodeKind::Link { target: target.to_owned() }, 0o755);
        } else if kind.is_file() {
            let identity = (metadata.nlink() > 1).then(|| {
                let next = self.identities.len() as u64;
                *self.identities.entry((metadata.dev(), metadata.ino())).or_insert(next)
            });
            let mode = if metadata.permissions().mode() & 0o111 == 0 { 0o644 } else { 0o755 };
            self.node(path, NodeKind::File { size: metadata.len(), identity }, mode);
        } else {
            return Err(about(file, &"packages hold only files, folders and symbolic links"));
        }
        Ok(())
    }

    fn node(&mut self, path: &str, kind: NodeKind, mode: u16) {
        self.nodes.push(Node { path: path.to_owned(), kind, mode, uid: 0, gid: 0, mtime: self.mtime });
    }
}

fn about(path: &Path, why: &dyn std::fmt::Display) -> io::Error {
    io::Error::other(format!("cannot pack {}: {why}", path.display()))
}
