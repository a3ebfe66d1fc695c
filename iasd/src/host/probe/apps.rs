//! The applications a Mac has where applications are put, except in somebody's home.

use super::{Texts, info};
use cap_std::fs::Dir;
use std::path::Path;

/// Where applications are looked for, and how many folders deep below it.
const PLACES: [(&str, usize); 6] = [
    ("Applications", 3),
    ("System/Applications", 1),
    ("System/Library/CoreServices", 1),
    ("Users/Shared", 1),
    ("opt", 1),
    ("Library/Application Support", 2),
];
/// Entries that are looked at in all, so that a folder full of files costs a moment and no more.
const MOST_ENTRIES: usize = 100_000;

/// An application.
#[derive(Debug)]
pub(super) struct App {
    /// What its `Info.plist` says.
    pub(super) info: Texts,
}

impl App {
    /// Whether it bears one of these names; a name that is not given is none.
    pub(super) fn is_called(&self, id: Option<&str>, name: Option<&str>) -> bool {
        let says = |key: &str, wanted: Option<&str>| {
            wanted.is_some_and(|wanted| self.info.get(key).map(String::as_str) == Some(wanted))
        };
        says("CFBundleIdentifier", id) || says("CFBundleName", name)
    }
}

/// All of them.
pub(super) fn all(root: &Dir) -> Vec<App> {
    let (mut found, mut left) = (Vec::new(), MOST_ENTRIES);
    for (place, depth) in PLACES {
        search(root, Path::new(place), depth, &mut left, &mut found);
    }
    found
}

/// Takes the applications in `folder` and in folders down to `depth` below it; not those inside applications, and links
/// are not followed, so that none is found twice.
fn search(root: &Dir, folder: &Path, depth: usize, left: &mut usize, found: &mut Vec<App>) {
    let Ok(entries) = root.read_dir(folder) else { return };
    for entry in entries.flatten() {
        *left = left.saturating_sub(1);
        if *left == 0 {
            return;
        }
        let path = folder.join(entry.file_name());
        let is_app = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("app"));
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_app {
            // Safari is a link on today's Macs.
            found.extend(path.to_str().and_then(|path| info(root, path)).map(|info| App { info }));
        } else if is_folder && depth > 0 {
            search(root, &path, depth - 1, left, found);
        }
    }
}
