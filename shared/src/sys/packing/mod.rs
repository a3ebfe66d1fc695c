//! Packages and disk images made from folders, for examples, tests and `iasctl pack`.

mod folder;
mod output;

pub use folder::{FolderContents, PackedFolder, list};
pub use output::{Draft, PackError};

#[cfg(feature = "images")]
use crate::disk_image::{
    Coding,
    write::{ImageSpec, write_image},
};
use crate::flat_package::write::{Component, ComponentSpec, Compression, Source, write_component};
use serde::Deserialize;
use std::{fs, path::Path};

/// The time recorded in packages that name none, 2020-01-01: what is packed twice is the same twice.
const DEFAULT_TIME: u32 = 1_577_836_800;
/// A description is a few lines.
const MAX_DESCRIPTION: u64 = 1 << 20;

/// `package.json` of a package folder. Unknown keys are errors, so that a typo is found here and not on a Mac.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageDescription {
    /// The identifier its receipt carries.
    pub identifier: String,
    /// Its version.
    pub version: String,
    /// Where the payload goes; `/` when absent.
    #[serde(default = "root")]
    pub install_location: String,
    /// The oldest macOS it may be installed on.
    #[serde(default)]
    pub min_os: Option<String>,
    /// `none`, `gzip` (the default) or `xz`.
    #[serde(default)]
    pub compression: Compression,
    /// Seconds since 1970, recorded as the time of everything in it; a fixed day when absent.
    #[serde(default)]
    pub time: Option<u32>,
}

fn root() -> String {
    "/".to_owned()
}

/// Makes a component package from a folder, and puts it at `out` when it is complete.
///
/// ```text
/// Tool/package.json     {"identifier": "com.example.tool", "version": "1.0", "install_location": "/usr/local/bin"}
/// Tool/payload/…        what is installed below `install_location`; may be missing
/// Tool/scripts/…        `preinstall`, `postinstall` and what they need; may be missing
/// ```
///
/// Owners become root:wheel, folders and executable files 0755, other files 0644; the two scripts are always
/// executable. The same folder gives the same bytes.
///
/// # Errors
/// When `package.json` is missing or wrong, something in the folder cannot be read, or `out` cannot be written.
pub fn build_component(folder: &Path, out: &Path) -> Result<(), PackError> {
    let description = describe(&folder.join("package.json"))?;
    let spec = ComponentSpec {
        identifier: description.identifier,
        version: description.version,
        install_location: description.install_location,
        min_os: description.min_os,
        compression: description.compression,
        time: description.time.unwrap_or(DEFAULT_TIME),
    };
    let part = |name: &str| {
        let part = folder.join(name);
        let listed = part.is_dir().then(|| list(&part, spec.time)).transpose();
        listed.map_err(|source| PackError::Read { path: part, source })
    };
    let payload = part("payload")?;
    let mut scripts = part("scripts")?;
    if let Some(scripts) = &mut scripts {
        for name in ["preinstall", "postinstall"] {
            scripts.tree.make_executable(name);
        }
    }
    fn source(part: &PackedFolder) -> Source<'_> {
        Source { tree: &part.tree, contents: &part.contents }
    }
    let component = Component {
        spec: &spec,
        payload: payload.as_ref().map(source),
        scripts: scripts.as_ref().map(source),
    };
    let mut draft = Draft::beside(out)?;
    let scratch = draft.scratch()?;
    let written = write_component(&component, None, scratch, draft.file());
    written.map_err(|source| PackError::Pack { path: out.to_owned(), source })?;
    draft.publish()
}

/// Makes a disk image (UDZO, one volume called `name`) of what is in a folder, and puts it at `out` when it is complete.
///
/// Owners and permissions become those [`build_component`] gives. The same folder gives the same bytes.
///
/// # Errors
/// When something in the folder cannot be read, or `out` cannot be written.
#[cfg(feature = "images")]
pub fn build_image(folder: &Path, name: &str, out: &Path) -> Result<(), PackError> {
    let listed =
        list(folder, DEFAULT_TIME).map_err(|source| PackError::Read { path: folder.to_owned(), source })?;
    let source = Source { tree: &listed.tree, contents: &listed.contents };
    let mut draft = Draft::beside(out)?;
    let written = write_image(ImageSpec { name, coding: Coding::Zlib }, source, draft.file());
    written.map_err(|source| PackError::Pack { path: out.to_owned(), source })?;
    draft.publish()
}

fn describe(path: &Path) -> Result<PackageDescription, PackError> {
    let unreadable = |source| PackError::Read { path: path.to_owned(), source };
    if fs::metadata(path).map_err(unreadable)?.len() > MAX_DESCRIPTION {
        return Err(unreadable(std::io::ErrorKind::FileTooLarge.into()));
    }
    let text = fs::read(path).map_err(unreadable)?;
    serde_json::from_slice(&text).map_err(|source| PackError::Description { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;
