//! Where things are on a Mac: absolute Mac paths, and the fixed places this product uses.
//!
//! A [`MacPath`] is always written as the Mac sees it (`/Library/…`). Only a `Host` knows which folder is `/`.

use serde::{Deserialize, Serialize};
use std::{
    fmt,
    path::{Component, Path, PathBuf},
};

/// An absolute, normalised path on the Mac, without `..`, `.` or NUL (R31).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacPath(String);

/// Why a text is not a usable Mac path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAMacPath {
    /// It does not begin with `/`.
    #[error("the path is relative")]
    Relative,
    /// It climbs with `..`.
    #[error("the path contains `..`")]
    Climbs,
    /// It contains a NUL byte.
    #[error("the path contains a NUL byte")]
    Nul,
    /// Nothing is left of it: it names the root folder.
    #[error("the path names no file")]
    Empty,
}

impl MacPath {
    /// Normalises `text`: repeated and trailing slashes and `.` components disappear.
    ///
    /// # Errors
    /// When the text is relative, climbs, holds a NUL byte or names only `/`.
    pub fn new(text: &str) -> Result<Self, NotAMacPath> {
        if text.contains('\0') {
            return Err(NotAMacPath::Nul);
        }
        if !text.starts_with('/') {
            return Err(NotAMacPath::Relative);
        }
        let mut path = String::with_capacity(text.len());
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => return Err(NotAMacPath::Climbs),
                part => {
                    path.push('/');
                    path.push_str(part);
                }
            }
        }
        if path.is_empty() { Err(NotAMacPath::Empty) } else { Ok(Self(path)) }
    }

    /// One of this product's own paths, known to be absolute and normalised.
    pub(crate) fn of(known: &'static str) -> Self {
        debug_assert!(Self::new(known).is_ok_and(|path| path.0 == known), "{known} is no Mac path");
        Self(known.to_owned())
    }

    /// The path as the Mac writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path without its leading slash, to be resolved below an open root directory.
    #[must_use]
    pub fn relative(&self) -> &Path {
        Path::new(&self.0[1..])
    }

    /// Where this path lies when `root` is the Mac's `/`.
    #[must_use]
    pub fn under(&self, root: &Path) -> PathBuf {
        root.join(self.relative())
    }

    /// The last component.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// The folder it is in; `None` directly below `/`.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        match self.0.rfind('/') {
            None | Some(0) => None,
            Some(slash) => Some(Self(self.0[..slash].to_owned())),
        }
    }

    /// This path with one more component or relative path below it.
    ///
    /// # Errors
    /// When `below` climbs or holds a NUL byte.
    pub fn join(&self, below: &str) -> Result<Self, NotAMacPath> {
        Self::new(&format!("{}/{below}", self.0))
    }

    /// How many components it has.
    #[must_use]
    pub fn depth(&self) -> usize {
        Path::new(&self.0).components().filter(|part| matches!(part, Component::Normal(_))).count()
    }

    /// Whether it is `folder` itself or lies below it.
    #[must_use]
    pub fn is_within(&self, folder: &Self) -> bool {
        self == folder || self.0.strip_prefix(&folder.0).is_some_and(|rest| rest.starts_with('/'))
    }
}

impl fmt::Display for MacPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for MacPath {
    type Error = NotAMacPath;

    fn try_from(text: String) -> Result<Self, NotAMacPath> {
        Self::new(&text)
    }
}

impl From<MacPath> for String {
    fn from(path: MacPath) -> Self {
        path.0
    }
}

/// The folder whose content outlives a run: journal, status, what `repair` and `report` read.
pub const RECORDS_FOLDER: &str = "/Library/Application Support/ias";
/// [`RECORDS_FOLDER`] as a path.
#[must_use]
pub fn records_folder() -> MacPath {
    MacPath::of(RECORDS_FOLDER)
}
/// In the records folder: what the next run is asked to repair, until it has taken that in.
pub const REQUEST_FILE: &str = "repair.json";
/// In the records folder: the journal of the last run; `status`, `repair` and the next run read it.
pub const JOURNAL_FILE: &str = "last-run.ndjson";
/// Which control file was the newest this Mac accepted, where they are signed; it outlives the installation.
#[must_use]
pub fn newest_control_file() -> MacPath {
    MacPath::of("/Library/Application Support/ias/newest-control-file.json")
}
/// Below `InstallPath`: private (0700) downloads that are not verified yet (R114).
pub const WORK_FOLDER: &str = ".work";
/// Below `InstallPath`: content the enrolment package brought along.
pub const SEED_FOLDER: &str = "seed";
/// Below `InstallPath`: the lock that keeps a second daemon away (R45).
pub const LOCK_FILE: &str = ".lock";
/// Where launchd finds jobs.
pub const LAUNCH_DAEMONS: &str = "/Library/LaunchDaemons";
/// Where launchd finds per-user jobs.
pub const LAUNCH_AGENTS: &str = "/Library/LaunchAgents";
/// The socket of the portable agent link (R105), in the simulated world.
pub const AGENT_SOCKET: &str = "/private/var/run/ias/agent.sock";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r31_paths_are_normalised_and_never_climb() {
        assert_eq!(MacPath::new("//Library///a/./b/").unwrap().as_str(), "/Library/a/b");
        assert_eq!(MacPath::new("a"), Err(NotAMacPath::Relative));
        assert_eq!(MacPath::new("/a/../b"), Err(NotAMacPath::Climbs));
        assert_eq!(MacPath::new("/a\0"), Err(NotAMacPath::Nul));
        assert_eq!(MacPath::new("//./"), Err(NotAMacPath::Empty));
    }

    #[test]
    fn a_path_knows_its_place() {
        let path = MacPath::new("/Library/ias/a.pkg").unwrap();
        assert_eq!(path.file_name(), "a.pkg");
        assert_eq!(path.parent().unwrap().as_str(), "/Library/ias");
        assert_eq!(path.depth(), 3);
        assert_eq!(path.under(Path::new("/tmp/mac")), Path::new("/tmp/mac/Library/ias/a.pkg"));
        assert!(path.is_within(&MacPath::new("/Library").unwrap()));
        assert!(!MacPath::new("/Library2/x").unwrap().is_within(&MacPath::new("/Library").unwrap()));
        assert_eq!(MacPath::new("/Library").unwrap().parent(), None);
    }
}
