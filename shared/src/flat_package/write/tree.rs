//! What is to be packed: a sorted list of folders, files and links, and where the bytes of the files come from.

use crate::flat_package::bom::ROOT;
use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashMap},
    io::{self, Read},
};

/// A folder and everything below it, sorted so that each folder comes just before what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    nodes: Vec<Node>,
}

/// One folder, file or link of a [`Tree`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// [`ROOT`] (`.`), or a relative path without a leading `./`.
    pub path: String,
    /// What it is.
    pub kind: NodeKind,
    /// Permission bits, at most `0o7777`.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds since 1970.
    pub mtime: u32,
}

/// What a [`Node`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeKind {
    /// A folder.
    Folder,
    /// A file.
    File {
        /// Its length in bytes.
        size: u64,
        /// Files with the same number are one file under several names (hard links).
        identity: Option<u64>,
    },
    /// A symbolic link.
    Link {
        /// Where it points.
        target: String,
    },
}

/// Why a list of nodes is not a tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTree {
    /// A path is absolute, climbs, is empty or contains NUL.
    #[error("{0:?} is not a relative path that stays below its folder")]
    Path(String),
    /// Two nodes have the same path.
    #[error("{0} is listed twice")]
    Twice(String),
    /// The folder of a node is not listed, or is no folder.
    #[error("the folder of {0} is not listed")]
    NoFolder(String),
}

impl Tree {
    /// Sorts and checks `nodes`.
    ///
    /// # Errors
    /// When a path is unusable or twice there, or its folder is missing; the root folder ([`ROOT`]) is needed too.
    pub fn new(mut nodes: Vec<Node>) -> Result<Self, BadTree> {
        nodes.sort_unstable_by(|a, b| order(&a.path, &b.path));
        let mut folders = vec![];
        for (at, node) in nodes.iter().enumerate() {
            if !is_usable(&node.path) {
                return Err(BadTree::Path(node.path.clone()));
            }
            if nodes.get(at + 1).is_some_and(|next| next.path == node.path) {
                return Err(BadTree::Twice(node.path.clone()));
            }
            let parent = node.path.rsplit_once('/').map_or(ROOT, |(parent, _)| parent);
            while folders.last().is_some_and(|folder| *folder != parent && *folder != ROOT) {
                folders.pop();
            }
            if node.path != ROOT && folders.last() != Some(&parent) {
                return Err(BadTree::NoFolder(node.path.clone()));
            }
            if node.kind == NodeKind::Folder {
                folders.push(&node.path);
            }
        }
        if folders.is_empty() { Err(BadTree::NoFolder(ROOT.to_owned())) } else { Ok(Self { nodes }) }
    }

    /// The nodes, folders before what is in them.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Bytes of all files; a file under several names counts for each.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.nodes.iter().map(Node::size).sum()
    }

    /// Whether there is a file with this path.
    #[must_use]
    pub fn has_file(&self, path: &str) -> bool {
        self.nodes.iter().any(|node| node.path == path && matches!(node.kind, NodeKind::File { .. }))
    }

    /// Makes the file with this path executable, if there is one.
    pub fn make_executable(&mut self, path: &str) {
        for node in self.nodes.iter_mut().filter(|node| node.path == path) {
            if matches!(node.kind, NodeKind::File { .. }) {
                node.mode |= 0o111;
            }
        }
    }

    /// How many names each file with an identity has.
    pub(super) fn names_of_files(&self) -> HashMap<u64, u32> {
        let mut names = HashMap::new();
        for node in &self.nodes {
            if let NodeKind::File { identity: Some(identity), .. } = node.kind {
                *names.entry(identity).or_default() += 1;
            }
        }
        names
    }
}

impl Node {
    /// Length in bytes of what is stored for it: a file's content or a link's target.
    #[must_use]
    pub fn size(&self) -> u64 {
        match &self.kind {
            NodeKind::Folder => 0,
            NodeKind::File { size, .. } => *size,
            NodeKind::Link { target } => target.len() as u64,
        }
    }

    /// Type and permission bits, as in `st_mode`.
    #[must_use]
    pub fn st_mode(&self) -> u16 {
        let kind = match self.kind {
            NodeKind::Folder => 0o040_000,
            NodeKind::File { .. } => 0o100_000,
            NodeKind::Link { .. } => 0o120_000,
        };
        kind | (self.mode & 0o7777)
    }
}

/// By the names along the path; the root folder before everything.
fn order(a: &str, b: &str) -> Ordering {
    (a != ROOT).cmp(&(b != ROOT)).then_with(|| a.split('/').cmp(b.split('/')))
}

fn is_usable(path: &str) -> bool {
    let usable = |name: &str| !matches!(name, "" | "." | "..") && !name.contains('\0');
    path == ROOT || path.split('/').all(usable)
}

/// Where the bytes of a tree's files come from.
pub trait Contents {
    /// Opens the file that the tree calls `path`.
    ///
    /// # Errors
    /// When there is no such file or it cannot be opened.
    fn open(&self, path: &str) -> io::Result<Box<dyn Read + '_>>;
}

/// Files held in memory.
impl Contents for BTreeMap<String, Vec<u8>> {
    fn open(&self, path: &str) -> io::Result<Box<dyn Read + '_>> {
        match self.get(path) {
            Some(bytes) => Ok(Box::new(bytes.as_slice())),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(path: &str, kind: NodeKind) -> Node {
        Node { path: path.into(), kind, mode: 0o755, uid: 0, gid: 0, mtime: 0 }
    }

    fn tree(paths: &[&str]) -> Result<Vec<String>, BadTree> {
        let kind = |path: &str| match path.ends_with("file") {
            true => NodeKind::File { size: 1, identity: None },
            false => NodeKind::Folder,
        };
        let nodes = paths.iter().map(|path| node(path, kind(path))).collect();
        Ok(Tree::new(nodes)?.nodes.into_iter().map(|node| node.path).collect())
    }

    #[test]
    fn p42_folders_come_just_before_what_is_in_them() {
        let sorted = tree(&["a-b", "a/z", "a", ".", "a/b/file", "a/b", "+", "z-file"]).unwrap();
        assert_eq!(sorted, [".", "+", "a", "a/b", "a/b/file", "a/z", "a-b", "z-file"]);
    }

    #[test]
    fn paths_that_leave_the_folder_or_have_none_are_refused() {
        for bad in ["/a", "..", "a/../b", "a//b", "", "a/", "./a", "a\0"] {
            assert_eq!(tree(&[".", "a", bad]), Err(BadTree::Path(bad.to_owned())), "{bad:?}");
        }
        assert_eq!(tree(&[".", "a", "a"]), Err(BadTree::Twice("a".to_owned())));
        assert_eq!(tree(&[".", "b/a"]), Err(BadTree::NoFolder("b/a".to_owned())));
        assert_eq!(tree(&[".", "file", "file/a"]), Err(BadTree::NoFolder("file/a".to_owned())));
        assert_eq!(tree(&["a"]), Err(BadTree::NoFolder("a".to_owned())));
        assert_eq!(tree(&[]), Err(BadTree::NoFolder(".".to_owned())));
    }
}
