//! The one event enum: every fact about a run, as all reporters and the journal see it.
//!
//! Transitions ([`EventKind`]) are numbered, lossless and kept; [`Progress`] may be merged or dropped.
//! The JSON of an [`Event`] is a public format: `iasctl simulate --json` and `events.ndjson` hold one per line.

mod end;

pub use end::{ItemEnd, PhaseEnd, RunEnd, SkipReason};

use crate::{
    digest::Digest,
    exit::{Ended, ExitCode},
    facts::{ConsoleUser, Facts},
    item::{FailPolicy, Fingerprint, ItemId, ItemKind, Phase},
    layout::MacPath,
    title::Resolution,
};
use serde::{Deserialize, Serialize};

/// How the error begins when content is not what its `hash` says, so that watchers can advise on it.
pub const WRONG_DIGEST: &str = "its SHA-256 is";

/// A fact, in the order in which the dispatcher took it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Counts from 1 within a run, without gaps.
    pub seq: u64,
    /// Milliseconds since 1970-01-01 UTC.
    pub at_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// How loud a [`EventKind::Notice`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Only for those who look for it.
    Debug,
    /// Worth a line.
    Info,
    /// Something the admin should change.
    Warning,
    /// Something failed.
    Error,
}

/// The log categories (R103).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each is the category of its own name")]
pub enum Category {
    Settings,
    Main,
    Item,
    Preflight,
    SetupAssistant,
    Userland,
    Xpc,
    #[serde(rename = "DEPNotify")]
    DepNotify,
    Agent,
}

/// Which item an event speaks of, as the control file lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Where it stands.
    pub id: ItemId,
    /// Its display text.
    pub name: String,
    /// Its type; `None` when that could not be read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kind: Option<ItemKind>,
    /// What its failure means.
    pub fail_policy: FailPolicy,
    /// What it does; `None` for entries that are not carried out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fingerprint: Option<Fingerprint>,
}

/// An item that was over before the run, or this start of it, began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Over {
    /// Which.
    pub id: ItemId,
    /// How it ended then.
    pub end: ItemEnd,
}

/// A file an item brought, which cleanup may have to deal with (R82).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leftover {
    /// Where it is.
    pub path: MacPath,
    /// Whether its item failed.
    pub failed: bool,
    /// Whether the run created it.
    pub created: bool,
}

/// Why content was accepted (R88).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AcceptedBecause {
    /// Its digest equals the item's `hash`.
    HashEqual,
    /// The item has no `hash`, and the policy allows that.
    NoHash,
    /// Two consecutive downloads agree with each other (policy `Warning`).
    TwoDownloadsAgree,
    /// The first mismatch is accepted (policy `WarningAcceptFirst`, or `Warning` with one attempt).
    FirstMismatch,
    /// Nothing is compared (policy `Ignore`).
    NotCompared,
    /// An item without `url` and without `hash`: what lies on disk is used (R33).
    Local,
}

/// Every kind of fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    /// The daemon holds the lock and begins.
    RunStarted {
        /// Names this run in reports; unique per Mac.
        run_id: String,
        /// Our version.
        version: String,
        /// Nothing will be executed.
        dry_run: bool,
        /// The Mac it runs on.
        facts: Facts,
        /// How many times this run has been started, this time included: more than 1 after a crash or a pause.
        #[serde(default = "first")]
        launch: u32,
        /// Names the time since the Mac was started; another one after a restart.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        boot: Option<String>,
        /// How long the Mac had been up, in milliseconds: the wall clock may jump, this does not.
        #[serde(default)]
        uptime_ms: u64,
    },
    /// The control file was read and checked.
    ControlFileLoaded {
        /// Where it came from, without credentials and query.
        source: String,
        /// Its digest.
        digest: Digest,
        /// Every item, in file order (R96: each takes one step).
        items: Vec<Listed>,
        /// Errors found in it.
        errors: u32,
        /// Warnings found in it.
        warnings: u32,
        /// Items that need nothing any more, because they were over before.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        over: Vec<Over>,
    },
    /// Catalogs were asked what the titles of the control file are today; used to the end of the run (T13).
    TitlesResolved {
        /// The control file that wishes for them.
        control: Digest,
        /// What is done for each.
        titles: Resolution,
        /// What comes with the titles that the control file lists.
        items: Vec<Listed>,
    },
    /// A phase begins.
    PhaseStarted {
        /// Which.
        phase: Phase,
    },
    /// A phase is over.
    PhaseFinished {
        /// Which.
        phase: Phase,
        /// How it ended.
        end: PhaseEnd,
    },
    /// All preflight scripts ended (R49).
    PreflightVerdict {
        /// `true`: nothing else needs to be done on this Mac.
        pass: bool,
    },
    /// One attempt to fetch an item's content begins.
    DownloadStarted {
        /// Which item.
        id: ItemId,
        /// From where, without credentials and query.
        url: String,
        /// Counts from 1.
        attempt: u32,
        /// The byte at which it resumes (R125).
        resumed_at: u64,
    },
    /// One attempt failed.
    DownloadAttemptFailed {
        /// Which item.
        id: ItemId,
        /// Counts from 1.
        attempt: u32,
        /// What, where and why.
        error: String,
        /// When the next attempt begins; `None` when there is none.
        retry_in_ms: Option<u64>,
    },
    /// The content is there and was accepted.
    DownloadFinished {
        /// Which item.
        id: ItemId,
        /// Its length.
        bytes: u64,
        /// Its digest.
        digest: Digest,
        /// The rule that accepted it.
        because: AcceptedBecause,
        /// Whether a file that was already there served.
        reused: bool,
    },
    /// The item's turn has come; it may still wait for its content (DEPNotify `Status:`, R95).
    ItemStarted {
        /// Which item.
        id: ItemId,
    },
    /// The effect begins: from here on a crash leaves the item in flight (R79).
    ItemRunning {
        /// Which item.
        id: ItemId,
    },
    /// The agent went away before it took the item: it has not begun, and waits for the next agent (R64).
    ItemNotTaken {
        /// Which item.
        id: ItemId,
        /// What became of the agent.
        why: String,
    },
    /// The item is over. Written exactly once for each item whose turn came.
    ItemFinished {
        /// Which item.
        id: ItemId,
        /// How.
        end: ItemEnd,
        /// From its turn to its end.
        ms: u64,
        /// The last lines of its output (R94), only for failures.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        last_lines: Vec<String>,
    },
    /// A background process ended, or was given up (R69).
    BackgroundEnded {
        /// Which item.
        id: ItemId,
        /// How.
        ended: Ended,
    },
    /// A background process is counted as failed, because they are tracked (R69).
    BackgroundFailed {
        /// Which item.
        id: ItemId,
        /// How it ended.
        ended: Ended,
    },
    /// Userland waits for somebody to log in.
    WaitingForUser,
    /// A real user is at the screen.
    UserPresent {
        /// Who.
        user: ConsoleUser,
    },
    /// User items wait for the agent.
    WaitingForAgent,
    /// A verified agent checked in.
    AgentCheckedIn {
        /// The user it runs as.
        uid: u32,
        /// Its process.
        pid: u32,
    },
    /// The agent went away.
    AgentLost {
        /// The user it ran as.
        uid: u32,
    },
    /// Something worth telling that changes no state.
    Notice {
        /// How loud.
        level: Level,
        /// Where in the log.
        category: Category,
        /// The item it is about.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        id: Option<ItemId>,
        /// The text: one line.
        text: String,
    },
    /// A step of cleanup was taken (R81).
    Cleanup {
        /// What was removed or booted out.
        what: String,
        /// What went wrong; cleanup goes on.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        error: Option<String>,
    },
    /// A restart was asked for (R83).
    RebootRequested,
    /// Every step of cleanup was taken: nothing is left to be done on this Mac.
    CleanupFinished,
    /// The run is over; only cleanup follows.
    RunFinished {
        /// The exit code.
        exit: ExitCode,
        /// How it ended.
        end: RunEnd,
        /// One line: how the run ended (R102).
        summary: String,
        /// Files the run brought, for cleanup; a start after a crash goes on with it (R81).
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        leftovers: Vec<Leftover>,
    },
}

/// Something that moves: merged or dropped when nobody keeps up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "progress", rename_all = "snake_case")]
pub enum Progress {
    /// Bytes arrived.
    Bytes {
        /// Which item.
        id: ItemId,
        /// How many are there now.
        received: u64,
        /// How many there will be.
        total: Option<u64>,
    },
    /// A line of output (R72).
    Output {
        /// Which item.
        id: ItemId,
        /// The line.
        line: String,
    },
    /// How far an installation is, in percent.
    Installed {
        /// Which item.
        id: ItemId,
        /// 0 to 100.
        percent: f32,
    },
}

fn first() -> u32 {
    1
}
