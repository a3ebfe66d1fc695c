//! What a plan needs to know about one Mac: plain data, from the real system or from a scenario.

mod trace;

pub use trace::{Found, Trace};

use crate::{digest::Digest, layout::MacPath};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The hardware's processor family, whatever the process is translated to (R26).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arch {
    /// Apple silicon.
    Arm64,
    /// Intel.
    #[serde(rename = "x86_64")]
    X86_64,
}

impl Arch {
    /// The name `uname -m` and Installer use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }
}

/// One Mac as the planner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The hardware architecture.
    pub arch: Arch,
    /// The product version, such as `15.1`.
    pub os_version: String,
    /// Installed packages: identifier to version, for at least the identifiers the control file names.
    #[serde(default)]
    pub receipts: BTreeMap<String, String>,
    /// Files that an earlier run placed and that are there now, with the digest they have now.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub placed: BTreeMap<MacPath, Digest>,
    /// What was found of the software that titles and applications are about.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", with = "pairs")]
    pub found: BTreeMap<Trace, Found>,
}

/// A map as a list of pairs: JSON objects have texts for keys.
mod pairs {
    use super::{BTreeMap, Deserialize, Found, Serialize, Trace};
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(found: &BTreeMap<Trace, Found>, to: S) -> Result<S::Ok, S::Error> {
        found.iter().collect::<Vec<_>>().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<Trace, Found>, D::Error> {
        Ok(Vec::<(Trace, Found)>::deserialize(from)?.into_iter().collect())
    }
}

/// The person at the screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsoleUser {
    /// The user's numeric id.
    pub uid: u32,
    /// The account name.
    pub name: String,
}

impl ConsoleUser {
    /// Whether this is somebody who works here, rather than the login window or Setup Assistant (R61, P53).
    #[must_use]
    pub fn is_real(&self) -> bool {
        let system = ["", "root", "loginwindow"].contains(&self.name.as_str()) || self.name.starts_with('_');
        self.uid >= 501 && !system
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r61_system_accounts_are_nobody() {
        let is_real = |uid, name: &str| ConsoleUser { uid, name: name.into() }.is_real();
        assert!(is_real(501, "ada"));
        assert!(!is_real(0, "root"));
        assert!(!is_real(248, "_mbsetupuser"));
        assert!(!is_real(501, "_mbsetupuser"));
        assert!(!is_real(500, "ada"));
        assert!(!is_real(501, "loginwindow"));
        assert!(!is_real(501, ""));
    }
}
