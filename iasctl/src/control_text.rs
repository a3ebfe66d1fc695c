//! The text of a control file made from items, byte for byte as the generators of the dialects write it (R129).

use serde_json::Value;
use shared::item::Phase;
use std::{collections::BTreeMap, fmt::Write as _};

/// An item about to be written: its keys, each once.
pub(crate) type Keys = BTreeMap<&'static str, Value>;

/// The items of each phase, in the order they will run in.
#[derive(Debug, Default)]
pub(crate) struct Phases(BTreeMap<Phase, Vec<Keys>>);

/// Whose generator is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Dialect {
    /// InstallApplications: what every client reads
    #[default]
    Ia,
    /// InstallApplications-Swift: also `pkg_required`
    Ias,
    /// go-installapplications: `pkg_required`, and its folder
    Go,
}

/// The order of go-installapplications; its other keys come after these.
const GO_ORDER: [&str; 12] = [
    "name",
    "url",
    "file",
    "hash",
    "type",
    "packageid",
    "version",
    "skip_if",
    "donotwait",
    "pkg_required",
    "retries",
    "retrywait",
];

impl Phases {
    /// Puts an item behind those its phase has.
    pub(crate) fn add(&mut self, phase: Phase, keys: Keys) {
        self.0.entry(phase).or_default().push(keys);
    }

    /// How many items there are.
    pub(crate) fn count(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// Every phase, with an empty array where it has no items. There is no line end behind it, as with the originals.
    pub(crate) fn text(&self, dialect: Dialect) -> String {
        let mut text = String::from("{");
        for (index, phase) in Phase::ALL.into_iter().enumerate() {
            text.push_str(if index == 0 { "\n  " } else { ",\n  " });
            let _ = write!(text, "\"{phase}\": ");
            match self.0.get(&phase).filter(|items| !items.is_empty()) {
                None => text.push_str("[]"),
                Some(items) => {
                    let items: Vec<String> = items.iter().map(|keys| item(keys, dialect)).collect();
                    let _ = write!(text, "[\n    {}\n  ]", items.join(",\n    "));
                }
            }
        }
        text + "\n}"
    }
}

fn item(keys: &Keys, dialect: Dialect) -> String {
    let mut members: Vec<(&str, &Value)> = keys.iter().map(|(key, value)| (*key, value)).collect();
    if dialect == Dialect::Go {
        let place = |key: &str| GO_ORDER.iter().position(|known| *known == key).unwrap_or(GO_ORDER.len());
        members.sort_by_key(|(key, _)| place(key));
    }
    let line = |(key, value): (&str, &Value)| format!("      \"{key}\": {}", shown(value, dialect));
    format!("{{\n{}\n    }}", members.into_iter().map(line).collect::<Vec<_>>().join(",\n"))
}

fn shown(value: &Value, dialect: Dialect) -> String {
    match value {
        Value::String(text) => quoted(text, dialect),
        // Lists are short: Team IDs, catalogs. No original writes any.
        Value::Array(elements) => {
            let elements: Vec<String> = elements.iter().map(|element| shown(element, dialect)).collect();
            format!("[{}]", elements.join(", "))
        }
        other => other.to_string(),
    }
}

/// A JSON string as Python's `json.dump` or Go's `json.MarshalIndent` escapes it.
fn quoted(text: &str, dialect: Dialect) -> String {
    let python = dialect != Dialect::Go;
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            ' '..='~' if python || !matches!(c, '<' | '>' | '&') => quoted.push(c),
            _ if python || c < ' ' || matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}') => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(quoted, "\\u{unit:04x}");
                }
            }
            _ => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn r129_phases_keys_and_indent_are_those_of_the_originals() {
        let mut phases = Phases::default();
        assert_eq!(
            phases.text(Dialect::Ia),
            "{\n  \"preflight\": [],\n  \"setupassistant\": [],\n  \"userland\": []\n}"
        );
        let keys =
            [("url", json!("https://x/é<a>&b")), ("name", json!("\u{1f600}\u{7f}")), ("retries", json!(5))];
        phases.add(Phase::SetupAssistant, Keys::from(keys));
        let text = phases.text(Dialect::Ia);
        assert_eq!(
            text,
            "{\n  \"preflight\": [],\n  \"setupassistant\": [\n    {\n      \"name\": \"\\ud83d\\ude00\\u007f\",\n      \"retries\": 5,\n      \"url\": \"https://x/\\u00e9<a>&b\"\n    }\n  ],\n  \"userland\": []\n}"
        );
        let go = phases.text(Dialect::Go);
        let place = |text: &str| go.find(text).unwrap();
        assert!(place("\"name\"") < place("\"url\"") && place("\"url\"") < place("\"retries\""));
        assert!(go.contains("https://x/é\\u003ca\\u003e\\u0026b") && go.contains('\u{1f600}'));
    }

    proptest! {
        #[test]
        fn r129_every_text_comes_back_as_it_was(text in any::<String>()) {
            for dialect in [Dialect::Ia, Dialect::Go] {
                prop_assert_eq!(serde_json::from_str::<String>(&quoted(&text, dialect)).unwrap(), text.clone());
            }
        }
    }
}
