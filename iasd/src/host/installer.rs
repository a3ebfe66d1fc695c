//! What `installer -verboseR` prints (P55): the simulated Mac writes it, the real one is read.

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
    #[cfg_attr(not(feature = "simulated"), expect(dead_code, reason = "the real program does not write it"))]
    Script(String, String),
}

impl Report {
    /// Reads a line; whatever is not of a known form is a message, so that nothing is lost.
    pub(crate) fn parse(line: &str) -> Self {
        let Some(told) = line.strip_prefix("installer:") else { return Self::Message(line.to_owned()) };
        let percent = told.strip_prefix('%').and_then(|number| number.trim().parse::<f32>().ok());
        if let Some(percent) = percent.filter(|percent| percent.is_finite()) {
            return Self::Percent(percent.clamp(0.0, 100.0));
        }
        if let Some(phase) = told.strip_prefix("PHASE:") {
            return Self::Phase(phase.trim_end().to_owned());
        }
        match told.strip_prefix("STATUS:") {
            Some(status) => Self::Status(status.trim_end().to_owned()),
            None => Self::Message(told.trim().to_owned()),
        }
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn p55_lines_are_told_apart() {
        // The prefixes are described at http://ansaurus.com/question/1090575-parsing-the-output-of-usr-sbin-installer
        let read = Report::parse;
        assert_eq!(
            read("installer: Package name is Acme Tools"),
            Report::Message("Package name is Acme Tools".into())
        );
        assert_eq!(
            read("installer:PHASE:Preparing for installation…"),
            Report::Phase("Preparing for installation…".into())
        );
        assert_eq!(read("installer:STATUS:"), Report::Status(String::new()));
        assert_eq!(read("installer:%3.726477"), Report::Percent(3.726_477));
        assert_eq!(read("installer:%250"), Report::Percent(100.0));
        assert_eq!(read("installer:%NaN"), Report::Message("%NaN".into()));
        assert_eq!(read("dyld: something else"), Report::Message("dyld: something else".into()));
    }

    proptest! {
        #[test]
        fn what_the_simulated_mac_writes_is_read_back(text in "[A-Za-z0-9][ -~]{0,40}[A-Za-z0-9]", percent in 0_f32..=100.0) {
            for report in [Report::Phase(text.clone()), Report::Status(text.clone()), Report::Message(text.clone())] {
                prop_assert_eq!(Report::parse(&report.to_string()), report);
            }
            let Report::Percent(read) = Report::parse(&Report::Percent(percent).to_string()) else {
                return Err(TestCaseError::fail("no percent"));
            };
            prop_assert!((read - percent).abs() < 0.001);
        }

        #[test]
        fn any_line_is_read(line in ".*") {
            Report::parse(&line);
        }
    }
}
