//! The nouns of a control file: a checked [`Item`] and the words that qualify it.
//!
//! Values of these types have passed `control::validate`; nothing here is as found in the wild.

mod kind;
mod signer;
mod source;
mod title;

pub use kind::ItemKind;
pub use signer::{NoTeamId, SignerId, TeamId, any_of};
pub use source::{FetchOptions, FollowRedirects, RetryKeys, Secret, Source};
pub use title::{Blocking, Wanted, Wish};

use crate::{digest::Digest, facts::Arch, layout::MacPath};
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// A stage of the run, in execution order (R1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Scripts that decide whether there is anything to do.
    Preflight,
    /// Work as root that needs nobody at the screen.
    SetupAssistant,
    /// Work once a user has logged in.
    Userland,
}

impl Phase {
    /// All phases in execution order.
    pub const ALL: [Self; 3] = [Self::Preflight, Self::SetupAssistant, Self::Userland];

    /// The key in the control file.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::SetupAssistant => "setupassistant",
            Self::Userland => "userland",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

/// What a failure of an item means for the run (section 5 of the control-file rules, R92).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailPolicy {
    /// Any failure is tolerated.
    Failable,
    /// A failed download or placement ends the run; a failed execution does not.
    #[default]
    FailableExecution,
    /// Any failure ends the run.
    FailureIsNotAnOption,
}

impl FailPolicy {
    /// All policies, from lenient to strict.
    pub const ALL: [Self; 3] = [Self::Failable, Self::FailableExecution, Self::FailureIsNotAnOption];

    /// The canonical spelling in the control file (R91).
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Failable => "failable",
            Self::FailableExecution => "failable_execution",
            Self::FailureIsNotAnOption => "failure_is_not_an_option",
        }
    }
}

/// What happens when content and `hash` disagree, or no `hash` is given (R84–R88).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum HashCheckPolicy {
    /// A missing or different digest is a failed download.
    #[default]
    Strict,
    /// A mismatch is accepted when two consecutive downloads agree with each other.
    Warning,
    /// A missing digest is accepted, a different one is not.
    WarningRequireMatch,
    /// A mismatch is accepted at once, with a warning.
    WarningAcceptFirst,
    /// Nothing is compared.
    Ignore,
}

impl HashCheckPolicy {
    /// All policies, from strict to lenient.
    pub const ALL: [Self; 5] =
        [Self::Strict, Self::WarningRequireMatch, Self::Warning, Self::WarningAcceptFirst, Self::Ignore];

    /// The canonical name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Strict => "Strict",
            Self::Warning => "Warning",
            Self::WarningRequireMatch => "WarningRequireMatch",
            Self::WarningAcceptFirst => "WarningAcceptFirst",
            Self::Ignore => "Ignore",
        }
    }

    /// The policy of a name or synonym, in any case (R84).
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        const SYNONYMS: [(&str, HashCheckPolicy); 5] = [
            ("Fail", HashCheckPolicy::Strict),
            ("Enforce", HashCheckPolicy::Strict),
            ("Warn", HashCheckPolicy::Warning),
            ("None", HashCheckPolicy::Ignore),
            ("Off", HashCheckPolicy::Ignore),
        ];
        let name = name.trim();
        let all = Self::ALL.map(|policy| (policy.name(), policy));
        let known = all.into_iter().chain(SYNONYMS);
        known.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, policy)| policy)
    }
}

/// Where an item stands in the control file; unique within it, and the name events use for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ItemId {
    /// The phase it is listed in.
    pub phase: Phase,
    /// Its zero-based position in that phase.
    pub index: u32,
    /// 0 for the item itself; what comes with a title has a number of its own.
    #[serde(default, skip_serializing_if = "is_whole")]
    pub part: u16,
}

impl ItemId {
    /// The item at `index` of `phase`.
    #[must_use]
    pub const fn new(phase: Phase, index: u32) -> Self {
        Self { phase, index, part: 0 }
    }

    /// Whether the control file itself lists it.
    #[must_use]
    pub fn is_listed(self) -> bool {
        self.part == 0
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_whole(part: &u16) -> bool {
    *part == 0
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.phase, self.index)?;
        if self.is_listed() { Ok(()) } else { write!(f, ".{}", self.part) }
    }
}

/// What an item does, in 16 hexadecimal digits: equal for items that do the same, wherever they stand (see
/// [`Item::fingerprint`]).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub String);

/// Members with the same non-empty id that follow one another run together (R56).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ParallelGroup(pub String);

/// A word of `skip_if` (R24).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SkipIf(pub Arch);

/// Which receipt makes a package unnecessary (R20): present only when both keys are usable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptTarget {
    /// The package identifier.
    pub package_id: String,
    /// The version that is enough, as written in the control file.
    pub version: String,
}

/// A checked item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Where it stands.
    pub id: ItemId,
    /// Display text only (R75): no control characters, at most 200 characters.
    pub name: String,
    /// What it is.
    pub kind: ItemKind,
    /// Where its content is, or will be, on the Mac.
    pub file: MacPath,
    /// Where the content comes from; without one the file must be there when the item runs (R32).
    pub source: Option<Source>,
    /// Where else the same content is, in the order in which it is asked for there.
    pub mirrors: Vec<Source>,
    /// The expected SHA-256.
    pub hash: Option<Digest>,
    /// The receipt that makes the package unnecessary.
    pub receipt: Option<ReceiptTarget>,
    /// Who may have signed the package; empty: anybody, or nobody. Each once.
    pub team_ids: Vec<SignerId>,
    /// Install even if the receipt is current (R19).
    pub always_install: bool,
    /// Architectures on which the item is skipped (R24).
    pub skip_if: Vec<SkipIf>,
    /// Per-item retry keys.
    pub retry: RetryKeys,
    /// Success as soon as the process has started (R65).
    pub donotwait: bool,
    /// What its failure means.
    pub fail_policy: FailPolicy,
    /// The batch it belongs to.
    pub group: Option<ParallelGroup>,
    /// Kill and fail the item after this time (R73).
    pub timeout: Option<Duration>,
    /// Where the application is put, for [`ItemKind::App`]; it is found in the content by its name.
    pub app: Option<AppTarget>,
    /// What is wished for, for [`ItemKind::Title`].
    pub wish: Option<Wish>,
}

/// An application to be copied into place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppTarget {
    /// Where it is put.
    pub path: MacPath,
    /// The version that is enough, where one is there.
    pub version: Option<String>,
}

impl Item {
    /// What this item does: its kind, its file, its content (by `hash`, else by URL), the receipt it asks for, who must
    /// have signed it, and where an application is put. Of a title, only what is wished for.
    ///
    /// Name, policies, place and mirrors may change without a finished item having to be done again.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        if let Some(wish) = &self.wish {
            return of_text(&format!("{}\0{}", self.kind, wish.signature()));
        }
        let content = match (&self.hash, &self.source) {
            (Some(hash), _) => hash.to_string(),
            (None, Some(source)) => source.url.to_string(),
            (None, None) => String::new(),
        };
        let receipt = self.receipt.as_ref();
        let receipt = receipt.map(|receipt| format!("{}\0{}", receipt.package_id, receipt.version));
        let mut text = format!("{}\0{}\0{content}\0{}", self.kind, self.file, receipt.unwrap_or_default());
        let mut signers = self.team_ids.clone();
        signers.sort_unstable();
        for signer in signers {
            text.push_str(&format!("\0signed by {signer}"));
        }
        if let Some(app) = &self.app {
            text.push_str(&format!("\0{}\0{}", app.path, app.version.as_deref().unwrap_or_default()));
        }
        of_text(&text)
    }
}

fn of_text(text: &str) -> Fingerprint {
    let mut digits = Digest::of(text.as_bytes()).to_string();
    digits.truncate(16);
    Fingerprint(digits)
}
