//! Values of the wrong type: what is still understood, with a warning, and what is not (R14, section 1.4 of the rules).

use super::{Severity, raw::Json};
use crate::settings;

/// What is wrong with a value, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) severity: Severity,
    pub(super) text: String,
    pub(super) hint: Option<String>,
}

impl Problem {
    pub(super) fn warning(text: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, text: text.into(), hint: None }
    }

    pub(super) fn error(text: impl Into<String>) -> Self {
        Self { severity: Severity::Error, text: text.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// What a value became.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Coerced<T> {
    /// `None`: as if the key were absent.
    pub(super) value: Option<T>,
    pub(super) problem: Option<Problem>,
}

impl<T> Coerced<T> {
    pub(super) fn exact(value: T) -> Self {
        Self { value: Some(value), problem: None }
    }

    /// Understood, but should be written otherwise.
    pub(super) fn mended(value: T, problem: Problem) -> Self {
        Self { value: Some(value), problem: Some(problem) }
    }

    /// Treated as absent; with an error, the item is malformed.
    pub(super) fn without(problem: Problem) -> Self {
        Self { value: None, problem: Some(problem) }
    }

    /// Goes on with the value, if there is one.
    pub(super) fn then<U>(self, next: impl FnOnce(T) -> Coerced<U>) -> Coerced<U> {
        match self.value {
            None => Coerced { value: None, problem: self.problem },
            Some(value) => {
                let after = next(value);
                Coerced { value: after.value, problem: after.problem.or(self.problem) }
            }
        }
    }
}

/// "expected text, found a number".
pub(super) fn unexpected(expected: &str, found: &Json<'_>) -> Problem {
    Problem::error(format!("expected {expected}, found {}", found.noun()))
}

/// [`shown`] in quotes.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", shown(text))
}

/// Text from the file, fit for a one-line message: short, without control characters.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown: String = text.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    if text.chars().filter(|c| !c.is_control()).nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

/// `donotwait`, `required` and their like.
pub(super) fn boolean(json: &Json<'_>) -> Coerced<bool> {
    let mended = |value: bool, text: String| {
        let unquoted = format!("write {value}, without quotes");
        Coerced::mended(value, Problem::warning(text).hint(unquoted))
    };
    match json {
        Json::Bool(value) => Coerced::exact(*value),
        Json::Number(number @ ("0" | "1")) => {
            let value = *number == "1";
            mended(value, format!("the number {number} is taken as {value}"))
        }
        Json::Text(text) => match settings::value::word(text) {
            Some(value) => mended(value, format!("the text {} is taken as {value}", quoted(text))),
            None => {
                Coerced::without(Problem::error(format!("expected true or false, found {}", quoted(text))))
            }
        },
        Json::Number(number) => {
            Coerced::without(Problem::error(format!("expected true or false, found the number {number:.40}")))
        }
        other => Coerced::without(unexpected("true or false", other)),
    }
}

/// `retries`, `retrywait` and their like: a whole number, not negative.
pub(super) fn whole_number(json: &Json<'_>) -> Coerced<u32> {
    let (source, warning) = match json {
        Json::Number(number) => (*number, None),
        Json::Text(text) => (text.trim(), Some(format!("the text {} is taken as a number", quoted(text)))),
        other => return Coerced::without(unexpected("a whole number", other)),
    };
    let refused = |what: &str| {
        let found = if warning.is_some() { quoted(source) } else { format!("{source:.40}") };
        Coerced::without(Problem::error(format!("expected a whole number{what}, found {found}")))
    };
    let (integer, fraction) = source.split_once('.').unwrap_or((source, ""));
    if !fraction.bytes().all(|b| b == b'0') || (source.contains('.') && fraction.is_empty()) {
        return refused("");
    }
    if integer.starts_with('-') && integer != "-0" {
        return refused(" of 0 or more");
    }
    let digits = integer.strip_prefix('-').unwrap_or(integer);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return refused("");
    }
    let Ok(value) = digits.parse() else {
        return refused(&format!(" up to {}", u32::MAX));
    };
    match warning {
        Some(text) => {
            Coerced::mended(value, Problem::warning(text).hint(format!("write {value}, without quotes")))
        }
        None if source.contains('.') => {
            let text = format!("{source:.40} is taken as {value}");
            Coerced::mended(value, Problem::warning(text).hint(format!("write {value}")))
        }
        None => Coerced::exact(value),
    }
}

/// A text, and nothing else.
pub(super) fn text(json: &Json<'_>) -> Coerced<String> {
    match json {
        Json::Text(text) => Coerced::exact(text.clone()),
        other => Coerced::without(unexpected("text", other)),
    }
}

/// A text; an empty one is treated as absent.
pub(super) fn text_or_nothing(json: &Json<'_>) -> Coerced<String> {
    text(json).then(|text| {
        if text.is_empty() {
            Coerced::without(Problem::warning("empty: treated as absent").hint("remove the key"))
        } else {
            Coerced::exact(text)
        }
    })
}

/// `version`: a number keeps the digits it was written with.
pub(super) fn version(json: &Json<'_>) -> Coerced<String> {
    match json {
        Json::Number(number) if number.len() <= 100 => {
            let text = format!("the number {number} is taken as the text \"{number}\"");
            let problem = Problem::warning(text).hint("write the version in quotes");
            Coerced::mended((*number).to_owned(), problem)
        }
        other => text_or_nothing(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn warned<T>(coerced: &Coerced<T>) -> bool {
        coerced.problem.as_ref().is_some_and(|problem| problem.severity == Severity::Warning)
    }

    fn refused<T>(coerced: &Coerced<T>) -> bool {
        coerced.value.is_none()
            && coerced.problem.as_ref().is_some_and(|problem| problem.severity == Severity::Error)
    }

    #[test]
    fn r14_booleans_in_words_and_numbers() {
        assert_eq!(boolean(&Json::Bool(true)), Coerced::exact(true));
        for (word, value) in [
            ("true", true),
            ("True", true),
            ("1", true),
            ("yes", true),
            (" Y ", true),
            ("false", false),
            ("FALSE", false),
            ("0", false),
            ("no", false),
            ("n", false),
            ("", false),
        ] {
            let coerced = boolean(&Json::Text(word.to_owned()));
            assert!(coerced.value == Some(value) && warned(&coerced), "{word:?}");
        }
        for (number, value) in [("1", true), ("0", false)] {
            let coerced = boolean(&Json::Number(number));
            assert!(coerced.value == Some(value) && warned(&coerced));
        }
        let others = [Json::Number("2"), Json::Number("-1"), Json::Text("maybe".into()), Json::Array(vec![])];
        for other in others {
            assert!(refused(&boolean(&other)));
        }
    }

    #[test]
    fn r14_whole_numbers() {
        assert_eq!(whole_number(&Json::Number("5")), Coerced::exact(5));
        assert_eq!(whole_number(&Json::Number("0")), Coerced::exact(0));
        for (json, value) in
            [(Json::Text("5".into()), 5), (Json::Text(" 7 ".into()), 7), (Json::Number("3.0"), 3)]
        {
            let coerced = whole_number(&json);
            assert!(coerced.value == Some(value) && warned(&coerced));
        }
        let refusals = [
            Json::Number("-1"),
            Json::Number("2.5"),
            Json::Number("1e3"),
            Json::Number("4294967296"),
            Json::Text("five".into()),
            Json::Text(String::new()),
            Json::Text("3.".into()),
            Json::Bool(true),
            Json::Object(vec![]),
        ];
        for json in refusals {
            assert!(refused(&whole_number(&json)));
        }
    }

    #[test]
    fn r14_a_version_in_digits_keeps_its_zeros() {
        let coerced = version(&Json::Number("1.10"));
        assert_eq!(coerced.value.as_deref(), Some("1.10"));
        assert!(warned(&coerced));
        assert_eq!(version(&Json::Text("1.10".into())), Coerced::exact("1.10".to_owned()));
        let empty = version(&Json::Text(String::new()));
        assert!(empty.value.is_none() && warned(&empty));
        assert!(refused(&version(&Json::Bool(true))));
    }

    proptest! {
        #[test]
        fn quoted_text_is_one_short_line(text in any::<String>()) {
            let quoted = quoted(&text);
            prop_assert!(quoted.chars().count() <= 63 && !quoted.contains(char::is_control));
        }
    }
}
