//! The publisher's folder: what is published, how, and what has become of it; everything but the repository itself.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use shared::sys::atomic;
use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
};

/// How a publisher works: `publish.json`. Paths are below its folder.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// The repository.
    pub(super) repository: PathBuf,
    /// Order catalogs by path, the same on every disk.
    #[serde(default)]
    pub(super) sorted: bool,
    /// AutoPkg's RECIPE_OVERRIDE_DIRS.
    #[serde(default)]
    pub(super) override_dirs: Vec<PathBuf>,
    /// AutoPkg's RECIPE_SEARCH_DIRS.
    #[serde(default)]
    pub(super) search_dirs: Vec<PathBuf>,
    /// AutoPkg's RECIPE_REPOS.
    #[serde(default)]
    pub(super) recipe_repos: Vec<PathBuf>,
    /// Root certificates trusted besides Apple's for packages, and besides the system's for connections.
    #[serde(default)]
    pub(super) trust_roots: Vec<PathBuf>,
    /// The gate at VirusTotal.
    #[serde(default)]
    pub(super) virustotal: VirusTotal,
}

/// T85, with the names and defaults of the rules.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct VirusTotal {
    /// Its API.
    pub(super) vt_api: String,
    /// The file that holds the API key; without one every title is held, unless it skips this step with a reason.
    pub(super) vt_key_file: Option<PathBuf>,
    /// How many requests a minute the key allows.
    pub(super) vt_requests_per_minute: u32,
    /// So many engines may call it malicious.
    pub(super) vt_malicious_max: u64,
    /// So many may call it suspicious.
    pub(super) vt_suspicious_max: u64,
    /// So many must have judged.
    pub(super) vt_engines_min: u64,
    /// An analysis that is older is made anew.
    pub(super) vt_age_max_days: i64,
    /// What becomes of a file nobody has shown it before.
    pub(super) vt_unknown: Unknown,
    /// How long a new analysis is waited for.
    pub(super) vt_wait_minutes: u64,
}

impl Default for VirusTotal {
    fn default() -> Self {
        Self {
            vt_api: "https://www.virustotal.com/api/v3".to_owned(),
            vt_key_file: None,
            vt_requests_per_minute: 4,
            vt_malicious_max: 0,
            vt_suspicious_max: 0,
            vt_engines_min: 40,
            vt_age_max_days: 30,
            vt_unknown: Unknown::Hold,
            vt_wait_minutes: 30,
        }
    }
}

/// `vt_unknown`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Unknown {
    /// Somebody has to look.
    Hold,
    /// It is handed to VirusTotal, and so to third parties.
    Submit,
    /// It is not published.
    Fail,
}

/// One title: `titles/NAME.json`. Paths are below the publisher's folder.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Title {
    /// The AutoPkg override it is made by: a path, an identifier or a name.
    #[serde(default)]
    pub(super) r#override: Option<String>,
    /// Where the file is downloaded from, by https.
    #[serde(default)]
    pub(super) url: Option<String>,
    /// The file itself, if something else has downloaded it already.
    #[serde(default)]
    pub(super) file: Option<PathBuf>,
    /// The digest its vendor publishes.
    #[serde(default)]
    pub(super) sha256: Option<String>,
    /// The digest of the vendor's file, if this one was packaged from it.
    #[serde(default)]
    pub(super) vendor_sha256: Option<String>,
    /// The pkginfo; location, digest and size are filled in.
    pub(super) pkginfo: PathBuf,
    /// The folder in `pkgs` and `pkgsinfo`.
    #[serde(default)]
    pub(super) folder: String,
    /// The team that must have signed it.
    #[serde(default)]
    pub(super) team_id: Option<String>,
    /// The names of the certificates it must be signed with, the signer's first (AutoPkg's expected_authority_names).
    #[serde(default)]
    pub(super) expected_authority_names: Option<Vec<String>>,
    /// The icon.
    #[serde(default)]
    pub(super) icon: Option<PathBuf>,
    /// It must never be handed to VirusTotal.
    #[serde(default)]
    pub(super) private: bool,
    /// Steps that are left out, each with the reason.
    #[serde(default)]
    pub(super) skip: BTreeMap<String, String>,
}

/// A file of somebody's that passes although engines dislike it (T86).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exception {
    pub(super) sha256: String,
    pub(super) title: String,
    /// What they said then: engine and result.
    pub(super) engines: BTreeMap<String, String>,
    pub(super) reason: String,
    pub(super) reviewer: String,
    /// When it was granted, and until when it holds: days, the last one included.
    pub(super) granted: String,
    pub(super) expires: String,
}

/// One title that passed the gate: `records/NAME-VERSION.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) time: i64,
    pub(super) title: String,
    pub(super) version: String,
    pub(super) sha256: Option<String>,
    pub(super) pkginfo: String,
    pub(super) override_commit: Option<String>,
    pub(super) run: String,
    pub(super) steps: serde_json::Value,
}

/// The folder.
#[derive(Debug)]
pub(super) struct Publisher {
    root: PathBuf,
    pub(super) settings: Settings,
}

impl Publisher {
    /// The publisher in `root`.
    ///
    /// # Errors
    /// There is no usable `publish.json`.
    pub(super) fn open(root: &Path) -> Result<Self, String> {
        let settings = read(&root.join("publish.json"))?;
        Ok(Self { root: root.to_owned(), settings })
    }

    /// Where `path` is, which may begin with `~`.
    pub(super) fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join(expanded(path.as_ref()))
    }

    /// The names of all titles.
    pub(super) fn titles(&self) -> Vec<String> {
        let files = fs::read_dir(self.path("titles")).into_iter().flatten().flatten();
        let name = |file: fs::DirEntry| file.file_name().to_str()?.strip_suffix(".json").map(str::to_owned);
        let mut names: Vec<String> = files.filter_map(name).collect();
        names.sort();
        names
    }

    /// The title called `name`.
    ///
    /// # Errors
    /// Its file is not there or malformed.
    pub(super) fn title(&self, name: &str) -> Result<Title, String> {
        read(&self.path(format!("titles/{name}.json")))
    }

    /// The title called `name`, if it has a file.
    ///
    /// # Errors
    /// It has one that cannot be used.
    pub(super) fn title_if_any(&self, name: &str) -> Result<Option<Title>, String> {
        let there = fs::symlink_metadata(self.path(format!("titles/{name}.json")));
        match there {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            _ => self.title(name).map(Some),
        }
    }

    /// The exceptions that were granted.
    ///
    /// # Errors
    /// Their file is malformed.
    pub(super) fn exceptions(&self) -> Result<Vec<Exception>, String> {
        let path = self.path("exceptions.json");
        if path.exists() { read(&path) } else { Ok(Vec::new()) }
    }

    /// What is known of a version that passed the gate.
    pub(super) fn record(&self, title: &str, version: &str) -> Option<Record> {
        read(&self.path(record_file(title, version))).ok()
    }

    /// Keeps a record.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn keep(&self, record: &Record) -> Result<(), String> {
        self.replace(&record_file(&record.title, &record.version), record)
    }

    /// Replaces a file of the publisher's by a value as JSON.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn replace(&self, place: &str, value: &impl Serialize) -> Result<(), String> {
        let path = self.path(place);
        let failed = |error: std::io::Error| format!("{}: {error}", path.display());
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let text = serde_json::to_string_pretty(value).unwrap_or_default() + "\n";
        atomic::replace(&path, text.as_bytes(), 0o644).map_err(failed)
    }

    /// Adds a line to `incidents.ndjson` (T88).
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn report(&self, incident: &impl Serialize) -> Result<(), String> {
        let path = self.path("incidents.ndjson");
        let line = serde_json::to_string(incident).unwrap_or_default() + "\n";
        let written = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .and_then(|mut file| file.write_all(line.as_bytes()).and_then(|()| file.sync_all()));
        written.map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// The path with the home of this user for `~` at its beginning.
pub(super) fn expanded(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), std::env::var_os("HOME")) {
        (Ok(below), Some(home)) => PathBuf::from(home).join(below),
        _ => path.to_owned(),
    }
}

fn record_file(title: &str, version: &str) -> String {
    // Both become part of a file's name.
    let plain = |text: &str| text.replace(['/', '\0'], "_");
    format!("records/{}-{}.json", plain(title), plain(version))
}

/// A value in a JSON file.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, String> {
    let text = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))
}
