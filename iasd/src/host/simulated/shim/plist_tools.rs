//! `plutil` and `PlistBuddy`.

use super::{Call, Reply, plist_file};
use plist::{Dictionary, Value};

/// `plutil`.
pub(super) fn plutil(call: &Call<'_>) -> Reply {
    let words = call.words();
    match words.as_slice() {
        ["-p", file] => match plist_file::read(&call.path_from_here(file)) {
            Ok(value) => Reply::line(pretty(&value, 0)),
            Err(why) => Reply::failed(1, format_args!("{file}: {why}")),
        },
        ["-lint", files @ ..] | ["-s", "-lint", files @ ..] => lint(call, files),
        ["-convert", format, rest @ ..] => convert(call, format, rest),
        ["-extract", path, format, rest @ ..] => extract(call, path, format, rest),
        ["-remove", path, file] => edit(call, file, |value| plist_file::remove(value, &keys(path))),
        ["-replace" | "-insert", path, kind, text, file] => {
            match plist_file::typed(kind.trim_start_matches('-'), text) {
                Ok(new) => edit(call, file, |value| {
                    plist_file::remove(value, &keys(path));
                    plist_file::put(value, &keys(path), new)
                }),
                Err(why) => Reply::failed(1, why),
            }
        }
        ["-create", _format, file] => done(
            file,
            plist_file::write(&call.path_from_here(file), &Value::Dictionary(Dictionary::new()), false),
        ),
        [file] if !file.starts_with('-') => lint(call, &[file]),
        _ => Reply::failed(1, "plutil: unrecognized option"),
    }
}

/// A value as `plutil -p` prints it.
fn pretty(value: &Value, depth: usize) -> String {
    let indent = "  ".repeat(depth.min(32));
    match value {
        Value::Dictionary(entries) => {
            let line = |(key, value)| format!("{indent}  \"{key}\" => {}\n", pretty(value, depth + 1));
            format!("{{\n{}{indent}}}", entries.iter().map(line).collect::<String>())
        }
        Value::Array(items) => {
            let line = |(at, value)| format!("{indent}  {at} => {}\n", pretty(value, depth + 1));
            format!("[\n{}{indent}]", items.iter().enumerate().map(line).collect::<String>())
        }
        Value::String(text) => format!("\"{text}\""),
        Value::Boolean(flag) => flag.to_string(),
        value => plist_file::scalar(value).unwrap_or_default(),
    }
}

fn keys(path: &str) -> Vec<&str> {
    path.split('.').collect()
}

fn done(file: &str, result: std::io::Result<()>) -> Reply {
    result.map_or_else(|error| Reply::failed(1, format_args!("{file}: {error}")), |()| Reply::nothing())
}

fn lint(call: &Call<'_>, files: &[&str]) -> Reply {
    let results: Vec<(bool, String)> = files
        .iter()
        .filter(|file| !file.starts_with('-'))
        .map(|file| match plist_file::read(&call.path_from_here(file)) {
            Ok(_) => (true, format!("{file}: OK\n")),
            Err(why) => (false, format!("{file}: {why}\n")),
        })
        .collect();
    let output: String = results.iter().map(|(_, line)| line.as_str()).collect();
    let status = u8::from(!results.iter().all(|(good, _)| *good));
    Reply::Say { output: output.into(), error: String::new(), status }
}

fn convert(call: &Call<'_>, format: &str, rest: &[&str]) -> Reply {
    let Some(file) = rest.last() else { return Reply::failed(1, "No files specified.") };
    let value = match plist_file::read(&call.path_from_here(file)) {
        Ok(value) => value,
        Err(why) => return Reply::failed(1, format_args!("{file}: {why}")),
    };
    put_out(call, &value, format, call.value_of("-o").unwrap_or(file))
}

fn extract(call: &Call<'_>, path: &str, format: &str, rest: &[&str]) -> Reply {
    let Some(file) = rest.last() else { return Reply::failed(1, "No files specified.") };
    let value = match plist_file::read(&call.path_from_here(file)) {
        Ok(value) => value,
        Err(why) => return Reply::failed(1, format_args!("{file}: {why}")),
    };
    match plist_file::get(&value, &keys(path)) {
        Some(found) => put_out(
            call,
            found,
            format,
            call.value_of("-o").unwrap_or(if format == "raw" { "-" } else { file }),
        ),
        None => Reply::failed(
            1,
            format_args!(
                "{file}: Could not extract value, error: No value at that key path or invalid key path: {path}"
            ),
        ),
    }
}

fn put_out(call: &Call<'_>, value: &Value, format: &str, to: &str) -> Reply {
    let bytes = match format {
        "xml1" => super::super::shape::xml(value).map_err(|error| error.to_string()),
        "binary1" => {
            let mut bytes = Vec::new();
            value.to_writer_binary(&mut bytes).map(|()| bytes).map_err(|error| error.to_string())
        }
        "json" => plist_file::json(value)
            .map(|json| json.to_string().into_bytes())
            .ok_or_else(|| "invalid object in plist for destination format".into()),
        "raw" => Ok(raw(value).into_bytes()),
        _ => Err(format!("Unknown format specifier: {format}")),
    };
    match bytes {
        Ok(bytes) if to == "-" => Reply::ok(bytes),
        Ok(bytes) => done(to, std::fs::write(call.path_from_here(to), bytes)),
        Err(why) => Reply::failed(1, why),
    }
}

fn raw(value: &Value) -> String {
    let text = match value {
        Value::Boolean(flag) => flag.to_string(),
        Value::Array(items) => items.len().to_string(),
        Value::Dictionary(entries) => entries.keys().cloned().collect::<Vec<_>>().join("\n"),
        value => plist_file::scalar(value).unwrap_or_default(),
    };
    text + "\n"
}

fn edit(call: &Call<'_>, file: &str, how: impl FnOnce(&mut Value) -> bool) -> Reply {
    let path = call.path_from_here(file);
    match plist_file::read(&path) {
        Ok(mut value) => match how(&mut value) {
            true => done(file, plist_file::write(&path, &value, false)),
            false => Reply::failed(1, format_args!("{file}: No value to change at that key path")),
        },
        Err(why) => Reply::failed(1, format_args!("{file}: {why}")),
    }
}

/// `PlistBuddy`.
pub(super) fn plist_buddy(call: &Call<'_>) -> Reply {
    let Some(file) = call.arguments.last() else {
        return Reply::failed(1, "Usage: PlistBuddy [-cxh] <file.plist>");
    };
    let path = call.path_from_here(file);
    let mut value = if path.exists() {
        match plist_file::read(&path) {
            Ok(value) => value,
            Err(why) => return Reply::failed(1, format_args!("Error Reading File: {file}: {why}")),
        }
    } else {
        Value::Dictionary(Dictionary::new())
    };
    let commands = call.arguments.windows(2).filter(|pair| pair.first().is_some_and(|flag| flag == "-c"));
    let mut output = String::new();
    if !path.exists() {
        output.push_str(&format!("File Doesn't Exist, Will Create: {file}\n"));
    }
    for command in commands.filter_map(|pair| pair.get(1)) {
        match buddy_command(&mut value, command, call.has("-x")) {
            Ok(Done::Said(text)) => output.push_str(&text),
            Ok(Done::Changed) => {
                if let Err(error) = plist_file::write(&path, &value, false) {
                    return Reply::failed(1, error);
                }
            }
            Err(why) => return Reply::Say { output: output.into(), error: format!("{why}\n"), status: 1 },
        }
    }
    Reply::ok(output)
}

enum Done {
    Said(String),
    Changed,
}

fn buddy_command(value: &mut Value, command: &str, xml: bool) -> Result<Done, String> {
    let words = words(command);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let at = |path: &str| {
        path.trim_start_matches(':')
            .split(':')
            .map(str::to_owned)
            .filter(|key| !key.is_empty())
            .collect::<Vec<_>>()
    };
    let (verb, rest) = words.split_first().ok_or("Unrecognized Command")?;
    let path = rest.first().copied().unwrap_or_default();
    let keys = at(path);
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let absent = |verb: &str| format!("{verb}: Entry, \"{path}\", Does Not Exist");
    match verb.to_ascii_lowercase().as_str() {
        "print" => {
            let found = plist_file::get(value, &keys).ok_or_else(|| absent("Print"))?;
            if xml {
                let bytes = super::super::shape::xml(found).map_err(|error| error.to_string())?;
                return Ok(Done::Said(String::from_utf8_lossy(&bytes).into_owned()));
            }
            Ok(Done::Said(buddy_print(found, 0) + "\n"))
        }
        "add" => {
            let kind = rest.get(1).copied().unwrap_or("string");
            let text = rest.get(2..).unwrap_or_default().join(" ");
            if plist_file::get(value, &keys).is_some()
                && !matches!(keys.last().map(|key| key.parse::<usize>()), Some(Ok(_)))
            {
                return Err(format!("Add: \"{path}\" Entry Already Exists"));
            }
            let new = plist_file::typed(kind, &text)?;
            if plist_file::put(value, &keys, new) {
                Ok(Done::Changed)
            } else {
                Err(format!("Add: Can't Add Entry, \"{path}\", to Parent"))
            }
        }
        "set" => {
            let text = rest.get(1..).unwrap_or_default().join(" ");
            let new = match plist_file::get(value, &keys).ok_or_else(|| absent("Set"))? {
                Value::Boolean(_) => plist_file::typed("bool", &text)?,
                Value::Integer(_) => plist_file::typed("integer", &text)?,
                Value::Real(_) => plist_file::typed("real", &text)?,
                _ => Value::from(text),
            };
            plist_file::remove(value, &keys);
            plist_file::put(value, &keys, new);
            Ok(Done::Changed)
        }
        "delete" if plist_file::remove(value, &keys) => Ok(Done::Changed),
        "delete" => Err(absent("Delete")),
        "save" | "exit" | "quit" => Ok(Done::Changed),
        _ => Err("Unrecognized Command".into()),
    }
}

/// The words of a command: blanks separate, quotes and backslashes keep together.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut any) = (Vec::new(), String::new(), None, false);
    let mut letters = command.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\\', _) => word.extend(letters.next()),
            (letter, Some(open)) if letter == open => quote = None,
            ('"' | '\'', None) => (quote, any) = (Some(letter), true),
            (' ', None) if word.is_empty() && !any => {}
            (' ', None) => {
                words.push(std::mem::take(&mut word));
                any = false;
            }
            (letter, _) => word.push(letter),
        }
    }
    if !word.is_empty() || any {
        words.push(word);
    }
    words
}

fn buddy_print(value: &Value, depth: usize) -> String {
    let indent = "    ".repeat(depth.min(32));
    match value {
        Value::Dictionary(entries) => {
            let lines: String = entries
                .iter()
                .map(|(key, value)| format!("{indent}    {key} = {}\n", buddy_print(value, depth + 1)))
                .collect();
            format!("Dict {{\n{lines}{indent}}}")
        }
        Value::Array(items) => {
            let lines: String = items
                .iter()
                .map(|value| format!("{indent}    {}\n", buddy_print(value, depth + 1)))
                .collect();
            format!("Array {{\n{lines}{indent}}}")
        }
        Value::Boolean(flag) => flag.to_string(),
        value => plist_file::scalar(value).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Desk;

    #[test]
    fn plist_buddy_adds_prints_sets_and_deletes() {
        let desk = Desk::new();
        let file = "/private/tmp/x.plist";
        let buddy = |command: &str| desk.say("PlistBuddy", &["-c", command, file]);
        assert_eq!(buddy("Add :A:Name string Ada \"the first\"").0, 0);
        assert_eq!(buddy("Print :A:Name"), (0, "Ada the first\n".into()));
        assert_eq!(buddy("Add :Flag bool true").0, 0);
        assert_eq!(buddy("Set :Flag false").0, 0);
        assert_eq!(
            buddy("Print").1,
            "Dict {\n    A = Dict {\n        Name = Ada the first\n    }\n    Flag = false\n}\n"
        );
        assert_eq!(buddy("Delete :A").0, 0);
        assert_eq!(buddy("Print :A").0, 1);
        assert_eq!(buddy("Set :A 1").0, 1);
    }

    #[test]
    fn plutil_converts_extracts_and_lints() {
        let desk = Desk::new();
        desk.say("defaults", &["write", "/private/tmp/x", "Name", "Ada"]);
        assert_eq!(desk.say("plutil", &["-extract", "Name", "raw", "/private/tmp/x.plist"]).1, "Ada\n");
        assert_eq!(
            desk.say("plutil", &["-convert", "json", "-o", "-", "/private/tmp/x.plist"]).1,
            "{\"Name\":\"Ada\"}"
        );
        assert_eq!(desk.say("plutil", &["-lint", "/private/tmp/x.plist"]).1, "/private/tmp/x.plist: OK\n");
        assert_eq!(desk.say("plutil", &["-lint", "/private/tmp/none"]).0, 1);
        assert_eq!(desk.say("plutil", &["-replace", "Name", "-bool", "YES", "/private/tmp/x.plist"]).0, 0);
        assert_eq!(desk.say("plutil", &["-p", "/private/tmp/x.plist"]).1, "{\n  \"Name\" => true\n}\n");
    }
}
