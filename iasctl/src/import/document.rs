//! What another tool reads, whatever it is written in: property list, profile, JSON, YAML, or JSON inside a shell script.

use crate::check::settings;
use plist::Value as Plist;
use saphyr::{Scalar, ScalarStyle, Yaml, YamlLoader};
use saphyr_parser::Parser;
use serde_json::{Map, Value};
use shared::{
    property_list,
    settings::{Source, document, profile},
};
use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

/// No file of these tools is larger.
const MOST_BYTES: u64 = 16 << 20;
const MOST_UNFOLDED: usize = 64 << 20;

/// A file, read.
#[derive(Debug)]
pub(super) struct Document {
    /// How messages name it.
    pub(super) file: String,
    /// The name of the file, by which manifests include each other.
    pub(super) name: String,
    /// What is in it.
    pub(super) root: Value,
    /// Of a profile: the preference domains it sets.
    pub(super) domains: Vec<(String, Value)>,
}

impl Document {
    /// Reads the file.
    ///
    /// # Errors
    /// It cannot be read, or is nothing that any of the tools reads.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let file = path.display().to_string();
        let mut bytes = Vec::new();
        let read = |bytes: &mut Vec<u8>| -> io::Result<usize> {
            File::open(path)?.take(MOST_BYTES + 1).read_to_end(bytes)
        };
        read(&mut bytes).map_err(|error| format!("{file}: cannot be read: {error}"))?;
        if bytes.len() as u64 > MOST_BYTES {
            return Err(format!("{file}: larger than {MOST_BYTES} bytes"));
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Self::of(&file, &name, &bytes).map_err(|why| format!("{file}: {why}"))
    }

    /// What these bytes are.
    pub(super) fn of(file: &str, name: &str, bytes: &[u8]) -> Result<Self, String> {
        let document = |root, domains| Self { file: file.to_owned(), name: name.to_owned(), root, domains };
        if settings::is_settings(bytes) {
            let plist = plist(bytes)?;
            let is_profile = matches!(
                profile::Use::of(plist.clone()),
                Some(profile::Use::Profile(domains)) if !domains.is_empty()
            );
            let domains = if is_profile { profile::domains_in_profile(&plist) } else { Vec::new() };
            let domains =
                domains.into_iter().map(|(domain, keys)| (domain, json(&Plist::Dictionary(keys)))).collect();
            return Ok(document(json(&plist), domains));
        }
        let text =
            std::str::from_utf8(bytes).map_err(|_| "neither a property list nor UTF-8 text".to_owned())?;
        let text = text.trim_start_matches('\u{feff}');
        let root = if text.trim_start().starts_with(['{', '[']) {
            serde_json::from_str(text).map_err(|error| format!("no JSON: {error}"))?
        } else if let Some(steps) = steps_in_script(text) {
            steps?
        } else {
            yaml(text)?
        };
        Ok(document(root, Vec::new()))
    }
}

fn plist(bytes: &[u8]) -> Result<Plist, String> {
    // Signed profiles, and other encodings than UTF-8.
    match document::read(bytes, &Source::File(String::new())) {
        Ok(document) => Ok(document.value),
        Err(_) => property_list::read::<MOST_UNFOLDED>(bytes),
    }
}

/// A property list as JSON; what JSON does not know is only told of.
fn json(plist: &Plist) -> Value {
    match plist {
        Plist::Array(elements) => Value::Array(elements.iter().map(json).collect()),
        Plist::Dictionary(entries) => {
            let entries = entries.iter().map(|(key, value)| (key.clone(), json(value)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
        Plist::Boolean(value) => Value::Bool(*value),
        Plist::String(text) => Value::String(text.clone()),
        Plist::Real(number) => serde_json::Number::from_f64(*number).map_or(Value::Null, Value::Number),
        Plist::Integer(number) => match (number.as_unsigned(), number.as_signed()) {
            (Some(number), _) => number.into(),
            (None, Some(number)) => number.into(),
            (None, None) => Value::Null,
        },
        Plist::Data(bytes) => Value::String(format!("<{} bytes>", bytes.len())),
        _ => Value::Null,
    }
}

/// The steps of every `policyJSON='…'` in a shell script; `None`: there is none.
fn steps_in_script(text: &str) -> Option<Result<Value, String>> {
    let mut steps = Vec::new();
    let mut found = false;
    let mut rest = text;
    while let Some(at) = rest.find("policyJSON='") {
        let (_, after) = rest.split_at(at + "policyJSON='".len());
        let (block, behind) = after.split_once('\'').unwrap_or((after, ""));
        rest = behind;
        // An empty one is only declared.
        if block.trim().is_empty() {
            continue;
        }
        found = true;
        match serde_json::from_str::<Value>(block) {
            Ok(mut value) => match value.get_mut("steps").map(Value::take) {
                Some(Value::Array(more)) => steps.extend(more),
                _ => return Some(Err("a policyJSON without steps".to_owned())),
            },
            Err(error) => return Some(Err(format!("a policyJSON that is no JSON: {error}"))),
        }
    }
    found.then(|| Ok(serde_json::json!({ "steps": steps })))
}

fn yaml(text: &str) -> Result<Value, String> {
    let mut loader = YamlLoader::<Yaml<'_>>::default();
    loader.early_parse(false);
    let parsed = Parser::new_from_str(text).load(&mut loader, false);
    parsed.map_err(|error| format!("neither a property list, JSON nor YAML: {error}"))?;
    if let Some(error) = loader.error() {
        return Err(format!("no YAML: {error}"));
    }
    match &*loader.into_documents() {
        [document @ (Yaml::Mapping(_) | Yaml::Sequence(_))] => Ok(plain(document)),
        _ => Err("neither a property list, JSON nor YAML".to_owned()),
    }
}

fn plain(node: &Yaml<'_>) -> Value {
    match node {
        Yaml::Sequence(items) => Value::Array(items.iter().map(plain).collect()),
        Yaml::Mapping(entries) => {
            let text = |key: &Yaml<'_>| match plain(key) {
                Value::String(text) => text,
                other => other.to_string(),
            };
            Value::Object(entries.iter().map(|(key, value)| (text(key), plain(value))).collect())
        }
        Yaml::Tagged(_, node) => plain(node),
        Yaml::Representation(text, ScalarStyle::Plain, _) => match &**text {
            "" | "~" | "null" => Value::Null,
            "true" | "True" => Value::Bool(true),
            "false" | "False" => Value::Bool(false),
            text => text.parse::<i64>().map_or_else(|_| Value::String(text.to_owned()), Value::from),
        },
        Yaml::Representation(text, _, _) | Yaml::Value(Scalar::String(text)) => {
            Value::String(text.to_string())
        }
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_the_tools_write_is_read_whatever_it_is_written_in() {
        let plist = "<plist><dict><key>a</key><array><integer>1</integer><true/></array></dict></plist>";
        let vectors = [
            (plist, json!({"a": [1, true]})),
            ("<dict><key>a</key><string>é</string></dict>", json!({"a": "é"})),
            ("{\"a\": [1]}", json!({"a": [1]})),
            (
                "# c\na:\n  - b: \"6.0\"\n    c: 3\n    d: true\n",
                json!({"a": [{"b": "6.0", "c": 3, "d": true}]}),
            ),
            (
                "x=1\npolicyJSON=''\npolicyJSON='{\"steps\": [1]}'\npolicyJSON='{\"steps\": [2]}'\n",
                json!({"steps": [1, 2]}),
            ),
        ];
        for (text, expected) in vectors {
            assert_eq!(Document::of("f", "f", text.as_bytes()).unwrap().root, expected, "{text}");
        }
        for refused in ["", "just text", "{", "\u{0}", "policyJSON='{'"] {
            assert!(Document::of("f", "f", refused.as_bytes()).is_err(), "{refused}");
        }
    }
}
