//! How things of a run end: items, phases, the run itself.

use crate::exit::Ended;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why an item is not carried out although nothing failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// `skip_if` names this Mac's architecture (R23).
    SkipIf(String),
    /// A receipt of this version or a newer one is present (R21).
    Receipt {
        /// The installed version.
        installed: String,
    },
    /// The title or the application is there already (T37).
    Present {
        /// The version that is there, where that is known.
        installed: Option<String>,
        /// Whether it is a newer one than is wanted.
        newer: bool,
    },
    /// `DryRun` (R74).
    DryRun,
    /// Its type is unknown or not allowed in its phase (R12).
    Ignored(String),
    /// An earlier run did it, and what it did is still there.
    AlreadyDone,
    /// A repair of other items was asked for.
    NotAsked,
}

/// How the work of an item ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemEnd {
    /// Done.
    Done,
    /// Not needed.
    Skipped(SkipReason),
    /// Started; nobody waits for it (R65).
    Background,
    /// Its content could not be had, or a malformed item (R15).
    DownloadFailed(String),
    /// Its package was not signed by anybody its `team_ids` accept; nothing of it ran.
    SignatureRefused(String),
    /// It ran and failed, or could not be started.
    ExecutionFailed(Ended),
    /// Its file could not be placed.
    PlacementFailed(String),
    /// The run ended before it began.
    NotStarted,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SkipIf(arch) => write!(f, "skip_if names this Mac ({arch})"),
            Self::Receipt { installed } => write!(f, "version {installed} is already installed"),
            Self::Present { installed, newer } => {
                let what = if *newer { "newer installed" } else { "already installed" };
                match installed {
                    Some(version) => write!(f, "{what} ({version})"),
                    None => f.write_str(what),
                }
            }
            Self::DryRun => f.write_str("dry run"),
            Self::Ignored(why) => f.write_str(why),
            Self::AlreadyDone => f.write_str("done by an earlier run, and still in place"),
            Self::NotAsked => f.write_str("not among the items to be repaired"),
        }
    }
}

impl fmt::Display for ItemEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Skipped(reason) => write!(f, "skipped: {reason}"),
            Self::Background => f.write_str("started, not waited for"),
            Self::DownloadFailed(why) => write!(f, "no usable content: {why}"),
            Self::SignatureRefused(why) => write!(f, "signature refused: {why}"),
            Self::ExecutionFailed(ended) => write!(f, "failed: {ended}"),
            Self::PlacementFailed(why) => write!(f, "not placed: {why}"),
            Self::NotStarted => f.write_str("not started"),
        }
    }
}

impl ItemEnd {
    /// Whether there was nothing to do.
    #[must_use]
    pub fn is_skipped(&self) -> bool {
        matches!(self, Self::Skipped(_))
    }

    /// Whether the item failed. Skipped, background and never begun items have not (R94).
    #[must_use]
    pub fn is_failure(&self) -> bool {
        match self {
            Self::DownloadFailed(_)
            | Self::SignatureRefused(_)
            | Self::ExecutionFailed(_)
            | Self::PlacementFailed(_) => true,
            Self::Done | Self::Skipped(_) | Self::Background | Self::NotStarted => false,
        }
    }
}

/// The result of a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseEnd {
    /// Every batch ran.
    Completed,
    /// A failure policy ended the run.
    Aborted,
    /// The run pauses in it: started again, it goes on where it was.
    Paused,
    /// There was nothing to do, or preflight passed.
    Skipped,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEnd {
    /// Every phase completed.
    Completed,
    /// Every phase was gone through, nothing was carried out (R74).
    DryRun,
    /// Preflight found that nothing is needed (R49).
    PreflightPassed,
    /// An earlier run did everything, and it is still in place.
    NothingToRepair,
    /// This control file was carried out before, and `RunOnce` asks for no more.
    RanBefore,
    /// A failure policy ended it (R93).
    Aborted,
    /// The control file cannot be used; nothing was executed (R15).
    Refused,
    /// Something that passes: started again, the run goes on where it was.
    Paused,
    /// It was started again and again for too long; the next boot tries anew (R77).
    GaveUp,
}

impl RunEnd {
    /// Whether the run is over for good, so that cleanup follows (R80) and a further start repairs.
    #[must_use]
    pub fn is_final(self) -> bool {
        self.is_good() || self == Self::Aborted
    }

    /// Whether nothing is left to be done for its control file.
    #[must_use]
    pub fn is_good(self) -> bool {
        matches!(self, Self::Completed | Self::PreflightPassed | Self::NothingToRepair | Self::RanBefore)
    }
}
