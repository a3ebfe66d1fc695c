//! Sets the stage of a rehearsal: packages, the site, the scenario and the settings, all in folders of its own.

use super::{
    Arguments,
    building::build,
    faults::{self, Led, Targets},
    hashes, overrides,
    server::{Site, TitleService, percent_decoded},
};
use crate::sign;
use plist::Dictionary;
use serde_json::{Map, Value, json};
use shared::{
    digest::Digest, fault::Fault, hint::nearest, item::Phase, layout::RECORDS_FOLDER, settings::keys,
    sys::atomic,
};
use std::{
    collections::BTreeSet,
    fs,
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};
use tempfile::TempDir;
use url::Url;

/// The control file's name in a folder.
const CONTROL_FILE: &str = "bootstrap.json";
/// What the Mac is like, beside it.
const SCENARIO: &str = "scenario.json";
/// What `iasd` says, beside the Mac.
const LOG: &str = "iasd.log";
/// Which faults have happened to the Mac, beside it.
const FAULTS: &str = "faults.ndjson";
/// What the server was asked, beside it.
const REQUESTS: &str = "requests.ndjson";
/// Who serves the control file when nothing says otherwise; `.test` belongs to nobody.
const DEFAULT_HOST: &str = "bootstrap.simulate.test";

/// What a rehearsal needs, ready but for the server's address.
#[derive(Debug)]
pub(crate) struct Stage {
    /// The folder that is the Mac's `/`.
    pub(crate) root: PathBuf,
    /// What lies beside it: scenario, settings, log, built packages.
    pub(crate) side: PathBuf,
    /// What is served.
    pub(crate) site: Site,
    /// Who lends the credential of a repository of titles.
    pub(crate) title_service: Option<TitleService>,
    /// What goes wrong.
    pub(crate) faults: Vec<Led>,
    /// Whether nothing had happened on this Mac before.
    pub(crate) is_new: bool,
    /// Where DEPNotify's control file is, below the root.
    pub(crate) depnotify: PathBuf,
    /// The admin's own control file.
    control: PathBuf,
    scenario: Map<String, Value>,
    settings: Dictionary,
    /// Removed when the stage is dropped, unless kept.
    temporary: Option<TempDir>,
}

impl Stage {
    /// Sets the stage for what the command line asks.
    ///
    /// # Errors
    /// What cannot be read, built or written, in one line.
    pub(crate) fn set(arguments: &Arguments) -> Result<Self, String> {
        let source = &arguments.source;
        let folder = source.is_dir().then_some(source.as_path());
        let control = folder.map_or_else(|| source.clone(), |folder| folder.join(CONTROL_FILE));
        let text = fs::read_to_string(&control).map_err(|error| named(&control, &error))?;

        let (root, temporary) = place(arguments)?;
        let side = PathBuf::from(format!("{}.sim", root.display()));
        let built = side.join("site");
        create(&root)?;
        let is_new = fs::read_dir(&root).is_ok_and(|mut entries| entries.next().is_none());
        create(&built)?;
        if let Some(folder) = folder {
            build(&folder.join("packages"), &built.join("packages"))?;
        }

        let mut scenario = scenario(folder)?;
        let title_service = scenario.remove("title_service").map(TitleService::read).transpose();
        let title_service =
            title_service.map_err(|error| format!("scenario.json: title_service: {error}"))?;
        let mut settings = settings(folder, arguments)?;
        let mut site = Site::default();
        let urls = urls(&text);
        // What a control file names may lie beside it, also when it is given alone.
        let beside = folder.or(control.parent());
        serve(&mut site, beside, &mut scenario, &urls, &built)?;
        if !settings.contains_key("JSONURL") && !settings.contains_key("Bootstrap") {
            let host = site.hosts().into_iter().next().unwrap_or_else(|| DEFAULT_HOST.to_owned());
            settings.insert("JSONURL".to_owned(), format!("https://{host}/{CONTROL_FILE}").into());
            let copy = built.join(CONTROL_FILE);
            fs::copy(&control, &copy).map_err(|error| named(&copy, &error))?;
            let signature = sign::beside(&control);
            if signature.is_file() {
                let copy = sign::beside(&copy);
                fs::copy(&signature, &copy).map_err(|error| named(&copy, &error))?;
            }
            site.add(&host, "/", &built);
        }
        let url = settings.get("JSONURL").and_then(plist::Value::as_string).and_then(|url| url.parse().ok());
        if let (Some(url), Some(folder)) = (url, folder) {
            site.add_for(&url, folder);
        }
        overrides::adjust(&mut scenario, arguments);
        let faults = Targets::of(&text, &settings).lead(faults::collect(&mut scenario, arguments)?)?;
        if !faults.is_empty() {
            // What is not asked for cannot go wrong.
            scenario.remove("cache");
        } else if let Some(cache) = &arguments.cache {
            scenario.insert("cache".to_owned(), json!(private_folder(cache)?));
        }
        forget(&side)?;
        let depnotify = depnotify(&root, &settings);
        Ok(Self {
            root,
            side,
            site,
            title_service,
            faults,
            is_new,
            depnotify,
            control,
            scenario,
            settings,
            temporary,
        })
    }

    /// Every host the server stands for.
    pub(crate) fn hosts(&self) -> BTreeSet<String> {
        let of_titles = self.title_service.iter().flat_map(TitleService::hosts);
        self.site.hosts().into_iter().chain(of_titles).collect()
    }

    /// The scenario file; it gets to know where the server is, and whom to trust.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(crate) fn write_scenario(&mut self, server: SocketAddr, root_pem: &str) -> Result<PathBuf, String> {
        let pem = self.side.join("roots.pem");
        let hosts = self.hosts();
        let network = self.scenario.entry("network").or_insert_with(|| json!({}));
        let others = network.get("extra_roots").and_then(Value::as_str).map(fs::read_to_string);
        let others = others.transpose().map_err(|error| format!("network.extra_roots: {error}"))?;
        write(&pem, others.unwrap_or_default() + root_pem)?;
        if let Some(network) = network.as_object_mut() {
            network.insert("extra_roots".to_owned(), json!(pem));
            let resolve = network.entry("resolve").or_insert_with(|| json!({}));
            if let Some(resolve) = resolve.as_object_mut() {
                resolve.extend(hosts.into_iter().map(|host| (host, json!(server.to_string()))));
            }
        }
        self.scenario.insert("side_folder".to_owned(), json!(self.side));
        let faults: Vec<&Fault> = self.faults.iter().map(|led| &led.fault).collect();
        self.scenario.insert("faults".to_owned(), json!(faults));
        let path = self.side.join(SCENARIO);
        write(&path, format!("{:#}\n", Value::Object(self.scenario.clone())))?;
        Ok(path)
    }

    /// The record of which faults have happened to the Mac.
    pub(crate) fn fault_record(&self) -> PathBuf {
        self.side.join(FAULTS)
    }

    /// The log of the server.
    pub(crate) fn requests(&self) -> PathBuf {
        self.side.join(REQUESTS)
    }

    /// The settings file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write_settings(&self) -> Result<PathBuf, String> {
        let path = self.side.join("settings.plist");
        let mut text = Vec::new();
        let written = plist::to_writer_xml(&mut text, &self.settings);
        written.map_err(|error| format!("{}: {error}", path.display()))?;
        // There may be secrets in it.
        atomic::replace(&path, &text, 0o600).map_err(|error| named(&path, &error))?;
        Ok(path)
    }

    /// Brings the digests in the admin's control file up to date.
    ///
    /// # Errors
    /// When it cannot be read, changed or written.
    pub(crate) fn update_hashes(&self) -> Result<(), String> {
        let path = &self.control;
        let text = fs::read_to_string(path).map_err(|error| named(path, &error))?;
        let digest = |url: &Url| {
            let file = self.site.file(url.host_str()?, &percent_decoded(url.path())?)?;
            fs::read(file).ok().map(|content| Digest::of(&content))
        };
        let updated =
            hashes::update(&text, digest).map_err(|error| format!("{}: {error}", path.display()))?;
        if updated == text {
            return Ok(());
        }
        let mode = fs::metadata(path).map_err(|error| named(path, &error))?.permissions().mode();
        atomic::replace(path, updated.as_bytes(), mode & 0o777).map_err(|error| named(path, &error))
    }

    /// The log of `iasd`.
    pub(crate) fn log(&self) -> PathBuf {
        self.side.join(LOG)
    }

    /// What the run has noted for its next start.
    pub(crate) fn journal(&self) -> PathBuf {
        self.root.join(RECORDS_FOLDER.trim_start_matches('/')).join("last-run.ndjson")
    }

    /// Packages that were there from the outset.
    pub(crate) fn installed_before(&self) -> Vec<String> {
        let installed = self.scenario.get("installed").and_then(Value::as_object);
        installed.into_iter().flatten().map(|(id, _)| id.clone()).collect()
    }

    /// Leaves the folders where they are.
    pub(crate) fn keep(&mut self) {
        if let Some(temporary) = self.temporary.take() {
            // Its path is known as `root`.
            let _ = temporary.keep();
        }
    }

    /// Whether the folders stay.
    pub(crate) fn is_kept(&self) -> bool {
        self.temporary.is_none()
    }
}

/// The Mac's root: the folder asked for, or one in a temporary folder.
fn place(arguments: &Arguments) -> Result<(PathBuf, Option<TempDir>), String> {
    if let Some(root) = &arguments.root {
        if root.exists() && !root.is_dir() {
            return Err(format!("--root {}: not a folder", root.display()));
        }
        create(root)?;
        let root = root.canonicalize().map_err(|error| named(root, &error))?;
        if root == Path::new("/") {
            return Err("--root / is this computer: name an empty folder, or a new one".to_owned());
        }
        return Ok((root, None));
    }
    let temporary = tempfile::Builder::new().prefix("iasctl-simulate-").tempdir();
    let temporary = temporary.map_err(|error| format!("no temporary folder: {error}"))?;
    // The agent runs as another user when we are root; it has to get through to its socket.
    let through = fs::Permissions::from_mode(0o711);
    fs::set_permissions(temporary.path(), through).map_err(|error| named(temporary.path(), &error))?;
    let root = temporary.path().canonicalize().map_err(|error| named(temporary.path(), &error))?.join("mac");
    if arguments.keep {
        let _ = temporary.keep();
        return Ok((root, None));
    }
    Ok((root, Some(temporary)))
}

/// Removes what an earlier rehearsal has noted beside the Mac, and this one notes anew.
fn forget(side: &Path) -> Result<(), String> {
    for file in [LOG, FAULTS, REQUESTS] {
        match fs::remove_file(side.join(file)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(named(&side.join(file), &error));
            }
            _ => {}
        }
    }
    Ok(())
}

fn scenario(folder: Option<&Path>) -> Result<Map<String, Value>, String> {
    let Some(path) = folder.map(|folder| folder.join("scenario.json")).filter(|path| path.exists()) else {
        return Ok(Map::new());
    };
    let text = fs::read_to_string(&path).map_err(|error| named(&path, &error))?;
    let mut scenario: Map<String, Value> =
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    // `iasd` reads a copy of the scenario that lies elsewhere.
    for key in ["package_roots", "cache"] {
        if let Some(Value::String(named)) = scenario.get_mut(key) {
            *named = path.with_file_name(&named).display().to_string();
        }
    }
    Ok(scenario)
}

fn settings(folder: Option<&Path>, arguments: &Arguments) -> Result<Dictionary, String> {
    let path = folder.map(|folder| folder.join("iasd.plist")).filter(|path| path.exists());
    let mut settings: Dictionary = match path {
        Some(path) => plist::from_file(&path).map_err(|error| format!("{}: {error}", path.display()))?,
        None => Dictionary::new(),
    };
    for (key, value) in &arguments.set {
        if keys::find(key).is_none() {
            let hint = nearest(key, keys::names()).map(|name| format!(": did you mean {name}?"));
            return Err(format!("--set {key}: there is no such setting{}", hint.unwrap_or_default()));
        }
        let value = match (value.as_str(), value.parse::<i64>()) {
            ("true" | "false", _) => plist::Value::Boolean(value == "true"),
            (_, Ok(number)) => plist::Value::Integer(number.into()),
            _ => plist::Value::String(value.clone()),
        };
        settings.insert(key.clone(), value);
    }
    if arguments.dry_run {
        settings.insert("DryRun".to_owned(), plist::Value::Boolean(true));
    }
    Ok(settings)
}

/// Every URL of the control file that can be read; what is wrong with the others, `iasd` will say.
fn urls(control: &str) -> Vec<Url> {
    let control: Value = serde_json::from_str(control).unwrap_or_default();
    let items = Phase::ALL.iter().filter_map(|phase| control.get(phase.key())?.as_array()).flatten();
    items.flat_map(addresses).collect()
}

/// The addresses of one item: `url`, then `urls`.
pub(super) fn addresses(item: &Value) -> Vec<Url> {
    let others = item.get("urls").and_then(Value::as_array).into_iter().flatten();
    let all = item.get("url").into_iter().chain(others);
    all.filter_map(|url| url.as_str()?.parse().ok()).collect()
}

/// Serves what `serve` in the scenario says, or whatever of the URLs is there.
fn serve(
    site: &mut Site,
    folder: Option<&Path>,
    scenario: &mut Map<String, Value>,
    urls: &[Url],
    built: &Path,
) -> Result<(), String> {
    let Some(folder) = folder else { return Ok(()) };
    match scenario.remove("serve") {
        Some(Value::Object(map)) => {
            for (url, to) in map {
                let parsed: Result<Url, _> = url.parse();
                let host = parsed.as_ref().ok().and_then(Url::host_str);
                let (Ok(parsed), Some(host), Some(to)) = (&parsed, host, to.as_str()) else {
                    return Err(format!("scenario.json: serve: `{url}` must be a URL that names a folder"));
                };
                site.add(host, parsed.path(), built);
                site.add(host, parsed.path(), &folder.join(to));
            }
        }
        Some(_) => return Err("scenario.json: serve must map URLs to folders".to_owned()),
        None => {
            for url in urls {
                let _ = site.add_for(url, built) || site.add_for(url, folder);
            }
        }
    }
    Ok(())
}

fn depnotify(root: &Path, settings: &Dictionary) -> PathBuf {
    let path = settings.get("DEPNotifyControlFile").and_then(plist::Value::as_string);
    let path = path.unwrap_or("/private/var/tmp/depnotify.log");
    // `/var` is a link to `private/var` on a Mac.
    let path =
        path.strip_prefix("/var/").map_or_else(|| path.to_owned(), |rest| format!("/private/var/{rest}"));
    root.join(path.trim_start_matches('/'))
}

pub(super) fn create(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| named(folder, &error))
}

/// Makes a folder for us alone, whatever this account's files usually are: `iasd` takes nothing from where others can write.
fn private_folder(path: &Path) -> Result<PathBuf, String> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.and_then(|()| path.canonicalize()).map_err(|error| named(path, &error))
}

fn write(path: &Path, text: String) -> Result<(), String> {
    fs::write(path, text).map_err(|error| named(path, &error))
}

pub(super) fn named(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
