//! The catalogs that titles are resolved from, read from files.

use super::Arguments;
use shared::{
    item::{ItemId, Wish},
    title::{Catalog, Catalogs, Terms, address::check_location},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The name of a catalog: that of its file (T3).
pub(super) fn name_of(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_str()?.to_owned())
}

/// Reads one catalog.
pub(crate) fn read_file(path: &Path) -> Result<Catalog, String> {
    let here = path.display();
    let name = name_of(path).ok_or_else(|| format!("{here}: no name for a catalog"))?;
    let bytes = fs::read(path).map_err(|error| format!("{here}: {error}"))?;
    Catalog::read(&name, &bytes).map_err(|why| format!("{here}: {why}"))
}

/// Those that were given, and those of the repository that are asked for.
pub(super) fn read(
    arguments: &Arguments,
    wishes: &[(ItemId, Wish)],
    terms: &Terms,
) -> Result<Catalogs, String> {
    let mut files: Vec<PathBuf> = arguments.catalog.clone();
    if let Some(folder) = arguments.repo_folder() {
        let named = wishes.iter().flat_map(|(_, wish)| &wish.catalogs);
        let usual = wishes.iter().any(|(_, wish)| wish.catalogs.is_empty());
        for name in named.chain(terms.catalogs.iter().filter(|_| usual)) {
            check_location(name).map_err(|_| format!("{} is no name of a catalog", name.escape_debug()))?;
            let file = folder.join("catalogs").join(name);
            let given = files.iter().any(|known| name_of(known).as_ref() == Some(name));
            // One that is not there is told for each title that wants it.
            if !given && file.exists() {
                files.push(file);
            }
        }
    }
    let read = |file: &PathBuf| read_file(file).map(|catalog| (catalog.name.clone(), catalog));
    files.iter().map(read).collect::<Result<_, _>>().map(Catalogs)
}
