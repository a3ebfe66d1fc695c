//! One daemon per Mac: an exclusive lock on `<InstallPath>/.lock` (R45).

use shared::layout::{LOCK_FILE, MacPath};
use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Held while a run goes on; the system releases it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct RunLock(#[expect(dead_code, reason = "held, not read")] File);

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
    pub(crate) fn take(root: &Path, install_path: &MacPath) -> Result<Self, LockError> {
        let path = install_path.under(root).join(LOCK_FILE);
        let shown = path.display().to_string();
        let failed = |source| LockError::Failed { path: shown.clone(), source };
        let no_follow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default();
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600).custom_flags(no_follow);
        let file = options.open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(LockError::Held(shown)),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r45_a_second_daemon_is_turned_away_and_the_lock_goes_with_its_holder() {
        let root = tempfile::tempdir().unwrap();
        let path = MacPath::new("/ias").unwrap();
        std::fs::create_dir(root.path().join("ias")).unwrap();
        let first = RunLock::take(root.path(), &path).unwrap();
        assert!(matches!(RunLock::take(root.path(), &path), Err(LockError::Held(_))));
        drop(first);
        assert!(RunLock::take(root.path(), &path).is_ok());
    }
}
