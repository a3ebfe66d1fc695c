//! The plists of our jobs when a run is over: removed, or put to rest for a repair.

use super::Retired;
use cap_std::fs::Dir;
use shared::job;
use std::{io, path::Path};

/// What becomes of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plists {
    /// They go.
    Removed,
    /// They stay, and start nothing.
    AtRest,
}

/// Deals with the plist `path` of the Mac whose `/` is `root`. One that is not there needs nothing.
pub(super) fn put_away(root: &Dir, path: &str, plists: Plists) -> Retired {
    let relative = Path::new(path.trim_start_matches('/'));
    let done = match plists {
        Plists::Removed => root.remove_file(relative),
        Plists::AtRest => rest(root, relative),
    };
    let error = match done {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Some(error.to_string()),
        _ => None,
    };
    let what = match plists {
        Plists::Removed => path.to_owned(),
        Plists::AtRest => format!("put {path} to rest"),
    };
    Retired { what, error }
}

fn rest(root: &Dir, path: &Path) -> io::Result<()> {
    let mut job: plist::Dictionary = plist::from_bytes(&root.read(path)?).map_err(io::Error::other)?;
    if job::is_at_rest(&job) {
        return Ok(());
    }
    job::rest(&mut job);
    let mut text = Vec::new();
    plist::to_writer_xml(&mut text, &job).map_err(io::Error::other)?;
    // Whoever reads it meanwhile sees the old job or the new one. The mode is that of any job.
    let new = path.with_extension("plist.new");
    root.write(&new, &text)?;
    let file = root.open(&new)?;
    file.set_permissions(cap_std::fs::Permissions::from_std(std::os::unix::fs::PermissionsExt::from_mode(
        0o644,
    )))?;
    file.sync_all()?;
    root.rename(&new, root, path)
}
