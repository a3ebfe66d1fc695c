//! Reading a small file that only this program writes: whatever else lies in its place is not read (R115, R116).

use rustix::{
    fd::BorrowedFd,
    fs::{Mode, OFlags, openat},
};
use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
};

/// The content of the file `name` in an open folder, empty when there is none; `Err` inside says why what lies there is
/// not read.
/// `owner` is the uid that owns what root owns, `longest` what no file of ours exceeds.
///
/// # Errors
/// When the system refuses.
pub fn read(
    folder: BorrowedFd<'_>,
    name: &str,
    owner: u32,
    longest: u64,
) -> io::Result<Result<Vec<u8>, &'static str>> {
    // Without O_NONBLOCK a named pipe would hold us up for ever.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(folder, name, flags, Mode::empty()) {
        Ok(fd) => File::from(fd),
        Err(rustix::io::Errno::NOENT) => return Ok(Ok(Vec::new())),
        Err(rustix::io::Errno::LOOP) => return Ok(Err("it is a symbolic link")),
        Err(errno) => return Err(errno.into()),
    };
    let found = file.metadata()?;
    // It may have a second name, as the journal has while it is kept as the previous one. Nobody else makes names in such
    // a folder (R115).
    if !found.is_file() || found.uid() != owner || found.mode() & 0o022 != 0 {
        return Ok(Err("it is not this program's own file"));
    }
    if found.len() > longest {
        return Ok(Err("it is longer than this program ever writes it"));
    }
    let mut bytes = Vec::new();
    file.take(longest).read_to_end(&mut bytes)?;
    Ok(Ok(bytes))
}
