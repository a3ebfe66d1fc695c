//! Which addresses settings and control files name, and for what.

use super::{Line, titles};
use crate::{check::settings, repository::Repository, verdict::Verdict};
use shared::{
    control::{self, Context, Entry, Finding, Reading, Severity},
    item::FetchOptions,
    settings::{ControlSource, Settings, TitleAccess},
};
use std::{
    collections::VecDeque,
    fs,
    path::{Path, PathBuf},
};
use url::Url;

/// An address a Mac will ask.
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) url: Url,
    /// For what, in words.
    pub(super) purpose: String,
    /// Whether what it answers to a question without credentials says something.
    pub(super) answers: bool,
    /// What is shown to it.
    pub(super) headers: Vec<(String, String)>,
}

impl Address {
    fn new(url: &Url, purpose: impl Into<String>, answers: bool) -> Self {
        Self { url: url.clone(), purpose: purpose.into(), answers, headers: Vec::new() }
    }

    /// Where it leads to; what is shown stays with the first origin.
    pub(super) fn at(&self, next: Url) -> Self {
        let host = self.url.host_str().unwrap_or_default();
        let same = self.url.origin() == next.origin();
        let purpose = if same { self.purpose.clone() } else { format!("where {host} leads") };
        let headers = if same { self.headers.clone() } else { Vec::new() };
        Self { url: next, purpose, answers: self.answers, headers }
    }
}

/// A repository that settings name, with what to show it.
pub(super) struct KnownRepository {
    address: String,
    authorization: Option<String>,
    catalogs: Vec<String>,
    hosts: Vec<String>,
}

impl KnownRepository {
    /// Looks over the catalogs the settings name.
    pub(super) fn look(&self, ca: &[PathBuf]) -> Result<titles::Surveyed, String> {
        let repository = Repository::at(&self.address, self.authorization.clone(), ca)?;
        titles::look(&repository, &self.catalogs, &self.hosts)
    }
}

/// A control file that settings load.
pub(super) struct ControlFile {
    pub(super) address: Address,
    name: String,
    context: Context,
}

/// What was found in the files so far.
#[derive(Default)]
pub(super) struct Named {
    pub(super) lines: Vec<Line>,
    pub(super) addresses: Vec<Address>,
    pub(super) repositories: Vec<KnownRepository>,
    control_files: VecDeque<ControlFile>,
}

impl Named {
    /// Reads settings or a control file.
    ///
    /// # Errors
    /// When the file cannot be read at all.
    pub(super) fn read(&mut self, path: &Path) -> Result<(), String> {
        let path = if path.is_dir() { path.join("bootstrap.json") } else { path.to_owned() };
        let name = path.display().to_string();
        let bytes = fs::read(&path).map_err(|error| format!("{name}: {error}"))?;
        if !settings::is_settings(&bytes) {
            self.control(&name, &bytes, &context(&Settings::default()));
            return Ok(());
        }
        let checked = settings::check(&name, &bytes);
        self.lines.extend(checked.findings.iter().map(line));
        if checked.findings.is_empty() {
            self.lines.push(Line::new(&name, Verdict::Fits(format!("{}, nothing wrong", checked.purpose))));
        }
        if let Some(settings) = &checked.settings {
            self.settings(&name, settings);
        }
        Ok(())
    }

    /// The next control file that settings load.
    pub(super) fn next_control_file(&mut self) -> Option<ControlFile> {
        self.control_files.pop_front()
    }

    /// Takes what was loaded.
    pub(super) fn loaded(&mut self, file: &ControlFile, loaded: Result<Vec<u8>, String>) {
        match loaded {
            Ok(bytes) => self.control(&file.name, &bytes, &file.context),
            Err(why) => self.lines.push(Line::new(&file.name, Verdict::Refused(why))),
        }
    }

    /// Takes the host of a repository that was given.
    pub(super) fn repository(&mut self, repository: &Repository) {
        if let Repository::Server(served) = repository
            && let Ok(url) = Url::parse(&served.repo.origin())
        {
            self.addresses.push(Address::new(&url, "titles", false));
        }
    }

    fn settings(&mut self, name: &str, settings: &Settings) {
        match &settings.control {
            Some(ControlSource::Url(url)) if matches!(url.scheme(), "http" | "https") => {
                let mut address = Address::new(url, "the control file", true);
                address.headers = shown_to(url, settings);
                // Without what may be secret.
                let name = crate::web::shown(url);
                self.control_files.push_back(ControlFile { address, name, context: context(settings) });
            }
            // What is wrong with it was found with the settings.
            Some(ControlSource::Embedded(json)) => {
                self.items(control::read(json.as_bytes(), name, &context(settings)))
            }
            _ => {}
        }
        if let Some(url) = &settings.webhook.url {
            self.addresses.push(Address::new(url, "the webhook", false));
        }
        if let Some(url) = settings.otlp.traces() {
            self.addresses.push(Address::new(&url, "the collector of traces", false));
        }
        match settings.titles.access() {
            Ok(TitleAccess::Service(url)) => {
                self.addresses.push(Address::new(url, "the title service", false))
            }
            Ok(TitleAccess::Known(url, authorization)) => {
                self.addresses.push(Address::new(url, "titles", false));
                self.repositories.push(KnownRepository {
                    address: url.to_string(),
                    authorization: authorization.map(|secret| secret.0.clone()),
                    catalogs: settings.titles.catalogs.clone(),
                    hosts: settings.titles.hosts.clone(),
                });
            }
            Err(_) => {}
        }
    }

    /// What is wrong with a control file, and what it names.
    fn control(&mut self, name: &str, bytes: &[u8], context: &Context) {
        let reading = control::read(bytes, name, context);
        let (errors, warnings): (Vec<_>, Vec<_>) =
            reading.findings.iter().partition(|finding| finding.severity == Severity::Error);
        self.lines.extend(errors.iter().map(|finding| line(finding)));
        let text = match (errors.len(), warnings.len()) {
            (0, 0) => Some(Verdict::Fits("a control file, nothing wrong".into())),
            (_, 0) => None,
            (_, 1) => Some(Verdict::Note("one warning; `iasctl check` tells it".into())),
            (_, many) => Some(Verdict::Note(format!("{many} warnings; `iasctl check` tells them"))),
        };
        self.lines.extend(text.map(|verdict| Line::new(name, verdict)));
        self.items(reading);
    }

    fn items(&mut self, reading: Reading) {
        let Some(control) = reading.control else { return };
        for entry in control.entries() {
            let Entry::Item(item) = entry else { continue };
            for source in item.source.iter().chain(&item.mirrors) {
                let anonymous = source.options == FetchOptions::default();
                if matches!(source.url.scheme(), "http" | "https") {
                    self.addresses.push(Address::new(&source.url, item.name.clone(), anonymous));
                }
            }
        }
    }
}

fn context(settings: &Settings) -> Context {
    Context { install_path: settings.install_path.clone(), hash_check: settings.hash_check }
}

/// Credentials and headers of the settings, for the host of the control file (R120, R121).
fn shown_to(url: &Url, settings: &Settings) -> Vec<(String, String)> {
    let is_listed = settings.http.may_be_shown_to(url);
    let general = settings.http.credentials.as_ref().filter(|_| is_listed);
    let mut headers = Vec::new();
    if is_listed {
        headers.extend(settings.http.headers.iter().map(|(name, secret)| (name.clone(), secret.0.clone())));
    }
    if let Some((user, password)) = settings.control_credentials.as_ref().or(general) {
        let basic = shared::base64::encode(format!("{user}:{}", password.0).as_bytes());
        headers.retain(|(name, _)| !name.eq_ignore_ascii_case("authorization"));
        headers.push(("authorization".to_owned(), format!("Basic {basic}")));
    }
    headers
}

fn line(finding: &Finding) -> Line {
    let Finding { severity, file, line, column, key, problem, hint, .. } = finding;
    let key = key.as_ref().map(|key| format!("{key}: ")).unwrap_or_default();
    let hint = hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
    let text = format!("{key}{problem}{hint}");
    let verdict = match severity {
        Severity::Error => Verdict::Refused(text),
        Severity::Warning => Verdict::Warning(text),
    };
    Line::new(format!("{file}:{line}:{column}"), verdict)
}
