//! What is built for a rehearsal: packages and disk images, from folders of the admin's.

use super::stage::{create, named};
use shared::sys::packing;
use std::{fs, path::Path};

/// Builds a package from each folder in `sources` that describes one, and a disk image from each that is called like one.
///
/// # Errors
/// When something cannot be read, built or written.
pub(super) fn build(sources: &Path, to: &Path) -> Result<(), String> {
    let Ok(entries) = fs::read_dir(sources) else { return Ok(()) };
    create(to)?;
    for entry in entries {
        let folder = entry.map_err(|error| named(sources, &error))?.path();
        let name = folder.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let made = if folder.join("package.json").is_file() {
            packing::build_component(&folder, &to.join(format!("{name}.pkg")))
        } else if let Some(volume) = name.strip_suffix(".dmg").filter(|_| folder.is_dir()) {
            packing::build_image(&folder, volume, &to.join(&*name))
        } else {
            continue;
        };
        made.map_err(|error| crate::chain::chain(&error))?;
    }
    Ok(())
}
