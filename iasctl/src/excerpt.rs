//! The line of a file around a finding, with a mark under the place; nothing that may be a secret (R9).

use shared::control::Finding;
use std::fmt::Write as _;

/// How many characters are shown on either side of the place.
const BEFORE: usize = 60;
const AFTER: usize = 50;
/// Of a longer line, in bytes, nothing is shown: every look into it counts its characters from the start.
const LONGEST_LINE: usize = 100_000;
/// A line that holds one of these is not shown.
const PRIVATE: [&str; 9] = [
    "password",
    "username",
    "additional_headers",
    "httpheaders",
    "authorization",
    "cookie",
    "token",
    "secret",
    "key\"",
];

/// The lines of a file.
pub(crate) struct Excerpts<'a> {
    lines: Vec<&'a str>,
}

impl<'a> Excerpts<'a> {
    /// Of a file that is not UTF-8 there is nothing to show.
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        Self { lines: text.strip_prefix('\u{feff}').unwrap_or(text).split('\n').collect() }
    }

    /// The line of `finding` and a mark under its column.
    pub(crate) fn under(&self, finding: &Finding) -> Option<String> {
        let line = self.lines.get(finding.line.checked_sub(1)?)?.trim_end();
        let at = finding.column.checked_sub(1)?;
        if line.len() > LONGEST_LINE {
            return None;
        }
        let first = at.saturating_sub(BEFORE);
        let shown: String = line.chars().skip(first).take(at - first + AFTER).map(printable).collect();
        let key = finding.key.as_deref().unwrap_or_default();
        if shown.trim().is_empty() || is_private(&shown) || is_private(key) {
            return None;
        }
        let cut_before = if first > 0 { "…" } else { "" };
        let cut_after = if line.chars().count() > at + AFTER { "…" } else { "" };
        let number = finding.line.to_string();
        let mut text = String::new();
        let _ = writeln!(text, "{number:>5} | {cut_before}{shown}{cut_after}");
        let indent = at - first + cut_before.chars().count();
        let _ = writeln!(text, "{:>5} | {:indent$}^", "", "");
        Some(text)
    }
}

fn printable(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

fn is_private(text: &str) -> bool {
    let text = text.to_lowercase();
    let user_info = text
        .split("://")
        .skip(1)
        .any(|after| after.split(['/', '"', '?']).next().is_some_and(|host| host.contains('@')));
    user_info || PRIVATE.iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(line: usize, column: usize, key: &str) -> Finding {
        Finding {
            severity: shared::control::Severity::Error,
            file: "f".to_owned(),
            line,
            column,
            item: None,
            name: None,
            key: Some(key.to_owned()),
            problem: String::new(),
            hint: None,
        }
    }

    #[test]
    fn the_mark_stands_under_the_value() {
        let excerpts = Excerpts::of("{\n\t\"č\": 7\r\n}".as_bytes());
        assert_eq!(excerpts.under(&finding(2, 7, "č")).unwrap(), "    2 |  \"č\": 7\n      |       ^\n");
        assert_eq!(excerpts.under(&finding(9, 1, "")), None);
    }

    #[test]
    fn of_a_long_line_only_the_neighbourhood_is_shown() {
        let line = format!("{}X{}", "a".repeat(1000), "b".repeat(1000));
        let shown = Excerpts::of(line.as_bytes()).under(&finding(1, 1001, "k")).unwrap();
        let (first, second) = shown.split_once('\n').unwrap();
        let column = second.chars().position(|c| c == '^').unwrap();
        assert_eq!(first.chars().nth(column), Some('X'), "{shown}");
        assert!(first.chars().count() < 140);
    }

    #[test]
    fn r9_a_line_with_a_secret_is_not_shown() {
        for line in [r#""password": 5"#, r#""url": "https://u:p@h/a""#, r#""X-Api-Key": "x""#] {
            assert_eq!(Excerpts::of(line.as_bytes()).under(&finding(1, 2, "k")), None, "{line}");
        }
        assert_eq!(Excerpts::of(b"[1]").under(&finding(1, 2, "additional_headers")), None);
        assert!(Excerpts::of(br#""url": "https://h/a@b""#).under(&finding(1, 2, "url")).is_some());
    }
}
