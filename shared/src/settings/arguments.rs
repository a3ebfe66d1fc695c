//! The daemon's command line: our own options, InstallApplications' and go-installapplications' (R40, R41, R101).
//!
//! Every settings key has an option, made from the table in [`keys`](super::keys). Prefixes count when they are
//! unambiguous, first among InstallApplications' options, as its own parser has it, then among all.

mod options;
mod parser;

use super::{Layer, Merged, Mode, SettingsFinding, Severity, Source, keys::KEYS, merge};
use plist::Dictionary;
use std::{ffi::OsString, path::PathBuf};

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

/// Reads a command line; the first word is the program's name.
///
/// # Errors
/// When an option is unknown or ambiguous, lacks its value or contradicts another. A value that does not fit its key
/// is no such error: it is reported and ignored when settings are merged (R38).
pub fn parse(argv: impl IntoIterator<Item = OsString>) -> Result<Invocation, UsageError> {
    let mut words = argv.into_iter().collect::<Vec<_>>().into_iter();
    let program = words.next().unwrap_or_else(|| OsString::from("iasd"));
    let mut parser = parser::Parser::new(Arguments::new(program), words);
    parser.read()?;
    parser.finish()
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
