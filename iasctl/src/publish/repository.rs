//! A repository on the disk: what is in it, in the order in which Munki lists it, and how files get into it (T2, T90).

use super::property_list;
use plist::{Dictionary, Value};
use shared::sys::atomic;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// More folders inside each other than this are links in a circle.
const DEEPEST: usize = 40;

/// A folder with `pkgs`, `pkgsinfo`, `icons` and `catalogs`.
#[derive(Debug, Clone)]
pub(super) struct Repository {
    root: PathBuf,
}

/// A file of `pkgsinfo`, read.
#[derive(Debug, Clone)]
pub(super) struct Pkginfo {
    /// Its path in the repository, such as `pkgsinfo/apps/Firefox-140.plist`.
    pub(super) file: String,
    /// Its keys, or why they cannot be had.
    pub(super) content: Result<Dictionary, String>,
}

impl Repository {
    /// The repository in `root`.
    ///
    /// # Errors
    /// It is no repository: there is no `pkgsinfo` in it.
    pub(super) fn open(root: &Path) -> Result<Self, String> {
        if root.join("pkgsinfo").is_dir() {
            return Ok(Self { root: root.to_owned() });
        }
        Err(format!("{}: no repository: there is no folder `pkgsinfo` in it", root.display()))
    }

    /// Where `place` is on the disk.
    pub(super) fn path(&self, place: &str) -> PathBuf {
        self.root.join(place)
    }

    /// The files below the folder `kind`, by their paths in it. The order is that of Munki 7 on the same disk: the files
    /// of a folder as the disk lists them, then its folders. Links are followed, names that begin with a dot are not listed.
    /// A folder that is not there is empty.
    ///
    /// # Errors
    /// A folder cannot be listed, or holds a name that is no text: nobody may take what is left for everything.
    pub(super) fn list(&self, kind: &str) -> Result<Vec<String>, String> {
        let mut files = Vec::new();
        let folder = self.root.join(kind);
        match fs::symlink_metadata(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(files),
            _ => collect(&folder, "", DEEPEST, &mut files)?,
        }
        Ok(files)
    }

    /// Every file of `pkgsinfo`, in the same order.
    ///
    /// # Errors
    /// As [`Repository::list`]; what is wrong with one file is told in its place.
    pub(super) fn pkgsinfo(&self) -> Result<Vec<Pkginfo>, String> {
        let names = self.list("pkgsinfo")?;
        Ok(names.into_iter().map(|name| self.pkginfo(format!("pkgsinfo/{name}"))).collect())
    }

    /// One file of `pkgsinfo`. As Munki has it, a list that is no dictionary has no keys.
    pub(super) fn pkginfo(&self, file: String) -> Pkginfo {
        let read = || {
            let bytes = fs::read(self.path(&file)).map_err(|error| error.to_string())?;
            let value = property_list::read(&bytes).map_err(|error| format!("no property list: {error}"))?;
            Ok(value.into_dictionary().unwrap_or_default())
        };
        let content = read();
        Pkginfo { file, content }
    }

    /// Replaces `place` as a whole, unless it holds this content already; says whether it did.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn put(&self, place: &str, content: &[u8]) -> io::Result<bool> {
        let path = self.path(place);
        if fs::read(&path).is_ok_and(|old| old == content) {
            return Ok(false);
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        atomic::replace(&path, content, 0o644)?;
        Ok(true)
    }

    /// The same for a property list.
    ///
    /// # Errors
    /// As [`Repository::put`].
    pub(super) fn put_list(&self, place: &str, value: &Value) -> io::Result<bool> {
        self.put(place, &property_list::write(value))
    }

    /// Whether `place` holds anything but this property list.
    pub(super) fn differs(&self, place: &str, value: &Value) -> bool {
        !fs::read(self.path(place)).is_ok_and(|old| old == property_list::write(value))
    }

    /// Removes `place`.
    ///
    /// # Errors
    /// It cannot be removed.
    pub(super) fn remove(&self, place: &str) -> io::Result<()> {
        fs::remove_file(self.path(place))
    }
}

fn collect(folder: &Path, prefix: &str, deeper: usize, files: &mut Vec<String>) -> Result<(), String> {
    let failed = |error: io::Error| format!("{}: {error}", folder.display());
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let name = name
            .into_string()
            .map_err(|name| format!("{}: its name is not UTF-8: rename it", folder.join(name).display()))?;
        // Through links, too.
        if entry.path().is_dir() { folders.push(name) } else { files.push(format!("{prefix}{name}")) }
    }
    if deeper > 0 {
        for name in folders {
            collect(&folder.join(&name), &format!("{prefix}{name}/"), deeper - 1, files)?;
        }
    }
    Ok(())
}
