//! Preferences as a simulated Mac has them: plists in the folders in which macOS keeps its own.

use super::{PreferenceDomain, Reading, bounded, not_regular, parsed};
use cap_std::{ambient_authority, fs::Dir};
use shared::{layout::MacPath, settings::Source};
use std::{
    io,
    path::{Path, PathBuf},
};

/// Preferences as plists below a root folder.
#[derive(Debug, Clone)]
pub(crate) struct PreferenceFiles {
    /// The Mac's `/`.
    root: PathBuf,
}

impl PreferenceFiles {
    /// Preferences of the Mac whose `/` is `root`.
    pub(crate) fn below(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }

    fn read_one(&self, dir: &Dir, path: &MacPath, source: Source) -> Reading {
        let bytes = dir.metadata(path.relative()).and_then(|found| match found.is_file() {
            true => bounded(dir.open(path.relative())?),
            false => Err(not_regular()),
        });
        if bytes.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return Reading::default();
        }
        let mut reading = parsed(bytes, source);
        for finding in reading.findings.iter_mut().filter(|finding| finding.key.is_none()) {
            finding.problem = format!("{}: {}", path.under(&self.root).display(), finding.problem);
        }
        reading
    }
}

impl PreferenceDomain for PreferenceFiles {
    fn read(&self, domain: &str) -> Vec<Reading> {
        let local = || Source::Preferences(domain.to_owned());
        let dir = match Dir::open_ambient_dir(&self.root, ambient_authority()) {
            Ok(dir) => dir,
            Err(error) => return vec![parsed(Err(error), local())],
        };
        let places = [
            ("/Library/Preferences", local()),
            ("/private/var/root/Library/Preferences", local()),
            ("/Library/Managed Preferences", Source::Managed(domain.to_owned())),
        ];
        let read = |(folder, source): (&str, Source)| {
            MacPath::new(&format!("{folder}/{domain}.plist"))
                .ok()
                .map(|path| self.read_one(&dir, &path, source))
        };
        places.into_iter().filter_map(read).collect()
    }
}
