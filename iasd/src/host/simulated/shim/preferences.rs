//! `defaults`: reads and writes property lists where a Mac keeps preferences.

use super::{Call, Reply, plist_file};
use plist::{Dictionary, Value};
use std::path::PathBuf;

/// `defaults`.
pub(super) fn defaults(call: &Call<'_>) -> Reply {
    let words: Vec<&str> =
        call.words().into_iter().skip_while(|word| matches!(*word, "-currentHost" | "-host")).collect();
    match words.as_slice() {
        ["read", domain] => read(call, domain, None),
        ["read", domain, key, ..] => read(call, domain, Some(key)),
        ["read-type", domain, key] => read_type(call, domain, key),
        ["write", domain, key, value @ ..] if !value.is_empty() => write(call, domain, key, value),
        ["delete" | "remove", domain] => match std::fs::remove_file(file(call, domain)) {
            Ok(()) => Reply::nothing(),
            Err(_) => Reply::failed(
                1,
                format_args!("\nDomain ({domain}) not found.\nDefaults have not been changed."),
            ),
        },
        ["delete" | "remove", domain, key] => delete(call, domain, key),
        ["rename", domain, old, new] => rename(call, domain, old, new),
        ["domains"] => domains(call),
        ["export", domain, to] => export(call, domain, to),
        ["import", domain, from] => import(call, domain, from),
        _ => Reply::failed(
            255,
            "Command line interface to a user's defaults.\nSyntax:\n'defaults' [-currentHost | -host <hostname>] followed by one of the following:\n  read, read-type, write, rename, delete, import, export, domains",
        ),
    }
}

/// The file behind a domain.
fn file(call: &Call<'_>, domain: &str) -> PathBuf {
    let home = std::env::var("HOME").unwrap_or_else(|_| "/var/root".into());
    let path = match domain {
        "NSGlobalDomain" | "-g" | "-globalDomain" | "Apple Global Domain" => {
            format!("{home}/Library/Preferences/.GlobalPreferences")
        }
        path if path.starts_with('/') => path.to_owned(),
        path if path.starts_with('~') => path.replacen('~', &home, 1),
        name => format!("{home}/Library/Preferences/{name}"),
    };
    call.path(&if path.ends_with(".plist") { path } else { format!("{path}.plist") })
}

fn missing(domain: &str, key: &str) -> Reply {
    Reply::failed(1, format_args!("\nThe domain/default pair of ({domain}, {key}) does not exist"))
}

fn read(call: &Call<'_>, domain: &str, key: Option<&str>) -> Reply {
    let Ok(value) = plist_file::read(&file(call, domain)) else {
        return match key {
            Some(key) => missing(domain, key),
            None => Reply::failed(1, format_args!("\nDomain {domain} does not exist")),
        };
    };
    let found = match key {
        Some(key) => value.as_dictionary().and_then(|dictionary| dictionary.get(key)),
        None => Some(&value),
    };
    match (found, key) {
        (Some(value), _) => {
            Reply::line(plist_file::scalar(value).unwrap_or_else(|| plist_file::old_style(value)))
        }
        (None, key) => missing(domain, key.unwrap_or_default()),
    }
}

fn read_type(call: &Call<'_>, domain: &str, key: &str) -> Reply {
    let value = plist_file::read(&file(call, domain)).ok();
    let kind = match value.as_ref().and_then(|value| value.as_dictionary()?.get(key)) {
        Some(Value::String(_)) => "string",
        Some(Value::Boolean(_)) => "boolean",
        Some(Value::Integer(_)) => "integer",
        Some(Value::Real(_)) => "float",
        Some(Value::Date(_)) => "date",
        Some(Value::Data(_)) => "data",
        Some(Value::Array(_)) => "array",
        Some(Value::Dictionary(_)) => "dictionary",
        _ => return missing(domain, key),
    };
    Reply::line(format_args!("Type is {kind}"))
}

/// Changes the dictionary of a domain; what it gives is the answer.
fn change(call: &Call<'_>, domain: &str, how: impl FnOnce(&mut Dictionary) -> Reply) -> Reply {
    let file = file(call, domain);
    let could_not =
        |why: String| Reply::failed(1, format_args!("Could not write domain {domain}; exiting: {why}"));
    let mut dictionary = match plist_file::dictionary(&file) {
        Ok(dictionary) => dictionary,
        Err(why) => return could_not(why),
    };
    let reply = how(&mut dictionary);
    match plist_file::write(&file, &Value::Dictionary(dictionary), true) {
        Ok(()) => reply,
        Err(error) => could_not(error.to_string()),
    }
}

fn write(call: &Call<'_>, domain: &str, key: &str, value: &[&str]) -> Reply {
    let new = match value {
        ["-array", items @ ..] => Ok(Value::Array(list(items))),
        ["-array-add", items @ ..] => {
            return change(call, domain, |dictionary| {
                let mut all = dictionary.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
                all.extend(list(items));
                dictionary.insert(key.into(), Value::Array(all));
                Reply::nothing()
            });
        }
        ["-dict", pairs @ ..] => Ok(Value::Dictionary(entries(pairs).collect())),
        ["-dict-add", pairs @ ..] => {
            return change(call, domain, |dictionary| {
                let mut all = dictionary.get(key).and_then(Value::as_dictionary).cloned().unwrap_or_default();
                all.extend(entries(pairs));
                dictionary.insert(key.into(), Value::Dictionary(all));
                Reply::nothing()
            });
        }
        [kind, text] if kind.starts_with('-') => plist_file::typed(kind.trim_start_matches('-'), text),
        [text] => Ok(Value::from(*text)),
        _ => Err("Unexpected argument; leaving defaults unchanged.".into()),
    };
    match new {
        Ok(new) => change(call, domain, |dictionary| {
            dictionary.insert(key.into(), new);
            Reply::nothing()
        }),
        Err(why) => Reply::failed(1, format_args!("Rep argument is not valid: {why}")),
    }
}

/// The values of a command line: each may be preceded by its type.
fn list(words: &[&str]) -> Vec<Value> {
    let mut values = Vec::new();
    let mut kind = "string";
    for word in words {
        match word.strip_prefix('-').filter(|word| TYPES.contains(word)) {
            Some(named) => kind = named,
            None => {
                values.push(plist_file::typed(kind, word).unwrap_or_else(|_| Value::from(*word)));
                kind = "string";
            }
        }
    }
    values
}

const TYPES: &[&str] = &["string", "int", "integer", "float", "bool", "boolean", "data", "date"];

/// The pairs of a command line.
fn entries<'a>(words: &'a [&'a str]) -> impl Iterator<Item = (String, Value)> + 'a {
    let values = list(words);
    let keys =
        values.iter().step_by(2).filter_map(|key| key.as_string().map(str::to_owned)).collect::<Vec<_>>();
    keys.into_iter().zip(values.into_iter().skip(1).step_by(2))
}

fn delete(call: &Call<'_>, domain: &str, key: &str) -> Reply {
    change(call, domain, |dictionary| match dictionary.remove(key) {
        Some(_) => Reply::nothing(),
        None => {
            Reply::failed(1, format_args!("\nDomain ({domain}) not found.\nDefaults have not been changed."))
        }
    })
}

fn rename(call: &Call<'_>, domain: &str, old: &str, new: &str) -> Reply {
    change(call, domain, |dictionary| match dictionary.remove(old) {
        Some(value) => {
            dictionary.insert(new.into(), value);
            Reply::nothing()
        }
        None => Reply::failed(
            1,
            format_args!("Key {old} does not exist in domain {domain}; leaving defaults unchanged"),
        ),
    })
}

fn domains(call: &Call<'_>) -> Reply {
    let folder = file(call, "x").parent().map(std::path::Path::to_path_buf).unwrap_or_default();
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.strip_suffix(".plist")?.to_owned()))
        .collect();
    names.sort();
    Reply::line(names.join(", "))
}

fn export(call: &Call<'_>, domain: &str, to: &str) -> Reply {
    let value =
        plist_file::read(&file(call, domain)).unwrap_or_else(|_| Value::Dictionary(Dictionary::new()));
    if to == "-" {
        return super::super::shape::xml(&value).map_or_else(|error| Reply::failed(1, error), Reply::ok);
    }
    match plist_file::write(&call.path_from_here(to), &value, true) {
        Ok(()) => Reply::nothing(),
        Err(error) => Reply::failed(1, error),
    }
}

fn import(call: &Call<'_>, domain: &str, from: &str) -> Reply {
    let value = if from == "-" {
        Value::from_reader(std::io::Cursor::new(call.input())).map_err(|error| error.to_string())
    } else {
        plist_file::read(&call.path_from_here(from))
    };
    match value {
        Ok(Value::Dictionary(new)) => change(call, domain, |dictionary| {
            *dictionary = new;
            Reply::nothing()
        }),
        _ => Reply::failed(1, format_args!("Could not parse property list {from}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Desk;

    #[test]
    fn what_is_written_is_read_back() {
        let desk = Desk::new();
        let domain = "/Library/Preferences/com.example.app";
        for (write, read) in [
            (&["-bool", "true"][..], "1\n"),
            (&["-int", "42"], "42\n"),
            (&["plain text"], "plain text\n"),
            (&["-array", "a", "b c"], "(\n    a,\n    \"b c\"\n)\n"),
            (&["-dict", "k", "-int", "3"], "{\n    k = 3;\n}\n"),
        ] {
            assert_eq!(
                desk.say("defaults", &[&["write", domain, "Key"], write].concat()),
                (0, String::new())
            );
            assert_eq!(desk.say("defaults", &["read", domain, "Key"]), (0, read.into()));
        }
        desk.say("defaults", &["write", domain, "L", "-array", "x"]);
        desk.say("defaults", &["write", domain, "L", "-array-add", "y"]);
        assert_eq!(desk.say("defaults", &["read", domain, "L"]).1, "(\n    x,\n    y\n)\n");
        assert_eq!(desk.say("defaults", &["read-type", domain, "Key"]).1, "Type is dictionary\n");
        assert_eq!(desk.say("defaults", &["delete", domain, "Key"]).0, 0);
        assert_eq!(desk.say("defaults", &["read", domain, "Key"]).0, 1);
        assert_eq!(desk.say("defaults", &["delete", domain]).0, 0);
        assert_eq!(desk.say("defaults", &["read", domain]).0, 1);
        assert_eq!(desk.say("defaults", &["write", domain, "N", "-int", "x"]).0, 1);
    }
}
