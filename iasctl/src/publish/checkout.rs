//! At which git commit a file is.

use std::{ffi::OsStr, path::Path, process::Command};

/// The commit at which the checkout with `file` is, with `-dirty` behind it where the file is not as it was committed; `None`
/// where it lies in no checkout, or there is no git.
pub(super) fn commit(file: &Path) -> Option<String> {
    let (folder, name) = (file.parent()?, file.file_name()?);
    let commit = git(folder, ["rev-parse", "HEAD"].map(OsStr::new))?;
    // Not in the commit either is what nobody has added, or what is ignored.
    let status = ["status", "--porcelain", "--ignored", "--untracked-files=all", "--"].map(OsStr::new);
    let changed = git(folder, status.into_iter().chain([name]))?;
    Some(if changed.is_empty() { commit } else { commit + "-dirty" })
}

fn git<'a>(folder: &Path, arguments: impl IntoIterator<Item = &'a OsStr>) -> Option<String> {
    let told = Command::new("git").arg("-C").arg(folder).args(arguments).output().ok()?;
    told.status.success().then(|| String::from_utf8_lossy(&told.stdout).trim().to_owned())
}
