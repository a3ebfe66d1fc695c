//! Paths found in an archive, made relative: none of them leads outside the folder it is unpacked to (P41).

use std::path::{Component, Path, PathBuf};

/// The path leads outside the folder the archive is unpacked to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} would lead outside the folder it is unpacked to; do not install this package")]
pub struct Outside(pub PathBuf);

/// `path` as a relative one without `.`; also for `CpioEntry::link_to`.
///
/// # Errors
/// It is absolute or contains `..`.
pub fn below(path: &Path) -> Result<PathBuf, Outside> {
    let mut inside = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => inside.push(name),
            Component::CurDir => {}
            _ => return Err(Outside(path.to_owned())),
        }
    }
    Ok(inside)
}
