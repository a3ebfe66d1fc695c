//! The admin's settings file: checked as `iasctl check` does, with the names it is to have.

use super::names;
use crate::check::settings;
use plist::{Dictionary, Value};
use shared::{
    control::Severity,
    settings::{DOMAIN, Layer, Mode, Settings, Source, document, keys::KEYS, merge, profile::Use},
};
use std::{fs::File, io::Read as _, path::Path};

/// Settings to be packed.
#[derive(Debug)]
pub(super) struct Input {
    /// Keys and values as the admin wrote them, sorted, with the names asked for.
    pub(super) values: Dictionary,
    /// What they come to.
    pub(super) settings: Settings,
    /// What the admin should know about them.
    pub(super) warnings: Vec<String>,
}

impl Input {
    /// Reads and checks `path`; `prefix` gives the four names where the file has none.
    ///
    /// # Errors
    /// Lines for the admin: what keeps these settings from being packed.
    pub(super) fn read(path: &Path, prefix: Option<&str>) -> Result<Self, Vec<String>> {
        let name = path.display().to_string();
        let bytes = bytes_of(path).map_err(|error| vec![format!("error: {name}: {error}")])?;
        let checked = settings::check(&name, &bytes);
        let (errors, warnings): (Vec<_>, Vec<_>) =
            checked.findings.iter().partition(|finding| finding.severity == Severity::Error);
        if !errors.is_empty() {
            return Err(errors.iter().map(ToString::to_string).collect());
        }
        let mut warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        let refused = |problem: &str| vec![format!("error: {name}: {problem}")];
        let mut values = values(&name, &bytes).map_err(|problem| refused(&problem))?;
        if let Some(prefix) = prefix {
            give_names(&mut values, prefix).map_err(|problem| refused(&problem))?;
        }
        values.sort_keys();
        let merged = merge(vec![Layer::new(Source::File(name.clone()), values.clone())], Mode::Daemon);
        let settings = merged.settings;
        if settings.control.is_none() {
            return Err(refused(
                "neither JSONURL nor Bootstrap is set: the daemon would not know what to do",
            ));
        }
        fits_a_package(&settings).map_err(|problem| refused(&problem))?;
        let unknown_url = settings.identifiers == Settings::default().identifiers;
        if prefix.is_some() && unknown_url {
            warnings
                .push(format!("warning: {name}: the names are the usual ones, --identifier changes nothing"));
        }
        Ok(Self { values, settings, warnings })
    }

    /// The keys that are set and must not be seen by everybody.
    pub(super) fn secrets(&self) -> Vec<&'static str> {
        let is_set = |name: &str| self.values.contains_key(name);
        KEYS.iter().filter(|key| key.secret && is_set(key.name)).map(|key| key.name).collect()
    }
}

fn bytes_of(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more than settings may have, so that the reader refuses what is too long.
    File::open(path)?.take(document::MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn values(name: &str, bytes: &[u8]) -> Result<Dictionary, String> {
    let source = Source::File(name.to_owned());
    let document = document::read(bytes, &source).map_err(|finding| finding.to_string())?;
    match Use::of(document.value) {
        Some(Use::Settings(values)) => Ok(values),
        Some(Use::Profile(domains)) => {
            let ours = domains.into_iter().find(|(domain, _)| domain == DOMAIN);
            ours.map(|(_, values)| values).ok_or_else(|| format!("the profile sets nothing for {DOMAIN}"))
        }
        Some(Use::Job(_)) => Err("this is a launchd job; give settings or a profile".to_owned()),
        None => Err("the plist is no dictionary".to_owned()),
    }
}

/// Sets the names that are not set; those that are must agree.
fn give_names(values: &mut Dictionary, prefix: &str) -> Result<(), String> {
    for (key, end) in names::KEYS {
        let name = format!("{prefix}.{end}");
        match values.get(key) {
            Some(Value::String(other)) if *other != name => {
                return Err(format!(
                    "{key} is {other}, but --identifier makes it {name}; remove one of them"
                ));
            }
            _ => values.insert(key.to_owned(), name.into()),
        };
    }
    Ok(())
}

/// What a run could bear, but an installation cannot.
fn fits_a_package(settings: &Settings) -> Result<(), String> {
    let names = &settings.identifiers;
    if names.daemon == names.agent {
        return Err(format!("daemon and agent have the same label, {}", names.daemon));
    }
    let path = settings.install_path.as_str();
    // Their folders are for everybody, or no folders; a package would change that.
    let foreign = [
        "/tmp",
        "/var",
        "/etc",
        "/private/tmp",
        "/private/var/tmp",
        "/private/var/folders",
        "/Users",
        "/Volumes",
    ];
    let is_below = |folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    match foreign.into_iter().find(|folder| is_below(folder)) {
        Some(folder) => Err(format!(
            "InstallPath {path} lies below {folder}, where no package may install; use /Library/…"
        )),
        None => Ok(()),
    }
}
