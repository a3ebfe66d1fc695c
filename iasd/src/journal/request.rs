//! The request `iasctl repair` left in the records folder: read, and removed once the journal has it.

use crate::download::Folder;
use rustix::{
    fd::AsFd as _,
    fs::{AtFlags, fsync, renameat, statat, unlinkat},
    io::Errno,
};
use shared::{
    journal::{LONGEST_REQUEST, Request},
    layout::REQUEST_FILE,
    sys::own_file,
};

/// What is no request is put aside, so that it is told once.
const ASIDE: &str = "refused-repair.json";

/// What lies there to be asked, and what to say about a file that is no request.
pub(super) fn found(folder: &Folder, owner: u32) -> (Option<Request>, Option<String>) {
    if statat(folder, REQUEST_FILE, AtFlags::SYMLINK_NOFOLLOW).err() == Some(Errno::NOENT) {
        return (None, None);
    }
    let why = match own_file::read(folder.as_fd(), REQUEST_FILE, owner, LONGEST_REQUEST) {
        Ok(Ok(bytes)) => match Request::read(&bytes) {
            Ok(request) => return (Some(request), None),
            Err(bad) => bad.to_string(),
        },
        Ok(Err(why)) => why.to_owned(),
        Err(error) => error.to_string(),
    };
    let here = folder.path();
    let left = match renameat(folder, REQUEST_FILE, folder, ASIDE) {
        Ok(()) => format!("put aside as {here}/{ASIDE}"),
        Err(errno) => format!("it cannot be put aside: {errno}"),
    };
    (None, Some(format!("{here}/{REQUEST_FILE} is not carried out: {why}; {left}")))
}

/// Whether a request waits that is another one than `taken`, the last one that was taken in.
pub(crate) fn waits(folder: &Folder, owner: u32, taken: Option<&str>) -> bool {
    let read = own_file::read(folder.as_fd(), REQUEST_FILE, owner, LONGEST_REQUEST);
    let request = read.ok().and_then(Result::ok).and_then(|bytes| Request::read(&bytes).ok());
    request.is_some_and(|request| Some(request.id.as_str()) != taken)
}

/// Removes the request the journal has taken in.
///
/// # Errors
/// What to say when it stays. It is not carried out twice: the journal knows its id.
pub(super) fn remove(folder: &Folder) -> Result<(), String> {
    match unlinkat(folder, REQUEST_FILE, AtFlags::empty()).and_then(|()| fsync(folder)) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => {
            let here = folder.path();
            Err(format!("{here}/{REQUEST_FILE} was taken in, but cannot be removed: {errno}"))
        }
    }
}
