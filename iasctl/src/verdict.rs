//! How bad something is that was looked at.

/// What an admin should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It fits.
    Fits(String),
    /// It fits, and there is something else to see to.
    Note(String),
    /// It works today.
    Warning(String),
    /// Macs refuse it.
    Refused(String),
}

impl Verdict {
    /// The heavier, the worse.
    pub(crate) fn weight(&self) -> u8 {
        match self {
            Self::Fits(_) => 0,
            Self::Note(_) => 1,
            Self::Warning(_) => 2,
            Self::Refused(_) => 3,
        }
    }

    /// What is said.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Fits(text) | Self::Note(text) | Self::Warning(text) | Self::Refused(text) => text,
        }
    }

    /// What admins look for first (T120).
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Fits(_) => "OK",
            Self::Note(_) => "NOTE",
            Self::Warning(_) => "WARN",
            Self::Refused(_) => "FAIL",
        }
    }
}
