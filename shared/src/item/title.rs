//! What a control file says of an Auto Update title: which one is wished for, and how.

use crate::digest::Digest;
use serde::{Deserialize, Serialize};

/// A title wished for (T10). Which package, image or script that is today, its catalogs say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// The `name` of its pkginfos, whole (T1, T21).
    pub title: String,
    /// Searched in this order, the first hit wins; empty: those of the settings (T22).
    pub catalogs: Vec<String>,
    /// Which version.
    pub version: Wanted,
    /// What the catalog must say its digest is; only where the title is pinned.
    pub hash: Option<Digest>,
    /// Install even if it is there already.
    pub reinstall: bool,
    /// Follow `update_for` (T44).
    pub updates: bool,
    /// Look afterwards whether it is there now.
    pub confirm: bool,
    /// What an open application means (T45).
    pub blocking: Blocking,
}

impl Wish {
    /// What is wished for, in one text: equal for wishes for the same.
    pub(super) fn signature(&self) -> String {
        let version = match &self.version {
            Wanted::Latest => "",
            Wanted::Exactly(version) => version,
        };
        let hash = self.hash.map(|hash| hash.to_string()).unwrap_or_default();
        format!("{}\0{version}\0{hash}\0{}", self.title, self.catalogs.join("\0"))
    }
}

/// Which version of a title.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// The newest that fits this Mac.
    Latest,
    /// This one: the title is pinned.
    Exactly(String),
}

/// What is done about an open application that would be replaced (T45).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blocking {
    /// Wait for its end, up to `TitleBlockingWait`; then the item fails.
    #[default]
    Wait,
    /// The item fails at once.
    Skip,
    /// It is replaced under the user's hands.
    Ignore,
}

impl Blocking {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Wait, Self::Skip, Self::Ignore];

    /// The value of the `blocking` key.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Skip => "skip",
            Self::Ignore => "ignore",
        }
    }
}
