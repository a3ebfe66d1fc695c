//! The control file: read as found in the wild, checked as a whole, turned into items or into every problem (R1–R35).

mod choice;
mod content;
mod entry;
mod fields;
mod findings;
mod keys;
mod local_name;
mod place;
mod raw;
pub mod signed;
mod signers;
mod syntax;
pub mod table;
mod title;
mod titles;
mod validate;
mod whereabouts;
mod word;

#[cfg(test)]
mod tests;

pub use local_name::{USUAL_NAME, local_name};
pub use title::FOREIGN as NOT_OF_TITLES;
pub use validate::read;
pub use whereabouts::Whereabouts;

use crate::{
    digest::Digest,
    event::Listed,
    item::{HashCheckPolicy, Item, ItemId, Phase},
    layout::MacPath,
};
use std::fmt;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The value is used, or ignored, but should be changed.
    Warning,
    /// The item, or the whole file, cannot be used as it is.
    Error,
}

/// One problem, with its place (R16).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// The file's name as the admin knows it.
    pub file: String,
    /// 1-based line of the offending value, or of the item when a key is missing.
    pub line: usize,
    /// 1-based column, in characters.
    pub column: usize,
    /// The item, when the problem is inside one.
    pub item: Option<ItemId>,
    /// The item's name, when it has one.
    pub name: Option<String>,
    /// The key, when the problem is inside one.
    pub key: Option<String>,
    /// What is wrong.
    pub problem: String,
    /// How to mend it.
    pub hint: Option<String>,
}

impl Finding {
    /// Place and problem, for a line that says itself how bad it is.
    #[must_use]
    pub fn without_severity(&self) -> String {
        let item = self.item.map(|id| format!("{id} \"{}\": ", self.name.as_deref().unwrap_or("?")));
        let key = self.key.as_ref().map(|key| format!("{key}: "));
        let (item, key) = (item.unwrap_or_default(), key.unwrap_or_default());
        format!("{}:{}:{}: {item}{key}{}", self.file, self.line, self.column, self.problem)
    }
}

impl fmt::Display for Finding {
    /// `<severity>: <file>:<line>:<column>: <phase>[<index>] "<name>": <key>: <problem>` (R16).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{severity}: {}", self.without_severity())
    }
}

/// What the checker must know of the settings.
#[derive(Debug, Clone)]
pub struct Context {
    /// A relative `file` is taken below it (R31).
    pub install_path: MacPath,
    /// Whether an item with `url` needs a `hash` (R85).
    pub hash_check: HashCheckPolicy,
}

/// An entry of a phase, whatever came of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// A checked item. With the policy `Strict` it may still lack the `hash` its download needs (R85): that is an error
    /// among the findings, but whether the item fails is decided when `skip_if` and its receipt are known.
    Item(Box<Item>),
    /// Unknown type, or a type its phase does not allow: skipped, the run goes on (R12). With the reason.
    Ignored(Listed, String),
    /// Malformed: counts as a failed download under its policy (R15). With the reason.
    Malformed(Listed, String),
}

impl Entry {
    /// Where it stands.
    #[must_use]
    pub fn id(&self) -> ItemId {
        match self {
            Self::Item(item) => item.id,
            Self::Ignored(listed, _) | Self::Malformed(listed, _) => listed.id,
        }
    }

    /// How events name it.
    #[must_use]
    pub fn listed(&self) -> Listed {
        match self {
            Self::Item(item) => Listed {
                id: item.id,
                name: item.name.clone(),
                kind: Some(item.kind),
                fail_policy: item.fail_policy,
                fingerprint: Some(item.fingerprint()),
            },
            Self::Ignored(listed, _) | Self::Malformed(listed, _) => listed.clone(),
        }
    }
}

/// A control file whose every entry has been checked.
#[derive(Debug, Clone, PartialEq)]
pub struct ControlFile {
    /// The digest of its bytes.
    pub digest: Digest,
    /// The entries of each phase, in file order.
    pub preflight: Vec<Entry>,
    /// See [`Self::preflight`].
    pub setup_assistant: Vec<Entry>,
    /// See [`Self::preflight`].
    pub userland: Vec<Entry>,
}

impl ControlFile {
    /// The entries of one phase.
    #[must_use]
    pub fn phase(&self, phase: Phase) -> &[Entry] {
        match phase {
            Phase::Preflight => &self.preflight,
            Phase::SetupAssistant => &self.setup_assistant,
            Phase::Userland => &self.userland,
        }
    }

    /// All entries, in execution order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        Phase::ALL.into_iter().flat_map(|phase| self.phase(phase))
    }
}

/// What reading a control file gives: all findings, and the file unless one of them is fatal (R4).
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// `None` when nothing can be executed.
    pub control: Option<ControlFile>,
    /// In file order.
    pub findings: Vec<Finding>,
}
