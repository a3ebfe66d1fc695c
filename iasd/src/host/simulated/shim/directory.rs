//! Who is who: `dscl`, `dseditgroup`, `scutil`, `who`, and what `stat` and `ls` say of the console.

use super::{Call, Reply, plist_file};
use crate::host::simulated::accounts::LOCAL_NODE;
use plist::{Dictionary, Value};
use std::{fs, path::PathBuf};

/// The directory service's attributes and their keys in its files.
const ATTRIBUTES: &[(&str, &str)] = &[
    ("RecordName", "name"),
    ("UniqueID", "uid"),
    ("PrimaryGroupID", "gid"),
    ("NFSHomeDirectory", "home"),
    ("UserShell", "shell"),
    ("RealName", "realname"),
    ("GeneratedUID", "generateduid"),
    ("GroupMembership", "users"),
    ("Password", "passwd"),
    ("IsHidden", "IsHidden"),
];

fn attribute(name: &str) -> &str {
    let name = name.trim_start_matches("dsAttrTypeStandard:").trim_start_matches("dsAttrTypeNative:");
    ATTRIBUTES.iter().find(|(standard, _)| *standard == name).map_or(name, |(_, key)| key)
}

/// `dscl`.
pub(super) fn dscl(call: &Call<'_>) -> Reply {
    let mut words: Vec<&str> =
        call.words().into_iter().filter(|word| !matches!(*word, "-q" | "-plist" | "-raw" | "-url")).collect();
    if words.is_empty() {
        return Reply::failed(64, "usage: dscl [options] [<datasource> [<command>]]");
    }
    words.remove(0);
    let Some((verb, rest)) = words.split_first() else { return Reply::nothing() };
    match (verb.trim_start_matches('-'), rest) {
        ("list" | "ls", [folder]) => Reply::ok(list(call, folder, None)),
        ("list" | "ls", [folder, key, ..]) => Reply::ok(list(call, folder, Some(key))),
        ("read" | "cat", [path, keys @ ..]) => read(call, path, keys),
        ("search", [folder, key, value]) => search(call, folder, key, value),
        ("create" | "append" | "merge", [path, change @ ..]) => {
            create(call, path, change, *verb != "-create")
        }
        ("delete", [path, change @ ..]) => delete(call, path, change),
        ("passwd" | "authonly", [path, ..]) => match record(call, path).map(|file| file.exists()) {
            Some(true) => Reply::nothing(),
            _ => not_found(),
        },
        _ => Reply::failed(64, "usage: dscl [options] [<datasource> [<command>]]"),
    }
}

fn not_found() -> Reply {
    Reply::failed(56, "<dscl_cmd> DS Error: -14136 (eDSRecordNotFound)")
}

/// The folder of a kind of records.
fn folder(call: &Call<'_>, path: &str) -> Option<PathBuf> {
    let path =
        path.trim_start_matches("/Local/Default").trim_start_matches("/Search").trim_start_matches('/');
    let kind = match path.split('/').next()? {
        "Users" => "users",
        "Groups" => "groups",
        _ => return None,
    };
    Some(call.path(&format!("{LOCAL_NODE}/{kind}")))
}

fn record(call: &Call<'_>, path: &str) -> Option<PathBuf> {
    let name = path.trim_end_matches('/').rsplit('/').next()?;
    Some(folder(call, path)?.join(format!("{name}.plist")))
}

fn values(record: &Dictionary, key: &str) -> Option<Vec<String>> {
    Some(match record.get(attribute(key))? {
        Value::Array(items) => items.iter().filter_map(|item| item.as_string().map(str::to_owned)).collect(),
        value => vec![plist_file::scalar(value)?],
    })
}

/// All records of a folder, by name.
fn records(call: &Call<'_>, path: &str) -> Vec<(String, Dictionary)> {
    let entries =
        folder(call, path).and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let mut records: Vec<_> = entries
        .filter_map(|entry| {
            let name = entry.file_name().to_str()?.strip_suffix(".plist")?.to_owned();
            Some((name, plist_file::dictionary(&entry.path()).ok()?))
        })
        .collect();
    records.sort_by(|one, other| one.0.cmp(&other.0));
    records
}

fn list(call: &Call<'_>, path: &str, key: Option<&str>) -> String {
    let line = |(name, record): (String, Dictionary)| match key {
        None => Some(format!("{name}\n")),
        Some(key) => Some(format!("{name:<24} {}\n", values(&record, key)?.join(" "))),
    };
    records(call, path).into_iter().filter_map(line).collect()
}

fn read(call: &Call<'_>, path: &str, keys: &[&str]) -> Reply {
    let file = record(call, path).filter(|file| file.exists());
    let Some(record) = file.and_then(|file| plist_file::dictionary(&file).ok()) else { return not_found() };
    let all: Vec<&str> = ATTRIBUTES.iter().map(|(name, _)| *name).collect();
    let wanted = if keys.is_empty() { &all } else { keys };
    let mut output = String::new();
    for key in wanted {
        match values(&record, key) {
            Some(found) if found.iter().any(|value| value.contains(' ')) => {
                output.push_str(&format!("{key}:\n {}\n", found.join("\n ")));
            }
            Some(found) => output.push_str(&format!("{key}: {}\n", found.join(" "))),
            None if keys.is_empty() => {}
            None => output.push_str(&format!("No such key: {key}\n")),
        }
    }
    Reply::ok(output)
}

fn search(call: &Call<'_>, path: &str, key: &str, value: &str) -> Reply {
    let found = |(name, record): (String, Dictionary)| {
        let values = values(&record, key)?;
        values.iter().any(|found| found == value).then(|| format!("{name}\t\t{key} = (\n    {value}\n)\n"))
    };
    Reply::ok(records(call, path).into_iter().filter_map(found).collect::<String>())
}

fn create(call: &Call<'_>, path: &str, change: &[&str], append: bool) -> Reply {
    let Some(file) = record(call, path) else { return not_found() };
    if append && !file.exists() {
        return not_found();
    }
    let mut record = plist_file::dictionary(&file).unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    if !record.contains_key("name") {
        record.insert("name".into(), Value::Array(vec![name.into()]));
    }
    if let Some((key, new)) = change.split_first() {
        let mut all = if append { values(&record, key).unwrap_or_default() } else { Vec::new() };
        all.extend(new.iter().map(|value| (*value).to_owned()));
        record.insert(attribute(key).into(), Value::Array(all.into_iter().map(Value::from).collect()));
    }
    match plist_file::write(&file, &Value::Dictionary(record), false) {
        Ok(()) => Reply::nothing(),
        Err(error) => {
            Reply::failed(40, format_args!("<dscl_cmd> DS Error: -14120 (eDSPermissionError): {error}"))
        }
    }
}

fn delete(call: &Call<'_>, path: &str, change: &[&str]) -> Reply {
    let Some(file) = record(call, path).filter(|file| file.exists()) else { return not_found() };
    let done = match change.first() {
        None => fs::remove_file(file),
        Some(key) => {
            let mut record = plist_file::dictionary(&file).unwrap_or_default();
            record.remove(attribute(key));
            plist_file::write(&file, &Value::Dictionary(record), false)
        }
    };
    done.map_or_else(|error| Reply::failed(40, error), |()| Reply::nothing())
}

/// `dseditgroup`.
pub(super) fn dseditgroup(call: &Call<'_>) -> Reply {
    let group = call.words().last().copied().unwrap_or_default();
    let path = format!("/Groups/{group}");
    let Some(file) =
        record(call, &path).filter(|file| file.exists() || call.value_of("-o") == Some("create"))
    else {
        return Reply::failed(64, "Group not found.");
    };
    let mut found = plist_file::dictionary(&file).unwrap_or_default();
    let mut members = values(&found, "GroupMembership").unwrap_or_default();
    match (call.value_of("-o"), call.value_of("-m"), call.value_of("-a"), call.value_of("-d")) {
        (Some("checkmember"), Some(name), ..) if members.iter().any(|member| member == name) => {
            return Reply::line(format_args!("yes {name} is a member of {group}"));
        }
        (Some("checkmember"), Some(name), ..) => {
            return Reply::Say {
                output: format!("no {name} is NOT a member of {group}\n").into(),
                error: String::new(),
                status: 67,
            };
        }
        (_, _, Some(name), _) if !members.iter().any(|member| member == name) => members.push(name.into()),
        (_, _, _, Some(name)) => members.retain(|member| member != name),
        _ => {}
    }
    found.insert("name".into(), Value::Array(vec![group.into()]));
    found.insert("users".into(), Value::Array(members.into_iter().map(Value::from).collect()));
    match plist_file::write(&file, &Value::Dictionary(found), false) {
        Ok(()) => Reply::nothing(),
        Err(error) => Reply::failed(1, error),
    }
}

/// Where `scutil --set` keeps names.
const NAMES: &str = "/Library/Preferences/SystemConfiguration/preferences.plist";

/// `scutil`.
pub(super) fn scutil(call: &Call<'_>) -> Reply {
    match call.words().as_slice() {
        ["--get", name] => {
            let names = plist_file::dictionary(&call.path(NAMES)).unwrap_or_default();
            match (names.get(name).and_then(Value::as_string), *name) {
                (Some(value), _) => Reply::line(value),
                (None, "ComputerName" | "LocalHostName") => Reply::line(&call.inside.computer.name),
                (None, name) => Reply::Say {
                    output: format!("{name}: not set\n").into(),
                    error: String::new(),
                    status: 1,
                },
            }
        }
        ["--set", name, value] => {
            let file = call.path(NAMES);
            let mut names = plist_file::dictionary(&file).unwrap_or_default();
            names.insert((*name).into(), Value::from(*value));
            match plist_file::write(&file, &Value::Dictionary(names), false) {
                Ok(()) => Reply::nothing(),
                Err(error) => Reply::failed(1, error),
            }
        }
        ["-r", ..] => Reply::line("Reachable"),
        ["--dns" | "--proxy" | "--nwi", ..] => Reply::line("<dictionary> {\n}"),
        _ => {
            let input = call.input();
            Reply::ok(
                String::from_utf8_lossy(&input)
                    .lines()
                    .map(|line| dynamic_store(call, line))
                    .collect::<String>(),
            )
        }
    }
}

/// The answer to a command on the standard input of `scutil`.
fn dynamic_store(call: &Call<'_>, line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (name, uid, gid) = match &call.inside.user {
        Some(user) => (user.name.as_str(), user.uid, 20),
        None => ("loginwindow", 0, 0),
    };
    match words.as_slice() {
        ["show" | "get", "State:/Users/ConsoleUser", ..] => format!(
            "<dictionary> {{\n  GID : {gid}\n  Name : {name}\n  SessionInfo : <array> {{\n    0 : <dictionary> {{\n      \
             kCGSSessionOnConsoleKey : TRUE\n      kCGSSessionUserIDKey : {uid}\n      kCGSSessionUserNameKey : \
             {name}\n      kCGSessionLoginDoneKey : {}\n    }}\n  }}\n  UID : {uid}\n}}\n",
            if uid == 0 { "FALSE" } else { "TRUE" }
        ),
        ["show" | "get", ..] => "  No such key\n".into(),
        _ => String::new(),
    }
}

/// `who`, `users`.
pub(super) fn who(call: &Call<'_>) -> Reply {
    match (&call.inside.user, call.name) {
        (Some(user), "users") => Reply::line(&user.name),
        (Some(user), _) => Reply::line(format_args!("{:<16} console      Nov 22 08:00 ", user.name)),
        (None, _) => Reply::nothing(),
    }
}

/// `ls`: the host's, but the console belongs to whoever sits at it.
pub(super) fn ls(call: &Call<'_>) -> Reply {
    if call.has("/dev/console") && call.words().iter().any(|word| word.starts_with('-') && word.contains('l'))
    {
        let name = call.inside.user.as_ref().map_or("root", |user| user.name.as_str());
        let group = if name == "root" { "wheel" } else { "staff" };
        return Reply::line(format_args!("crw--w----  1 {name}  {group}  0x0 Nov 22 08:00 /dev/console"));
    }
    let Some(mut command) = call.behind() else { return call.pass_on() };
    for word in call.arguments {
        // Flags, extended attributes and access lists exist on a Mac only.
        let plain = word.starts_with('-') && !word.starts_with("--");
        let word = if plain { word.replace(['O', '@', 'e', 'G'], "") } else { word.clone() };
        if word != "-" {
            command.arg(word);
        }
    }
    Reply::Become(command)
}

#[cfg(test)]
mod tests {
    use super::super::tests::Desk;

    #[test]
    fn users_are_read_listed_made_and_deleted() {
        let desk = Desk::new();
        assert_eq!(desk.say("dscl", &[".", "-read", "/Users/ada", "UniqueID"]).1, "UniqueID: 501\n");
        assert_eq!(
            desk.say("dscl", &[".", "-read", "/Users/ada", "RealName"]).1,
            "RealName:\n Ada Lovelace\n"
        );
        assert_eq!(desk.say("dscl", &[".", "read", "/Users/nobody-here", "UniqueID"]).0, 56);
        let list = desk.say("dscl", &[".", "list", "/Users", "UniqueID"]).1;
        assert!(list.lines().any(|line| line.split_whitespace().eq(["ada", "501"])), "{list}");
        assert_eq!(desk.say("dscl", &[".", "-create", "/Users/bob"]).0, 0);
        assert_eq!(desk.say("dscl", &[".", "-create", "/Users/bob", "UserShell", "/bin/zsh"]).0, 0);
        assert_eq!(desk.say("dscl", &[".", "-read", "/Users/bob", "UserShell"]).1, "UserShell: /bin/zsh\n");
        assert_eq!(desk.say("dscl", &[".", "-delete", "/Users/bob"]).0, 0);
        assert_eq!(desk.say("dscl", &[".", "-read", "/Users/bob"]).0, 56);
        assert!(desk.say("dscl", &[".", "-search", "/Users", "UniqueID", "501"]).1.starts_with("ada\t"));
    }

    #[test]
    fn members_come_and_go() {
        let desk = Desk::new();
        let check = || desk.say("dseditgroup", &["-o", "checkmember", "-m", "ada", "admin"]);
        assert_eq!(check(), (0, "yes ada is a member of admin\n".into()));
        assert_eq!(desk.say("dseditgroup", &["-o", "edit", "-d", "ada", "-t", "user", "admin"]).0, 0);
        assert_eq!(check().0, 67);
        assert_eq!(desk.say("dseditgroup", &["-o", "edit", "-a", "ada", "-t", "user", "admin"]).0, 0);
        assert_eq!(check().0, 0);
    }

    #[test]
    fn the_computer_has_names() {
        let desk = Desk::new();
        assert_eq!(desk.say("scutil", &["--get", "ComputerName"]).1, "Mac\n");
        assert_eq!(desk.say("scutil", &["--get", "HostName"]), (1, "HostName: not set\n".into()));
        assert_eq!(desk.say("scutil", &["--set", "HostName", "ada-mac"]).0, 0);
        assert_eq!(desk.say("scutil", &["--get", "HostName"]).1, "ada-mac\n");
    }

    #[test]
    fn the_console_belongs_to_whoever_sits_at_it() {
        let mut desk = Desk::new();
        assert!(desk.say("ls", &["-l", "/dev/console"]).1.contains(" ada "));
        assert_eq!(desk.say("stat", &["-f", "%Su", "/dev/console"]).1, "ada\n");
        assert_eq!(desk.say("stat", &["-f%u", "/dev/console"]).1, "501\n");
        assert!(desk.say("who", &[]).1.starts_with("ada "));
        desk.inside.user = None;
        assert_eq!(desk.say("stat", &["-f", "%Su", "/dev/console"]).1, "root\n");
        assert_eq!(desk.say("who", &[]).1, "");
    }
}
