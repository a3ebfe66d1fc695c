//! Folders that stay open, so that a path with many parts is not walked again for each file in it (R115).

use super::folder::{Folder, Missing, StoreError};
use shared::layout::MacPath;
use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

/// How many: enough for a run, and few for a system that allows few open files.
const KEPT: usize = 16;

/// Folders that were safe when they were opened.
#[derive(Debug, Clone, Default)]
pub(super) struct OpenFolders(Arc<Mutex<HashMap<MacPath, Arc<Folder>>>>);

impl OpenFolders {
    /// Opens `path` below `root` as [`Folder::open`] does, and does `first` with it; what is open is taken as long as the
    /// path leads there.
    ///
    /// # Errors
    /// As that, and as `first`.
    pub(super) fn open(
        &self,
        (root, owner): (&Path, u32),
        path: &MacPath,
        missing: Missing,
        first: impl FnOnce(&Folder) -> Result<(), StoreError>,
    ) -> Result<Option<Arc<Folder>>, StoreError> {
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept().get(path).cloned();
        if let Some(known) = known.filter(|known| known.still_at(root, owner)) {
            return Ok(Some(known));
        }
        let opened = Folder::open(root, path, owner, missing)?.map(Arc::new);
        if let Some(opened) = &opened {
            first(opened)?;
        }
        let mut kept = kept();
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.remove(path);
        kept.extend(opened.iter().map(|opened| (path.clone(), Arc::clone(opened))));
        Ok(opened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        fs,
        os::unix::fs::{PermissionsExt as _, symlink},
    };

    #[test]
    fn r115_a_folder_that_was_opened_before_is_judged_again() {
        let root = tempfile::tempdir().unwrap();
        let (folders, path) = (OpenFolders::default(), MacPath::new("/Library/a").unwrap());
        let here = path.under(root.path());
        let me = rustix::process::geteuid().as_raw();
        let open = || folders.open((root.path(), me), &path, Missing::Create, |_| Ok(()));
        let first = open().unwrap().unwrap();
        assert!(Arc::ptr_eq(&first, &open().unwrap().unwrap()));

        fs::set_permissions(&here, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(open(), Err(StoreError::Unsafe { .. })));
        fs::rename(&here, root.path().join("Library/b")).unwrap();
        symlink("b", &here).unwrap();
        assert!(matches!(open(), Err(StoreError::Unsafe { .. })));
        fs::remove_file(&here).unwrap();
        assert!(!Arc::ptr_eq(&first, &open().unwrap().unwrap()));
    }
}
