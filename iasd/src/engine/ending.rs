//! How a run ends: the reason, its exit code, and the one line that states it.

use super::recorder::Stopped;
use shared::exit::ExitCode;

/// Why a run is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Every phase completed.
    Completed,
    /// Every phase was gone through, nothing was carried out (R74).
    DryRun,
    /// Every preflight script passed: nothing to do here (R49).
    PreflightPassed,
    /// A failure policy ended it (R93).
    Aborted(String),
    /// The control file cannot be used; nothing was executed (R15).
    ControlFile(String),
    /// Something that passes; started again, the run goes on (R47, R63).
    Temporary(String),
}

impl Ending {
    /// The exit code (R76).
    pub(crate) fn exit(&self) -> ExitCode {
        match self {
            Self::Completed | Self::DryRun | Self::PreflightPassed => ExitCode::Finished,
            Self::Aborted(_) => ExitCode::Aborted,
            Self::ControlFile(_) => ExitCode::ControlFile,
            Self::Temporary(_) => ExitCode::Temporary,
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
            Self::Aborted(why) => format!("aborted: {why}"),
            Self::ControlFile(why) => {
                format!("refused: the control file cannot be used, nothing was executed: {why}")
            }
            Self::Temporary(why) => format!("interrupted: {why}; it goes on when started again"),
        }
    }
}

impl From<Stopped> for Ending {
    fn from(stopped: Stopped) -> Self {
        Self::Temporary(stopped.to_string())
    }
}
