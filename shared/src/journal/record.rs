//! One line of the journal: a JSON object that ends with a checksum of what stands before it.

use super::{past::Kept, request::Request};
use crate::{digest::Digest, event::EventKind, state::RunState};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The version of the format. Raised whenever an older program would misunderstand a newer journal.
pub const VERSION: u32 = 1;

/// What stands between a record and its checksum.
const SEAL: &str = ",\"sum\":\"";
/// How many hexadecimal digits of the SHA-256 are kept: against torn and rotten lines, not against forgers.
const DIGITS: usize = 8;

/// The first line of a journal.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Opening {
    /// The version of the format.
    pub journal: u32,
    /// What the run starts from.
    #[serde(flatten)]
    pub basis: Basis,
    /// The run so far, when its earlier lines were folded into this one.
    #[serde(default, skip_serializing_if = "is_new")]
    pub state: RunState,
}

/// What a run starts from, and hands on to the one after it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Basis {
    /// What finished runs before this one did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Kept>,
    /// The request this run answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Request>,
    /// The id of the last request that was taken in: one whose file could not be removed is not carried out twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<String>,
    /// The control file for which nothing was left to be done when the last run ended (`RunOnce`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried_out: Option<Digest>,
    /// The control file that a finished run read last, however it ended and whatever part of it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<Digest>,
}

impl Basis {
    /// Whether no run came to its end before this one, and nobody asked for it.
    #[must_use]
    pub fn is_of_first_run(&self) -> bool {
        // A finished run may have left nothing that is done: preflight passed, or it was aborted.
        self.before.is_empty() && self.asked.is_none() && self.carried_out.or(self.used).is_none()
    }
}

fn is_new(state: &RunState) -> bool {
    state.seq == 0
}

/// How soon a fact must be on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// With the next fact that is waited for.
    Lazy,
    /// As soon as possible; nobody waits for it, because whatever depends on it is written after it.
    Soon,
    /// Before whoever told it goes on.
    First,
}

/// How soon `kind` must be on the disk, so that a run killed or cut off at any instant goes on where it was (R78).
#[must_use]
pub fn durability(kind: &EventKind) -> Durability {
    match kind {
        // Effects follow: an item, cleanup.
        EventKind::ItemRunning { .. } | EventKind::RunFinished { .. } | EventKind::CleanupFinished => {
            Durability::First
        }
        // Nothing came of it: lost, an item nobody waits for would count as done.
        EventKind::ItemNotTaken { .. } => Durability::Soon,
        // Effects are over: lost, an item would be done twice. Or a file is about to come, perhaps outside `InstallPath`:
        // lost, the next start would take it for one that was there before, and leave it there for good (R82).
        EventKind::DownloadStarted { .. }
        | EventKind::ItemFinished { .. }
        | EventKind::BackgroundEnded { .. }
        | EventKind::BackgroundFailed { .. }
        | EventKind::PreflightVerdict { .. } => Durability::Soon,
        _ => Durability::Lazy,
    }
}

/// The line of a record, with its end.
///
/// # Errors
/// When the record has no JSON form: never, for the records of this module.
pub fn line(record: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut json = serde_json::to_string(record)?;
    let sum = checksum(json.as_bytes());
    // The object's own last brace comes after the checksum.
    json.truncate(json.len() - 1);
    Ok(json + SEAL + &sum + "\"}\n")
}

/// Reads a line back; `None` when it is not what was written.
pub(super) fn read<T: DeserializeOwned>(line: &[u8]) -> Option<T> {
    serde_json::from_slice(&sealed(line)?).ok()
}

/// The record of a line whose checksum is right.
pub(super) fn sealed(line: &[u8]) -> Option<Vec<u8>> {
    let text = line.strip_suffix(b"\"}")?;
    let (text, sum) = text.split_at_checked(text.len().checked_sub(DIGITS)?)?;
    let mut json = text.strip_suffix(SEAL.as_bytes())?.to_vec();
    json.push(b'}');
    (checksum(&json).as_bytes() == sum).then_some(json)
}

fn checksum(bytes: &[u8]) -> String {
    let mut digits = Digest::of(bytes).to_string();
    digits.truncate(DIGITS);
    digits
}
