//! Secrets that stand in a file of their own, so that no command line shows them.

use std::{fs, path::Path};

/// The first line of a file, as it stands there.
///
/// # Errors
/// When it cannot be read, or is no text.
pub(crate) fn first_line(path: &Path) -> Result<String, String> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let text =
        String::from_utf8(bytes).map_err(|_| format!("{}: its first line is not UTF-8", path.display()))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
