//! Jobs and processes: `launchctl`, `sudo`, `su`, `caffeinate`, `killall`, `pgrep`, `shutdown`.
//!
//! Jobs are known, not run. Processes of the host are never touched: stand-ins speak of the Mac's own only.

use super::{Call, Reply, plist_file, system::ROSETTA};
use crate::host::simulated::accounts::STAFF;
use plist::{Dictionary, Value};
use shared::sys::sandbox::{Ids, become_user_inside};
use std::{os::unix::process::CommandExt, process::Command};

/// Where loaded jobs are known.
const TABLE: &str = "/private/var/db/com.apple.xpc.launchd/jobs.plist";
/// The longest time a stand-in keeps a Mac awake, in seconds: what is forgotten must not stay for ever.
const AWAKE: u64 = 3600;

/// `launchctl`.
pub(super) fn launchctl(call: &Call<'_>) -> Reply {
    match call.words().as_slice() {
        ["asuser", _, program, rest @ ..] => {
            let mut command = Command::new(program);
            command.args(rest);
            Reply::Become(command)
        }
        ["bootstrap", domain, paths @ ..] if !paths.is_empty() => {
            all(paths, |path| load(call, domain, path, "Bootstrap failed: 5: Input/output error"))
        }
        ["load", rest @ ..] => {
            let paths = without_flags(rest);
            all(&paths, |path| {
                load(call, "system", path, &format!("Load failed: 5: Input/output error\n{path}"))
            })
        }
        ["bootout", target] => unload(call, target, "Boot-out failed: 3: No such process", 3),
        ["bootout", _, path] => unload(call, path, "Boot-out failed: 3: No such process", 3),
        ["unload", rest @ ..] => {
            all(&without_flags(rest), |path| unload(call, path, "Unload failed: 5: Input/output error", 5))
        }
        ["remove", label] => unload(call, label, "No such process", 3),
        ["print", target] => print(call, target),
        ["list"] => Reply::ok(
            table(call)
                .keys()
                .fold("PID\tStatus\tLabel\n".to_owned(), |all, label| all + &format!("-\t0\t{label}\n")),
        ),
        ["list", label] => match table(call).contains_key(label) {
            true => Reply::ok(format!(
                "{{\n\t\"Label\" = \"{label}\";\n\t\"OnDemand\" = true;\n\t\"LastExitStatus\" = 0;\n}};\n"
            )),
            false => {
                Reply::failed(113, format_args!("Could not find service \"{label}\" in domain for system"))
            }
        },
        ["kickstart" | "kill" | "blame", rest @ ..] => match rest.last().map(|target| label(call, target)) {
            Some(label) if table(call).contains_key(&label) || label.starts_with("com.apple.") => {
                Reply::nothing()
            }
            label => Reply::failed(
                113,
                format_args!("Could not find service \"{}\" in domain for system", label.unwrap_or_default()),
            ),
        },
        ["managername"] => Reply::line("System"),
        ["managerpid"] => Reply::line(1),
        ["manageruid"] => Reply::line(0),
        [] => Reply::failed(1, "Usage: launchctl <subcommand> ... | help [subcommand]"),
        // enable, disable, setenv, config, reboot …
        _ => Reply::nothing(),
    }
}

fn without_flags<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let mut words = words.iter().copied();
    let mut paths = Vec::new();
    while let Some(word) = words.next() {
        match word {
            "-S" | "-D" => drop(words.next()),
            flag if flag.starts_with('-') => {}
            path => paths.push(path),
        }
    }
    paths
}

/// Does something for each path; the first failure is the answer.
fn all(paths: &[&str], each: impl Fn(&str) -> Reply) -> Reply {
    let failed = |reply: &Reply| !matches!(reply, Reply::Say { status: 0, .. });
    paths.iter().map(|path| each(path)).find(failed).unwrap_or_else(Reply::nothing)
}

fn table(call: &Call<'_>) -> Dictionary {
    plist_file::dictionary(&call.path(TABLE)).unwrap_or_default()
}

fn keep(call: &Call<'_>, table: Dictionary) -> Reply {
    match plist_file::write(&call.path(TABLE), &Value::Dictionary(table), false) {
        Ok(()) => Reply::nothing(),
        Err(error) => Reply::failed(5, error),
    }
}

/// The label a target names: `gui/501/label`, a path to a property list, or the label itself.
fn label(call: &Call<'_>, target: &str) -> String {
    if target.ends_with(".plist") {
        let label = plist_file::read(&call.path(target)).ok();
        let label = label.as_ref().and_then(|job| job.as_dictionary()?.get("Label")?.as_string());
        let file = target.rsplit('/').next().unwrap_or_default();
        return label.unwrap_or(file.trim_end_matches(".plist")).to_owned();
    }
    target.rsplit('/').next().unwrap_or_default().to_owned()
}

fn load(call: &Call<'_>, domain: &str, path: &str, failed: &str) -> Reply {
    let job = plist_file::read(&call.path(path)).ok().and_then(Value::into_dictionary);
    let Some(label) = job.as_ref().and_then(|job| job.get("Label")?.as_string()) else {
        return Reply::failed(5, failed);
    };
    let mut table = table(call);
    if table.contains_key(label) {
        return Reply::failed(5, failed);
    }
    let entry = [("Path", path), ("Domain", domain)].map(|(key, value)| (key.to_owned(), Value::from(value)));
    table.insert(label.to_owned(), Value::Dictionary(entry.into_iter().collect()));
    keep(call, table)
}

fn unload(call: &Call<'_>, target: &str, failed: &str, status: u8) -> Reply {
    let mut table = table(call);
    match table.remove(&label(call, target)) {
        Some(_) => keep(call, table),
        None => Reply::failed(status, failed),
    }
}

fn print(call: &Call<'_>, target: &str) -> Reply {
    let wanted = label(call, target);
    if target.matches('/').count() < 2 && (target.starts_with("gui/") || target.starts_with("user/")) {
        let here = call.inside.user.as_ref().is_some_and(|user| wanted == user.uid.to_string());
        return match here {
            true => Reply::line(format_args!("{target} = {{\n\ttype = login\n}}")),
            false => Reply::failed(113, format_args!("Could not find domain for {target}")),
        };
    }
    match table(call).get(&wanted).and_then(|job| job.as_dictionary()?.get("Path")?.as_string()) {
        Some(path) => Reply::line(format_args!(
            "{target} = {{\n\tactive count = 0\n\tpath = {path}\n\tstate = not running\n}}"
        )),
        None => Reply::failed(
            113,
            format_args!("Bad request.\nCould not find service \"{wanted}\" in domain for system"),
        ),
    }
}

/// `sudo`.
pub(super) fn sudo(call: &Call<'_>) -> Reply {
    if rustix::process::getuid().as_raw() != 0 && !cfg!(test) {
        return Reply::failed(
            1,
            "sudo: a terminal is required to read the password; either use the -S option to read from standard input or configure an askpass helper",
        );
    }
    let (mut user, mut login, mut variables) = ("root", false, Vec::new());
    let words = call.words();
    let mut words = words.iter().copied().peekable();
    while let Some(word) = words.next_if(|word| word.starts_with('-') || word.contains('=')) {
        match word {
            "-u" | "--user" => user = words.next().unwrap_or_default(),
            "-g" | "-p" | "-C" | "-h" => drop(words.next()),
            "-i" | "--login" => login = true,
            "-s" | "--shell" => login = true,
            "--" => break,
            flag if flag.starts_with("-u") => user = flag.trim_start_matches("-u"),
            flag if flag.starts_with("--user=") => user = flag.trim_start_matches("--user="),
            flag if flag.starts_with('-') => {}
            variable => variables.extend(variable.split_once('=')),
        }
    }
    let words: Vec<&str> = words.collect();
    let mut command = match words.split_first() {
        Some((program, rest)) if !login => {
            let mut command = Command::new(program);
            command.args(rest);
            command
        }
        Some(_) => shell(&words.join(" ")),
        // -v, -k, -l and the like.
        None => return Reply::nothing(),
    };
    command.envs(variables).env("SUDO_USER", "root").env("SUDO_UID", "0");
    as_user(call, user, command)
}

fn shell(line: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", line]);
    command
}

/// `su`.
pub(super) fn su(call: &Call<'_>) -> Reply {
    let user = call.words().into_iter().find(|word| !word.starts_with('-')).unwrap_or("root");
    match call.value_of("-c") {
        Some(line) => as_user(call, user, shell(line)),
        None => Reply::failed(1, "su: Sorry"),
    }
}

/// Becomes `command` as the named user (or `#501`).
fn as_user(call: &Call<'_>, user: &str, mut command: Command) -> Reply {
    let passwd = std::fs::read_to_string(call.path("/private/etc/passwd")).unwrap_or_default();
    let found = passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, _, _, home, ..] = fields.as_slice() else { return None };
        (*name == user || Some(*uid) == user.strip_prefix('#'))
            .then(|| (*name, uid.parse::<u32>().ok(), *home))
    });
    let Some((name, Some(uid), home)) = found else {
        return Reply::failed(1, format_args!("{}: unknown user: {user}", call.name));
    };
    command.envs([("USER", name), ("LOGNAME", name), ("HOME", home)]);
    if uid == 0 || cfg!(test) {
        return Reply::Become(command);
    }
    match call.inside.ids {
        Ids::All => drop(command.uid(uid).gid(STAFF)),
        Ids::One => {
            if let Err(error) = become_user_inside(uid, STAFF) {
                return Reply::failed(1, format_args!("{}: cannot become {user}: {error}", call.name));
            }
        }
    }
    Reply::Become(command)
}

/// `caffeinate`: runs the command, or keeps nothing awake for a while.
pub(super) fn caffeinate(call: &Call<'_>) -> Reply {
    let words = call.words();
    let mut words = words.iter().copied().peekable();
    let mut time = AWAKE;
    let mut process = None;
    while let Some(flag) = words.next_if(|word| word.starts_with('-')) {
        match flag {
            "-t" => time = words.next().and_then(|text| text.parse().ok()).unwrap_or(AWAKE),
            "-w" => process = words.next(),
            _ => {}
        }
    }
    let rest: Vec<&str> = words.collect();
    match rest.split_first() {
        Some((program, arguments)) => {
            let mut command = Command::new(program);
            command.args(arguments);
            Reply::Become(command)
        }
        None => Reply::Become(match process.filter(|pid| pid.bytes().all(|digit| digit.is_ascii_digit())) {
            Some(pid) => shell(&format!(
                "n=0; while kill -0 {pid} 2>/dev/null && [ $n -lt {AWAKE} ]; do sleep 1; n=$((n+1)); done"
            )),
            None => {
                let mut command = Command::new("sleep");
                command.arg(time.min(AWAKE).to_string());
                command
            }
        }),
    }
}

/// Processes of the system, and those of a session.
const SYSTEM: &[&str] = &[
    "launchd",
    "loginwindow",
    "WindowServer",
    "cfprefsd",
    "opendirectoryd",
    "mds",
    "syslogd",
    "mdmclient",
    "configd",
];
const SESSION: &[&str] = &[
    "Dock",
    "Finder",
    "SystemUIServer",
    "ControlCenter",
    "NotificationCenter",
    "UserEventAgent",
    "Spotlight",
];
/// Above any process number the host can give: nobody can be killed by it.
const FIRST_PID: u64 = 10_000_000;

fn running(call: &Call<'_>, name: &str) -> Option<u64> {
    let session = if call.inside.user.is_some() { SESSION } else { &["Setup Assistant"] };
    let rosetta: &[&str] = if call.path(ROSETTA).exists() { &["oahd"] } else { &[] };
    let at = SYSTEM.iter().chain(session).chain(rosetta).position(|known| *known == name)?;
    Some(FIRST_PID + at as u64)
}

/// `killall`, `pkill`.
pub(super) fn killall(call: &Call<'_>) -> Reply {
    let names: Vec<&str> = call.words().into_iter().filter(|word| !word.starts_with('-')).collect();
    match names.iter().find(|name| running(call, name).is_none()) {
        None => Reply::nothing(),
        Some(_) if call.name == "pkill" => Reply::Say { output: Vec::new(), error: String::new(), status: 1 },
        Some(_) => Reply::failed(1, "No matching processes belonging to you were found"),
    }
}

/// `pgrep`.
pub(super) fn pgrep(call: &Call<'_>) -> Reply {
    let quiet = call.words().iter().any(|word| word.starts_with('-') && word.contains('q'));
    let name = call.arguments.last().map(String::as_str).unwrap_or_default();
    match running(call, name.trim_matches(['^', '$', '/']).rsplit('/').next().unwrap_or_default()) {
        Some(_) if quiet => Reply::nothing(),
        Some(pid) => Reply::line(pid),
        None => Reply::Say { output: Vec::new(), error: String::new(), status: 1 },
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Desk;

    #[test]
    fn jobs_are_loaded_once_and_known_until_they_are_booted_out() {
        let desk = Desk::new();
        let plist = "/Library/LaunchDaemons/com.example.job.plist";
        assert_eq!(desk.say("launchctl", &["bootstrap", "system", plist]).0, 5);
        desk.say("defaults", &["write", plist, "Label", "com.example.job"]);
        assert_eq!(desk.say("launchctl", &["bootstrap", "system", plist]).0, 0);
        assert_eq!(desk.say("launchctl", &["bootstrap", "system", plist]).0, 5);
        assert_eq!(desk.say("launchctl", &["print", "system/com.example.job"]).0, 0);
        assert!(desk.say("launchctl", &["list"]).1.contains("\tcom.example.job\n"));
        assert_eq!(desk.say("launchctl", &["kickstart", "-k", "system/com.example.job"]).0, 0);
        assert_eq!(desk.say("launchctl", &["bootout", "system/com.example.job"]).0, 0);
        assert_eq!(desk.say("launchctl", &["bootout", "system", plist]).0, 3);
        assert_eq!(desk.say("launchctl", &["print", "system/com.example.job"]).0, 113);
        assert_eq!(desk.say("launchctl", &["load", "-w", plist]).0, 0);
        assert_eq!(desk.say("launchctl", &["unload", plist]).0, 0);
    }

    #[test]
    fn commands_for_others_are_run() {
        let desk = Desk::new();
        assert_eq!(desk.become_words("launchctl", &["asuser", "501", "id", "-u"]), ["id", "-u"]);
        assert_eq!(desk.become_words("sudo", &["-H", "-u", "ada", "A=b", "id", "-u"]), ["id", "-u"]);
        assert_eq!(desk.become_words("su", &["-", "ada", "-c", "echo hi"]), ["/bin/sh", "-c", "echo hi"]);
        assert_eq!(desk.say("sudo", &["-u", "nobody-here", "id"]).0, 1);
        assert_eq!(desk.become_words("caffeinate", &["-dimsu", "sleep", "1"]), ["sleep", "1"]);
        assert_eq!(desk.become_words("caffeinate", &["-t", "5"]), ["sleep", "5"]);
    }

    #[test]
    fn a_session_has_a_dock_and_no_process_of_the_host_is_named() {
        let mut desk = Desk::new();
        let (status, pid) = desk.say("pgrep", &["-x", "Dock"]);
        assert!(status == 0 && pid.trim().parse::<u64>().unwrap() > 4_194_304);
        assert_eq!(desk.say("killall", &["Dock"]).0, 0);
        assert_eq!(desk.say("pkill", &["-f", "bash"]).0, 1);
        desk.inside.user = None;
        assert_eq!(desk.say("pgrep", &["-x", "Dock"]).0, 1);
        assert_eq!(desk.say("pgrep", &["-x", "Setup Assistant"]).0, 0);
    }
}
