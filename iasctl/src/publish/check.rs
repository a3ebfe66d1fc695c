//! `iasctl publish check`: everything the gate asks, of a repository as it is, without changing anything.

use super::{
    build::Leniency,
    catalogs,
    gate::{self, Gate},
    lint::{self, Finding, Severity},
    publisher::{Publisher, Title},
    repository::{Pkginfo, Repository},
    run::web,
    signature,
    step::{Step, Taken, Verdict},
    virustotal::Means,
};
use crate::stdout;
use plist::{Dictionary, Value};
use serde::Serialize;
use std::{collections::BTreeSet, path::PathBuf, process::ExitCode};

/// What `publish check` is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only these titles, by their names in pkginfos
    #[arg(value_name = "TITLE")]
    titles: Vec<String>,
    /// The publisher's folder, with publish.json
    #[arg(long, value_name = "DIR", default_value = ".")]
    publisher: PathBuf,
    /// Ask nothing of VirusTotal
    #[arg(long)]
    offline: bool,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

/// Checks; exit 1 when the gate would stop anything that is published.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match check(arguments) {
        Ok(report) => {
            let text = if arguments.json {
                // Plain data: it always has a text.
                serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
            } else {
                report.as_text()
            };
            let verdict = if report.failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
            stdout::print(&text).err().unwrap_or(verdict)
        }
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

/// What was found.
#[derive(Debug, Serialize)]
struct Report {
    items: Vec<Checked>,
    /// Of the pkginfos of these items.
    findings: Vec<Finding>,
    /// Whether making the catalogs anew would change any.
    catalogs_current: bool,
    catalog_errors: Vec<String>,
}

/// One published version.
#[derive(Debug, Serialize)]
struct Checked {
    title: String,
    version: String,
    pkginfo: String,
    /// Without a file in titles, nothing is asked of trust, signature and VirusTotal.
    has_title_file: bool,
    steps: Vec<Taken>,
}

fn check(arguments: &Arguments) -> Result<Report, String> {
    let publisher = Publisher::open(&arguments.publisher)?;
    let repository = Repository::open(&publisher.path(&publisher.settings.repository))?;
    let exceptions = publisher.exceptions()?;
    let web = web(&publisher)?;
    let files: Vec<PathBuf> =
        publisher.settings.trust_roots.iter().map(|file| publisher.path(file)).collect();
    let roots = signature::roots(&files)?;
    let gate = Gate::new(&publisher, &web, &roots, &exceptions);
    let pkgsinfo = repository.pkgsinfo()?;
    lint::known(&pkgsinfo, &arguments.titles)?;
    let text = |content: &Dictionary, key: &str| {
        content.get(key).and_then(Value::as_string).unwrap_or_default().to_owned()
    };
    let mut items = Vec::new();
    for Pkginfo { file, content } in &pkgsinfo {
        let Ok(content) = content else { continue };
        let title = text(content, "name");
        if !arguments.titles.is_empty() && !arguments.titles.contains(&title) {
            continue;
        }
        let own = publisher.title_if_any(&title);
        let has_title_file = !matches!(own, Ok(None));
        let steps = one(&gate, &repository, content, own, arguments.offline);
        let version = text(content, "version");
        items.push(Checked { title, version, pkginfo: file.clone(), has_title_file, steps });
    }
    let icons: BTreeSet<String> = repository.list("icons")?.into_iter().collect();
    let mut findings = lint::lint(&pkgsinfo, &lint::sizes(&repository)?, &icons);
    let is_meant = |file: &str| items.iter().any(|item| item.pkginfo == file);
    findings.retain(|found| arguments.titles.is_empty() || is_meant(&found.file));
    let made = catalogs::make(&repository, Leniency::default(), publisher.settings.sorted, true);
    let catalogs_current = !made.changes();
    Ok(Report { items, findings, catalogs_current, catalog_errors: made.errors })
}

/// The steps of the gate that can be asked of a published file.
fn one(
    gate: &Gate<'_>,
    repository: &Repository,
    content: &Dictionary,
    title: Result<Option<Title>, String>,
    offline: bool,
) -> Vec<Taken> {
    let text = |key: &str| content.get(key).and_then(Value::as_string).unwrap_or_default();
    let (location, wanted) = (text("installer_item_location"), text("installer_item_hash"));
    let mut steps = Vec::new();
    let (title, malformed) = match title {
        Ok(title) => (title, None),
        Err(why) => (None, Some(why)),
    };
    let title = title.as_ref();
    let off = title.and_then(|title| gate::stranger(title).or_else(|| gate.switched_off(title)));
    steps.extend(malformed.or(off).map(|why| Taken::new(Step::Trust, Verdict::Failed, why)));
    let mut take = |step: Step, ask: &dyn Fn() -> Taken| {
        let reason = title.and_then(|title| gate::skip_reason(step, title));
        steps.push(match reason {
            Some(reason) => Taken::new(step, Verdict::Skipped, reason),
            None => ask(),
        });
    };
    let judged = |step: Step, done: Result<String, String>| match done {
        Ok(detail) => Taken::new(step, Verdict::Passed, detail),
        Err(why) => Taken::new(step, Verdict::Failed, why),
    };
    if let Some(title) = title {
        take(Step::Trust, &|| judged(Step::Trust, gate.trust(title)));
    }
    if location.is_empty() || super::place::check(location).is_err() {
        // No file, or a location of which lint speaks.
        return steps;
    }
    let file = repository.path(&format!("pkgs/{location}"));
    if let Some(title) = title {
        take(Step::Signature, &|| judged(Step::Signature, signature::verify(&file, title, gate.roots)));
    }
    let digest = match gate::digest(&file) {
        Ok(digest) if digest.to_string() == wanted.to_lowercase() => Ok(wanted.to_owned()),
        Ok(digest) => {
            Err(format!("pkgs/{location} is {digest}, its pkginfo says {wanted:?}: it was changed"))
        }
        Err(error) => Err(format!("pkgs/{location}: {error}")),
    };
    take(Step::Digest, &|| judged(Step::Digest, digest.clone()));
    if let Some(title) = title.filter(|_| !offline) {
        take(Step::Virustotal, &|| gate.virustotal(text("name"), title, wanted, Means::Looking));
    }
    steps
}

impl Report {
    fn failed(&self) -> bool {
        !self.catalogs_current
            || !self.catalog_errors.is_empty()
            || self.items.iter().flat_map(|item| &item.steps).any(Taken::halts)
            || self.findings.iter().any(|found| found.severity == Severity::Error)
    }

    fn as_text(&self) -> String {
        let mut text = String::new();
        for item in &self.items {
            for taken in &item.steps {
                let how = match taken.verdict {
                    Verdict::Passed | Verdict::Skipped => continue,
                    Verdict::Warning => "warning",
                    Verdict::Held | Verdict::Failed => "error",
                };
                let (step, detail) = (taken.step.name(), &taken.detail);
                text.push_str(&format!("{how}: {} {}: {step}: {detail}\n", item.title, item.version));
            }
        }
        self.findings.iter().for_each(|found| text.push_str(&format!("{found}\n")));
        self.catalog_errors.iter().for_each(|error| text.push_str(&format!("error: {error}\n")));
        if !self.catalogs_current {
            text.push_str("error: catalogs or icon digests are not current; run iasctl publish catalogs\n");
        }
        let stopped = self.items.iter().filter(|item| item.steps.iter().any(Taken::halts)).count();
        text.push_str(&format!("{} published, {stopped} that the gate would stop", self.items.len()));
        match self.items.iter().filter(|item| !item.has_title_file).count() {
            0 => {}
            strangers => text.push_str(&format!(
                ", {strangers} without a file in titles: nobody asks for their trust, signature and VirusTotal"
            )),
        }
        text.push('\n');
        text
    }
}
