//! How things end: the exit codes of `iasd` (R76), which launchd, scripts and tests rely on, and of its children.

use serde::{Deserialize, Serialize};

/// How a run of `iasd` ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitCode {
    /// Finished, or preflight passed; cleaned up.
    Finished,
    /// Ended by a failure policy; cleaned up.
    Aborted,
    /// The command line was not understood.
    Usage,
    /// The control file cannot be used.
    ControlFile,
    /// The agent broke the protocol.
    AgentProtocol,
    /// Something that passes (network, agent, lock); wants to be started again.
    Temporary,
    /// Not started as root.
    NotRoot,
    /// The settings cannot be used.
    Configuration,
}

impl ExitCode {
    /// The number the process exits with.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Finished => 0,
            Self::Aborted => 1,
            Self::Usage => 64,
            Self::ControlFile => 65,
            Self::AgentProtocol => 69,
            Self::Temporary => 75,
            Self::NotRoot => 77,
            Self::Configuration => 78,
        }
    }

    /// Whether the installation is removed before this exit (R76, R80: only after 0 and 1).
    #[must_use]
    pub fn cleans_up(self) -> bool {
        matches!(self, Self::Finished | Self::Aborted)
    }
}

/// How a child process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// It exited with this status.
    Exited(i32),
    /// A signal killed it.
    Signalled(i32),
    /// It was killed because its time was over (R73).
    TimedOut,
    /// It could not be started, with the reason.
    NotStarted(String),
    /// It came to no good end, with the reason.
    Failed(String),
    /// Nobody saw the end: the agent or the daemon went away in between, with the reason (R64).
    Lost(String),
}

impl Ended {
    /// Whether this counts as success: only exit status 0 does (R50, R70).
    #[must_use]
    pub fn is_success(&self) -> bool {
        *self == Self::Exited(0)
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "exit status {status}"),
            Self::Signalled(signal) => write!(f, "killed by signal {signal}"),
            Self::TimedOut => f.write_str("killed because its time was over"),
            Self::NotStarted(reason) => write!(f, "could not be started: {reason}"),
            Self::Failed(reason) => f.write_str(reason),
            Self::Lost(reason) => write!(f, "its end was not seen: {reason}"),
        }
    }
}
