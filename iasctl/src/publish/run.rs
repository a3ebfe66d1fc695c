//! `iasctl publish run`: titles through the gate and into the repository, or an incident for each that is stopped (T87, T88).

use super::{
    build::Leniency,
    candidate::{Candidate, FIRST_CATALOG, News},
    catalogs,
    gate::{Gate, Passage},
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
    /// What went wrong with the catalogs.
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
    commit: Option<String>,
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
    let run = Run {
        gate: Gate { publisher: &publisher, web: &web, roots: &roots, exceptions: &exceptions },
        repository,
        commit: publisher.commit(),
        id,
    };
    let names = if arguments.titles.is_empty() { publisher.titles() } else { arguments.titles.clone() };
    if names.is_empty() {
        return Err(format!("{}: there is no title", publisher.path("titles").display()));
    }
    let titles = names.iter().map(|name| run.publish(name)).collect::<Result<Vec<_>, _>>()?;
    let mut report = Report { run: run.id.clone(), titles, errors: Vec::new() };
    run.catalogs(&mut report)?;
    Ok(report)
}

impl Run<'_> {
    /// One title; what stops it stops no other. An error is one of the publisher's own folder.
    fn publish(&self, name: &str) -> Result<Published, String> {
        let mut passage = match self.gate.publisher.title(name) {
            Ok(title) => self.through(name, &title)?,
            Err(why) => {
                let taken = vec![Taken::new(Step::Trust, Verdict::Failed, why)];
                Passage { taken, ..Passage::default() }
            }
        };
        let candidate = passage.candidate.take();
        let outcome = match (passage.halted(), &candidate) {
            (Some(_), _) => "halted",
            (None, Some(candidate)) if candidate.news == News::Unchanged => "unchanged",
            (None, _) => "published",
        };
        let version = passage.version;
        let title = name.to_owned();
        let published = Published { title, version, outcome, sha256: passage.sha256, steps: passage.taken };
        if let Some(halted) = published.steps.iter().find(|taken| taken.halts()) {
            self.report(&published, halted)?;
        }
        Ok(published)
    }

    /// Step 11, last and once, because clients read catalogs first.
    fn catalogs(&self, report: &mut Report) -> Result<(), String> {
        let is_new = |title: &&mut Published| title.outcome == "published";
        if !report.titles.iter().any(|title| title.outcome == "published") {
            return Ok(());
        }
        let sorted = self.gate.publisher.settings.sorted;
        let made = catalogs::make(&self.repository, Leniency::default(), sorted, false);
        made.warnings.iter().for_each(|warning| eprintln!("{warning}"));
        report.errors = made.errors;
        for title in report.titles.iter_mut().filter(is_new) {
            let (verdict, detail) = match report.errors.first() {
                None => (Verdict::Passed, FIRST_CATALOG.to_owned()),
                Some(error) => (Verdict::Failed, error.clone()),
            };
            let taken = Taken::new(Step::Catalogs, verdict, detail);
            if taken.halts() {
                self.report(title, &taken)?;
            }
            title.steps.push(taken);
        }
        Ok(())
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
            override_commit: self.commit.as_deref(),
            run: &self.id,
        })
    }

    fn through(&self, name: &str, title: &Title) -> Result<Passage, String> {
        let scratch = tempfile::tempdir().map_err(|error| format!("a temporary folder: {error}"))?;
        let mut passage = self.gate.pass(name, title, &scratch);
        if passage.halted().is_some() {
            return Ok(passage);
        }
        let Some(candidate) = &passage.candidate else { return Ok(passage) };
        if candidate.news == News::New {
            passage.taken.extend(self.place(candidate, title));
        }
        if passage.halted().is_some() {
            return Ok(passage);
        }
        self.gate.publisher.keep(&Record {
            time: OffsetDateTime::now_utc().unix_timestamp(),
            title: name.to_owned(),
            version: candidate.version.clone(),
            sha256: passage.sha256.clone(),
            pkginfo: candidate.pkginfo_file.clone(),
            override_commit: self.commit.clone(),
            run: self.id.clone(),
            steps: serde_json::to_value(&passage.taken).unwrap_or_default(),
        })?;
        Ok(passage)
    }
}

impl Run<'_> {
    /// Steps 8 to 10, up to the first that fails.
    fn place(&self, candidate: &Candidate, title: &Title) -> Vec<Taken> {
        let icon = title.icon.as_ref().map(|icon| self.gate.publisher.path(icon));
        let mut taken = Vec::new();
        for step in [Step::Pkgs, Step::Pkgsinfo, Step::Icons] {
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
