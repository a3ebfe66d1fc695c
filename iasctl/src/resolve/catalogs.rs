//! The catalogs that titles are resolved from, from files and from a repository.

use super::Arguments;
use crate::repository::read_catalog;
use shared::{
    item::{ItemId, Wish},
    title::{Catalogs, Terms, address::check_location},
};

/// Those that were given, and those of the repository that are asked for.
pub(super) fn read(
    arguments: &Arguments,
    wishes: &[(ItemId, Wish)],
    terms: &Terms,
) -> Result<Catalogs, String> {
    let mut catalogs = Catalogs::default();
    for file in &arguments.catalog {
        let catalog = read_catalog(file)?;
        catalogs.0.insert(catalog.name.clone(), catalog);
    }
    if let Some(repository) = arguments.repository.open()? {
        let named = wishes.iter().flat_map(|(_, wish)| &wish.catalogs);
        let usual = wishes.iter().any(|(_, wish)| wish.catalogs.is_empty());
        for name in named.chain(terms.catalogs.iter().filter(|_| usual)) {
            check_location(name).map_err(|_| format!("{} is no name of a catalog", name.escape_debug()))?;
            if catalogs.0.contains_key(name) {
                continue;
            }
            // One that is not there is told for each title that wants it.
            if let Some(catalog) = repository.catalog(name)? {
                catalogs.0.insert(name.clone(), catalog);
            }
        }
    }
    Ok(catalogs)
}
