//! `iasctl publish lint`: everything that would go wrong on Macs, told before it is published (T89).

mod files;
mod finding;
mod item;
mod presence;
mod relations;
#[cfg(test)]
mod tests;

pub(super) use files::Sizes;
pub(super) use finding::{Finding, Findings, Severity};

use super::{
    icons,
    repository::{Pkginfo, Repository},
};
use crate::stdout;
use plist::Dictionary;
use serde::Serialize;
use shared::hint::nearest;
use std::{collections::BTreeSet, fs, path::PathBuf, process::ExitCode};

/// What `publish lint` is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The repository: the folder with pkgs, pkgsinfo, icons and catalogs
    #[arg(value_name = "REPOSITORY", default_value = ".")]
    repository: PathBuf,
    /// Only this title, by its name in pkginfos; may be repeated
    #[arg(long, value_name = "NAME")]
    title: Vec<String>,
    /// Exit 2 when there are only warnings
    #[arg(long)]
    strict: bool,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

/// Lints; exit 1 on an error, 2 with `--strict` and only warnings.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let report = Repository::open(&arguments.repository)
        .and_then(|repository| Report::of(&repository, &arguments.title));
    let report = match report {
        Ok(report) => report,
        Err(why) => {
            eprintln!("error: {why}");
            return ExitCode::FAILURE;
        }
    };
    let text = if arguments.json {
        // Plain data: it always has a text.
        serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
    } else {
        report.as_text()
    };
    let verdict = match report {
        Report { errors: 1.., .. } => ExitCode::FAILURE,
        Report { warnings: 1.., .. } if arguments.strict => ExitCode::from(2),
        _ => ExitCode::SUCCESS,
    };
    stdout::print(&text).err().unwrap_or(verdict)
}

/// Everything that was found.
#[derive(Debug, Serialize)]
struct Report {
    /// Files that were looked at.
    pkginfos: usize,
    errors: usize,
    warnings: usize,
    findings: Vec<Finding>,
}

impl Report {
    fn of(repository: &Repository, titles: &[String]) -> Result<Self, String> {
        let pkgsinfo = repository.pkgsinfo()?;
        known(&pkgsinfo, titles)?;
        let is_asked = |pkginfo: &&Pkginfo| {
            let name = pkginfo.content.as_ref().ok().and_then(|content| item::text(content, "name"));
            titles.is_empty() || name.is_some_and(|name| titles.iter().any(|title| title == name))
        };
        let asked: BTreeSet<&str> =
            pkgsinfo.iter().filter(is_asked).map(|pkginfo| pkginfo.file.as_str()).collect();
        let icons: BTreeSet<String> = repository.list("icons")?.into_iter().collect();
        let mut findings = lint(&pkgsinfo, &sizes(repository)?, &icons);
        findings.retain(|finding| asked.contains(finding.file.as_str()));
        let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
        Ok(Self { pkginfos: asked.len(), errors, warnings: findings.len() - errors, findings })
    }

    fn as_text(&self) -> String {
        let mut text: String = self.findings.iter().map(|finding| format!("{finding}\n")).collect();
        let counted =
            |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
        text.push_str(&format!(
            "{}: {}, {}\n",
            counted(self.pkginfos, "pkginfo"),
            counted(self.errors, "error"),
            counted(self.warnings, "warning")
        ));
        text
    }
}

/// Whether each of `titles` has a pkginfo.
///
/// # Errors
/// One has none: it is mistyped.
pub(super) fn known(pkgsinfo: &[Pkginfo], titles: &[String]) -> Result<(), String> {
    let contents = pkgsinfo.iter().filter_map(|pkginfo| pkginfo.content.as_ref().ok());
    let names: BTreeSet<&str> = contents.filter_map(|content| item::text(content, "name")).collect();
    let Some(stranger) = titles.iter().find(|title| !names.contains(title.as_str())) else { return Ok(()) };
    let hint = nearest(stranger, names).map(|name| format!(": did you mean {name}?")).unwrap_or_default();
    Err(format!("{stranger}: no pkginfo has this name{hint}"))
}

/// The files of `pkgs` with their sizes.
///
/// # Errors
/// They cannot be listed.
pub(super) fn sizes(repository: &Repository) -> Result<Sizes, String> {
    let size =
        |name: &String| fs::metadata(repository.path(&format!("pkgs/{name}"))).ok().map(|data| data.len());
    let names = repository.list("pkgs")?;
    Ok(names.into_iter().filter_map(|name| Some((name.clone(), size(&name)?))).collect())
}

/// Holds every pkginfo against the rules, in the order of their files.
pub(super) fn lint(pkgsinfo: &[Pkginfo], pkgs: &Sizes, icons: &BTreeSet<String>) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut readable: Vec<(&str, &Dictionary)> = Vec::new();
    for Pkginfo { file, content } in pkgsinfo {
        let mut findings = Findings::about(file);
        match content {
            Err(why) => findings.error("(file)", format!("cannot be read: {why}")),
            Ok(content) => {
                item::check(content, &mut findings);
                files::check(content, pkgs, &mut findings);
                if item::text(content, "icon_name").is_some()
                    && let Some(icon) = icons::name(content).filter(|icon| !icons.contains(icon))
                {
                    findings.warning("icon_name", format!("there is no icons/{icon}"));
                }
                readable.push((file, content));
            }
        }
        found.extend(findings.into_vec());
    }
    found.extend(relations::check(&readable));
    found.sort_by(|a, b| a.file.cmp(&b.file));
    found
}
