//! Where a path of the Mac really leads: links are followed below the folder that is its `/`, absolute ones too.

use cap_std::fs::Dir;
use std::{
    collections::VecDeque,
    ffi::OsString,
    io,
    path::{Component, Path, PathBuf},
};

/// Links on one way at most; macOS allows as many.
const MOST_LINKS: u32 = 32;

/// The path without links that `path` leads to, below `root`; it exists. As on every system, `/..` is `/`.
///
/// # Errors
/// When something on the way is missing or is no folder, or links lead in a circle.
pub(in crate::host) fn resolve(root: &Dir, path: &Path) -> io::Result<PathBuf> {
    let mut ahead: VecDeque<OsString> = names(path).collect();
    let (mut here, mut links) = (PathBuf::new(), 0);
    if ahead.is_empty() {
        return Err(io::ErrorKind::NotFound.into());
    }
    while let Some(name) = ahead.pop_front() {
        if name == ".." {
            here.pop();
            continue;
        }
        let next = here.join(&name);
        if !root.symlink_metadata(&next)?.is_symlink() {
            here = next;
            continue;
        }
        links += 1;
        if links > MOST_LINKS {
            return Err(io::Error::other("too many links, or a circle of them"));
        }
        let target = root.read_link_contents(&next)?;
        if target.has_root() {
            here = PathBuf::new();
        }
        for name in names(&target).rev() {
            ahead.push_front(name);
        }
    }
    Ok(if here.as_os_str().is_empty() { PathBuf::from(".") } else { here })
}

fn names(path: &Path) -> impl DoubleEndedIterator<Item = OsString> + '_ {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}
