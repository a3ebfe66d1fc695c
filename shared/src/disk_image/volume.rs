//! What the two file systems have in common: folders of named items whose content lies in forks.

use super::disk::{Disk, Fork};
use crate::walk::WalkError;
use std::ffi::OsString;

/// A file system that can be walked.
pub(super) trait FileSystem {
    /// A place in the list of what is in a folder.
    type Cursor: Default;
    /// What it keeps of an item to find its content.
    type Item;

    /// The root folder.
    fn root(&self) -> u64;

    /// What comes next in a folder; `None` behind the last.
    fn next_child(
        &mut self,
        disk: &mut dyn Disk,
        folder: u64,
        cursor: &mut Self::Cursor,
    ) -> Result<Option<Child<Self::Item>>, WalkError>;

    /// Where content of an item lies.
    fn fork(&mut self, disk: &mut dyn Disk, item: &Self::Item, which: Which) -> Result<Fork, WalkError>;

    /// Whether `a` and `A` are one name.
    fn ignores_case(&self) -> bool;
}

/// Which content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Data,
    /// What classic Mac OS kept beside it; compressed files have their content there.
    Resource,
}

/// Something in a folder.
pub(super) struct Child<I> {
    pub(super) name: OsString,
    pub(super) about: About,
    pub(super) item: I,
}

/// What the file system says of it.
#[derive(Debug, Clone)]
pub(super) struct About {
    /// The number that is the same for all its names.
    pub(super) id: u64,
    /// Type and permission bits; the type is always there.
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mtime: u64,
    pub(super) links: u32,
    pub(super) size: u64,
    /// The attribute that stands for its content when that is compressed.
    pub(super) compressed: Option<Vec<u8>>,
    /// Where a symbolic link points, when that is not its content.
    pub(super) target: Option<Vec<u8>>,
}

/// A name as programs see it: what is `/` to the Finder is `:` to them.
pub(super) fn shown_name(name: &str) -> Result<OsString, WalkError> {
    let shown = name.replace('/', ":");
    if shown.is_empty() || shown == "." || shown == ".." || shown.contains('\0') {
        return Err(WalkError::damage(format!("{name:?} is no name of a file")));
    }
    Ok(shown.into())
}
