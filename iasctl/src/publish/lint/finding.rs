//! What is wrong with a pkginfo: where, and what to do.

use serde::Serialize;
use std::fmt::{self, Display, Formatter};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::publish) enum Severity {
    /// The title must not be published so.
    Error,
    /// It works, but perhaps not as meant.
    Warning,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in crate::publish) struct Finding {
    pub(in crate::publish) severity: Severity,
    /// The pkginfo, by its path in the repository.
    pub(in crate::publish) file: String,
    /// The key it is about, with its place in a list, such as `installs[1].path`.
    pub(in crate::publish) key: String,
    /// What is wrong, and the way out.
    pub(in crate::publish) message: String,
}

impl Display for Finding {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}: {}: {}: {}", self.file, self.key, self.message)
    }
}

/// Collects the findings about one file.
#[derive(Debug)]
pub(in crate::publish) struct Findings<'a> {
    file: &'a str,
    found: Vec<Finding>,
}

impl<'a> Findings<'a> {
    /// None yet.
    pub(in crate::publish) fn about(file: &'a str) -> Self {
        Self { file, found: Vec::new() }
    }

    /// Something that must not be published.
    pub(in crate::publish) fn error(&mut self, key: impl Into<String>, message: impl Into<String>) {
        self.add(Severity::Error, key.into(), message.into());
    }

    /// Something to look at.
    pub(in crate::publish) fn warning(&mut self, key: impl Into<String>, message: impl Into<String>) {
        self.add(Severity::Warning, key.into(), message.into());
    }

    fn add(&mut self, severity: Severity, key: String, message: String) {
        self.found.push(Finding { severity, file: self.file.to_owned(), key, message });
    }

    /// All of them.
    pub(in crate::publish) fn into_vec(self) -> Vec<Finding> {
        self.found
    }
}
