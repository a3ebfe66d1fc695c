//! Takes a package apart into a folder, as `pkgutil --expand-full` does: `Payload` and `Scripts` become folders. Disk images
//! and archives are unpacked into one.

use crate::chain::chain;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use shared::archive::Archive;
use shared::disk_image::DiskImage;
use shared::flat_package::FlatPackage;
use shared::flat_package::xar::{EntryId, EntryKind};
use shared::sys::unpack::{MOST_ENTRIES, Place, Placed, Remark, Rules, unpack};
use shared::walk::Walk;
use std::io::{self, Read, Seek};
use std::path::Path;

/// More than this in one payload is no package but an attack on the disk.
const MOST_BYTES: u64 = 256 << 30;

/// What was not taken over as it is, one sentence each.
pub(crate) type Remarks = Vec<String>;

/// Takes `package` apart into `folder`, which must be new or empty.
///
/// # Errors
/// The folder holds something, or what is in the package cannot be read or written: a sentence.
pub(crate) fn expand<R: Read + Seek>(package: &mut FlatPackage<R>, folder: &Path) -> Result<Remarks, String> {
    let root = empty(folder)?;
    let mut remarks = Remarks::new();
    for id in (0..package.archive.entries().len()).map(EntryId) {
        let Some(entry) = package.archive.entry(id) else { continue };
        let path = entry.path.clone();
        let packed = package
            .components
            .iter()
            .any(|component| [component.payload, component.scripts].contains(&Some(id)));
        let outcome = match &entry.kind {
            EntryKind::Directory => root.create_dir_all(&path).map_err(|error| error.to_string()),
            EntryKind::File if packed => unpack_into(package, id, &root, &path, &mut remarks),
            EntryKind::File => copy(package, id, &root, &path),
            _ => {
                remarks.push(format!("{path} is neither a file nor a folder and was left out"));
                Ok(())
            }
        };
        outcome.map_err(|error| format!("cannot expand {path} into {}: {error}", folder.display()))?;
    }
    Ok(remarks)
}

/// Unpacks the volumes of `image` into `folder`, which must be new or empty: a single one there, several below numbers.
///
/// # Errors
/// The folder holds something, or what is in the image cannot be read or written: a sentence.
pub(crate) fn expand_image<R: Read + Seek>(
    image: &mut DiskImage<R>,
    folder: &Path,
) -> Result<Remarks, String> {
    let root = empty(folder)?;
    let mut remarks = Remarks::new();
    let volumes = image.volumes().to_vec();
    for (number, volume) in (1..).zip(&volumes) {
        let below = if volumes.len() > 1 { format!("{number}") } else { String::new() };
        match image.walk(volume, Path::new("")) {
            Ok(Some(walk)) => lay_out(walk, &root, Path::new(&below), &mut remarks)?,
            Ok(None) => {}
            Err(error) => return Err(chain(&error)),
        }
    }
    Ok(remarks)
}

/// Unpacks `archive` into `folder`, which must be new or empty.
///
/// # Errors
/// The folder holds something, or what is in the archive cannot be read or written: a sentence.
pub(crate) fn expand_archive(archive: Archive<'_>, folder: &Path) -> Result<Remarks, String> {
    let root = empty(folder)?;
    let mut remarks = Remarks::new();
    lay_out(archive.into_walk(), &root, Path::new(""), &mut remarks)?;
    Ok(remarks)
}

/// The folder to expand into.
fn empty(folder: &Path) -> Result<Dir, String> {
    let failed = |error: io::Error| format!("cannot expand into {}: {error}", folder.display());
    std::fs::create_dir_all(folder).map_err(failed)?;
    let root = Dir::open_ambient_dir(folder, ambient_authority()).map_err(failed)?;
    if root.entries().map_err(failed)?.next().is_some() {
        return Err(format!("{} is not empty; name a new folder for --expand", folder.display()));
    }
    Ok(root)
}

fn unpack_into<R: Read + Seek>(
    package: &mut FlatPackage<R>,
    id: EntryId,
    root: &Dir,
    path: &str,
    remarks: &mut Remarks,
) -> Result<(), String> {
    root.create_dir_all(path).map_err(|error| error.to_string())?;
    let inner = root.open_dir(path).map_err(|error| error.to_string())?;
    let files = package.files(id).map_err(|error| chain(&error))?;
    // Below a folder of its own, so that a link in one payload cannot lead into another.
    let mut inner_remarks = Remarks::new();
    lay_out(files, &inner, Path::new(""), &mut inner_remarks)?;
    remarks.extend(inner_remarks.into_iter().map(|remark| format!("{path}/{remark}")));
    Ok(())
}

/// Unpacks what is walked below `folder` in `root`.
fn lay_out(walk: impl Walk, root: &Dir, folder: &Path, remarks: &mut Remarks) -> Result<(), String> {
    let rules = Rules {
        keep_special_bits: false,
        refuse_devices: false,
        max_bytes: MOST_BYTES,
        max_entries: MOST_ENTRIES,
    };
    let mut watch = |placed: &Placed<'_>| {
        let what = match placed.remark {
            Some(Remark::SpecialBitsRemoved) => "lost its setuid, setgid or sticky bits",
            Some(Remark::DeviceLeftOut) => "is a device, pipe or socket and was left out",
            Some(Remark::SpecialBitsKept) | None => return,
        };
        remarks.push(format!("{} {what}", placed.path.display()));
    };
    unpack(walk, Place { root, folder }, rules, &mut watch).map_err(|error| chain(&error))?;
    Ok(())
}

fn copy<R: Read + Seek>(
    package: &mut FlatPackage<R>,
    id: EntryId,
    root: &Dir,
    path: &str,
) -> Result<(), String> {
    if let Some(parent) = Path::new(path).parent() {
        root.create_dir_all(parent).map_err(|error| error.to_string())?;
    }
    let mut entry = package.archive.read(id).map_err(|error| chain(&error))?;
    let mut file = root.create(path).map_err(|error| error.to_string())?;
    io::copy(&mut entry, &mut file).map_err(|error| error.to_string())?;
    Ok(())
}
