//! Content that arrives as a descriptor: copied, and checked while it is copied (R108).

use rustix::{
    io::Errno,
    process::{Pid, test_kill_process},
};
use shared::digest::{Digest, Digester};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// What a descriptor's content must be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    pub(crate) digest: Digest,
    pub(crate) bytes: u64,
}

/// The content is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContentError {
    /// A file could not be read or written.
    #[error("{what}: {error}")]
    Io {
        /// The operation and its object.
        what: String,
        /// Why.
        error: io::Error,
    },
    /// What arrived is no ordinary file.
    #[error("what the daemon handed over is no ordinary file")]
    NotAFile,
    /// It is not what the daemon checked.
    #[error("the content is not what the daemon checked: its SHA-256 is {found}, expected {wanted}")]
    Different {
        /// What it is.
        found: Digest,
        /// What it should be.
        wanted: Digest,
    },
    /// It is not as long as what the daemon checked.
    #[error("the content is not what the daemon checked: it is {found} bytes long, expected {wanted}")]
    Length {
        /// What it is.
        found: u64,
        /// What it should be.
        wanted: u64,
    },
}

impl ContentError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        |error| Self::Io { what, error }
    }
}

/// Copies `from` to `to` and checks what was written; gives its first bytes.
///
/// It reads at positions of its own: the daemon's other users of the file share the descriptor's offset.
pub(crate) fn copy(from: &File, to: &mut File, expected: Expected) -> Result<Vec<u8>, ContentError> {
    let found = from.metadata().map_err(ContentError::io("examine the content"))?;
    if !found.is_file() {
        return Err(ContentError::NotAFile);
    }
    let mut digester = Digester::default();
    let mut head = Vec::new();
    let mut chunk = vec![0; 64 << 10];
    let mut position = 0;
    loop {
        let read = from.read_at(&mut chunk, position).map_err(ContentError::io("read the content"))?;
        let Some(bytes) = chunk.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        position += read as u64;
        if position > expected.bytes {
            break;
        }
        if head.is_empty() {
            head = bytes.iter().take(512).copied().collect();
        }
        digester.update(bytes);
        to.write_all(bytes).map_err(ContentError::io("write the content"))?;
    }
    if position != expected.bytes {
        return Err(ContentError::Length { found: position, wanted: expected.bytes });
    }
    let found = digester.finish();
    if found != expected.digest {
        return Err(ContentError::Different { found, wanted: expected.digest });
    }
    Ok(head)
}

/// What the names of passing files begin with, before the process and a number.
const PASSING: &str = "ias-";

/// A name no other file of this process has.
pub(crate) fn unique() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{PASSING}{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Removes copies that agents left behind which did not live to do it themselves. To be called before the first
/// copy is made.
pub(crate) fn sweep(temporary: &Path) {
    let me = rustix::process::geteuid().as_raw();
    for entry in fs::read_dir(temporary).into_iter().flatten().flatten() {
        let dead = entry.file_name().to_str().is_some_and(is_of_the_dead);
        // Not following links: what is not a folder of our own is not ours to remove.
        let own =
            || fs::symlink_metadata(entry.path()).is_ok_and(|found| found.is_dir() && found.uid() == me);
        if dead && own() {
            // What cannot be removed lies in the user's own temporary folder, which the system empties.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Whether this names a copy of a process that is no more; one with our own number was there before us.
fn is_of_the_dead(name: &str) -> bool {
    let process = name.strip_prefix(PASSING).and_then(|rest| rest.split_once('-'));
    let Some(pid) = process.and_then(|(pid, _)| pid.parse::<i32>().ok()).and_then(Pid::from_raw) else {
        return false;
    };
    let gone = test_kill_process(pid) == Err(Errno::SRCH);
    gone || pid == rustix::process::getpid()
}

/// A script nobody else can read or change, in a folder of its own; both are removed when it is dropped.
#[derive(Debug)]
pub(crate) struct PrivateCopy {
    folder: PathBuf,
    path: PathBuf,
    head: Vec<u8>,
}

impl PrivateCopy {
    /// Copies and checks `content` below the folder `temporary`.
    pub(crate) fn make(
        content: &File,
        expected: Expected,
        temporary: &Path,
        name: &str,
    ) -> Result<Self, ContentError> {
        let folder = make_folder(temporary)?;
        let path = folder.join(name);
        let mut copy = Self { folder, path, head: Vec::new() };
        let what = format!("create {}", copy.path.display());
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o700)
            .open(&copy.path)
            .map_err(ContentError::io(what))?;
        copy.head = self::copy(content, &mut file, expected)?;
        Ok(copy)
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its first bytes.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }
}

impl Drop for PrivateCopy {
    fn drop(&mut self) {
        // What cannot be removed lies in the user's own temporary folder, which the system empties.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A new folder; names others have taken are left alone.
fn make_folder(temporary: &Path) -> Result<PathBuf, ContentError> {
    loop {
        let folder = temporary.join(unique());
        match DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(ContentError::io(format!("create {}", folder.display()))(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io::Seek, os::unix::fs::PermissionsExt};

    fn holding(text: &str) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn expected(text: &str) -> Expected {
        Expected { digest: Digest::of(text.as_bytes()), bytes: text.len() as u64 }
    }

    #[test]
    fn r108_a_copy_is_private_checked_and_gone_afterwards() {
        let temporary = tempfile::tempdir().unwrap();
        let mut content = holding("#!/bin/sh\n");
        content.seek(io::SeekFrom::Start(7)).unwrap();
        let copy = PrivateCopy::make(&content, expected("#!/bin/sh\n"), temporary.path(), "x").unwrap();
        assert_eq!(fs::read(copy.path()).unwrap(), b"#!/bin/sh\n");
        assert_eq!(copy.head(), b"#!/bin/sh\n");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(copy.path()), mode(&copy.folder)), (0o700, 0o700));
        assert_eq!(content.stream_position().unwrap(), 7, "the shared offset is left alone");
        drop(copy);
        assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
    }

    #[test]
    fn r108_what_a_crashed_agent_left_is_removed_and_nothing_else() {
        let temporary = tempfile::tempdir().unwrap();
        let gone = i32::MAX;
        let own = format!("ias-{}-0", std::process::id());
        let parent = format!("ias-{}-0", rustix::process::getppid().unwrap().as_raw_nonzero());
        let names = [format!("ias-{gone}-3"), own, parent.clone(), "ias-x-1".into(), "other".into()];
        for name in &names {
            fs::create_dir(temporary.path().join(name)).unwrap();
            fs::write(temporary.path().join(name).join("script"), "secret").unwrap();
        }
        let link = temporary.path().join(format!("ias-{gone}-4"));
        std::os::unix::fs::symlink(temporary.path().join("other"), &link).unwrap();
        sweep(temporary.path());
        let there = |name: &str| temporary.path().join(name).join("script").exists();
        assert_eq!(names.each_ref().map(|name| there(name)), [false, false, true, true, true]);
        assert!(link.exists());
    }

    #[test]
    fn r108_other_content_is_refused_and_leaves_nothing_behind() {
        let temporary = tempfile::tempdir().unwrap();
        let refused =
            |content: &File, wanted| PrivateCopy::make(content, wanted, temporary.path(), "x").unwrap_err();
        assert!(matches!(refused(&holding("b"), expected("a")), ContentError::Different { .. }));
        assert!(matches!(refused(&holding("ab"), expected("a")), ContentError::Length { .. }));
        assert!(matches!(refused(&holding(""), expected("a")), ContentError::Length { .. }));
        let folder = File::open(temporary.path()).unwrap();
        assert!(matches!(refused(&folder, expected("a")), ContentError::NotAFile));
        assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
    }
}
