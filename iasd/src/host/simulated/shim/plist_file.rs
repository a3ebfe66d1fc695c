//! Property lists in the simulated Mac: read, changed by key path, written, printed as `defaults` prints them.

use plist::{Date, Dictionary, Value};
use std::{
    fmt::Write,
    fs, io,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

/// The longest file that is read.
const LIMIT: u64 = 64 << 20;
/// How deep values are printed.
const DEPTH: usize = 64;

/// Reads `path`.
pub(super) fn read(path: &Path) -> Result<Value, String> {
    let length = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if length > LIMIT {
        return Err("too long".into());
    }
    Value::from_file(path).map_err(|error| error.to_string())
}

/// Reads the dictionary in `path`; an empty one when there is no file.
pub(super) fn dictionary(path: &Path) -> Result<Dictionary, String> {
    if !path.exists() {
        return Ok(Dictionary::new());
    }
    read(path)?.into_dictionary().ok_or_else(|| "its root is no dictionary".into())
}

/// Writes `value` to `path`, all or nothing.
pub(super) fn write(path: &Path, value: &Value, binary: bool) -> io::Result<()> {
    let mut bytes = Vec::new();
    if binary { value.to_writer_binary(&mut bytes) } else { value.to_writer_xml(&mut bytes) }
        .map_err(io::Error::other)?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    fs::write(&new, bytes)?;
    fs::rename(new, path)
}

/// The value at `keys`; a number chooses from an array.
pub(super) fn get<'a>(value: &'a Value, keys: &[&str]) -> Option<&'a Value> {
    keys.iter().try_fold(value, |value, key| match value {
        Value::Dictionary(dictionary) => dictionary.get(key),
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        _ => None,
    })
}

/// Puts `new` at `keys`, making dictionaries on the way; `false` when something else is in the way.
pub(super) fn put(value: &mut Value, keys: &[&str], new: Value) -> bool {
    let Some((key, rest)) = keys.split_first() else {
        *value = new;
        return true;
    };
    match value {
        Value::Dictionary(dictionary) => {
            if !dictionary.contains_key(key) {
                dictionary.insert((*key).into(), Value::Dictionary(Dictionary::new()));
            }
            dictionary.get_mut(key).is_some_and(|value| put(value, rest, new))
        }
        Value::Array(items) => {
            let index = key.parse().unwrap_or(items.len()).min(items.len());
            if rest.is_empty() {
                items.insert(index, new);
                return true;
            }
            items.get_mut(index).is_some_and(|value| put(value, rest, new))
        }
        _ => false,
    }
}

/// Removes what is at `keys`; `false` when nothing is.
pub(super) fn remove(value: &mut Value, keys: &[&str]) -> bool {
    match (value, keys) {
        (Value::Dictionary(dictionary), [key]) => dictionary.remove(key).is_some(),
        (Value::Dictionary(dictionary), [key, rest @ ..]) => {
            dictionary.get_mut(key).is_some_and(|value| remove(value, rest))
        }
        (Value::Array(items), [key, rest @ ..]) => match key.parse::<usize>() {
            Ok(index) if index < items.len() && rest.is_empty() => {
                items.remove(index);
                true
            }
            Ok(index) => items.get_mut(index).is_some_and(|value| remove(value, rest)),
            Err(_) => false,
        },
        _ => false,
    }
}

/// A value of a named type, as `defaults`, `plutil` and `PlistBuddy` take it from a command line.
pub(super) fn typed(kind: &str, text: &str) -> Result<Value, String> {
    let bad = || format!("`{text}` is not of type {kind}");
    Ok(match kind {
        "int" | "integer" => Value::from(text.parse::<i64>().map_err(|_| bad())?),
        "float" | "real" => Value::from(text.parse::<f64>().map_err(|_| bad())?),
        "bool" | "boolean" => match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Value::from(true),
            "false" | "no" | "0" => Value::from(false),
            _ => return Err(bad()),
        },
        "date" => Value::from(Date::from_xml_format(&text.replace(' ', "T")).map_err(|_| bad())?),
        "data" => Value::Data(hex(text).ok_or_else(bad)?),
        "array" => Value::Array(Vec::new()),
        "dict" => Value::Dictionary(Dictionary::new()),
        _ => Value::from(text),
    })
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.chunks(2).map(byte).collect()
}

/// A scalar as `defaults read` prints it; `None` for dictionaries and arrays.
pub(super) fn scalar(value: &Value) -> Option<String> {
    Some(match value {
        Value::String(text) => text.clone(),
        Value::Boolean(flag) => u8::from(*flag).to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Date(date) => seconds(*date),
        Value::Data(bytes) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{{length = {}, bytes = 0x{digits}}}", bytes.len())
        }
        _ => return None,
    })
}

fn seconds(date: Date) -> String {
    let since = SystemTime::from(date).duration_since(UNIX_EPOCH).unwrap_or_default();
    let format = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]:[second] +0000");
    let at = time::OffsetDateTime::UNIX_EPOCH + since;
    at.format(&format).unwrap_or_default()
}

/// A value in the old style of property lists.
pub(super) fn old_style(value: &Value) -> String {
    let mut text = String::new();
    print(&mut text, value, 0);
    text
}

fn print(to: &mut String, value: &Value, depth: usize) {
    let indent = "    ".repeat(depth);
    // Writing to a string cannot fail.
    match value {
        Value::Dictionary(_) | Value::Array(_) if depth > DEPTH => to.push_str("..."),
        Value::Dictionary(dictionary) => {
            to.push_str("{\n");
            let mut keys: Vec<_> = dictionary.keys().collect();
            keys.sort();
            for (key, value) in keys.into_iter().filter_map(|key| Some((key, dictionary.get(key)?))) {
                let _ = write!(to, "{indent}    {} = {}", quoted(key), gap(value, &indent));
                print(to, value, depth + 1);
                to.push_str(";\n");
            }
            let _ = write!(to, "{indent}}}");
        }
        Value::Array(items) => {
            to.push_str("(\n");
            for (at, value) in items.iter().enumerate() {
                let _ = write!(to, "{indent}    {}", gap(value, &indent));
                print(to, value, depth + 1);
                to.push_str(if at + 1 < items.len() { ",\n" } else { "\n" });
            }
            let _ = write!(to, "{indent})");
        }
        value => to.push_str(&quoted(&scalar(value).unwrap_or_default())),
    }
}

/// The curious blanks before a nested value.
fn gap(value: &Value, indent: &str) -> String {
    match value {
        Value::Dictionary(_) | Value::Array(_) => format!("{indent}    "),
        _ => String::new(),
    }
}

fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | ':' | '$');
    if !text.is_empty() && text.chars().all(plain) && !text.starts_with(['.', '/', ':']) {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// A value as JSON; `None` when it holds data or dates, which JSON has not.
pub(super) fn json(value: &Value) -> Option<serde_json::Value> {
    Some(match value {
        Value::String(text) => text.clone().into(),
        Value::Boolean(flag) => (*flag).into(),
        Value::Integer(number) => number.as_signed().map_or_else(|| number.as_unsigned().into(), Into::into),
        Value::Real(number) => (*number).into(),
        Value::Array(items) => items.iter().map(json).collect::<Option<Vec<_>>>()?.into(),
        Value::Dictionary(entries) => entries
            .iter()
            .map(|(key, value)| Some((key.clone(), json(value)?)))
            .collect::<Option<serde_json::Map<_, _>>>()?
            .into(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_put_found_and_removed_by_path() {
        let mut value = Value::Dictionary(Dictionary::new());
        assert!(put(&mut value, &["A", "B"], Value::from(1)));
        assert!(put(&mut value, &["L"], Value::Array(vec!["x".into()])));
        assert!(put(&mut value, &["L", "0"], "y".into()));
        assert!(!put(&mut value, &["A", "B", "C"], Value::from(1)));
        assert_eq!(get(&value, &["A", "B"]), Some(&Value::from(1)));
        assert_eq!(get(&value, &["L", "1"]).and_then(Value::as_string), Some("x"));
        assert!(remove(&mut value, &["L", "1"]) && !remove(&mut value, &["L", "7"]));
        assert!(remove(&mut value, &["A", "B"]) && !remove(&mut value, &["A", "B"]));
    }

    #[test]
    fn the_old_style_is_printed_as_a_mac_does() {
        let mut value = Value::Dictionary(Dictionary::new());
        put(&mut value, &["Flag"], Value::from(true));
        put(&mut value, &["List"], Value::Array(vec!["a b".into(), Value::from(2)]));
        assert_eq!(
            old_style(&value),
            "{\n    Flag = 1;\n    List =     (\n        \"a b\",\n        2\n    );\n}"
        );
    }

    #[test]
    fn typed_values_are_checked() {
        assert_eq!(typed("bool", "YES"), Ok(Value::from(true)));
        assert_eq!(typed("int", "-3"), Ok(Value::from(-3)));
        assert_eq!(typed("data", "0aFF"), Ok(Value::Data(vec![10, 255])));
        assert!(typed("int", "x").is_err() && typed("bool", "maybe").is_err() && typed("date", "?").is_err());
    }
}
