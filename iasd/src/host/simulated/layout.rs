//! Lays out what is in a disk image or an archive in a private folder of the simulated Mac.

use super::install::free_bytes;
use crate::host::{archive::Kind, private::Private};
use cap_std::fs::Dir;
use shared::{
    archive::Archive,
    disk_image::DiskImage,
    sys::unpack::{MOST_ENTRIES, Place, Rules, unpack},
    walk::Walk,
};
use std::{
    error::Error,
    fs::File,
    io::{Seek as _, SeekFrom},
    path::Path,
    sync::Arc,
};

/// Lays out the content of `file`, a `kind`, on the Mac whose `/` is `root`: of a disk image the first volume, which is the
/// one a Mac mounts first. It blocks.
///
/// # Errors
/// When it cannot be read here, or holds more than there is room for.
pub(super) fn lay_out(file: File, kind: Kind, root: &Arc<Dir>) -> Result<Private, String> {
    let folder = Private::make(root).map_err(|error| error.to_string())?;
    // The offset is shared by all who hold the file.
    let mut file = file;
    file.seek(SeekFrom::Start(0)).map_err(|error| error.to_string())?;
    match kind {
        Kind::Zip | Kind::Tar => {
            let archive = Archive::open(file).map_err(chain)?;
            unpacked(archive.into_walk(), root, folder.relative())?;
        }
        Kind::Image => {
            let mut image = DiskImage::open(file).map_err(chain)?;
            let volume =
                image.volumes().first().cloned().ok_or("no volume is in it that can be read here")?;
            if volume.encrypted {
                return Err(format!("its volume {} is encrypted", volume.name));
            }
            let walk = image.walk(&volume, Path::new("")).map_err(chain)?;
            unpacked(walk.ok_or("its volume is empty")?, root, folder.relative())?;
        }
    }
    Ok(folder)
}

fn unpacked(walk: impl Walk, root: &Dir, folder: &Path) -> Result<(), String> {
    let rules = Rules {
        keep_special_bits: false,
        refuse_devices: false,
        max_bytes: free_bytes(root),
        max_entries: MOST_ENTRIES,
    };
    // Who owns what is decided when it is put in its place.
    unpack(walk, Place { root, folder }, rules, &mut |_| {}).map(drop).map_err(chain)
}

/// An error with all its causes.
fn chain(error: impl Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
