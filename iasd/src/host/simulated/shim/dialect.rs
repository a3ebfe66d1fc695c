//! Programs that Macs and Linux both have, but with different habits: the Mac's forms are translated.

use super::{Call, Reply, append};
use crate::host::simulated::{inside::Inside, owners::Owner};
use shared::sys::sandbox::Ids;
use std::{
    fs,
    os::unix::{fs::MetadataExt, process::CommandExt},
    process::Command,
};

/// `zsh` where the host has none: bash, without the options it would not understand.
pub(super) fn zsh(call: &Call<'_>) -> Reply {
    let mut command = Command::new("/bin/bash");
    command.arg0("zsh");
    let mut options = true;
    let mut words = call.arguments.iter();
    while let Some(word) = words.next() {
        options &= word.starts_with('-') || word.starts_with('+');
        match word.as_str() {
            "--no-rcs" | "--no-globalrcs" | "--norcs" | "-f" | "-d" if options => {}
            "-o" if options => drop(words.next()),
            word => {
                command.arg(word);
            }
        }
    }
    Reply::Become(command)
}

/// `sed`: on a Mac a suffix always follows `-i`, be it empty.
pub(super) fn sed(call: &Call<'_>) -> Reply {
    let Some(mut command) = call.behind() else { return call.pass_on() };
    let mut words = call.arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-i" => command.arg(format!("-i{}", words.next().map_or("", |suffix| suffix))),
            word => command.arg(word),
        };
    }
    Reply::Become(command)
}

/// `date`: `-j`, `-r SECONDS`, `-v±N[smHdwy]`, `-f FORMAT TEXT`.
pub(super) fn date(call: &Call<'_>) -> Reply {
    let Some(mut command) = call.behind() else { return call.pass_on() };
    let mut at: Option<String> = None;
    let mut adjust = String::new();
    let mut words = call.arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-j" | "-jn" | "-n" => {}
            "-jf" | "-f" => {
                let format = words.next().map(String::as_str);
                let text = words.next().cloned().unwrap_or_default();
                at = Some(if format == Some("%s") { format!("@{text}") } else { text });
            }
            "-r" => match words.next() {
                Some(time) if time.bytes().all(|digit| digit.is_ascii_digit()) => {
                    at = Some(format!("@{time}"))
                }
                Some(file) => drop(command.arg("-r").arg(file)),
                None => {}
            },
            "-v" => adjust.push_str(&words.next().and_then(|by| adjustment(by)).unwrap_or_default()),
            word if word.starts_with("-v") => adjust.push_str(&adjustment(&word[2..]).unwrap_or_default()),
            word => drop(command.arg(word)),
        }
    }
    if at.is_some() || !adjust.is_empty() {
        command.arg("-d").arg(format!("{}{adjust}", at.unwrap_or_else(|| "now".into())));
    }
    Reply::Become(command)
}

fn adjustment(by: &str) -> Option<String> {
    let unit = match by.chars().last()? {
        'S' => "seconds",
        'M' => "minutes",
        'H' => "hours",
        'd' => "days",
        'w' => "weeks",
        'm' => "months",
        'y' => "years",
        _ => return None,
    };
    let amount: i64 = by.get(..by.len() - 1)?.parse().ok()?;
    Some(format!(" {amount:+} {unit}"))
}

/// `base64`: `-D` decodes.
pub(super) fn base64(call: &Call<'_>) -> Reply {
    let Some(mut command) = call.behind() else { return call.pass_on() };
    command.args(
        call.words()
            .into_iter()
            .filter(|word| *word != "-i")
            .map(|word| if word == "-D" { "-d" } else { word }),
    );
    Reply::Become(command)
}

/// `mktemp`: what follows `-t` is a prefix.
pub(super) fn mktemp(call: &Call<'_>) -> Reply {
    let Some(mut command) = call.behind() else { return call.pass_on() };
    let mut words = call.arguments.iter();
    while let Some(word) = words.next() {
        command.arg(word);
        if word == "-t"
            && let Some(prefix) = words.next()
        {
            command.arg(if prefix.contains("XXX") { prefix.clone() } else { format!("{prefix}.XXXXXXXX") });
        }
    }
    Reply::Become(command)
}

/// `md5`.
pub(super) fn md5(call: &Call<'_>) -> Reply {
    use md5::{Digest, Md5};
    let hex = |bytes: &[u8]| Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let quiet = call.has("-q");
    if let Some(text) = call.value_of("-s") {
        let digest = hex(text.as_bytes());
        return Reply::line(if quiet { digest } else { format!("MD5 (\"{text}\") = {digest}") });
    }
    let files: Vec<&str> = call.words().into_iter().filter(|word| !word.starts_with('-')).collect();
    if files.is_empty() {
        return Reply::line(hex(&call.input()));
    }
    let mut output = String::new();
    for file in files {
        match fs::read(call.path_from_here(file)) {
            Ok(bytes) if quiet => output.push_str(&format!("{}\n", hex(&bytes))),
            Ok(bytes) => output.push_str(&format!("MD5 ({file}) = {}\n", hex(&bytes))),
            Err(error) => return Reply::failed(1, format_args!("md5: {file}: {error}")),
        }
    }
    Reply::ok(output)
}

/// `stat`: the Mac's `-f FORMAT`.
pub(super) fn stat(call: &Call<'_>) -> Reply {
    let mut words = call.arguments.iter().map(String::as_str).peekable();
    let mut format = None;
    while let Some(flag) = words.next_if(|word| word.starts_with('-')) {
        match flag.trim_start_matches(['-', 'L', 'n', 'q']) {
            "f" => format = words.next(),
            rest if rest.starts_with('f') => format = rest.get(1..),
            _ => {}
        }
    }
    let Some(format) = format else { return call.pass_on() };
    let mut output = String::new();
    for file in words {
        let Ok(found) = fs::symlink_metadata(call.path_from_here(file)) else {
            return Reply::failed(1, format_args!("stat: {file}: stat: No such file or directory"));
        };
        output.push_str(&formatted(call, format, file, &found));
        output.push('\n');
    }
    Reply::ok(output)
}

fn formatted(call: &Call<'_>, format: &str, file: &str, found: &fs::Metadata) -> String {
    let console = (file == "/dev/console").then(|| call.inside.user.as_ref().map_or(0, |user| user.uid));
    let uid = console.unwrap_or(found.uid());
    let gid = if console.is_some_and(|uid| uid != 0) { 20 } else { found.gid() };
    let name = |file: &str, id: u32| {
        let text = fs::read_to_string(call.path(file)).unwrap_or_default();
        let line = text.lines().find(|line| line.split(':').nth(2) == Some(&id.to_string()));
        line.and_then(|line| line.split(':').next()).map_or_else(|| id.to_string(), str::to_owned)
    };
    let mut output = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('%') {
        output.push_str(before);
        let field = FIELDS.iter().find(|field| after.starts_with(**field)).copied().unwrap_or_default();
        rest = after.get(field.len()..).unwrap_or_default();
        output.push_str(&match field {
            "Su" => name("/private/etc/passwd", uid),
            "Sg" => name("/private/etc/group", gid),
            "u" | "Du" => uid.to_string(),
            "g" => gid.to_string(),
            "z" => found.len().to_string(),
            "m" => found.mtime().to_string(),
            "a" => found.atime().to_string(),
            "c" => found.ctime().to_string(),
            "B" => found.mtime().to_string(),
            "OLp" | "Lp" | "A" => format!("{:o}", found.mode() & 0o777),
            "Mp" | "OMp" => format!("{:o}", found.mode() >> 9 & 0o7),
            "Op" | "p" => format!("{:o}", found.mode()),
            "i" => found.ino().to_string(),
            "l" => found.nlink().to_string(),
            "N" => file.to_owned(),
            "HT" if found.is_dir() => "Directory".into(),
            "HT" if found.is_symlink() => "Symbolic Link".into(),
            "HT" => "Regular File".into(),
            _ => "%".into(),
        });
    }
    output + rest
}

/// The fields of a format, longer ones first.
const FIELDS: &[&str] = &[
    "OLp", "OMp", "Su", "Sg", "Du", "Lp", "Mp", "Op", "HT", "u", "g", "z", "m", "a", "c", "B", "A", "p", "i",
    "l", "N",
];

/// `chown`, `chgrp`: where other ids do not exist, the owner is recorded beside the root (P79).
pub(super) fn chown(call: &Call<'_>) -> Reply {
    if call.inside.ids == Ids::All {
        return call.pass_on();
    }
    let recursive = call.words().iter().any(|word| word.starts_with('-') && word.contains('R'));
    let words: Vec<&str> = call.words().into_iter().filter(|word| !word.starts_with('-')).collect();
    let Some((owner, files)) = words.split_first().filter(|(_, files)| !files.is_empty()) else {
        return Reply::failed(
            1,
            format_args!("usage: {} [-fhnvx] [-R [-H | -L | -P]] owner[:group] file ...", call.name),
        );
    };
    let (user, group) = match (call.name, owner.split_once([':', '.'])) {
        ("chgrp", _) => ("", *owner),
        (_, Some((user, group))) => (user, group),
        (_, None) => (*owner, ""),
    };
    for (name, file) in [(user, "/private/etc/passwd"), (group, "/private/etc/group")] {
        let known = fs::read_to_string(call.path(file)).unwrap_or_default();
        let known = known.lines().any(|line| line.split(':').next() == Some(name));
        if !name.is_empty() && !known && name.parse::<u32>().is_err() {
            return Reply::failed(
                1,
                format_args!(
                    "{}: {name}: illegal {} name",
                    call.name,
                    if name == user { "user" } else { "group" }
                ),
            );
        }
    }
    for file in files {
        if fs::symlink_metadata(call.path_from_here(file)).is_err() {
            return Reply::failed(1, format_args!("{}: {file}: No such file or directory", call.name));
        }
        append(Inside::OWNERS, &Owner { path: file, owner, recursive });
    }
    Reply::nothing()
}

/// `ditto`: copies a tree into another, or unpacks an archive.
pub(super) fn ditto(call: &Call<'_>) -> Reply {
    let unpack = call
        .words()
        .iter()
        .any(|word| word.starts_with('-') && !word.starts_with("--") && word.contains('x'));
    let paths: Vec<&str> = call.words().into_iter().filter(|word| !word.starts_with('-')).collect();
    let [from, to] = paths.as_slice() else {
        return Reply::failed(1, "Usage: ditto [ <options> ] src [ ... src ] dst");
    };
    let folder = call.path_from_here(from).is_dir();
    let script = match (unpack, folder) {
        (true, _) => "mkdir -p \"$2\" && exec unzip -qo \"$1\" -d \"$2\"",
        (false, true) => "mkdir -p \"$2\" && exec cp -Rp \"$1/.\" \"$2\"",
        (false, false) => "mkdir -p \"$(dirname \"$2\")\" && exec cp -p \"$1\" \"$2\"",
    };
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script, "ditto", from, to]);
    Reply::Become(command)
}

#[cfg(test)]
mod tests {
    use super::super::tests::Desk;

    #[test]
    fn the_forms_of_a_mac_are_translated() {
        let desk = Desk::new();
        assert_eq!(
            desk.become_words("zsh", &["--no-rcs", "-e", "/x", "-f"]),
            ["/bin/bash", "-e", "/x", "-f"]
        );
        assert_eq!(desk.become_words("sed", &["-i", "", "s/a/b/", "f"]), ["/bin/sed", "-i", "s/a/b/", "f"]);
        assert_eq!(
            desk.become_words("sed", &["-i", ".bak", "-e", "s/a/b/"]),
            ["/bin/sed", "-i.bak", "-e", "s/a/b/"]
        );
        assert_eq!(desk.become_words("date", &["-r", "0", "+%Y"]), ["/bin/date", "+%Y", "-d", "@0"]);
        assert_eq!(
            desk.become_words("date", &["-v-1d", "-v+2H", "+%F"]),
            ["/bin/date", "+%F", "-d", "now -1 days +2 hours"]
        );
        assert_eq!(
            desk.become_words("date", &["-j", "-f", "%s", "5", "+%F"]),
            ["/bin/date", "+%F", "-d", "@5"]
        );
        assert_eq!(desk.become_words("date", &["+%s"]), ["/bin/date", "+%s"]);
    }

    #[test]
    fn digests_and_sizes_are_told_as_on_a_mac() {
        let desk = Desk::new();
        std::fs::write(desk.path("/private/tmp/x"), "abc").unwrap();
        assert_eq!(desk.say("md5", &["-q", "/private/tmp/x"]).1, "900150983cd24fb0d6963f7d28e17f72\n");
        assert_eq!(desk.say("stat", &["-f", "%z %N", "/private/tmp/x"]).1, "3 /private/tmp/x\n");
        assert_eq!(desk.say("stat", &["-f%z%%", "/private/tmp/none"]).0, 1);
    }
}
