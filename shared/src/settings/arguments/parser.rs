//! Takes a command line word by word.

use super::{
    Arguments, Invocation, UsageError,
    options::{Meaning, options, resolve},
};
use crate::settings::{
    Mode, Severity,
    keys::{Key, Kind},
    value,
};
use plist::Value;
use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    vec,
};

pub(super) struct Parser {
    to: Arguments,
    words: vec::IntoIter<OsString>,
    agent: bool,
    end: Option<Invocation>,
    /// The option that gave `InstallPath`.
    install_path: Option<&'static str>,
    compat: bool,
}

impl Parser {
    pub(super) fn new(to: Arguments, words: vec::IntoIter<OsString>) -> Self {
        Self { to, words, agent: false, end: None, install_path: None, compat: false }
    }

    pub(super) fn read(&mut self) -> Result<(), UsageError> {
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

    pub(super) fn finish(self) -> Result<Invocation, UsageError> {
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
