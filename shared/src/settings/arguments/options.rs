//! Which options there are, and which one a word on the command line means (R41).

use super::UsageError;
use crate::{
    hint::nearest,
    settings::keys::{KEYS, Key},
};

/// What an option does.
#[derive(Debug, Clone, Copy)]
pub(super) enum Meaning {
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

/// Every option and its meaning.
pub(super) fn options() -> impl Iterator<Item = (&'static str, Meaning)> {
    let of_key = |key: &'static Key| {
        let names = std::iter::once(key.option).chain(key.other_options.iter().copied());
        names.filter(|name| !name.is_empty()).map(move |name| (name, Meaning::Setting(key)))
    };
    OTHERS.into_iter().chain(KEYS.iter().flat_map(of_key))
}

/// The option of exactly this name, or the only one that begins with it.
pub(super) fn resolve(name: &str) -> Result<(&'static str, Meaning), UsageError> {
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
