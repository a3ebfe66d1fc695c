//! Reads the sources of the settings from this computer, waits until one of them names a control file, and checks `InstallPath`
//! against the disk (R36, R37, R40, R42, R44).

use crate::download::{Existing, Store, StoreError};
use cap_std::{ambient_authority, fs::Dir};
use shared::{
    layout::MacPath,
    settings::{
        DOMAIN, Layer, Merged, Origin, Settings, SettingsFinding, Severity, Source, arguments::Arguments,
        document, keys,
    },
};
use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::Path,
    time::Duration,
};
use tokio::time::{Instant, sleep};

#[cfg(feature = "simulated")]
mod preference_files;

#[cfg(feature = "simulated")]
pub(crate) use preference_files::PreferenceFiles;

/// How often sources are read again while none names a control file (R42).
const AGAIN: Duration = Duration::from_secs(10);
/// How long that goes on (R42).
const PATIENCE: Duration = Duration::from_secs(300);

/// Preferences as macOS keeps them.
pub(crate) trait PreferenceDomain: Send + Sync {
    /// What every place says about `domain`, from weak to strong.
    fn read(&self, domain: &str) -> Vec<Reading>;
}

/// One source that was read, or could not be.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// Its keys; `None` when there is no such source, or it cannot be read.
    pub(crate) layer: Option<Layer>,
    /// What there is to say about it.
    pub(crate) findings: Vec<SettingsFinding>,
}

/// Settings a run can begin with.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    /// What is in force.
    pub(crate) settings: Settings,
    /// Every key with its effective value and its source, to be logged (R36).
    pub(crate) origins: Vec<Origin>,
    /// What there is to say.
    pub(crate) findings: Vec<SettingsFinding>,
}

/// No run can begin: exit 78, nothing is removed (R42, R44).
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// No source named a control file in time.
    #[error("neither JSONURL nor Bootstrap is set in any source after {} s", PATIENCE.as_secs())]
    NoControlFile(Vec<SettingsFinding>),
    /// A value must not be used, and nothing may take its place: `InstallPath`, or keys to verify with.
    #[error("{0}")]
    Dangerous(Box<SettingsFinding>),
}

impl SettingsError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::NoControlFile(_) => {
                format!("set JSONURL in a profile for {DOMAIN} or in iasd.plist; the next launch looks again")
            }
            Self::Dangerous(_) => "nothing was done; the next launch looks again".to_owned(),
        }
    }
}

/// The Mac whose settings are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mac<'a> {
    /// Which folder is its `/`.
    pub(crate) root: &'a Path,
    /// Who must own a plist that lies there (R116); `None` where the run has no rights that somebody else could misuse.
    pub(crate) owner: Option<u32>,
}

/// Reads all sources until they are enough to begin with.
///
/// `waiting` hears once, with what is known so far, that no source names a control file yet.
///
/// # Errors
/// When after [`PATIENCE`] no source names a control file, or at once when a value must not be used.
pub(crate) async fn load(
    arguments: &Arguments,
    domains: &dyn PreferenceDomain,
    mac: Mac<'_>,
    waiting: &mut (dyn FnMut(&Merged) + Send),
) -> Result<Loaded, SettingsError> {
    let deadline = Instant::now() + PATIENCE;
    let mut told = false;
    loop {
        let merged = read(arguments, domains, mac);
        if let Some(fatal) = merged.fatal() {
            return Err(SettingsError::Dangerous(Box::new(fatal.clone())));
        }
        if merged.settings.control.is_some() {
            check_on_disk(&merged, mac.root)?;
            let Merged { settings, origins, findings } = merged;
            return Ok(Loaded { settings, origins, findings });
        }
        if Instant::now() + AGAIN > deadline {
            return Err(SettingsError::NoControlFile(merged.findings));
        }
        if !std::mem::replace(&mut told, true) {
            waiting(&merged);
        }
        sleep(AGAIN).await;
    }
}

/// Every source once (R36).
fn read(arguments: &Arguments, domains: &dyn PreferenceDomain, mac: Mac<'_>) -> Merged {
    let mut readings: Vec<Reading> =
        domain_names(arguments).iter().flat_map(|domain| domains.read(domain)).collect();
    readings.push(configuration(arguments, mac));
    let mut layers = Vec::new();
    let mut findings = Vec::new();
    for reading in readings {
        layers.extend(reading.layer);
        findings.extend(reading.findings);
    }
    let mut merged = arguments.merged(layers);
    findings.append(&mut merged.findings);
    merged.findings = findings;
    let exposed = exposed_secrets(&merged);
    merged.findings.extend(exposed);
    merged
}

/// Our domain, that of a daemon renamed on the command line, and the one asked for (R37); later ones are stronger.
fn domain_names(arguments: &Arguments) -> Vec<String> {
    let renamed = arguments.settings.get("LaunchDaemonIdentifier").and_then(plist::Value::as_string);
    let wanted = renamed.into_iter().chain(arguments.domain.as_deref());
    let mut names = vec![DOMAIN.to_owned()];
    for name in wanted.filter(|name| !name.contains('/')) {
        names.retain(|known| known != name);
        names.push(name.to_owned());
    }
    names
}

/// The configuration plist: the one asked for, or `iasd.plist` beside the program (R40).
fn configuration(arguments: &Arguments, mac: Mac<'_>) -> Reading {
    if let Some(path) = &arguments.config {
        let reading = read_file(path, mac);
        return reading.unwrap_or_else(|| {
            let source = Source::File(path.display().to_string());
            let finding = SettingsFinding::new(Severity::Error, source, "there is no such file");
            Reading { layer: None, findings: vec![finding.hint("check the path of the settings plist")] }
        });
    }
    // As spelled by whoever started it, as the system knows it, and where it would be installed.
    let spelled = arguments.program.parent().filter(|folder| !folder.as_os_str().is_empty());
    let own = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.to_path_buf()));
    let installed = Settings::default().install_path.under(mac.root);
    let folders = spelled.map(Path::to_path_buf).into_iter().chain(own).chain([installed]);
    folders.map(|folder| folder.join("iasd.plist")).find_map(|path| read_file(&path, mac)).unwrap_or_default()
}

/// Reads one plist; `None` when there is no such file.
///
/// It decides what root runs: on the Mac it must be nobody else's, and neither must its folder (R116). What lies outside
/// of a Mac that is a folder belongs to whoever rehearses there.
fn read_file(path: &Path, mac: Mac<'_>) -> Option<Reading> {
    let source = Source::File(path.display().to_string());
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    if let (Some(owner), Ok(inside)) = (mac.owner, absolute.strip_prefix(mac.root)) {
        let refused = |finding| Reading { layer: None, findings: vec![finding] };
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Ok(found) if found.is_dir() => return Some(parsed(Err(not_regular()), source)),
            _ => {}
        }
        return Some(match MacPath::new(&format!("/{}", inside.display())) {
            Err(error) => refused(SettingsFinding::new(Severity::Fatal, source, error.to_string())),
            Ok(path) => match opened(&path, mac.root, owner) {
                Ok(file) => parsed(bounded(file), source),
                Err(problem) => refused(unsafe_to_use(problem, source)),
            },
        });
    }
    // Looked at before it is opened: opening a pipe would wait for its writer.
    let bytes = fs::metadata(path).and_then(|found| match found.is_file() {
        true => bounded(fs::File::open(path)?),
        false => Err(not_regular()),
    });
    match bytes {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        bytes => Some(parsed(bytes, source)),
    }
}

/// Opens a plist of the Mac at `root` that passes R116.
fn opened(path: &MacPath, root: &Path, owner: u32) -> Result<File, StoreError> {
    let store = Store::new(root.to_owned(), &Settings::default().install_path, owner);
    match store.existing(path)? {
        Existing::Usable(opened) => {
            opened.file.try_clone().map_err(|error| StoreError::io("open", path, error))
        }
        Existing::Unusable(error) => Err(error),
        Existing::Absent => Err(StoreError::io("open", path, "it vanished")),
    }
}

/// A plist that somebody else could change is not just left out: what it should have said may be what protects this Mac.
fn unsafe_to_use(problem: StoreError, source: Source) -> SettingsFinding {
    let finding = SettingsFinding::new(Severity::Fatal, source, problem.to_string());
    match problem {
        StoreError::Unsafe { path, .. } => {
            finding.hint(format!("chown root:wheel '{path}'; chmod go-w '{path}'; and no links on the way"))
        }
        _ => finding,
    }
}

fn not_regular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")
}

/// At most one byte more than a plist may have, so that a longer one is refused for its length.
fn bounded(file: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(document::MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn parsed(bytes: io::Result<Vec<u8>>, source: Source) -> Reading {
    let refused = |finding| Reading { layer: None, findings: vec![finding] };
    let bytes = match bytes {
        Ok(bytes) => bytes,
        Err(error) => {
            return refused(SettingsFinding::new(
                Severity::Error,
                source,
                format!("cannot be read: {error}"),
            ));
        }
    };
    let document = match document::read(&bytes, &source) {
        Ok(document) => document,
        Err(finding) => return refused(*finding),
    };
    match document.value {
        plist::Value::Dictionary(values) => Reading {
            layer: Some(Layer { source, values, places: document.places }),
            findings: document.findings,
        },
        _ => refused(SettingsFinding::new(Severity::Error, source, "the plist is no dictionary")),
    }
}

/// R36: a plist with credentials that others may read.
fn exposed_secrets(merged: &Merged) -> Option<SettingsFinding> {
    let secret = |origin: &&Origin| keys::find(origin.key).is_some_and(|key| key.secret);
    let in_file = merged.origins.iter().filter(secret).find_map(|origin| match &origin.source {
        Source::File(path) if origin.value != "-" => Some((origin.key, path)),
        _ => None,
    });
    let (key, path) = in_file?;
    let mode = fs::metadata(path).ok()?.permissions().mode();
    let problem =
        format!("this secret stands in a file with mode {:04o}, which others may read", mode & 0o7777);
    let finding = SettingsFinding::new(Severity::Warning, Source::File(path.clone()), problem);
    (mode & 0o044 != 0).then(|| finding.about(key, None).hint(format!("chmod 600 '{path}'")))
}

/// R44: what lies at `InstallPath` must be a folder of its own, or nothing.
fn check_on_disk(merged: &Merged, root: &Path) -> Result<(), SettingsError> {
    let path = &merged.settings.install_path;
    let origin = merged.origins.iter().find(|origin| origin.key == "InstallPath");
    let source = origin.map_or(Source::Default, |origin| origin.source.clone());
    let refused = |why: String| {
        let finding = SettingsFinding::new(Severity::Fatal, source, why).about("InstallPath", None);
        let finding = finding.hint("set it to a folder of its own");
        Err(SettingsError::Dangerous(Box::new(finding)))
    };
    let found = Dir::open_ambient_dir(root, ambient_authority())
        .and_then(|dir| dir.symlink_metadata(path.relative()));
    match found {
        Ok(metadata) if metadata.is_symlink() => refused(format!("{path} is a symlink")),
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => refused(format!("{path} is not a folder")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => refused(format!("{path} cannot be looked at: {error}")),
    }
}

#[cfg(test)]
mod tests;
