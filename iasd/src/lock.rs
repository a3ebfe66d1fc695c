//! One daemon per Mac: exclusive locks in the records folder and in `InstallPath` (R45).

use crate::download::Folder;
use rustix::fs::{CWD, Mode, OFlags, openat};
use shared::layout::LOCK_FILE;
use std::{
    fs::{File, TryLockError},
    io,
    os::fd::AsFd,
    path::Path,
};

/// Held while a run goes on; the system releases it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct RunLock(#[expect(dead_code, reason = "held, not read")] [File; 2]);

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    /// Somebody else runs.
    #[error("another iasd holds {0}: this one leaves")]
    Held(String),
    /// The file cannot be opened or locked.
    #[error("cannot lock {path}: {source}")]
    Failed {
        /// The lock file.
        path: String,
        /// Why.
        source: io::Error,
    },
}

impl RunLock {
    /// Takes the lock, without waiting.
    ///
    /// Cleanup removes `install_path`, and a second daemon may have another one: so the lock that counts is the one in
    /// `records`, whose journal they would share. The other is the one R45 names.
    pub(crate) fn take(records: &Folder, install_path: &Path) -> Result<Self, LockError> {
        let shown = format!("{}/{LOCK_FILE}", records.path());
        let of_the_mac = lock(records, Path::new(LOCK_FILE), shown)?;
        let path = install_path.join(LOCK_FILE);
        Ok(Self([of_the_mac, lock(CWD, &path, path.display().to_string())?]))
    }
}

/// Locks the file `name` of `folder`, which messages call `path`.
fn lock(folder: impl AsFd, name: &Path, path: String) -> Result<File, LockError> {
    let failed = |source| LockError::Failed { path: path.clone(), source };
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(folder, name, flags, Mode::RUSR | Mode::WUSR).map_err(|errno| failed(errno.into()))?;
    let file = File::from(file);
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LockError::Held(path)),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r45_a_second_daemon_is_turned_away_and_the_lock_goes_with_its_holder() {
        let mac = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|name| mac.path().join(name));
        for path in [&one, &two] {
            std::fs::create_dir(path).unwrap();
        }
        let owner = rustix::process::geteuid().as_raw();
        let records = crate::folders::records(mac.path(), owner).unwrap();
        let first = RunLock::take(&records, &one).unwrap();
        assert!(matches!(RunLock::take(&records, &one), Err(LockError::Held(_))));
        assert!(matches!(RunLock::take(&records, &two), Err(LockError::Held(_))), "wherever it installs to");
        std::fs::remove_dir_all(&one).unwrap();
        std::fs::create_dir(&one).unwrap();
        assert!(matches!(RunLock::take(&records, &one), Err(LockError::Held(_))), "cleanup goes on");
        drop(first);
        assert!(RunLock::take(&records, &one).is_ok());
    }
}
