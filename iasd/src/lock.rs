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

/// The first of the two, with which nothing but the records may be touched.
///
/// Cleanup removes `InstallPath`, and a second daemon may have another one: so the lock that counts is the one in the
/// records, whose journal they would share. The other is the one R45 names.
#[derive(Debug)]
pub(crate) struct MacLock(File);

impl MacLock {
    /// Takes the lock in `records`, without waiting.
    pub(crate) fn take(records: &Folder) -> Result<Self, LockError> {
        let shown = format!("{}/{LOCK_FILE}", records.path());
        lock(records, Path::new(LOCK_FILE), shown).map(Self)
    }

    /// Takes the lock in `install_path` as well, without waiting.
    pub(crate) fn and(self, install_path: &Path) -> Result<RunLock, LockError> {
        let path = install_path.join(LOCK_FILE);
        Ok(RunLock([self.0, lock(CWD, &path, path.display().to_string())?]))
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
        let first = MacLock::take(&records).and_then(|lock| lock.and(&one)).unwrap();
        assert!(matches!(MacLock::take(&records), Err(LockError::Held(_))), "wherever it installs to");
        let elsewhere = crate::folders::records(&two, owner).unwrap();
        let other_mac = MacLock::take(&elsewhere).unwrap();
        assert!(matches!(other_mac.and(&one), Err(LockError::Held(_))), "R45: also by this one");
        std::fs::remove_dir_all(&one).unwrap();
        assert!(matches!(MacLock::take(&records), Err(LockError::Held(_))), "cleanup goes on");
        drop(first);
        std::fs::create_dir(&one).unwrap();
        assert!(MacLock::take(&records).and_then(|lock| lock.and(&one)).is_ok());
    }
}
