//! Reads a whole package once and says what is in it and whether every byte fits.

use super::advice;
use super::report::*;
use super::signature;
use crate::chain::chain;
use shared::flat_package::cpio::{CpioEntry, Kind};
use shared::flat_package::distribution::{Condition, Distribution};
use shared::flat_package::selection::{Selection, Target};
use shared::flat_package::signature::TrustRoots;
use shared::flat_package::xar::EntryId;
use shared::flat_package::{Component, FlatPackage, PackedFiles};
use std::error::Error;
use std::io::{self, Read, Seek};
use time::OffsetDateTime;

/// Scripts larger than this are not shown.
const LONGEST_SCRIPT: u64 = 1 << 20;

/// Warnings about the files of a payload; one careless package may deserve thousands.
const MOST_WARNINGS: usize = 50;

/// Packages inside packages inside packages.
const DEEPEST: u32 = 3;
/// How many packages in one are looked at: each may take as long as this one.
const MOST_NESTED: usize = 100;

/// What is asked for beyond the summary, and whom signatures must lead to.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// The payload's listing.
    pub(crate) files: bool,
    /// The scripts' text.
    pub(crate) scripts: bool,
    /// The roots that are trusted.
    pub(crate) roots: TrustRoots,
    /// The moment signatures are judged at.
    pub(crate) now: OffsetDateTime,
}

/// Inspects the package that is `source`.
pub(crate) fn survey(file: String, source: impl Read + Seek, size: u64, wanted: &Wanted) -> Report {
    Survey { wanted, errors: Vec::new(), warnings: Vec::new() }.run(file, source, size, 0)
}

/// An inspection in progress.
struct Survey<'a> {
    wanted: &'a Wanted,
    errors: Vec<String>,
    warnings: Vec<String>,
}

impl Survey<'_> {
    fn run(mut self, file: String, source: impl Read + Seek, size: u64, depth: u32) -> Report {
        let package = match FlatPackage::open(source) {
            Ok(mut package) => Some(self.package(&mut package, depth)),
            Err(error) => {
                self.errors.push(chain(&error));
                None
            }
        };
        let ok = self.errors.is_empty();
        let (errors, warnings) = (self.errors, self.warnings);
        Report {
            file,
            size,
            sha256: None,
            ok,
            errors,
            warnings,
            unreadable: false,
            package,
            image: None,
            archive: None,
        }
    }

    fn package<R: Read + Seek>(&mut self, package: &mut FlatPackage<R>, depth: u32) -> Package {
        let mut integrity = Integrity {
            contents: package.archive.digest().map(|style| style.to_string()),
            ..Integrity::default()
        };
        let components = (0..package.components.len())
            .filter_map(|index| self.component(package, index, &mut integrity))
            .collect();
        self.other_entries(package, &mut integrity);
        let nested = self.nested(package, depth);
        integrity.damaged = !self.errors.is_empty();
        let product = package.distribution.clone();
        let identity = package.identity();
        let verdict = package.verify(&self.wanted.roots, self.wanted.now);
        let signature = signature::report(&verdict);
        self.errors.extend(signature::error(&verdict));
        self.warnings.extend(signature::warning(&verdict));
        self.warnings.extend(advice::about_package(package));
        let product = product.as_ref();
        let of_component =
            package.components.iter().find_map(|component| component.info.minimum_system.clone());
        Package {
            kind: if product.is_some() { PackageKind::Product } else { PackageKind::Component },
            identifier: identity.as_ref().map(|identity| identity.identifier.clone()),
            version: identity.map(|identity| identity.version),
            title: product.and_then(|product| product.title.clone()),
            product_identifier: product.and_then(|product| product.product_id.clone()),
            product_version: product.and_then(|product| product.product_version.clone()),
            minimum_system: product.and_then(|p| p.minimum_system().map(str::to_owned)).or(of_component),
            architectures: product.map(|product| product.architectures.clone()).unwrap_or_default(),
            check_scripts: product.is_some_and(|product| product.has_check_scripts),
            components,
            choices: product.map(|product| choices(package, product)).unwrap_or_default(),
            integrity,
            signature,
            nested,
        }
    }

    fn component<R: Read + Seek>(
        &mut self,
        package: &mut FlatPackage<R>,
        index: usize,
        integrity: &mut Integrity,
    ) -> Option<ComponentReport> {
        let component = package.components.get(index)?.clone();
        let scripts = match component.scripts {
            Some(entry) => {
                self.packed(package, entry, integrity, |survey, files| survey.scripts(files, &component))
            }
            None => Some(Vec::new()),
        };
        if let Some(scripts) = &scripts {
            self.warnings.extend(advice::about_missing_scripts(&component, scripts));
        }
        let payload = component.payload.and_then(|entry| {
            self.packed(package, entry, integrity, |survey, files| survey.payload(files, &component))
        });
        let info = component.info;
        let bundles = info.bundles.into_iter().map(|bundle| BundleReport {
            identifier: bundle.identifier,
            version: bundle.short_version.or(bundle.version),
            path: bundle.path,
        });
        Some(ComponentReport {
            selected: selected(package, index),
            folder: component.folder,
            identifier: info.identifier,
            version: info.version,
            install_location: info.install_location.unwrap_or_else(|| "/".into()),
            auth: info.auth,
            install_kbytes: info.install_kbytes,
            number_of_files: info.number_of_files,
            postinstall_action: info.postinstall_action,
            minimum_system: info.minimum_system,
            bundles: bundles.collect(),
            payload,
            scripts: scripts.unwrap_or_default(),
        })
    }

    /// Reads a cpio entry of the archive to its end with `read`.
    fn packed<R: Read + Seek, T>(
        &mut self,
        package: &mut FlatPackage<R>,
        entry: EntryId,
        integrity: &mut Integrity,
        read: impl FnOnce(&mut Self, PackedFiles<'_, R>) -> Result<T, Box<dyn Error>>,
    ) -> Option<T> {
        let path = package.archive.entry(entry).map(|entry| entry.path.clone()).unwrap_or_default();
        count(package, entry, integrity);
        let outcome = match package.files(entry) {
            Ok(files) => read(self, files),
            Err(error) => Err(error.into()),
        };
        outcome.map_err(|error| self.errors.push(format!("{path}: {}", chain(&*error)))).ok()
    }

    fn payload<R: Read>(
        &mut self,
        mut files: PackedFiles<'_, R>,
        component: &Component,
    ) -> Result<PayloadReport, Box<dyn Error>> {
        let mut report =
            PayloadReport { compression: files.stream().compression().to_string(), ..Default::default() };
        let mut listing = Vec::new();
        while let Some(entry) = files.next_entry()? {
            report.entries += 1;
            if entry.kind == Kind::File {
                report.bytes += entry.size;
            }
            if self.warnings.len() < MOST_WARNINGS {
                self.warnings.extend(advice::about_file(component, &entry));
            }
            if self.wanted.files {
                listing.push(file_report(&entry));
            }
        }
        report.files = self.wanted.files.then_some(listing);
        Ok(report)
    }

    fn scripts<R: Read>(
        &mut self,
        mut files: PackedFiles<'_, R>,
        component: &Component,
    ) -> Result<Vec<ScriptReport>, Box<dyn Error>> {
        let mut scripts = Vec::new();
        while let Some(entry) = files.next_entry()? {
            if entry.kind == Kind::Directory {
                continue;
            }
            let name = entry.relative().map_err(|outside| outside.to_string())?.display().to_string();
            let runs = [&component.info.preinstall, &component.info.postinstall].iter().any(|script| {
                script.as_deref().is_some_and(|script| script.trim_start_matches("./") == name)
            });
            let mut content = Vec::new();
            files.body().take(LONGEST_SCRIPT).read_to_end(&mut content)?;
            if runs {
                self.warnings.extend(advice::about_script(component, &name, entry.mode, &content));
            }
            let text = String::from_utf8(content).ok().filter(|text| !text.contains('\0'));
            let text = text.filter(|_| self.wanted.scripts && entry.size <= LONGEST_SCRIPT);
            scripts.push(ScriptReport { name, runs, mode: mode(&entry), size: entry.size, text });
        }
        Ok(scripts)
    }

    /// Reads everything that is no payload and no script, so that its checksums are verified too.
    fn other_entries<R: Read + Seek>(&mut self, package: &mut FlatPackage<R>, integrity: &mut Integrity) {
        let read: Vec<EntryId> = package
            .components
            .iter()
            .flat_map(|component| [component.payload, component.scripts])
            .flatten()
            .collect();
        for id in (0..package.archive.entries().len()).map(EntryId).filter(|id| !read.contains(id)) {
            if package.archive.entry(id).is_none_or(|entry| entry.data.is_none()) {
                continue;
            }
            count(package, id, integrity);
            let outcome = package.archive.read(id).map_err(|error| chain(&error));
            let outcome = outcome
                .and_then(|mut entry| io::copy(&mut entry, &mut io::sink()).map_err(|e| e.to_string()));
            self.errors.extend(outcome.err());
        }
    }

    fn nested<R: Read + Seek>(&mut self, package: &mut FlatPackage<R>, depth: u32) -> Vec<Report> {
        let targets = package.selections.iter().filter_map(|selection| match &selection.target {
            Target::Nested(id) => Some(*id),
            _ => None,
        });
        let targets: std::collections::BTreeSet<EntryId> = targets.collect();
        if targets.len() > MOST_NESTED {
            self.errors.push(format!(
                "{} packages in one package, only {MOST_NESTED} were looked at",
                targets.len()
            ));
        }
        let mut reports = Vec::new();
        for id in targets.into_iter().take(MOST_NESTED).filter(|_| depth < DEEPEST) {
            let Some(entry) = package.archive.entry(id).cloned() else { continue };
            let size = entry.data.map_or(0, |stored| stored.size);
            let inner = Self { wanted: self.wanted, errors: Vec::new(), warnings: Vec::new() };
            match package.archive.section(id) {
                Ok(section) => reports.push(inner.run(entry.path, section, size, depth + 1)),
                Err(error) => self.errors.push(chain(&error)),
            }
        }
        self.errors
            .extend(reports.iter().flat_map(|r| r.errors.iter().map(|error| format!("{}: {error}", r.file))));
        reports
    }
}

fn count<R>(package: &FlatPackage<R>, id: EntryId, integrity: &mut Integrity) {
    let stored = package.archive.entry(id).and_then(|entry| entry.data.as_ref());
    integrity.entries_read += 1;
    let unchecked = stored.is_some_and(|stored| stored.archived.is_none() && stored.extracted.is_none());
    integrity.entries_without_checksum += u64::from(unchecked);
}

fn selected<R>(package: &FlatPackage<R>, component: usize) -> &'static str {
    if package.distribution.is_none() {
        return "yes";
    }
    let here = package.selections.iter().filter(|selection| selection.target == Target::Component(component));
    let best = here.map(|selection| &selection.selected).reduce(|best, other| match (best, other) {
        (Condition::Yes, _) | (_, Condition::No) => best,
        _ => other,
    });
    best.map_or("no", condition)
}

fn condition(condition: &Condition) -> &'static str {
    match condition {
        Condition::Yes => "yes",
        Condition::No => "no",
        Condition::Script(_) => "depends on a script",
    }
}

fn choices<R>(package: &FlatPackage<R>, product: &Distribution) -> Vec<ChoiceReport> {
    let mut reports: Vec<ChoiceReport> = Vec::new();
    for selection in &package.selections {
        let chosen = chosen(package, selection);
        match reports.last_mut().filter(|report| report.id == selection.choice) {
            Some(report) => report.packages.push(chosen),
            None => {
                let choice =
                    product.choices.iter().find(|choice| Some(&choice.id) == selection.choice.as_ref());
                let title = choice.and_then(|choice| choice.title.clone());
                reports.push(ChoiceReport { id: selection.choice.clone(), title, packages: vec![chosen] });
            }
        }
    }
    reports
}

fn chosen<R>(package: &FlatPackage<R>, selection: &Selection) -> ChosenReport {
    let (is, location) = match &selection.target {
        Target::Component(index) => (
            "component",
            package.components.get(*index).map(|component| component.folder.clone()).unwrap_or_default(),
        ),
        Target::Nested(id) => {
            ("nested", package.archive.entry(*id).map(|entry| entry.path.clone()).unwrap_or_default())
        }
        Target::External(url) => ("external", url.clone()),
        Target::Missing(path) => ("missing", path.clone()),
        Target::Nothing => ("nothing", String::new()),
    };
    ChosenReport { id: selection.package.clone(), is, location, selected: condition(&selection.selected) }
}

/// An entry, as `--files` lists it.
pub(super) fn file_report(entry: &CpioEntry) -> FileReport {
    let target = match &entry.kind {
        Kind::Symlink { target } => Some(target.display().to_string()),
        _ => None,
    };
    FileReport {
        path: entry.path.display().to_string(),
        mode: mode(entry),
        uid: entry.uid,
        gid: entry.gid,
        size: entry.size,
        target,
        same_as: entry.link_to.as_ref().map(|path| path.display().to_string()),
    }
}

/// The mode as `ls` shows it.
fn mode(entry: &CpioEntry) -> String {
    let kind = match entry.kind {
        Kind::File => '-',
        Kind::Directory => 'd',
        Kind::Symlink { .. } => 'l',
        Kind::Special => '?',
    };
    let bit = |bit: u32, letter: char| if entry.mode & bit == 0 { '-' } else { letter };
    let special =
        |execute: u32, bit: u32, both: char, alone: char| match (entry.mode & execute, entry.mode & bit) {
            (0, 0) => '-',
            (_, 0) => 'x',
            (0, _) => alone,
            _ => both,
        };
    let letters = [
        kind,
        bit(0o400, 'r'),
        bit(0o200, 'w'),
        special(0o100, 0o4000, 's', 'S'),
        bit(0o040, 'r'),
        bit(0o020, 'w'),
        special(0o010, 0o2000, 's', 'S'),
        bit(0o004, 'r'),
        bit(0o002, 'w'),
        special(0o001, 0o1000, 't', 'T'),
    ];
    letters.iter().collect()
}
