//! The keys of the service: those of a file that only root can read, then those of the settings (T67).

use super::Titles;
use crate::download::{Existing, Store};
use shared::{layout::MacPath, settings::title_keys_in_file, title::grant::Keys};
use std::{io::Read as _, os::unix::fs::MetadataExt as _};

/// No file of keys is longer, in bytes.
const LONGEST: u64 = 64 * 1024;
/// What nobody but the owner may have.
const OTHERS: u32 = 0o077;

impl Titles {
    /// All keys; those of the file first. A file that is named must be there and fit for use.
    ///
    /// # Errors
    /// When it is not, or a key has the name of another.
    pub(super) async fn keys(&self) -> Result<Keys, String> {
        let Some(path) = self.settings.key_file.clone() else { return Ok(self.settings.keys.clone()) };
        let at = path.clone();
        let read = self.downloader.on_disk(move |store| Ok(of_file(store, &at))).await;
        let of_file =
            read.map_err(|error| error.to_string())?.map_err(|why| format!("TitleKeyFile {path}: {why}"))?;
        let all = of_file.all().iter().chain(self.settings.keys.all()).cloned().collect();
        Keys::new(all).map_err(|error| format!("TitleKeyFile {path} and TitleKeys: {error}"))
    }
}

/// Judged like a settings plist (R116), and stricter: others may not even read it.
fn of_file(store: &Store, path: &MacPath) -> Result<Keys, String> {
    let opened = match store.existing(path).map_err(|error| error.to_string())? {
        Existing::Usable(opened) => opened,
        Existing::Unusable(error) => return Err(error.to_string()),
        Existing::Absent => return Err("there is no such file".to_owned()),
    };
    let unreadable = |error: std::io::Error| format!("it cannot be read: {error}");
    let mode = opened.file.metadata().map_err(unreadable)?.mode();
    if mode & OTHERS != 0 {
        let mode = mode & 0o7777;
        return Err(format!("its mode is {mode:04o}, so others may read it; chmod 600 '{path}'"));
    }
    let mut bytes = Vec::new();
    (&*opened.file).take(LONGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LONGEST {
        return Err(format!("it is longer than {LONGEST} bytes"));
    }
    title_keys_in_file(&bytes, path.as_str())
}
