//! The daemon's command line: our own options, InstallApplications' and go-installapplications' (R40, R41, R101).
//!
//! Every settings key has an option, made from the table in [`keys`](super::keys). Prefixes count when they are
//! unambiguous, first among InstallApplications' options, as its own parser has it, then among all.

use super::{
    Layer, Merged, Mode, SettingsFinding, Severity, Source,
    keys::{KEYS, Key, Kind},
    merge, value,
};
use crate::hint::nearest;
use plist::{Dictionary, Value};
use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    vec,
};

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Invocation {
    /// A run of the daemon.
    Run(Arguments),
    /// The user's agent: `--userscript`, or `--mode agent`.
    Agent(Arguments),
    /// `--version`.
    Version,
    /// `--help`.
    Help,
}

/// A command line that was understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Arguments {
    /// `argv[0]`; `iasd.plist` is looked for beside it.
    pub program: PathBuf,
    /// The configuration plist: `--config`, the first word without dashes, or an `argv[0]` that ends in `.plist` (R40).
    pub config: Option<PathBuf>,
    /// `--root`: the folder that is the Mac's `/`.
    pub root: Option<PathBuf>,
    /// `--scenario`: what happens in a simulated Mac.
    pub scenario: Option<PathBuf>,
    /// `--events`: every event and all progress go there as NDJSON; `-` is standard output.
    pub events: Option<PathBuf>,
    /// `--mode`.
    pub mode: Mode,
    /// `--profile-domain`: a preference domain to read as well, stronger than our own (R37).
    pub domain: Option<String>,
    /// Settings given as options, as the strongest source.
    pub settings: Dictionary,
    /// The arguments of `--depnotify`, in order (R101).
    pub depnotify: Option<Vec<String>>,
    /// What should be changed in the command line.
    pub findings: Vec<SettingsFinding>,
}

impl Arguments {
    /// Nothing but a program's name.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            config: None,
            root: None,
            scenario: None,
            events: None,
            mode: Mode::default(),
            domain: None,
            settings: Dictionary::new(),
            depnotify: None,
            findings: Vec::new(),
        }
    }

    /// Merges other sources with the command line on top of them.
    #[must_use]
    pub fn merged(&self, mut layers: Vec<Layer>) -> Merged {
        layers.push(Layer::new(Source::CommandLine, self.settings.clone()));
        let mut merged = merge(layers, self.mode);
        if let Some(arguments) = &self.depnotify {
            merged.settings.depnotify.arguments.clone_from(arguments);
        }
        merged.findings.splice(0..0, self.findings.iter().cloned());
        merged
    }

    fn note(&mut self, severity: Severity, option: &str, problem: &str) {
        let finding = SettingsFinding::new(severity, Source::CommandLine, problem);
        self.findings.push(finding.about(option, None));
    }
}

/// A command line that was not understood: exit 64 (R76).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem} ({hint})")]
pub struct UsageError {
    /// What is wrong.
    pub problem: String,
    /// What to write instead.
    pub hint: String,
}

/// What an option does.
#[derive(Debug, Clone, Copy)]
enum Meaning {
    Setting(&'static Key),
    Config,
    Root,
    Scenario,
    Events,
    DepNotify,
    UserScript,
    ChooseMode,
    Domain,
    ResetRetries,
    Compat,
    Version,
    Help,
}

/// Options that are no settings.
const OTHERS: [(&str, Meaning); 12] = [
    ("config", Meaning::Config),
    ("root", Meaning::Root),
    ("scenario", Meaning::Scenario),
    ("events", Meaning::Events),
    ("depnotify", Meaning::DepNotify),
    ("userscript", Meaning::UserScript),
    ("mode", Meaning::ChooseMode),
    ("profile-domain", Meaning::Domain),
    ("reset-retries", Meaning::ResetRetries),
    ("compat", Meaning::Compat),
    ("version", Meaning::Version),
    ("help", Meaning::Help),
];

/// InstallApplications' options, among which its parser resolves prefixes.
const INSTALL_APPLICATIONS: [&str; 12] = [
    "depnotify",
    "dry-run",
    "follow-redirects",
    "headers",
    "help",
    "iapath",
    "jsonurl",
    "laidentifier",
    "ldidentifier",
    "reboot",
    "skip-validation",
    "userscript",
];

/// Reads a command line; the first word is the program's name.
///
/// # Errors
/// When an option is unknown or ambiguous, lacks its value or contradicts another. A value that does not fit its key
/// is no such error: it is reported and ignored when settings are merged (R38).
pub fn parse(argv: impl IntoIterator<Item = OsString>) -> Result<Invocation, UsageError> {
    let mut words = argv.into_iter().collect::<Vec<_>>().into_iter();
    let program = words.next().unwrap_or_else(|| OsString::from("iasd"));
    let mut parser = Parser::new(Arguments::new(program), words);
    parser.read()?;
    parser.finish()
}

/// Every option and its meaning.
fn options() -> impl Iterator<Item = (&'static str, Meaning)> {
    let of_key = |key: &'static Key| {
        let names = std::iter::once(key.option).chain(key.other_options.iter().copied());
        names.filter(|name| !name.is_empty()).map(move |name| (name, Meaning::Setting(key)))
    };
    OTHERS.into_iter().chain(KEYS.iter().flat_map(of_key))
}

/// The option of exactly this name, or the only one that begins with it.
fn resolve(name: &str) -> Result<(&'static str, Meaning), UsageError> {
    if let Some(exact) = options().find(|(option, _)| *option == name) {
        return Ok(exact);
    }
    let begins: Vec<_> =
        options().filter(|(option, _)| !name.is_empty() && option.starts_with(name)).collect();
    let classic: Vec<_> =
        begins.iter().copied().filter(|(option, _)| INSTALL_APPLICATIONS.contains(option)).collect();
    match (classic.as_slice(), begins.as_slice()) {
        ([only], _) | ([], [only]) => Ok(*only),
        ([], []) => {
            let hint = match nearest(name, options().map(|(option, _)| option)) {
                Some(option) => format!("did you mean --{option}?"),
                None => "see --help".to_owned(),
            };
            Err(UsageError { problem: format!("unknown option --{name}"), hint })
        }
        ([], many) | (many, _) => {
            let names: Vec<_> = many.iter().map(|(option, _)| format!("--{option}")).collect();
            Err(UsageError {
                problem: format!("--{name} is ambiguous"),
                hint: format!("it could be {}", names.join(", ")),
            })
        }
    }
}

struct Parser {
    to: Arguments,
    words: vec::IntoIter<OsString>,
    agent: bool,
    end: Option<Invocation>,
    /// The option that gave `InstallPath`.
    install_path: Option<&'static str>,
    compat: bool,
}

impl Parser {
    fn new(to: Arguments, words: vec::IntoIter<OsString>) -> Self {
        Self { to, words, agent: false, end: None, install_path: None, compat: false }
    }

    fn read(&mut self) -> Result<(), UsageError> {
        let mut only_words = false;
        while let Some(word) = self.words.next() {
            match word.to_str() {
                Some("--") if !only_words => only_words = true,
                Some("-h") if !only_words => self.end = Some(Invocation::Help),
                Some(text) if !only_words && text.starts_with('-') && text.len() > 1 => self.option(text)?,
                _ => self.word(word)?,
            }
            if self.end.is_some() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// A word without dashes: the configuration plist, or the script in an argument list of InstallApplications.
    fn word(&mut self, word: OsString) -> Result<(), UsageError> {
        let path = PathBuf::from(word);
        if path.as_os_str().is_empty() {
            return Ok(());
        }
        if path.extension() == Some(OsStr::new("py")) {
            let name = path.display().to_string();
            self.to.note(
                Severity::Info,
                &name,
                "skipped: a script of InstallApplications, whose place iasd takes",
            );
            return Ok(());
        }
        if let Some(first) = &self.to.config {
            return Err(UsageError {
                problem: format!("`{}` is one word too many", path.display()),
                hint: format!(
                    "the configuration is already `{}`; options begin with two dashes",
                    first.display()
                ),
            });
        }
        self.to.config = Some(path);
        Ok(())
    }

    fn option(&mut self, text: &str) -> Result<(), UsageError> {
        // One dash will do, as with the flags of Go.
        let bare = text.strip_prefix("--").or_else(|| text.strip_prefix('-')).unwrap_or(text);
        let (name, inline) = match bare.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (bare, None),
        };
        let (option, meaning) = resolve(name)?;
        match meaning {
            Meaning::Setting(key) => self.setting(option, key, inline)?,
            Meaning::Config => self.to.config = Some(self.path(option, inline)?),
            Meaning::Root => self.to.root = Some(self.path(option, inline)?),
            Meaning::Events => self.to.events = Some(self.path(option, inline)?),
            Meaning::Scenario => self.to.scenario = Some(self.path(option, inline)?),
            Meaning::Domain => self.domain(option, inline)?,
            Meaning::ChooseMode => self.mode(option, inline)?,
            Meaning::DepNotify => self.depnotify(inline)?,
            Meaning::UserScript => self.agent = true,
            Meaning::Compat => self.compat = self.switch(inline),
            Meaning::ResetRetries => {
                self.switch(inline);
                self.to.note(
                    Severity::Info,
                    option,
                    "not needed: relaunches are limited by time, not by a counter",
                );
            }
            Meaning::Version => self.end = Some(Invocation::Version),
            Meaning::Help => self.end = Some(Invocation::Help),
        }
        Ok(())
    }

    fn setting(
        &mut self,
        option: &'static str,
        key: &'static Key,
        inline: Option<String>,
    ) -> Result<(), UsageError> {
        let value = match key.kind {
            Kind::Switch(_) | Kind::Redirects(_) => {
                match inline.or_else(|| self.next_if(|text| answers(key, text))) {
                    Some(text) => Value::String(text),
                    None => Value::Boolean(true),
                }
            }
            _ => Value::String(self.text(option, inline)?),
        };
        if key.secret {
            let problem =
                "every process of the Mac can read this; use a profile, or a plist only root can read";
            self.to.note(Severity::Warning, option, problem);
        }
        if let Kind::InstallPath(_) = key.kind {
            if self.install_path == Some("iapath") && option != "iapath" {
                self.to.note(Severity::Warning, option, "ignored, because --iapath is given too");
                return Ok(());
            }
            self.install_path = Some(option);
        }
        self.to.settings.insert(key.name.to_owned(), value);
        Ok(())
    }

    fn mode(&mut self, option: &str, inline: Option<String>) -> Result<(), UsageError> {
        match self.text(option, inline)?.as_str() {
            "daemon" => self.to.mode = Mode::Daemon,
            "standalone" => self.to.mode = Mode::Standalone,
            "agent" => self.agent = true,
            other => {
                return Err(UsageError {
                    problem: format!("--mode {other} is unknown"),
                    hint: "expected daemon, agent or standalone".to_owned(),
                });
            }
        }
        Ok(())
    }

    fn domain(&mut self, option: &str, inline: Option<String>) -> Result<(), UsageError> {
        let domain = Value::String(self.text(option, inline)?);
        match value::identifier(&domain) {
            Ok(fit) => self.to.domain = Some(fit.value),
            Err(why) => {
                let hint = "expected a domain such as com.github.go-installapplications".to_owned();
                return Err(UsageError { problem: format!("--{option}: {why}"), hint });
            }
        }
        Ok(())
    }

    /// Words up to the next option (R101).
    fn depnotify(&mut self, inline: Option<String>) -> Result<(), UsageError> {
        let mut arguments = self.to.depnotify.take().unwrap_or_default();
        arguments.extend(inline);
        while let Some(word) = self.words.as_slice().first() {
            if word.as_encoded_bytes().starts_with(b"--") && word.len() > 2 {
                break;
            }
            let Some(text) = word.to_str() else { return Err(not_text("depnotify", word)) };
            arguments.push(text.to_owned());
            self.words.next();
        }
        self.to.settings.insert("DEPNotifyEnable".to_owned(), Value::Boolean(true));
        self.to.depnotify = Some(arguments);
        Ok(())
    }

    /// A flag of no key: true, unless it is followed by a word for false.
    fn switch(&mut self, inline: Option<String>) -> bool {
        let said = inline.or_else(|| self.next_if(|text| value::word(text).is_some()));
        said.and_then(|text| value::word(&text)).unwrap_or(true)
    }

    fn path(&mut self, option: &str, inline: Option<String>) -> Result<PathBuf, UsageError> {
        match inline {
            Some(text) => Ok(PathBuf::from(text)),
            None => self.value(option).map(PathBuf::from),
        }
    }

    fn text(&mut self, option: &str, inline: Option<String>) -> Result<String, UsageError> {
        match inline {
            Some(text) => Ok(text),
            None => self.value(option)?.into_string().map_err(|word| not_text(option, &word)),
        }
    }

    /// The next word, unless it is an option: then the value was forgotten.
    fn value(&mut self, option: &str) -> Result<OsString, UsageError> {
        let missing = |hint: String| UsageError { problem: format!("--{option} needs a value"), hint };
        match self.words.as_slice().first().and_then(|word| word.to_str()?.strip_prefix("--")) {
            Some(name) if options().any(|(option, _)| option == name) => {
                Err(missing(format!("--{name} follows; write --{option}=… if that is the value")))
            }
            _ => self.words.next().ok_or_else(|| missing(format!("write --{option} VALUE"))),
        }
    }

    fn next_if(&mut self, wanted: impl Fn(&str) -> bool) -> Option<String> {
        let word = self.words.as_slice().first()?.to_str().filter(|text| wanted(text))?.to_owned();
        self.words.next();
        Some(word)
    }

    fn finish(self) -> Result<Invocation, UsageError> {
        let mut to = self.to;
        if let Some(end) = self.end {
            return Ok(end);
        }
        if self.compat {
            match self.install_path {
                Some("iapath") => {}
                Some(option) => {
                    return Err(UsageError {
                        problem: format!("--compat and --{option} exclude each other"),
                        hint: "--compat stands for --installpath /Library/installapplications".to_owned(),
                    });
                }
                None => {
                    let path = Value::String("/Library/installapplications".to_owned());
                    to.settings.insert("InstallPath".to_owned(), path);
                }
            }
        }
        if to.config.is_none() && is_plist(&to.program) {
            to.config = Some(to.program.clone());
        }
        Ok(if self.agent { Invocation::Agent(to) } else { Invocation::Run(to) })
    }
}

/// Whether a word after a flag belongs to it, as in `--reboot false`.
fn answers(key: &Key, text: &str) -> bool {
    let redirects = matches!(key.kind, Kind::Redirects(_)) && ["none", "https", "all"].contains(&text);
    redirects || !text.is_empty() && value::word(text).is_some()
}

/// R40: launchd passed the configuration as the program's name.
fn is_plist(program: &Path) -> bool {
    program.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("plist"))
}

fn not_text(option: &str, word: &OsStr) -> UsageError {
    UsageError {
        problem: format!("the value of --{option} is not UTF-8: {}", word.to_string_lossy()),
        hint: "write it in UTF-8".to_owned(),
    }
}

/// The text of `--help`.
#[must_use]
pub fn help() -> String {
    let mut text = String::from(
        "Usage: iasd [OPTIONS] [SETTINGS.plist]\n\n\
         Carries one bootstrap control file to its end. Settings come from a profile, from SETTINGS.plist and from\n\
         options; later ones win. InstallApplications' and go-installapplications' options work as well.\n\n\
         Options:\n\
         \x20     --config PATH            the settings plist, as the first word would be\n\
         \x20     --root DIR               run in a Mac-shaped folder instead of on this Mac\n\
         \x20     --scenario FILE          what happens in that folder\n\
         \x20     --mode daemon|agent|standalone\n\
         \x20     --profile-domain DOMAIN  read this preference domain as well\n\
         \x20     --depnotify LINE...      lines for DEPNotify, up to the next option\n\
         \x20     --userscript             run as the user's agent\n\
         \x20     --version, --help\n\n\
         Settings:\n",
    );
    for key in KEYS.iter().filter(|key| !key.option.is_empty()) {
        text.push_str(&format!("      --{:<26} {}\n", key.option, key.name));
    }
    text
}

#[cfg(test)]
mod tests;
