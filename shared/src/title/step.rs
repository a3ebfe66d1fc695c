//! What is done for one version of one title: plain data, so that it can be journaled and used to the end of the run (T13).

use super::download::file_name;
use crate::{digest::Digest, facts::Trace, item::ItemId, layout::MacPath};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All titles of a run, resolved once (T13).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Resolution {
    /// The catalogs it was taken from, with the digests of their bytes.
    pub catalogs: BTreeMap<String, Digest>,
    /// Every title, in the order in which they are carried out: what a title requires stands before it, its updates after.
    pub parts: Vec<Part>,
}

/// A title item, or what comes with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Part 0 is the item of the control file itself; what comes with it has a number of its own.
    pub id: ItemId,
    /// The `name` of its pkginfos.
    pub title: String,
    /// Why it is there.
    pub role: Role,
    /// These must have ended well before; each stands earlier.
    pub needs: Vec<ItemId>,
    /// What it is, or why it cannot be had.
    pub outcome: Result<Step, Refusal>,
}

/// Why a part is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The control file names it.
    Asked,
    /// Another one requires it (T42).
    Required,
    /// It is an update for another one (T44); its failure never fails that one.
    Update,
}

/// Why a title cannot be had; each counts as a failed download (T50).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// No catalog has it; with up to three names that are nearly the same (T96).
    NotInCatalogs {
        /// Which title.
        title: String,
        /// Which catalogs were searched.
        catalogs: Vec<String>,
        /// Names that differ only in case, spaces or hyphens.
        similar: Vec<String>,
    },
    /// Catalogs have it, but nothing that fits: the reasons, one for each version (T22).
    NothingFits(Vec<String>),
    /// Something it requires cannot be had, or it requires itself (T42, T43).
    Prerequisite(String),
    /// What the catalog says must not be done (T11, T17, T31, T34 …).
    Refused(String),
    /// The repository could not be had or trusted; no title of the run is carried out (T64).
    Repository(String),
}

/// One version of one title, ready to be carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The `name` of the pkginfo.
    pub name: String,
    /// Its version, trimmed (T26).
    pub version: String,
    /// How people know it: `display_name`, else `name`.
    pub shown: String,
    /// The catalog it was found in.
    pub catalog: String,
    /// What is fetched; nothing for `nopkg`.
    pub download: Option<Download>,
    /// How it gets onto the Mac.
    pub method: Method,
    /// How to tell whether it is there.
    pub presence: Presence,
    /// Applications that must not be open: names, paths or bundle names (T45).
    pub blocking_applications: Vec<String>,
    /// What it wants restarted.
    pub restart: Restart,
    /// Run before; any other exit than 0 ends it (T47).
    pub preinstall_script: Option<String>,
    /// Run after success; any other exit than 0 is a warning (T47).
    pub postinstall_script: Option<String>,
    /// Space it takes once it is installed, in KiB (T33).
    pub installed_kib: u64,
}

/// A file of the repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Download {
    /// Where it is.
    pub place: Place,
    /// Its SHA-256: the only link between catalog and file (T31).
    pub digest: Digest,
    /// Its size in KiB as the catalog has it, rounded down.
    pub kib: Option<u64>,
}

/// Where a file of the repository is (T15, T16).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Below `pkgs/` of the repository; not escaped.
    Below(String),
    /// At this URL.
    At(String),
}

/// How a title gets onto the Mac (T34).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The download is a package.
    Package(PackageOptions),
    /// The download is a disk image with a package in it.
    PackageInImage {
        /// Where in the image; else the only one there is (T35).
        path: Option<String>,
        /// How to install it.
        options: PackageOptions,
    },
    /// The download is a disk image to copy from (T36).
    CopyFromImage(Vec<CopyItem>),
    /// Only the scripts run.
    ScriptsOnly,
}

/// How `installer` is called (T35).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PackageOptions {
    /// `installer_choices_xml` as an XML property list.
    pub choices: Option<String>,
    /// `installer_environment`; `CURRENT_CONSOLE_USER` is still in it.
    pub environment: BTreeMap<String, String>,
    /// `allow_untrusted`.
    pub allow_untrusted: bool,
}

/// An entry of `items_to_copy`, checked (T36).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyItem {
    /// Below the root of the image, without a slash in front.
    pub source: String,
    /// The folder it is put into: an absolute path.
    pub folder: String,
    /// Its name there.
    pub name: String,
    /// Who owns it.
    pub user: String,
    /// Its group.
    pub group: String,
    /// What `chmod` is given.
    pub mode: String,
}

/// How to tell whether a title is there: the first test that applies (T37).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// It is always installed.
    OnDemand,
    /// `installcheck_script`: exit 0 means that it is to be installed.
    InstallCheck(String),
    /// `version_script`: what it prints is the version that is there.
    VersionScript(String),
    /// `installs`: all of them must be there.
    Installs(Vec<Installed>),
    /// `receipts`: all of them must be there.
    Receipts(Vec<ReceiptWanted>),
    /// Nothing tells: it counts as there.
    Assumed,
}

/// An entry of `installs` (T39).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    /// What is looked at.
    pub what: Trace,
    /// The version that is enough, and the key it stands under where the entry names one; files have none.
    pub version: Option<String>,
    /// `version_comparison_key`, where the entry names one.
    pub key: Option<String>,
    /// What is older than this does not count as there.
    pub minimum_update_version: Option<String>,
}

/// An entry of `receipts` (T40).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptWanted {
    /// The package identifier.
    pub package_id: String,
    /// The version that is enough.
    pub version: String,
}

/// What a title wants restarted once it is installed (T46).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    /// Nothing.
    #[default]
    Nothing,
    /// The session: told, not done.
    Logout,
    /// The Mac, at the end of the run.
    Mac,
}

impl Resolution {
    /// What is carried out for the item `id` of the control file, in order.
    pub fn parts_of(&self, id: ItemId) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(move |part| (part.id.phase, part.id.index) == (id.phase, id.index))
    }

    /// One part.
    #[must_use]
    pub fn part(&self, id: ItemId) -> Option<&Part> {
        self.parts.iter().find(|part| part.id == id)
    }
}

impl Resolution {
    /// The same for everybody but the journal: without the text of scripts, the values of environments and choices, and the
    /// queries of addresses, in which repositories keep licences and credentials.
    #[must_use]
    pub fn without_content(&self) -> Self {
        let parts = self.parts.iter().map(|part| {
            let outcome = part.outcome.as_ref().map(Step::without_content).map_err(Refusal::clone);
            Part { outcome, ..part.clone() }
        });
        Self { catalogs: self.catalogs.clone(), parts: parts.collect() }
    }
}

/// What stands for what is left out.
const LEFT_OUT: &str = "…";

impl Step {
    fn without_content(&self) -> Self {
        let left_out = |text: &Option<String>| text.as_ref().map(|_| LEFT_OUT.to_owned());
        let told = |options: &PackageOptions| PackageOptions {
            choices: left_out(&options.choices),
            environment: options.environment.keys().map(|key| (key.clone(), LEFT_OUT.to_owned())).collect(),
            allow_untrusted: options.allow_untrusted,
        };
        Self {
            download: self.download.as_ref().map(|download| Download {
                place: match &download.place {
                    Place::At(url) => Place::At(url.split(['?', '#']).next().unwrap_or_default().to_owned()),
                    below => below.clone(),
                },
                ..download.clone()
            }),
            method: match &self.method {
                Method::Package(options) => Method::Package(told(options)),
                Method::PackageInImage { path, options } => {
                    Method::PackageInImage { path: path.clone(), options: told(options) }
                }
                other => other.clone(),
            },
            presence: match &self.presence {
                Presence::InstallCheck(_) => Presence::InstallCheck(LEFT_OUT.to_owned()),
                Presence::VersionScript(_) => Presence::VersionScript(LEFT_OUT.to_owned()),
                other => other.clone(),
            },
            preinstall_script: left_out(&self.preinstall_script),
            postinstall_script: left_out(&self.postinstall_script),
            ..self.clone()
        }
    }
}

impl Part {
    /// Where its download is kept; `beside` is another file of the same folder. One file for one content, whoever wants
    /// it (T17): its name is its digest.
    #[must_use]
    pub fn file(&self, beside: &MacPath) -> MacPath {
        let Ok(Step { download: Some(download), .. }) = &self.outcome else { return beside.clone() };
        let end = match file_name(&download.place).rsplit_once('.') {
            // `installer` and `hdiutil` go by it.
            Some((_, end)) if end.len() <= 5 && end.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                format!(".{}", end.to_ascii_lowercase())
            }
            _ => String::new(),
        };
        let name = format!("{}{end}", download.digest);
        beside.parent().and_then(|folder| folder.join(&name).ok()).unwrap_or_else(|| beside.clone())
    }
}

#[cfg(test)]
impl Step {
    /// A title `A` at version 1 that only runs scripts, for tests.
    pub(crate) fn sample() -> Self {
        Self {
            name: "A".to_owned(),
            version: "1".to_owned(),
            shown: "A".to_owned(),
            catalog: "production".to_owned(),
            download: None,
            method: Method::ScriptsOnly,
            presence: Presence::OnDemand,
            blocking_applications: Vec::new(),
            restart: Restart::Nothing,
            preinstall_script: None,
            postinstall_script: None,
            installed_kib: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::Phase;

    #[test]
    fn what_a_repository_keeps_in_scripts_and_environments_is_told_to_nobody() {
        let secret = "s3cret".to_owned();
        let options = PackageOptions {
            choices: Some(secret.clone()),
            environment: BTreeMap::from([("LICENCE".to_owned(), secret.clone())]),
            allow_untrusted: false,
        };
        let step = Step {
            download: Some(Download {
                place: Place::At(format!("https://example.com/a.pkg?token={secret}")),
                digest: Digest::of(b""),
                kib: None,
            }),
            method: Method::Package(options.clone()),
            presence: Presence::InstallCheck(secret.clone()),
            preinstall_script: Some(secret.clone()),
            postinstall_script: Some(secret.clone()),
            ..Step::sample()
        };
        let image = Step {
            method: Method::PackageInImage { path: None, options },
            presence: Presence::VersionScript(secret.clone()),
            ..step.clone()
        };
        let part = |index, step| Part {
            id: ItemId::new(Phase::Userland, index),
            title: "A".to_owned(),
            role: Role::Asked,
            needs: Vec::new(),
            outcome: Ok(step),
        };
        let whole = Resolution { catalogs: BTreeMap::new(), parts: vec![part(0, step), part(1, image)] };
        assert!(serde_json::to_string(&whole).unwrap().contains(&secret), "the journal needs it");
        let told = serde_json::to_string(&whole.without_content()).unwrap();
        assert!(!told.contains(&secret) && told.contains("LICENCE") && told.contains("a.pkg"), "{told}");
    }
}
