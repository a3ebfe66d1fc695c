//! What `installer -verboseR` prints (P55).

use crate::host::Line;
use std::fmt;

/// One line of `installer`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Report {
    /// A new phase, for people.
    Phase(String),
    /// What is being done, for people; empty when nothing is.
    Status(String),
    /// How much is done.
    Percent(f32),
    /// A message.
    Message(String),
    /// A line that a script of the package wrote, with the script's name. The real program keeps these for the
    /// install log; in a rehearsal they are what the admin wants to see.
    Script(String, String),
}

impl Report {
    /// The line for the run's log.
    pub(crate) fn into_line(self) -> Line {
        match self {
            Self::Percent(percent) => Line::Percent(percent),
            other => Line::Output(other.to_string()),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phase(text) => write!(f, "installer:PHASE:{text}"),
            Self::Status(text) => write!(f, "installer:STATUS:{text}"),
            Self::Percent(percent) => write!(f, "installer:%{percent:.6}"),
            Self::Message(text) => write!(f, "installer: {text}"),
            Self::Script(name, line) => write!(f, "./{name}: {line}"),
        }
    }
}
