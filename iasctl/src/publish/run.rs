//! `iasctl publish run`: titles through the gate and into the repository, or an incident for each that is stopped (T87, T88).

use super::{
    build::Leniency,
    candidate::{Candidate, FIRST_CATALOG, News},
    catalogs, checkout,
    gate::{Gate, Passage},
    prune,
    publisher::{Publisher, Record, Title},
    repository::Repository,
    signature,
    step::{Step, Taken, Verdict},
};
use crate::{stdout, web::Web};
use rustls::pki_types::CertificateDer;
use serde::Serialize;
use shared::digest::Digest;
use std::{path::PathBuf, process::ExitCode, time::Duration};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Nothing is waited for longer than this between two pieces of an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What `publish run` is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Titles, by the names of their files in titles; all of them if none is named
    #[arg(value_name = "TITLE")]
    titles: Vec<String>,
    /// The publisher's folder, with publish.json and titles
    #[arg(long, value_name = "DIR", default_value = ".")]
    publisher: PathBuf,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

/// Publishes; exit 1 when any title was stopped.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match published(arguments) {
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

/// What came of all titles.
#[derive(Debug, Serialize)]
struct Report {
    run: String,
    titles: Vec<Published>,
    /// What went wrong with the catalogs, or with what is written down of titles.
    errors: Vec<String>,
}

/// What came of one.
#[derive(Debug, Serialize)]
struct Published {
    title: String,
    version: Option<String>,
    /// `published`, `unchanged` or `halted`.
    outcome: &'static str,
    sha256: Option<String>,
    /// Of the override it is made by.
    override_commit: Option<String>,
    steps: Vec<Taken>,
}

/// One line of `incidents.ndjson`.
#[derive(Serialize)]
struct Incident<'a> {
    time: String,
    title: &'a str,
    version: Option<&'a str>,
    step: Step,
    verdict: Verdict,
    detail: &'a str,
    sha256: Option<&'a str>,
    override_commit: Option<&'a str>,
    run: &'a str,
}

/// What every title of a run needs.
struct Run<'a> {
    gate: Gate<'a>,
    repository: Repository,
    id: String,
}

/// The door to the network that the settings of a publisher ask for.
///
/// # Errors
/// It cannot be had.
pub(super) fn web(publisher: &Publisher) -> Result<Web, String> {
    let files: Vec<PathBuf> =
        publisher.settings.trust_roots.iter().map(|file| publisher.path(file)).collect();
    let roots = signature::certificates(&files)?.into_iter().map(CertificateDer::from).collect();
    Web::new(roots, PATIENCE).map_err(|error| error.to_string())
}

fn published(arguments: &Arguments) -> Result<Report, String> {
    let publisher = Publisher::open(&arguments.publisher)?;
    let repository = Repository::open(&publisher.path(&publisher.settings.repository))?;
    let exceptions = publisher.exceptions()?;
    let web = web(&publisher)?;
    let files: Vec<PathBuf> =
        publisher.settings.trust_roots.iter().map(|file| publisher.path(file)).collect();
    let roots = signature::roots(&files)?;
    let now = OffsetDateTime::now_utc().unix_timestamp_nanos();
    let mut id = Digest::of(format!("{now} {}", std::process::id()).as_bytes()).to_string();
    id.truncate(12);
    let run = Run { gate: Gate::new(&publisher, &web, &roots, &exceptions), repository, id };
    let names = if arguments.titles.is_empty() { publisher.titles() } else { arguments.titles.clone() };
    if names.is_empty() {
        return Err(format!("{}: there is no title", publisher.path("titles").display()));
    }
    let mut report = Report { run: run.id.clone(), titles: Vec::new(), errors: Vec::new() };
    for name in &names {
        let published = run.publish(name, &mut report.errors);
        report.titles.push(published);
    }
    run.catalogs(&mut report);
    Ok(report)
}

impl Run<'_> {
    /// One title; what stops it stops no other.
    fn publish(&self, name: &str, errors: &mut Vec<String>) -> Published {
        let mut passage = match self.gate.publisher.title(name) {
            Ok(title) => self.through(name, &title),
            Err(why) => stopped(Step::Trust, why, None),
        };
        let override_commit = passage.override_file.as_deref().and_then(checkout::commit);
        let candidate = passage.candidate.take();
        let outcome = match (passage.halted(), &candidate) {
            (Some(_), _) => "halted",
            (None, Some(candidate)) if candidate.news == News::Unchanged => "unchanged",
            (None, _) => "published",
        };
        let version = passage.version;
        let title = name.to_owned();
        let (sha256, steps) = (passage.sha256, passage.taken);
        let published = Published { title, version, outcome, sha256, override_commit, steps };
        if let Some(halted) = published.steps.iter().find(|taken| taken.halts()) {
            errors.extend(self.report(&published, halted).err());
        }
        published
    }

    /// Step 11, last and once, because clients read catalogs first. Also when nothing is new: the run before may have been cut
    /// off between a pkginfo and the catalogs.
    fn catalogs(&self, report: &mut Report) {
        if report.titles.iter().all(|title| title.outcome == "halted") {
            return;
        }
        let publisher = self.gate.publisher;
        let made = catalogs::make(&self.repository, Leniency::default(), publisher.settings.sorted, false);
        made.warnings.iter().for_each(|warning| eprintln!("{warning}"));
        let current = if made.changes() { "made anew" } else { "as they were" };
        for title in report.titles.iter_mut().filter(|title| title.outcome != "halted") {
            let is_new = title.outcome == "published";
            let (verdict, detail) = match made.errors.first() {
                None => (Verdict::Passed, if is_new { FIRST_CATALOG } else { current }),
                Some(error) => (Verdict::Failed, error.as_str()),
            };
            let taken = Taken::new(Step::Catalogs, verdict, detail);
            // Nothing has become of the others that was not so before.
            if taken.halts() && is_new {
                report.errors.extend(self.report(title, &taken).err());
            }
            title.steps.push(taken);
        }
        report.errors.extend(made.errors);
        report.errors.extend(prune::forget_named(publisher, &self.repository).err());
    }

    /// A line for somebody to act upon.
    fn report(&self, title: &Published, halted: &Taken) -> Result<(), String> {
        self.gate.publisher.report(&Incident {
            time: now(),
            title: &title.title,
            version: title.version.as_deref(),
            step: halted.step,
            verdict: halted.verdict,
            detail: &halted.detail,
            sha256: title.sha256.as_deref(),
            override_commit: title.override_commit.as_deref(),
            run: &self.id,
        })
    }

    fn through(&self, name: &str, title: &Title) -> Passage {
        let scratch = match tempfile::tempdir() {
            Ok(scratch) => scratch,
            Err(error) => {
                let why = format!("a temporary folder: {error}");
                return stopped(Step::Download, why, self.gate.version(title));
            }
        };
        let mut passage = self.gate.pass(name, title, &scratch);
        if passage.halted().is_some() {
            return passage;
        }
        let Some(candidate) = &passage.candidate else { return passage };
        passage.taken.extend(self.place(candidate, title));
        if passage.halted().is_some() {
            return passage;
        }
        let kept = self.gate.publisher.keep(&Record {
            time: OffsetDateTime::now_utc().unix_timestamp(),
            title: name.to_owned(),
            version: candidate.version.clone(),
            sha256: passage.sha256.clone(),
            pkginfo: candidate.pkginfo_file.clone(),
            override_commit: passage.override_file.as_deref().and_then(checkout::commit),
            run: self.id.clone(),
            steps: serde_json::to_value(&passage.taken).unwrap_or_default(),
        });
        if let Err(why) = kept {
            passage.take(Step::Record, Err(why));
        }
        passage
    }
}

/// A title that never came to the gate.
fn stopped(step: Step, why: String, version: Option<String>) -> Passage {
    let mut passage = Passage { version, ..Passage::default() };
    passage.take(step, Err(why));
    passage
}

impl Run<'_> {
    /// Steps 8 to 10, up to the first that fails. Of what is published already only the icon: a run may have been cut off before it.
    fn place(&self, candidate: &Candidate, title: &Title) -> Vec<Taken> {
        let icon = title.icon.as_ref().map(|icon| self.gate.publisher.path(icon));
        let mut taken = Vec::new();
        let steps = [Step::Pkgs, Step::Pkgsinfo, Step::Icons];
        let new = candidate.news == News::New;
        for step in steps.into_iter().filter(|step| new || *step == Step::Icons) {
            let done = match (step, &icon) {
                (Step::Pkgs, _) => candidate.copy_file(&self.repository),
                (Step::Pkgsinfo, _) => candidate.write_pkginfo(&self.repository),
                (_, Some(icon)) => candidate.copy_icon(&self.repository, icon),
                (_, None) => Ok("none".to_owned()),
            };
            let (verdict, detail) = match done {
                Ok(detail) => (Verdict::Passed, detail),
                Err(why) => (Verdict::Failed, why),
            };
            taken.push(Taken::new(step, verdict, detail));
            if verdict == Verdict::Failed {
                break;
            }
        }
        taken
    }
}

fn now() -> String {
    OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default()
}

impl Report {
    fn failed(&self) -> bool {
        !self.errors.is_empty() || self.titles.iter().any(|title| title.outcome == "halted")
    }

    fn as_text(&self) -> String {
        let mut text = String::new();
        for title in &self.titles {
            let version = title.version.as_deref().unwrap_or("(no version)");
            text.push_str(&format!("{} {version}: {}\n", title.title, title.outcome));
            for taken in &title.steps {
                let mark = match taken.verdict {
                    Verdict::Passed => "✓",
                    Verdict::Skipped => "–",
                    Verdict::Warning => "!",
                    Verdict::Held => "?",
                    Verdict::Failed => "✗",
                };
                text.push_str(&format!("  {mark} {:<13} {}\n", taken.step.name(), taken.detail));
            }
        }
        self.errors.iter().for_each(|error| text.push_str(&format!("error: {error}\n")));
        text
    }
}
