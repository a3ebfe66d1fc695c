//! How a run ends: the reason, its exit code, and the one line that states it.

use super::recorder::Stopped;
use shared::{event::RunEnd, exit::ExitCode};

/// How the summary of an aborted run begins.
const ABORTED: &str = "aborted: ";

/// Why a run is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Every phase completed.
    Completed,
    /// Every phase was gone through, nothing was carried out (R74).
    DryRun,
    /// Every preflight script passed: nothing to do here (R49).
    PreflightPassed,
    /// A run came to its end before, and nothing is missing, changed or failed.
    NothingToRepair,
    /// This control file was carried out before, and that is enough (`RunOnce`).
    RanBefore,
    /// A failure policy ended it (R93).
    Aborted(String),
    /// The control file cannot be used; nothing was executed (R15).
    ControlFile(String),
    /// Something that passes; started again, the run goes on (R47, R63).
    Temporary(String),
    /// Started again and again for too long: the next boot tries anew (R77).
    GaveUp,
}

impl Ending {
    /// The exit code (R76).
    pub(crate) fn exit(&self) -> ExitCode {
        match self {
            Self::Completed
            | Self::DryRun
            | Self::PreflightPassed
            | Self::NothingToRepair
            | Self::RanBefore
            | Self::GaveUp => ExitCode::Finished,
            Self::Aborted(_) => ExitCode::Aborted,
            Self::ControlFile(_) => ExitCode::ControlFile,
            Self::Temporary(_) => ExitCode::Temporary,
        }
    }

    /// The same in one word, for the journal.
    pub(crate) fn end(&self) -> RunEnd {
        match self {
            Self::Completed => RunEnd::Completed,
            Self::NothingToRepair => RunEnd::NothingToRepair,
            Self::RanBefore => RunEnd::RanBefore,
            Self::DryRun => RunEnd::DryRun,
            Self::PreflightPassed => RunEnd::PreflightPassed,
            Self::Aborted(_) => RunEnd::Aborted,
            Self::ControlFile(_) => RunEnd::Refused,
            Self::Temporary(_) => RunEnd::Paused,
            Self::GaveUp => RunEnd::GaveUp,
        }
    }

    /// The ending of a run whose cleanup a crash cut off: it was kept before cleanup began.
    pub(crate) fn kept(end: RunEnd, summary: &str) -> Option<Self> {
        match end {
            RunEnd::Completed => Some(Self::Completed),
            RunEnd::NothingToRepair => Some(Self::NothingToRepair),
            RunEnd::RanBefore => Some(Self::RanBefore),
            RunEnd::PreflightPassed => Some(Self::PreflightPassed),
            RunEnd::Aborted => Some(Self::Aborted(summary.trim_start_matches(ABORTED).to_owned())),
            RunEnd::DryRun | RunEnd::Refused | RunEnd::Paused | RunEnd::GaveUp => None,
        }
    }

    /// One line for logs and MDM attributes (R102).
    pub(crate) fn summary(&self, tolerated: usize) -> String {
        match self {
            Self::Completed if tolerated == 0 => "finished: everything is in place".to_owned(),
            Self::Completed if tolerated == 1 => "finished, with 1 tolerated failure".to_owned(),
            Self::Completed => format!("finished, with {tolerated} tolerated failures"),
            Self::DryRun if tolerated == 0 => "dry run finished: nothing was carried out".to_owned(),
            Self::DryRun => {
                format!("dry run finished: nothing was carried out, items that would fail: {tolerated}")
            }
            Self::PreflightPassed => "finished: preflight passed, nothing to do".to_owned(),
            Self::NothingToRepair => "finished: nothing is missing, nothing was done".to_owned(),
            Self::RanBefore => "finished: this control file was carried out before (RunOnce)".to_owned(),
            Self::Aborted(why) => format!("{ABORTED}{why}"),
            Self::ControlFile(why) => {
                format!("refused: the control file cannot be used, nothing was executed: {why}")
            }
            Self::Temporary(why) => format!("interrupted: {why}; it goes on when started again"),
            Self::GaveUp => "gave up: this boot has tried long enough, the next one goes on".to_owned(),
        }
    }
}

impl From<Stopped> for Ending {
    fn from(stopped: Stopped) -> Self {
        Self::Temporary(stopped.to_string())
    }
}
