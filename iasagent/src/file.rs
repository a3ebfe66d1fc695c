//! Places one file with the user's rights: written beside its place, then renamed into it (R113, R115).

use crate::content::{self, ContentError, Expected};
use shared::ipc::message::{Outcome, PlaceUserFile};
use std::{
    fs::{self, File, OpenOptions, Permissions},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Places the file; nobody sees it under its name before it is complete and has its mode.
pub(crate) async fn place(wanted: PlaceUserFile, content: File) -> Outcome {
    let placed = tokio::task::spawn_blocking(move || {
        let expected = Expected { digest: wanted.digest, bytes: wanted.bytes };
        write(Path::new(wanted.path.as_str()), wanted.mode, &content, expected)
            .map_err(|error| format!("place {}: {error}", wanted.path))
    });
    match placed.await.unwrap_or_else(|error| Err(error.to_string())) {
        Ok(()) => Outcome::Done,
        Err(error) => Outcome::Failed { error },
    }
}

fn write(path: &Path, mode: u32, content: &File, expected: Expected) -> Result<(), ContentError> {
    let at = |what: &str, path: &Path| ContentError::io(format!("{what} {}", path.display()));
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder).map_err(at("create the folder", folder))?;
    let beside = Beside(folder.join(format!(".{}", content::unique())));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside.0)
        .map_err(at("create", &beside.0))?;
    content::copy(content, &mut file, expected)?;
    // Set-id bits would let others act for the user.
    file.set_permissions(Permissions::from_mode(mode & 0o777)).map_err(at("set the mode of", path))?;
    file.sync_all().map_err(at("flush", path))?;
    fs::rename(&beside.0, path).map_err(at("put in place", path))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at("flush the folder", folder))
}

/// A file under a passing name; removed unless it was renamed.
struct Beside(PathBuf);

impl Drop for Beside {
    fn drop(&mut self) {
        // It was renamed, or was never made.
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::digest::Digest;
    use std::{io::Write, os::unix::fs::symlink};

    fn placed(path: &Path, mode: u32, text: &str, promised: &str) -> Result<(), ContentError> {
        let mut content = tempfile::tempfile().unwrap();
        content.write_all(text.as_bytes()).unwrap();
        let expected = Expected { digest: Digest::of(promised.as_bytes()), bytes: promised.len() as u64 };
        write(path, mode, &content, expected)
    }

    #[test]
    fn r113_a_file_appears_complete_with_its_mode_and_missing_folders() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Library/Preferences/x.plist");
        placed(&path, 0o4644, "one", "one").unwrap();
        placed(&path, 0o600, "two", "two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn r115_a_link_in_the_files_place_is_replaced_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (victim, path) = (folder.path().join("victim"), folder.path().join("x"));
        fs::write(&victim, "precious").unwrap();
        symlink(&victim, &path).unwrap();
        placed(&path, 0o644, "new", "new").unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert!(fs::symlink_metadata(&path).unwrap().is_file());
    }

    #[test]
    fn r108_wrong_content_leaves_the_old_file_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        placed(&path, 0o644, "old", "old").unwrap();
        assert!(placed(&path, 0o644, "forged", "secure").is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let blocked = folder.path().join("x/y");
        assert!(placed(&blocked, 0o644, "z", "z").unwrap_err().to_string().contains("create the folder"));
    }
}
