//! One item of a catalog, as its property list has it.

use super::{letters, order};
use crate::property_list::name_of;
use plist::{Dictionary, Value};

/// One version of a title.
#[derive(Debug, Clone)]
pub struct Pkginfo {
    /// Its title.
    pub name: String,
    /// Its version, trimmed (T26).
    pub version: String,
    keys: Dictionary,
}

impl Pkginfo {
    /// Takes an item of a catalog.
    ///
    /// # Errors
    /// Why it is none: then no client sees it (T20).
    pub fn of(value: Value) -> Result<Self, String> {
        let Value::Dictionary(keys) = value else {
            return Err(format!("it is {}, not a dictionary", name_of(&value)));
        };
        let text = |key| match keys.get(key) {
            Some(Value::String(text)) => Ok(text.as_str()),
            Some(other) => Err(format!("its {key} is {}, not a string", name_of(other))),
            None => Err(format!("it has no {key}")),
        };
        let (name, version) = (text("name")?.to_owned(), order::trimmed(text("version")?).to_owned());
        Ok(Self { name, version, keys })
    }

    /// The name by which it is found (T20).
    pub(super) fn key(&self) -> String {
        letters::composed(&self.name).into_owned()
    }

    /// All keys.
    #[must_use]
    pub fn keys(&self) -> &Dictionary {
        &self.keys
    }

    /// A text; an empty one counts as absent.
    ///
    /// # Errors
    /// When it is something else.
    pub fn text(&self, key: &str) -> Result<Option<&str>, String> {
        text_of(&self.keys, key)
    }

    /// Texts; a lone one is a list of one.
    ///
    /// # Errors
    /// When they are something else.
    pub fn texts(&self, key: &str) -> Result<Vec<&str>, String> {
        match self.keys.get(key) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text.as_str()]),
            Some(Value::Array(entries)) => {
                let texts: Option<Vec<&str>> = entries.iter().map(Value::as_string).collect();
                texts.ok_or_else(|| format!("not every entry of {key} is a string"))
            }
            Some(other) => Err(unexpected(key, other, "an array of strings")),
        }
    }

    /// Whether a key is true.
    ///
    /// # Errors
    /// When it is neither true nor false.
    pub fn flag(&self, key: &str) -> Result<bool, String> {
        flag_of(&self.keys, key)
    }

    /// A size in KiB.
    ///
    /// # Errors
    /// When it is no size.
    pub fn kib(&self, key: &str) -> Result<Option<u64>, String> {
        match self.keys.get(key) {
            None => Ok(None),
            Some(Value::Integer(number)) => {
                number.as_unsigned().map(Some).ok_or_else(|| format!("{key} is {number}"))
            }
            Some(other) => Err(unexpected(key, other, "a number of KiB")),
        }
    }

    /// The entries of an array of dictionaries; `None` when the key is not there.
    ///
    /// # Errors
    /// When it is something else.
    pub fn entries(&self, key: &str) -> Result<Option<Vec<&Dictionary>>, String> {
        match self.keys.get(key) {
            None => Ok(None),
            Some(Value::Array(entries)) => {
                let entries: Option<Vec<&Dictionary>> = entries.iter().map(Value::as_dictionary).collect();
                entries.map(Some).ok_or_else(|| format!("not every entry of {key} is a dictionary"))
            }
            Some(other) => Err(unexpected(key, other, "an array of dictionaries")),
        }
    }
}

/// A text of a dictionary; an empty one counts as absent.
pub(super) fn text_of<'a>(keys: &'a Dictionary, key: &str) -> Result<Option<&'a str>, String> {
    match keys.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(other) => Err(unexpected(key, other, "a string")),
    }
}

/// Whether a key of a dictionary is true.
pub(super) fn flag_of(keys: &Dictionary, key: &str) -> Result<bool, String> {
    match keys.get(key) {
        None => Ok(false),
        Some(Value::Boolean(flag)) => Ok(*flag),
        Some(Value::Integer(number)) if number.as_unsigned().is_some_and(|number| number < 2) => {
            Ok(number.as_unsigned() == Some(1))
        }
        Some(other) => Err(unexpected(key, other, "true or false")),
    }
}

/// What is said of a value of the wrong kind.
pub(super) fn unexpected(key: &str, found: &Value, wanted: &str) -> String {
    format!("{key} is {}, not {wanted}", name_of(found))
}
