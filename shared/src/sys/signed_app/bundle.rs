//! Where the parts of a bundle are: applications, plug-ins and frameworks have them in different places.

use super::Unsound;
use crate::property_list;
use cap_std::fs::{Dir, File};
use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

/// A longer `Info.plist` is none.
const LONGEST_INFO: usize = 4 << 20;
/// A longer seal would be of millions of files.
const LONGEST_SEAL: usize = 128 << 20;

/// A bundle.
pub(super) struct Bundle {
    /// The bundle itself.
    pub(super) path: PathBuf,
    /// The folder that names in the seal start from.
    pub(super) base: PathBuf,
    /// The program that carries the signature.
    pub(super) program: PathBuf,
    /// The `Info.plist`.
    pub(super) info: Option<Vec<u8>>,
}

impl Bundle {
    pub(super) fn open(folder: &Dir, path: &Path) -> Result<Self, Unsound> {
        let is_folder = |path: &Path| folder.symlink_metadata(path).is_ok_and(|found| found.is_dir());
        let (contents, versions) = (path.join("Contents"), path.join("Versions"));
        let (base, programs) = if is_folder(&contents) {
            (contents.clone(), contents.join("MacOS"))
        } else if is_folder(&versions) {
            let current = folder.canonicalize(versions.join("Current"));
            let current = current.ok().filter(|real| real.parent() == Some(versions.as_path()));
            let current = current.ok_or_else(|| Unsound::new(path, "it has no current version"))?;
            (current.clone(), current)
        } else {
            (path.to_owned(), path.to_owned())
        };
        let places = [base.join("Info.plist"), base.join("Resources/Info.plist")];
        let place = places.iter().find(|place| folder.symlink_metadata(place).is_ok());
        let info = place.map(|place| read(folder, place, LONGEST_INFO)).transpose()?;
        let named = info.as_deref().and_then(executable);
        let name = named.or_else(|| Some(path.file_stem()?.to_str()?.to_owned())).unwrap_or_default();
        if name.is_empty() || name.contains('/') || name == ".." {
            return Err(Unsound::new(path, "its Info.plist names no program in it"));
        }
        Ok(Self { path: path.to_owned(), base, program: programs.join(name), info })
    }

    /// The digests of everything else that is in it, as they are written.
    pub(super) fn seal(&self, folder: &Dir) -> Result<Option<Vec<u8>>, Unsound> {
        let path = self.base.join("_CodeSignature/CodeResources");
        let is_there = folder.symlink_metadata(&path).is_ok();
        is_there.then(|| read(folder, &path, LONGEST_SEAL)).transpose()
    }

    /// Whether it is the kind that has nothing beside `Contents`.
    pub(super) fn has_contents(&self) -> bool {
        self.base.file_name().is_some_and(|name| name == "Contents") && self.base != self.path
    }

    /// The folders around the base, the bundle itself included, each with the only thing that has to be in it.
    pub(super) fn around(&self) -> Vec<(&Path, &Path)> {
        let inner = self.base.ancestors().take_while(|inner| *inner != self.path);
        inner.filter_map(|inner| Some((inner.parent()?, inner))).collect()
    }
}

/// What an `Info.plist` says the program is called.
fn executable(info: &[u8]) -> Option<String> {
    let info = property_list::read::<LONGEST_INFO>(info).ok()?;
    Some(info.as_dictionary()?.get("CFBundleExecutable")?.as_string()?.to_owned())
}

/// Opens a file; a link to one would be another one tomorrow.
pub(super) fn open(folder: &Dir, path: &Path) -> Result<File, Unsound> {
    let failed = |error: std::io::Error| Unsound::new(path, error);
    if !folder.symlink_metadata(path).map_err(failed)?.is_file() {
        return Err(Unsound::new(path, "it is no file"));
    }
    folder.open(path).map_err(failed)
}

fn read(folder: &Dir, path: &Path, most: usize) -> Result<Vec<u8>, Unsound> {
    let mut bytes = Vec::new();
    let mut file = open(folder, path)?.take(most as u64 + 1);
    file.read_to_end(&mut bytes).map_err(|error| Unsound::new(path, error))?;
    if bytes.len() > most { Err(Unsound::new(path, "it is too long")) } else { Ok(bytes) }
}
