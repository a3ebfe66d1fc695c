//! Which tool a file was written for, told by what only its files have.

use super::{bootstrapmate, document::Document};
use serde_json::{Map, Value};

/// A tool whose files can be taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(super) enum Format {
    /// Baseline by Second Son Consulting: a profile or a property list
    Baseline,
    /// Setup Manager by Jamf: a profile or a property list
    SetupManager,
    /// Setup Your Mac: policyJSON, alone or in its script
    SetupYourMac,
    /// BootstrapMate: a manifest in JSON or YAML
    #[value(name = "bootstrapmate")]
    BootstrapMate,
    /// Munki: manifests, with catalogs to look versions up in
    Munki,
}

/// The domain of a profile that each tool looks into.
const DOMAINS: [(&str, Format); 3] = [
    ("com.secondsonconsulting.baseline", Format::Baseline),
    ("com.jamf.setupmanager", Format::SetupManager),
    ("com.github.bootstrapmate", Format::BootstrapMate),
];
/// Keys of a document that only the files of one tool have.
const KEYS: [(&str, Format); 14] = [
    ("enrollmentActions", Format::SetupManager),
    ("steps", Format::SetupYourMac),
    ("InitialScripts", Format::Baseline),
    ("Installomator", Format::Baseline),
    ("Packages", Format::Baseline),
    ("Scripts", Format::Baseline),
    ("FinalScripts", Format::Baseline),
    ("WaitFor", Format::Baseline),
    ("managed_installs", Format::Munki),
    ("included_manifests", Format::Munki),
    ("optional_installs", Format::Munki),
    ("conditional_items", Format::Munki),
    ("managed_uninstalls", Format::Munki),
    ("catalogs", Format::Munki),
];

/// The tool the file was written for.
///
/// # Errors
/// It was written for none of them.
pub(super) fn detect(document: &Document) -> Result<Format, String> {
    let domains = document.domains.iter().map(|(domain, _)| domain.as_str());
    if let Some(format) = domains.into_iter().find_map(domain) {
        return Ok(format);
    }
    let unknown =
        || "written for none of the tools known here; name the format if it is one of them".to_owned();
    match &document.root {
        Value::Object(keys) if bootstrapmate::has_phases(keys) => {
            if bootstrapmate::has_own_keys(keys) {
                Ok(Format::BootstrapMate)
            } else {
                Err("a control file already: `iasctl check` tells what is to be changed in it".to_owned())
            }
        }
        Value::Object(keys) if keys.contains_key("name") && keys.contains_key("version") => {
            Err("describes one title, as in a catalog: give the manifest that wants it".to_owned())
        }
        Value::Object(keys) => KEYS
            .iter()
            .find_map(|(key, format)| matches!(keys.get(*key), Some(Value::Array(_))).then_some(*format))
            .ok_or_else(unknown),
        root if is_catalog(root) => Ok(Format::Munki),
        _ => Err(unknown()),
    }
}

fn domain(domain: &str) -> Option<Format> {
    DOMAINS.iter().find_map(|(known, format)| (*known == domain).then_some(*format))
}

/// Whether it lists items of a repository.
pub(super) fn is_catalog(root: &Value) -> bool {
    let is_item = |item: &Value| item.get("name").is_some() && item.get("version").is_some();
    root.as_array().is_some_and(|items| !items.is_empty() && items.iter().all(is_item))
}

impl Format {
    /// What the tool reads of the file: the domain in a profile that is its own, or the document.
    pub(super) fn settings(self, document: &Document) -> Option<&Map<String, Value>> {
        let own = document.domains.iter().find(|(name, _)| domain(name) == Some(self));
        own.map_or(&document.root, |(_, keys)| keys).as_object()
    }

    /// The name of the tool.
    pub(super) fn tool(self) -> &'static str {
        match self {
            Self::Baseline => "Baseline",
            Self::SetupManager => "Setup Manager",
            Self::SetupYourMac => "Setup Your Mac",
            Self::BootstrapMate => "BootstrapMate",
            Self::Munki => "Munki",
        }
    }
}
