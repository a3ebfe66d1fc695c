//! A folder with a folder for each phase: what lies in it, in the order of the names (R134).

use super::words::Words;
use shared::item::Phase;
use std::{fs, io, path::Path};

/// The words for one file of the folder.
pub(super) struct Listed {
    /// How messages name it.
    pub(super) label: String,
    pub(super) words: Words,
}

/// Every file of the phases. Hidden ones, such as `.DS_Store`, are none.
///
/// # Errors
/// When a folder cannot be read, or nothing is there.
pub(super) fn listed(root: &Path) -> Result<Vec<Listed>, String> {
    let mut found = Vec::new();
    for phase in Phase::ALL {
        let folder = root.join(phase.key());
        let failed = |error: io::Error| format!("{}: cannot be read: {error}", folder.display());
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            listing => listing.map_err(failed)?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed)?.file_name().into_string();
            names.push(name.map_err(|name| format!("{}: {name:?} is not UTF-8", folder.display()))?);
        }
        names.sort();
        for name in names.iter().filter(|name| !name.starts_with('.')) {
            let path = folder.join(name).display().to_string();
            let words = Words::default().with("item-path", path).with("item-stage", phase.key());
            found.push(Listed { label: format!("{phase}/{name}"), words });
        }
    }
    if found.is_empty() {
        let names = Phase::ALL.map(Phase::key).join(", ");
        return Err(format!("{}: no files in {names} there", root.display()));
    }
    Ok(found)
}
