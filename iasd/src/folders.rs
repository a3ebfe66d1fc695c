//! The folders a run needs, made before it begins (R46, R113), and what does not belong into them (R127).

use shared::{
    layout::{MacPath, RECORDS_FOLDER},
    settings::Settings,
};
use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::Path,
};

/// A folder could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make the folder {path}: {source}")]
pub(crate) struct FolderError {
    path: String,
    source: io::Error,
}

/// Makes `InstallPath`, `userscripts` in it (R35), and the folder of records.
pub(crate) fn prepare(root: &Path, settings: &Settings) -> Result<(), FolderError> {
    let install_path = &settings.install_path;
    for path in [install_path.as_str(), &format!("{install_path}/userscripts"), RECORDS_FOLDER] {
        let folder = root.join(path.trim_start_matches('/'));
        let failed = |source| FolderError { path: path.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o755).create(&folder).map_err(failed)?;
    }
    Ok(())
}

/// InstallApplications would load such a module; we say that we do not (R127).
pub(crate) fn middleware(root: &Path, install_path: &MacPath) -> Option<String> {
    let found = fs::read_dir(install_path.under(root))
        .ok()?
        .filter_map(Result::ok)
        .find(|entry| entry.file_name().to_string_lossy().starts_with("middleware"))?;
    let name = found.file_name();
    Some(format!("{} is not loaded: request options go into HTTPHeaders", name.to_string_lossy()))
}
