//! Where the stories find the corpus of files from the wild, which is not part of this repository.

use std::path::PathBuf;

/// Every file in the corpus folder `kind`, sorted. Without the corpus it prints that the story is skipped and gives none.
#[must_use]
pub fn files(kind: &str) -> Vec<PathBuf> {
    let root = std::env::var("IAS_CORPUS")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus").to_owned());
    let Ok(listing) = std::fs::read_dir(PathBuf::from(&root).join(kind)) else {
        println!("skipped: no corpus at {root}");
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = listing.filter_map(|file| Some(file.ok()?.path())).collect();
    files.sort();
    files
}
