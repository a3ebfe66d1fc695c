//! Stand-ins for the programs only a Mac has: this program under another name, inside the sandbox.
//!
//! A stand-in answers plausibly from the facts of the simulated Mac, in the format of the real program, and each call
//! is recorded. It is reached only where [`Inside::FACTS`] exists, which is never the case on a real Mac.

mod desktop;
mod dialect;
mod directory;
mod installer;
mod jobs;
mod packages;
mod plist_file;
mod plist_tools;
mod preferences;
mod system;
#[cfg(test)]
mod tests;

use super::inside::Inside;
use serde::Serialize;
use std::{
    fs::File,
    io::{self, Read, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::{SystemTime, UNIX_EPOCH},
};

/// A call of a stand-in.
pub(super) struct Call<'a> {
    /// Its name.
    name: &'a str,
    /// Its arguments, without the name.
    arguments: &'a [String],
    /// The facts.
    inside: &'a Inside,
    /// The Mac's `/`.
    root: &'a Path,
}

/// What a stand-in does.
#[derive(Debug)]
pub(super) enum Reply {
    /// It prints and exits.
    Say {
        /// Standard output.
        output: Vec<u8>,
        /// Standard error.
        error: String,
        /// The exit status.
        status: u8,
    },
    /// It becomes another program.
    Become(Command),
}

impl Reply {
    /// Success without a word.
    fn nothing() -> Self {
        Self::ok(Vec::new())
    }

    /// Success, printing this.
    fn ok(output: impl Into<Vec<u8>>) -> Self {
        Self::Say { output: output.into(), error: String::new(), status: 0 }
    }

    /// Success, printing a line.
    fn line(line: impl std::fmt::Display) -> Self {
        Self::ok(format!("{line}\n"))
    }

    /// Failure, with a line on standard error.
    fn failed(status: u8, error: impl std::fmt::Display) -> Self {
        Self::Say { output: Vec::new(), error: format!("{error}\n"), status }
    }
}

impl Call<'_> {
    /// The arguments as plain texts.
    fn words(&self) -> Vec<&str> {
        self.arguments.iter().map(String::as_str).collect()
    }

    /// What follows `flag`.
    fn value_of(&self, flag: &str) -> Option<&str> {
        let at = self.arguments.iter().position(|argument| argument == flag)?;
        self.arguments.get(at + 1).map(String::as_str)
    }

    /// Whether `flag` was given.
    fn has(&self, flag: &str) -> bool {
        self.arguments.iter().any(|argument| argument == flag)
    }

    /// Where a path of the Mac is.
    fn path(&self, path: &str) -> PathBuf {
        let path = Path::new(path);
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Where a path is that may be relative to the working folder.
    fn path_from_here(&self, path: &str) -> PathBuf {
        if path.starts_with('/') { self.path(path) } else { PathBuf::from(path) }
    }

    /// Everything on standard input, up to a limit.
    fn input(&self) -> Vec<u8> {
        let mut input = Vec::new();
        // What can be read is what there is.
        let _ = io::stdin().take(INPUT_LIMIT).read_to_end(&mut input);
        input
    }

    /// The host's own program of this name.
    fn behind(&self) -> Option<Command> {
        let mut command = Command::new(self.inside.behind.get(self.name)?);
        command.arg0(self.name);
        Some(command)
    }

    /// Becomes the host's own program, with the same arguments.
    fn pass_on(&self) -> Reply {
        match self.behind() {
            Some(mut command) => {
                command.args(self.arguments);
                Reply::Become(command)
            }
            None => {
                Reply::failed(127, format_args!("{}: not on the computer that simulates this Mac", self.name))
            }
        }
    }
}

/// How much standard input is read.
const INPUT_LIMIT: u64 = 64 << 20;

type Shim = fn(&Call<'_>) -> Reply;

/// Where each stand-in stands, and what it does.
const SHIMS: &[(&str, Shim)] = &[
    ("/bin/date", dialect::date),
    ("/bin/launchctl", jobs::launchctl),
    ("/bin/ls", directory::ls),
    ("/bin/zsh", dialect::zsh),
    ("/sbin/halt", desktop::silent),
    ("/sbin/md5", dialect::md5),
    ("/sbin/reboot", desktop::silent),
    ("/sbin/shutdown", desktop::silent),
    ("/usr/bin/afplay", desktop::silent),
    ("/usr/bin/arch", system::arch),
    ("/usr/bin/automationmodetool", desktop::silent),
    ("/usr/bin/base64", dialect::base64),
    ("/usr/bin/caffeinate", jobs::caffeinate),
    ("/usr/bin/chflags", desktop::about_a_file),
    ("/usr/bin/chgrp", dialect::chown),
    ("/usr/bin/codesign", desktop::about_a_file),
    ("/usr/bin/csrutil", system::csrutil),
    ("/usr/bin/defaults", preferences::defaults),
    ("/usr/bin/ditto", dialect::ditto),
    ("/usr/bin/dscacheutil", desktop::silent),
    ("/usr/bin/dscl", directory::dscl),
    ("/usr/bin/fdesetup", system::fdesetup),
    ("/usr/bin/hdiutil", desktop::hdiutil),
    ("/usr/bin/killall", jobs::killall),
    ("/usr/bin/log", desktop::silent),
    ("/usr/bin/logger", desktop::silent),
    ("/usr/bin/mdfind", desktop::mdfind),
    ("/usr/bin/mdls", desktop::mdls),
    ("/usr/bin/mktemp", dialect::mktemp),
    ("/usr/bin/open", desktop::open),
    ("/usr/bin/osascript", desktop::osascript),
    ("/usr/bin/pgrep", jobs::pgrep),
    ("/usr/bin/pkill", jobs::killall),
    ("/usr/bin/plutil", plist_tools::plutil),
    ("/usr/bin/pmset", system::pmset),
    ("/usr/bin/profiles", desktop::profiles),
    ("/usr/bin/say", desktop::silent),
    ("/usr/bin/security", desktop::silent),
    ("/usr/bin/sed", dialect::sed),
    ("/usr/bin/stat", dialect::stat),
    ("/usr/bin/su", jobs::su),
    ("/usr/bin/sudo", jobs::sudo),
    ("/usr/bin/sw_vers", system::sw_vers),
    ("/usr/bin/tccutil", desktop::silent),
    ("/usr/bin/uname", system::uname),
    ("/usr/bin/users", directory::who),
    ("/usr/bin/who", directory::who),
    ("/usr/bin/xattr", desktop::about_a_file),
    ("/usr/bin/xcode-select", desktop::xcode_select),
    ("/usr/sbin/bless", desktop::silent),
    ("/usr/sbin/chown", dialect::chown),
    ("/usr/sbin/createhomedir", desktop::silent),
    ("/usr/sbin/diskutil", desktop::diskutil),
    ("/usr/sbin/dseditgroup", directory::dseditgroup),
    ("/usr/sbin/dsenableroot", desktop::silent),
    ("/usr/sbin/ioreg", system::ioreg),
    ("/usr/sbin/kextload", desktop::silent),
    ("/usr/sbin/lpadmin", desktop::silent),
    ("/usr/sbin/mdutil", desktop::silent),
    ("/usr/sbin/networksetup", desktop::networksetup),
    ("/usr/sbin/nvram", system::nvram),
    ("/usr/sbin/installer", installer::installer),
    ("/usr/sbin/pkgutil", packages::pkgutil),
    ("/usr/sbin/scutil", directory::scutil),
    ("/usr/sbin/softwareupdate", desktop::softwareupdate),
    ("/usr/sbin/spctl", system::spctl),
    ("/usr/sbin/sysadminctl", desktop::silent),
    ("/usr/sbin/sysctl", system::sysctl),
    ("/usr/sbin/system_profiler", system::system_profiler),
    ("/usr/sbin/systemsetup", desktop::systemsetup),
    ("/usr/libexec/PlistBuddy", plist_tools::plist_buddy),
    ("/usr/local/bin/dialog", desktop::dialog),
    ("/usr/local/bin/jamf", desktop::jamf),
];

/// Where stand-ins stand among the system's programs; with one for zsh when the host has none.
pub(super) fn places(without_zsh: bool) -> impl Iterator<Item = &'static str> {
    let system = |path: &&str| !path.starts_with("/usr/local/");
    SHIMS.iter().map(|(path, _)| *path).filter(system).filter(move |path| without_zsh || *path != "/bin/zsh")
}

/// Whether this process was started under the name of a stand-in, inside; asked before anything else is done.
pub(crate) fn is_wanted() -> bool {
    Path::new(Inside::FACTS).exists() && shim(&called_as()).is_some()
}

/// Answers as the stand-in.
pub(crate) fn answer() -> ExitCode {
    let name = called_as();
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|word| word.to_string_lossy().into()).collect();
    let inside = match Inside::read() {
        Ok(inside) => inside,
        Err(error) => {
            eprintln!("{name}: {}: {error}", Inside::FACTS);
            return ExitCode::FAILURE;
        }
    };
    let call = Call { name: &name, arguments: &arguments, inside: &inside, root: Path::new("/") };
    let reply = reply(&call);
    record(&call, &reply);
    carry_out(&name, reply)
}

fn called_as() -> String {
    let name = std::env::args_os().next().unwrap_or_default();
    Path::new(&name).file_name().unwrap_or_default().to_string_lossy().into()
}

fn shim(name: &str) -> Option<Shim> {
    SHIMS.iter().find(|(path, _)| path.rsplit('/').next() == Some(name)).map(|(_, shim)| *shim)
}

/// The scenario's answer, or else the stand-in's own.
fn reply(call: &Call<'_>) -> Reply {
    let scripted = call
        .inside
        .answers
        .iter()
        .find(|answer| answer.command == call.name && call.arguments.starts_with(&answer.arguments));
    match (scripted, shim(call.name)) {
        (Some(answer), _) => Reply::Say {
            output: answer.output.clone().into(),
            error: answer.error.clone(),
            status: answer.status,
        },
        (None, Some(shim)) => shim(call),
        (None, None) => call.pass_on(),
    }
}

/// A line of the record.
#[derive(Serialize)]
struct Record<'a> {
    at_ms: u64,
    pid: u32,
    uid: u32,
    command: &'a str,
    arguments: &'a [String],
    /// `None`: it became another program.
    status: Option<u8>,
    output: String,
}

/// How much of an answer is recorded, in characters.
const RECORDED: usize = 4096;

fn record(call: &Call<'_>, reply: &Reply) {
    let (status, output) = match reply {
        Reply::Say { output, error, status } => {
            let text = String::from_utf8_lossy(output);
            (Some(*status), text.chars().chain(error.chars()).take(RECORDED).collect())
        }
        Reply::Become(command) => (None, format!("{command:?}")),
    };
    let at_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let record = Record {
        at_ms: u64::try_from(at_ms).unwrap_or(u64::MAX),
        pid: std::process::id(),
        uid: rustix::process::getuid().as_raw(),
        command: call.name,
        arguments: call.arguments,
        status,
        output,
    };
    append(Inside::CALLS, &record);
}

/// Adds a line to a record; one write, so that lines of different processes do not mix.
fn append(path: &str, line: &impl Serialize) {
    let Ok(mut line) = serde_json::to_vec(line) else { return };
    line.push(b'\n');
    // A script that broke the record has broken it for itself only.
    let _ = File::options().append(true).open(path).and_then(|mut file| file.write_all(&line));
}

fn carry_out(name: &str, reply: Reply) -> ExitCode {
    match reply {
        Reply::Say { output, error, status } => {
            // A reader that went away is no reason to complain.
            let _ = io::stdout().write_all(&output).and_then(|()| io::stderr().write_all(error.as_bytes()));
            ExitCode::from(status)
        }
        Reply::Become(mut command) => {
            let error = command.exec();
            eprintln!("{name}: {}: {error}", command.get_program().to_string_lossy());
            ExitCode::from(if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 })
        }
    }
}
