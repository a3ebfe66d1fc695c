//! Walks a volume or an archive to its end, and says which applications and packages are in it.

use super::report::{AppReport, Contents, Report};
use super::survey::{Wanted, file_report, survey};
use crate::chain::chain;
use plist::Value;
use shared::flat_package::impostor::BYTES_NEEDED;
use shared::property_list;
use shared::walk::{Entry, Kind, Walk};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, BufReader, Cursor, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

/// No `Info.plist` is larger.
const LARGEST_INFO: usize = 4 << 20;
/// More than this in one volume or archive is an attack on whoever looks into it.
const MOST_BYTES: u64 = 256 << 30;
const MOST_ENTRIES: u64 = 2_000_000;
/// The largest package that is copied out to be looked into; one with a whole macOS has about 15 GB.
const LARGEST_PACKAGE: u64 = 24 << 30;
/// Applications and packages of which something is said.
const MOST_FOUND: usize = 200;
/// Warnings about single entries.
const MOST_WARNINGS: usize = 50;

/// What was found, and what is to be said of it.
pub(super) struct Found {
    pub(super) contents: Contents,
    pub(super) errors: Vec<String>,
    pub(super) warnings: Vec<String>,
}

/// Reads every byte of what is walked.
pub(super) fn contents(mut walk: Box<dyn Walk + '_>, wanted: &Wanted) -> Found {
    let mut survey = Survey {
        wanted,
        apps: BTreeMap::new(),
        found: Found { contents: Contents::default(), errors: Vec::new(), warnings: Vec::new() },
    };
    if wanted.files {
        survey.found.contents.files = Some(Vec::new());
    }
    let outcome = survey.walk(&mut *walk);
    survey.found.errors.extend(outcome.err());
    let Survey { apps, mut found, .. } = survey;
    found.contents.apps = apps.into_values().collect();
    found
}

struct Survey<'a> {
    wanted: &'a Wanted,
    apps: BTreeMap<PathBuf, AppReport>,
    found: Found,
}

impl Survey<'_> {
    fn walk(&mut self, walk: &mut dyn Walk) -> Result<(), String> {
        while let Some(entry) = walk.next_entry().map_err(|error| chain(&error))? {
            let contents = &mut self.found.contents;
            if entry.path.as_os_str().is_empty() {
                continue;
            }
            contents.entries += 1;
            contents.bytes =
                contents.bytes.saturating_add(if entry.link_to.is_none() { entry.size } else { 0 });
            if contents.entries > MOST_ENTRIES || contents.bytes > MOST_BYTES {
                return Err("it holds more than anything that is installed; do not use it".to_owned());
            }
            if let Some(files) = &mut contents.files {
                files.push(file_report(&entry));
            }
            self.warn(&entry);
            self.entry(walk, &entry)?;
        }
        Ok(())
    }

    fn entry(&mut self, walk: &mut dyn Walk, entry: &Entry) -> Result<(), String> {
        let path = &entry.path;
        let failed = |error: io::Error| format!("{}: {}", path.display(), chain(&error));
        let app = application(entry);
        if let Some(app) = &app
            && (self.apps.contains_key(app) || self.apps.len() < MOST_FOUND)
        {
            let known = self.apps.entry(app.clone()).or_insert_with(|| AppReport::of(app));
            let is_info = path.strip_prefix(app).is_ok_and(|rest| rest == Path::new("Contents/Info.plist"));
            if is_info && entry.kind == Kind::File && entry.size <= LARGEST_INFO as u64 {
                let mut content = Vec::new();
                walk.body().read_to_end(&mut content).map_err(failed)?;
                if let Err(why) = known.learn(&content) {
                    self.found.warnings.push(format!("{}: {why}", path.display()));
                }
                return Ok(());
            }
        }
        if entry.kind != Kind::File {
            return Ok(());
        }
        let is_package = app.is_none() && is_named(path, &["pkg", "mpkg"]);
        if is_package && self.found.contents.packages.len() < MOST_FOUND {
            let package = self.package(walk, entry).map_err(failed)?;
            let of_it = |error: &String| format!("{}: {error}", path.display());
            self.found.errors.extend(package.errors.iter().map(of_it));
            self.found.contents.packages.push(package);
            return Ok(());
        }
        io::copy(&mut walk.body(), &mut io::sink()).map(drop).map_err(failed)
    }

    /// A package is inspected like one on the disk: in a file without a name. Of what is none the beginning will do.
    fn package(&self, walk: &mut dyn Walk, entry: &Entry) -> io::Result<Report> {
        let (name, mut body, mut first) = (entry.path.display().to_string(), walk.body(), Vec::new());
        body.by_ref().take(BYTES_NEEDED as u64).read_to_end(&mut first)?;
        if !first.starts_with(b"xar!") {
            io::copy(&mut body, &mut io::sink())?;
            return Ok(survey(name, Cursor::new(first), entry.size, self.wanted));
        }
        let mut copy = tempfile::tempfile()?;
        copy.write_all(&first)?;
        if io::copy(&mut body.take(LARGEST_PACKAGE), &mut copy)? == LARGEST_PACKAGE {
            return Err(io::Error::other(format!("a package of more than {LARGEST_PACKAGE} bytes")));
        }
        copy.rewind()?;
        Ok(survey(name, BufReader::new(copy), entry.size, self.wanted))
    }

    fn warn(&mut self, entry: &Entry) {
        let path = entry.path.display();
        let warning = match (entry.relative(), &entry.kind) {
            (Err(outside), _) => outside.to_string(),
            (_, Kind::Special) => format!("{path} is a device, pipe or socket"),
            (_, Kind::File) if entry.mode & 0o6000 != 0 => format!("{path} is setuid or setgid"),
            (_, Kind::Directory) if is_named(&entry.path, &["mpkg", "pkg"]) => {
                format!("{path} is an old bundle-style package; it must be rebuilt as a flat one")
            }
            _ => return,
        };
        if self.found.warnings.len() < MOST_WARNINGS {
            self.found.warnings.push(warning);
        }
    }
}

/// The application that an entry is, or is in: the outermost.
fn application(entry: &Entry) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    let mut names = entry.path.iter().peekable();
    while let Some(name) = names.next() {
        path.push(name);
        let is_folder = names.peek().is_some() || entry.kind == Kind::Directory;
        if is_folder && is_named(Path::new(name), &["app"]) {
            return Some(path);
        }
    }
    None
}

fn is_named(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().and_then(OsStr::to_str);
    extension.is_some_and(|found| extensions.iter().any(|wanted| found.eq_ignore_ascii_case(wanted)))
}

impl AppReport {
    fn of(path: &Path) -> Self {
        let path = path.display().to_string();
        Self { path, identifier: None, version: None, build: None, minimum_system: None }
    }

    /// Takes over what an `Info.plist` says.
    fn learn(&mut self, info: &[u8]) -> Result<(), String> {
        let info = property_list::read::<LARGEST_INFO>(info)?;
        let text = |key: &str| {
            let value = info.as_dictionary().and_then(|info| info.get(key));
            value.and_then(Value::as_string).map(str::to_owned)
        };
        self.identifier = text("CFBundleIdentifier");
        self.version = text("CFBundleShortVersionString");
        self.build = text("CFBundleVersion");
        self.minimum_system = text("LSMinimumSystemVersion");
        Ok(())
    }
}
