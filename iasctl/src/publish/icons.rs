//! The digests of all icons, by which clients know them (T91, T92).

use super::repository::Repository;
use plist::{Dictionary, Value};
use shared::digest::Digest;
use std::fs;

/// Where the digests stand.
pub(super) const FILE: &str = "icons/_icon_hashes.plist";

/// The digest of every icon by its path in `icons`; what cannot be read goes to `errors`.
pub(super) fn digests(repository: &Repository, errors: &mut Vec<String>) -> Dictionary {
    let mut digests = Dictionary::new();
    for icon in repository.list("icons") {
        if icon == "_icon_hashes.plist" {
            continue;
        }
        match fs::read(repository.path(&format!("icons/{icon}"))) {
            Ok(bytes) => {
                digests.insert(icon, Value::String(Digest::of(&bytes).to_string()));
            }
            Err(error) => errors.push(format!("Error reading icons/{icon}: {error}")),
        }
    }
    digests
}
