//! What is said about settings: where a value came from, and what is wrong with one.

use serde::{Serialize, Serializer};
use std::fmt;

/// Where a value comes from, from weak to strong (R36).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Built in.
    Default,
    /// A preference domain, set on this Mac.
    Preferences(String),
    /// A preference domain, imposed by a profile.
    Managed(String),
    /// A configuration plist, with its path.
    File(String),
    /// An argument of the program.
    CommandLine,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("built-in default"),
            Self::Preferences(domain) => write!(f, "preferences {domain}"),
            Self::Managed(domain) => write!(f, "managed preferences {domain}"),
            Self::File(path) => f.write_str(path),
            Self::CommandLine => f.write_str("command line"),
        }
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// A line and a column, both counted from 1, the column in characters.
pub type Place = (usize, usize);

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// The value is used, but should be changed; or nothing knows the key (R39).
    Warning,
    /// The value is not used (R38).
    Error,
    /// No run may begin with these settings (R44).
    Fatal,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error | Self::Fatal => "error",
        })
    }
}

/// One thing to say about one setting or one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SettingsFinding {
    /// How much it matters.
    pub severity: Severity,
    /// The source the value stands in.
    pub source: Source,
    /// Where in the source, when that is known.
    pub place: Option<Place>,
    /// The key as written there, when it is about one.
    pub key: Option<String>,
    /// What is wrong; never contains a secret value.
    pub problem: String,
    /// How to mend it.
    pub hint: Option<String>,
}

impl SettingsFinding {
    /// A finding about a whole source.
    #[must_use]
    pub fn new(severity: Severity, source: Source, problem: impl Into<String>) -> Self {
        Self { severity, source, place: None, key: None, problem: problem.into(), hint: None }
    }

    /// The same finding, about one key.
    #[must_use]
    pub fn about(mut self, key: &str, place: Option<Place>) -> Self {
        self.key = Some(key.to_owned());
        self.place = place;
        self
    }

    /// The same finding, with a place.
    #[must_use]
    pub fn at(mut self, place: Option<Place>) -> Self {
        self.place = place;
        self
    }

    /// The same finding, with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Place, problem and advice, for a line that says itself how bad it is.
    #[must_use]
    pub fn without_severity(&self) -> String {
        let place = self.place.map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default();
        let key = self.key.as_ref().map(|key| format!("{key}: ")).unwrap_or_default();
        let hint = self.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{}{place}: {key}{}{hint}", self.source, self.problem)
    }
}

impl fmt::Display for SettingsFinding {
    /// `<severity>: <source>[:<line>:<column>]: [<key>: ]<problem>[ (<hint>)]`, the shape of R16.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.severity, self.without_severity())
    }
}

/// Which value a key has in the end, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// The canonical key.
    pub key: &'static str,
    /// The value for people; `<redacted>` in place of a secret, `-` when there is none.
    pub value: String,
    /// Who said so.
    pub source: Source,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {} ({})", self.key, self.value, self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r36_a_stronger_source_sorts_after_a_weaker_one() {
        let mut sources = [
            Source::CommandLine,
            Source::File("b".into()),
            Source::Managed("a".into()),
            Source::Preferences("z".into()),
            Source::Default,
        ];
        sources.sort();
        let printed = sources.map(|source| source.to_string());
        assert_eq!(
            printed,
            ["built-in default", "preferences z", "managed preferences a", "b", "command line"]
        );
    }

    #[test]
    fn r16_a_finding_reads_severity_place_key_problem() {
        let finding =
            SettingsFinding::new(Severity::Error, Source::File("iasd.plist".into()), "expected a boolean")
                .about("Reboot", Some((5, 2)))
                .hint("write <true/> or <false/>");
        assert_eq!(
            finding.to_string(),
            "error: iasd.plist:5:2: Reboot: expected a boolean (write <true/> or <false/>)"
        );
    }
}
