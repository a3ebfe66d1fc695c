//! Sources merged by precedence into one [`Settings`], with every finding and the origin of every value (R36, R38, R39).

use super::{
    Settings,
    draft::{Draft, Refused},
    finding::{Origin, Place, SettingsFinding, Severity, Source},
    keys::{self, KEYS, Key, Kind},
};
use crate::{hint::nearest, property_list::name_of};
use plist::{Dictionary, Value};
use std::collections::BTreeMap;

/// What one source says, as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Which source.
    pub source: Source,
    /// Its keys and values.
    pub values: Dictionary,
    /// Where its keys stand, when it is text.
    pub places: BTreeMap<String, Place>,
}

impl Layer {
    /// A source without positions.
    #[must_use]
    pub fn new(source: Source, values: Dictionary) -> Self {
        Self { source, values, places: BTreeMap::new() }
    }

    fn place(&self, key: &str) -> Option<Place> {
        self.places.get(key).copied()
    }

    fn finding(&self, severity: Severity, key: &str, problem: impl Into<String>) -> SettingsFinding {
        SettingsFinding::new(severity, self.source.clone(), problem).about(key, self.place(key))
    }
}

/// Whose nested dictionary applies, in go-installapplications' dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Started by launchd, with an agent in the user's session.
    #[default]
    Daemon,
    /// Started by hand, without an agent.
    Standalone,
}

impl Mode {
    /// The name of its dictionary.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Daemon => "daemon",
            Self::Standalone => "standalone",
        }
    }
}

/// All sources together.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    /// What is in force.
    pub settings: Settings,
    /// Every key with its effective value, in the order of the table.
    pub origins: Vec<Origin>,
    /// Everything there is to say, source by source.
    pub findings: Vec<SettingsFinding>,
}

impl Merged {
    /// Why no run may begin, if that is so.
    #[must_use]
    pub fn fatal(&self) -> Option<&SettingsFinding> {
        self.findings.iter().find(|finding| finding.severity == Severity::Fatal)
    }
}

/// Merges `layers` from weak to strong; among equals the later one is stronger.
///
/// Never fails: what cannot be used is reported and left out, key by key (R38). An `InstallPath` that must not be
/// used is reported as [`Severity::Fatal`] (R44) unless a stronger source replaces it.
#[must_use]
pub fn merge(mut layers: Vec<Layer>, mode: Mode) -> Merged {
    layers.sort_by_key(|layer| rank(&layer.source));
    let mut merging = Merging::default();
    for layer in &layers {
        merging.layer(layer, mode);
    }
    let mut merged = merging.finish();
    merged.settings.mode = mode;
    merged
}

/// Precedence of a source (R36).
fn rank(source: &Source) -> u8 {
    match source {
        Source::Default => 0,
        Source::Preferences(_) => 1,
        Source::Managed(_) => 2,
        Source::File(_) => 3,
        Source::CommandLine => 4,
    }
}

/// The strongest value so far.
struct Effective {
    shown: String,
    source: Source,
    place: Option<Place>,
}

#[derive(Default)]
struct Merging {
    draft: Draft,
    origins: BTreeMap<&'static str, Effective>,
    findings: Vec<SettingsFinding>,
    /// Keys whose value in force must not be used, and without which no run may begin.
    dangerous: BTreeMap<&'static str, SettingsFinding>,
}

impl Merging {
    fn layer(&mut self, layer: &Layer, mode: Mode) {
        let mut values = self.flattened(layer, mode);
        self.refuse_two_control_files(layer, &mut values);
        for key in KEYS {
            self.key(layer, key, &values);
        }
    }

    /// The flat keys with `shared`, then the mode's dictionary merged over them; unknown keys are reported.
    fn flattened<'a>(&mut self, layer: &'a Layer, mode: Mode) -> BTreeMap<&'a str, &'a Value> {
        let mut values = BTreeMap::new();
        let mut unknown = BTreeMap::new();
        let mut sort = |key: &'a String, value: &'a Value| {
            if keys::names().any(|name| name == key) {
                values.insert(key.as_str(), value);
            } else if !is_of_profile(key) {
                unknown.insert(key.as_str(), ());
            }
        };
        let nested = |key: &str| matches!(key, "shared" | "daemon" | "standalone");
        layer.values.iter().filter(|(key, _)| !nested(key)).for_each(|(key, value)| sort(key, value));
        for name in ["shared", mode.key()] {
            match layer.values.get(name) {
                Some(Value::Dictionary(inner)) => inner.iter().for_each(|(key, value)| sort(key, value)),
                Some(other) => {
                    let problem = format!("expected a dictionary, found {}", name_of(other));
                    self.findings.push(layer.finding(Severity::Error, name, problem));
                }
                None => {}
            }
        }
        for key in unknown.into_keys() {
            let finding = layer.finding(Severity::Warning, key, "unknown key, ignored");
            self.findings.push(match nearest(key, keys::names()) {
                Some(name) => finding.hint(format!("did you mean {name}?")),
                None => finding,
            });
        }
        values
    }

    /// `Bootstrap` excludes `JSONURL` in the same source: nobody can know which was meant.
    fn refuse_two_control_files(&mut self, layer: &Layer, values: &mut BTreeMap<&str, &Value>) {
        let embedded = ["Bootstrap", "bootstrap"].into_iter().find(|key| values.contains_key(key));
        let (Some(embedded), true) = (embedded, values.contains_key("JSONURL")) else { return };
        let problem = format!("{embedded} and JSONURL exclude each other in one source; neither is used");
        self.findings.push(layer.finding(Severity::Error, embedded, problem).hint("remove one of them"));
        values.retain(|key, _| !["Bootstrap", "bootstrap", "JSONURL"].contains(key));
    }

    /// One key of one source: the canonical name first, then its aliases.
    fn key(&mut self, layer: &Layer, key: &'static Key, values: &BTreeMap<&str, &Value>) {
        let mut decided = false;
        for name in std::iter::once(&key.name).chain(key.aliases) {
            let Some(value) = values.get(name) else { continue };
            let alias = *name != key.name;
            if decided {
                let problem = format!("ignored, because {} is given in the same source", key.name);
                self.findings.push(layer.finding(Severity::Info, name, problem));
                continue;
            }
            if alias {
                let problem = format!("read as {}", key.name);
                self.findings.push(layer.finding(Severity::Info, name, problem));
            }
            decided = self.take(layer, key, name, value);
        }
    }

    fn take(&mut self, layer: &Layer, key: &'static Key, name: &str, value: &Value) -> bool {
        match self.draft.take(key, value) {
            Ok(taken) => {
                let (source, place) = (layer.source.clone(), layer.place(name));
                self.origins.insert(key.name, Effective { shown: taken.shown, source, place });
                // On the command line everything is text, so a conversion says nothing.
                if let Some(note) = taken.note.filter(|_| layer.source != Source::CommandLine) {
                    let hint = format!("expected {}", key.kind.expected());
                    self.findings.push(layer.finding(Severity::Warning, name, note).hint(hint));
                }
                self.dangerous.remove(key.name);
                true
            }
            Err(Refused::Unfit(why)) => {
                let problem = format!("expected {}: {why}; this key is ignored", key.kind.expected());
                self.findings.push(layer.finding(Severity::Error, name, problem));
                false
            }
            Err(Refused::Dangerous(why)) => {
                let finding = layer.finding(Severity::Fatal, name, format!("not usable: {why}"));
                let hint = match key.kind {
                    Kind::PublicKeys(_) => "an array of public keys as iasctl keygen or minisign print them",
                    _ => "use a folder of its own, such as /Library/installapplications",
                };
                self.dangerous.insert(key.name, finding.hint(hint));
                true
            }
        }
    }

    fn finish(mut self) -> Merged {
        let embedded = matches!(self.draft.settings.control, Some(super::ControlSource::Embedded(_)));
        let unused = if embedded { "JSONURL" } else { "Bootstrap" };
        if self.draft.settings.control.is_some() {
            self.origins.remove(unused);
        }
        let (settings, warnings) = self.draft.finish();
        for (key, problem) in warnings {
            let (source, place) = match self.origins.get(key) {
                Some(effective) => (effective.source.clone(), effective.place),
                None => (Source::Default, None),
            };
            let finding = SettingsFinding::new(Severity::Warning, source, problem);
            self.findings.push(finding.about(key, place));
        }
        self.findings.extend(self.dangerous.into_values());
        self.findings.extend(unsigned_bootstrap(&self.origins));
        self.findings.extend(two_repositories(&self.origins));
        let mut origins = self.origins;
        let origin = |key: &'static Key| match origins.remove(key.name) {
            Some(Effective { shown, source, .. }) => Origin { key: key.name, value: shown, source },
            None => Origin { key: key.name, value: shown_default(key), source: Source::Default },
        };
        Merged { settings, origins: KEYS.iter().map(origin).collect(), findings: self.findings }
    }
}

/// `Bootstrap` cannot be signed, so it must come from where the keys come from, or from a stronger source: whoever can
/// write there could as well exchange the keys.
fn unsigned_bootstrap(origins: &BTreeMap<&'static str, Effective>) -> Option<SettingsFinding> {
    let (embedded, keys) = (origins.get("Bootstrap")?, origins.get("ControlFileKeys")?);
    if rank(&embedded.source) >= rank(&keys.source) {
        return None;
    }
    let problem = format!(
        "not usable: it is not signed, and ControlFileKeys comes from a stronger source ({})",
        keys.source
    );
    let finding = SettingsFinding::new(Severity::Fatal, embedded.source.clone(), problem);
    let hint = "move it to where ControlFileKeys is, or publish it with its signature and set JSONURL";
    Some(finding.about("Bootstrap", embedded.place).hint(hint))
}

/// Whether titles come from a service or from a known repository must be said once (T70).
fn two_repositories(origins: &BTreeMap<&'static str, Effective>) -> Option<SettingsFinding> {
    let (service, repo) = (origins.get("TitleEnvQueryURL")?, origins.get("TitleRepoURL")?);
    let problem = format!("excludes TitleEnvQueryURL ({}); no title can be had", service.source);
    let finding = SettingsFinding::new(Severity::Error, repo.source.clone(), problem);
    Some(finding.about("TitleRepoURL", repo.place).hint("remove one of them"))
}

/// The default as a value of a source would be shown.
fn shown_default(key: &Key) -> String {
    let value = Value::String(key.default.to_owned());
    match Draft::default().take(key, &value) {
        Ok(taken) if !key.default.is_empty() => taken.shown,
        _ => "-".to_owned(),
    }
}

/// Keys a profile's payload carries beside the settings.
fn is_of_profile(key: &str) -> bool {
    const OURS: [&str; 10] = [
        "PayloadContent",
        "PayloadDescription",
        "PayloadDisplayName",
        "PayloadEnabled",
        "PayloadIdentifier",
        "PayloadOrganization",
        "PayloadRemovalDisallowed",
        "PayloadType",
        "PayloadUUID",
        "PayloadVersion",
    ];
    OURS.contains(&key)
}
