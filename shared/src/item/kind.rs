//! What an item is.

use super::Phase;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What an item is (R10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ItemKind {
    /// A flat package for `installer`.
    Package,
    /// A script run by root.
    RootScript,
    /// A script run by the logged-in user, through the agent.
    UserScript,
    /// A file put in place for root (R13).
    RootFile,
    /// A file put in place for the user, by the agent (R13).
    UserFile,
    /// An application in an archive or a disk image, copied into place.
    App,
    /// An Auto Update title: catalogs say what it is today (T9).
    Title,
}

impl ItemKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Package,
        Self::RootScript,
        Self::UserScript,
        Self::RootFile,
        Self::UserFile,
        Self::App,
        Self::Title,
    ];

    /// The value of the `type` key.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Package => "package",
            Self::RootScript => "rootscript",
            Self::UserScript => "userscript",
            Self::RootFile => "rootfile",
            Self::UserFile => "userfile",
            Self::App => "app",
            Self::Title => "title",
        }
    }

    /// Whether items of both kinds can use one file from one download (R34): only scripts of root and of the user can, the
    /// others want it elsewhere, or with another mode.
    #[must_use]
    pub fn shares_a_file_with(self, other: Self) -> bool {
        let is_script = |kind| matches!(kind, Self::RootScript | Self::UserScript);
        self == other || is_script(self) && is_script(other)
    }

    /// Whether its file is there only to be used, so that cleanup removes it (R82).
    #[must_use]
    pub fn leaves_its_file_to_cleanup(self) -> bool {
        !matches!(self, Self::RootFile | Self::UserFile)
    }

    /// Whether the agent carries it out.
    #[must_use]
    pub fn needs_agent(self) -> bool {
        matches!(self, Self::UserScript | Self::UserFile)
    }

    /// Whether the kind may stand in `phase` (R11).
    #[must_use]
    pub fn allowed_in(self, phase: Phase) -> bool {
        match phase {
            Phase::Preflight => self == Self::RootScript,
            Phase::SetupAssistant => !self.needs_agent(),
            Phase::Userland => true,
        }
    }
}

impl fmt::Display for ItemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}
