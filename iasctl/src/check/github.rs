//! Findings as GitHub shows them in a pull request: one workflow command each.

use shared::control::{Finding, Severity};
use std::fmt::Write as _;

/// The commands for `findings`, one a line.
pub(super) fn annotations<'a>(findings: impl Iterator<Item = &'a Finding>) -> String {
    let mut text = String::new();
    for finding in findings {
        let command = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let name = finding.name.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
        let key = finding.key.as_ref().map(|key| format!("{key}: ")).unwrap_or_default();
        let hint = finding.hint.as_ref().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "::{command} file={},line={},col={},title={}::{}",
            property(&finding.file),
            finding.line,
            finding.column,
            property("iasctl check"),
            message(&format!("{name}{key}{}{hint}", finding.problem)),
        );
    }
    text
}

/// What a file that could not even be read deserves.
pub(super) fn unreadable(file: &str, why: &str) -> String {
    format!("::error file={},title={}::{}\n", property(file), property("iasctl check"), message(why))
}

fn message(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_property_or_the_line() {
        let finding = Finding {
            severity: Severity::Error,
            file: "a,b:c%.json".into(),
            line: 3,
            column: 7,
            item: None,
            name: Some("x::y".into()),
            key: Some("url".into()),
            problem: "100 %\nbad".into(),
            hint: Some("mend it".into()),
        };
        assert_eq!(
            annotations(std::iter::once(&finding)),
            "::error file=a%2Cb%3Ac%25.json,line=3,col=7,title=iasctl check::x::y: url: 100 %25%0Abad%0Ahint: mend it\n"
        );
    }
}
