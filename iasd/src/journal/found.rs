//! Finds the journal an earlier start left, and makes it ready to be written on.

use super::request;
use crate::download::Folder;
use rustix::{
    fd::AsFd as _,
    fs::{AtFlags, Mode, OFlags, linkat, openat, renameat, unlinkat},
};
use shared::{
    event::Level,
    journal::{Opening, Replay, Start, VERSION, line, replay, start},
    layout::JOURNAL_FILE,
    sys::{atomic, own_file},
};
use std::{ffi::OsStr, fs::File, io};

/// The journal of the run before that.
const PREVIOUS: &str = "previous-run.ndjson";
/// A dry run must not make a paused run forget where it was.
const DRY_RUN: &str = "last-dry-run.ndjson";
/// What cannot be understood is put aside, not thrown away.
const ASIDE: &str = "unreadable-run.ndjson";
/// A journal longer than this is folded into its first line when a run goes on: starts add up.
const LONG: u64 = 256 * 1024;
/// Nothing we wrote is longer.
const LONGEST: u64 = 256 * 1024 * 1024;

/// The journal cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the journal {path}: {source}; nothing is begun without a journal")]
pub(crate) struct JournalError {
    pub(super) path: String,
    pub(super) source: io::Error,
}

/// What was found, and where to go on writing.
pub(crate) struct Opened {
    /// What this start is.
    pub(crate) start: Start,
    /// What should be said about what was found.
    pub(crate) remarks: Vec<(Level, String)>,
    pub(super) path: String,
    pub(super) file: File,
    pub(super) length: u64,
}

/// Reads the journal in `folder`, the records folder, and makes it ready to be written on. `owner` is the uid that owns
/// what root owns.
///
/// # Errors
/// When it cannot be read or written.
pub(crate) fn open(folder: &Folder, owner: u32, dry_run: bool) -> Result<Opened, JournalError> {
    let name = if dry_run { DRY_RUN } else { JOURNAL_FILE };
    let path = format!("{}/{name}", folder.path());
    let failed = |source| JournalError { path: path.clone(), source };
    let mut remarks: Vec<String> = Vec::new();
    let found = own_file::read(folder.as_fd(), name, owner, LONGEST).map_err(failed)?;
    let found = match found.map(|bytes| replay(&bytes).map(|replay| (replay, bytes.len() as u64))) {
        _ if dry_run => Replay::default(),
        Ok(Ok((replay, length))) => {
            remarks.extend(remark(&replay, length));
            replay
        }
        Ok(Err(unreadable)) => {
            remarks.push(set_aside(folder, name, &unreadable).map_err(failed)?);
            Replay::default()
        }
        Err(why) => {
            remarks.push(set_aside(folder, name, &why).map_err(failed)?);
            Replay::default()
        }
    };
    let length = found.length;
    let (request, refused) = if dry_run { (None, None) } else { request::found(folder, owner) };
    remarks.extend(refused);
    let id = request.as_ref().map(|request| request.id.clone());
    let start = start(found, request);
    let (file, length) = match &start {
        Start::GoOn { .. } if length <= LONG => reopen(folder, name, length),
        Start::GoOn { state, basis } => {
            let state = (**state).clone();
            begin(folder, name, &Opening { journal: VERSION, basis: basis.clone(), state })
        }
        Start::First(basis) | Start::Repair(basis) => {
            if !dry_run {
                keep_previous(folder, name);
            }
            begin(folder, name, &Opening { journal: VERSION, basis: basis.clone(), ..Opening::default() })
        }
    }
    .map_err(failed)?;
    // Only now that the journal has it, on the disk.
    if id.is_some() && id == start.basis().taken {
        remarks.extend(request::remove(folder).err());
    }
    let mut remarks: Vec<_> = remarks.into_iter().map(|text| (Level::Warning, text)).collect();
    let asked = start.basis().asked.as_ref();
    remarks.extend(asked.map(|asked| (Level::Info, asked.summary())));
    Ok(Opened { start, remarks, path, file, length })
}

fn remark(replay: &Replay, length: u64) -> Option<String> {
    let torn = length.saturating_sub(replay.length);
    match (replay.damaged, torn) {
        (0, 0) => None,
        (0, torn) => {
            Some(format!("the journal's last {torn} bytes were being written when the run was cut off"))
        }
        (damaged, _) => Some(format!("the journal has {damaged} damaged lines; what the others say counts")),
    }
}

/// Puts a journal aside that cannot be understood: the run begins anew, receipts and digests still save work.
fn set_aside(folder: &Folder, name: &str, why: &dyn std::fmt::Display) -> io::Result<String> {
    renameat(folder, name, folder, ASIDE)?;
    let folder = folder.path();
    Ok(format!("{why}; it was put aside as {folder}/{ASIDE}, and everything is looked at anew"))
}

/// Keeps the journal of a finished run under another name; the one that is there stays until the new one replaces it.
fn keep_previous(folder: &Folder, name: &str) {
    let beside = format!(".{PREVIOUS}");
    let remove = || unlinkat(folder, beside.as_str(), AtFlags::empty());
    // For the reader of reports only: a run does not depend on it.
    let _ = remove();
    if linkat(folder, name, folder, beside.as_str(), AtFlags::empty()).is_ok() {
        let _ = renameat(folder, beside.as_str(), folder, PREVIOUS);
        // Still there when that failed, and when both were names of the same file already.
        let _ = remove();
    }
}

fn begin(folder: &Folder, name: &str, opening: &Opening) -> io::Result<(File, u64)> {
    let text = line(opening)?;
    atomic::replace_in(folder.as_fd(), OsStr::new(name), text.as_bytes(), 0o600)?;
    reopen(folder, name, text.len() as u64)
}

/// Opens the journal to write on after `length` bytes; what is behind them goes.
fn reopen(folder: &Folder, name: &str, length: u64) -> io::Result<(File, u64)> {
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = File::from(openat(folder, name, flags, Mode::empty())?);
    file.set_len(length)?;
    Ok((file, length))
}
