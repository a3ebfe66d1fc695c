//! Leaves the request where `iasd` finds it: checked against the run on record, in a folder nobody else can change (R115).

use super::{Arguments, job};
use crate::keygen;
use rustix::{
    fs::{AtFlags, unlinkat},
    io::Errno,
};
use shared::{
    journal::{REQUEST_VERSION, Replay, Request, replay, unknown_in},
    layout::{JOURNAL_FILE, REQUEST_FILE, records_folder},
    state::Cleanup,
    sys::{
        atomic,
        folder::{Folder, Missing},
        own_file,
    },
};
use std::{
    ffi::OsStr,
    os::fd::AsFd as _,
    path::{Path, PathBuf},
};

/// No journal is longer.
const LONGEST_JOURNAL: u64 = 256 * 1024 * 1024;

/// A request that was left.
#[derive(Debug)]
pub(super) struct Asked {
    /// The folder that is the Mac's `/`.
    pub(super) root: PathBuf,
    /// Where the request lies.
    pub(super) path: PathBuf,
    /// What it says.
    pub(super) request: Request,
    /// What the admin should know.
    pub(super) notes: Vec<String>,
    /// Whether the run on record had come to its end when the request was there.
    pub(super) is_over: bool,
    /// The folder the request is in.
    records: Folder,
}

impl Asked {
    /// Takes the request back, where nobody will carry it out: the next delivery is to be a whole one.
    ///
    /// # Errors
    /// When it stays.
    pub(super) fn withdraw(&self) -> Result<(), String> {
        match unlinkat(&self.records, REQUEST_FILE, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(format!("{} cannot be removed: {errno}", self.path.display())),
        }
    }
}

/// Leaves a request.
///
/// # Errors
/// Lines for the admin: why none was left.
pub(super) fn ask(arguments: &Arguments) -> Result<Asked, Vec<String>> {
    let one = |problem: String| vec![problem];
    let (root, owner) = place(&arguments.root).map_err(one)?;
    let opened = Folder::open(&root, &records_folder(), owner, Missing::Leave);
    let folder = records_folder().under(&root);
    let Some(records) = opened.map_err(|error| one(error.to_string()))? else {
        let here = folder.display();
        return Err(one(format!(
            "{here} is missing: iasd has never run here, so there is nothing to repair"
        )));
    };
    let mut notes = Vec::new();
    match on_record(&records, owner) {
        Ok(run) => {
            let unknown = unknown_in(&arguments.only, &run.state);
            if !unknown.is_empty() {
                return Err(unknown);
            }
            if run.state.seq > 0 && run.state.cleanup != Cleanup::Over {
                notes.push("the last run has not come to its end: it goes on first".to_owned());
            }
        }
        Err(why) => notes.push(format!("{why}: the names are checked when iasd has the control file")),
    }
    if root == Path::new("/") {
        job::installed(&root, &arguments.label).map_err(|why| one(format!("{why}; no request was left")))?;
    }
    let request = Request {
        request: REQUEST_VERSION,
        id: id().map_err(one)?,
        only: arguments.only.clone(),
        force: arguments.force,
    };
    let path = folder.join(REQUEST_FILE);
    if path.symlink_metadata().is_ok() {
        notes.push("a request nobody has taken in yet is replaced by this one".to_owned());
    }
    let text = request.to_text().map_err(|error| one(error.to_string()))?;
    atomic::replace_in(records.as_fd(), OsStr::new(REQUEST_FILE), text.as_bytes(), 0o600)
        .map_err(|error| one(format!("{}: {error}", path.display())))?;
    // Only now: a run that is not over yet looks for a request at its end, and finds this one.
    let is_over = on_record(&records, owner).is_ok_and(|run| run.state.end.is_some());
    Ok(Asked { root, path, request, notes, is_over, records })
}

/// The Mac's `/`, and the uid that owns there what root owns.
fn place(root: &Path) -> Result<(PathBuf, u32), String> {
    let own = rustix::process::geteuid().as_raw();
    let root = root.canonicalize().map_err(|error| format!("--root {}: {error}", root.display()))?;
    if root != Path::new("/") {
        return Ok((root, own));
    }
    if std::env::consts::OS != "macos" {
        return Err("this is no Mac: name the folder of a rehearsal with --root DIR".to_owned());
    }
    if own != 0 {
        return Err("only root may ask for a repair: sudo iasctl repair".to_owned());
    }
    Ok((root, own))
}

fn on_record(records: &Folder, owner: u32) -> Result<Replay, String> {
    let failed = |why: String| format!("{}/{JOURNAL_FILE} cannot be read ({why})", records.path());
    let bytes = own_file::read(records.as_fd(), JOURNAL_FILE, owner, LONGEST_JOURNAL);
    let bytes = bytes.map_err(|error| failed(error.to_string()))?;
    replay(&bytes.map_err(|why| failed(why.to_owned()))?).map_err(|why| failed(why.to_string()))
}

/// Sixteen digits no other request has.
fn id() -> Result<String, String> {
    Ok(format!("{:016x}", u64::from_be_bytes(keygen::random()?)))
}
