//! `iasctl doctor`: everything a Mac will need to reach or read, looked at before Macs do: settings, control file, hosts and their
//! certificates (T115–T121), this computer's clock, and repositories of titles.

mod addresses;
mod clock;
mod hosts;
mod titles;

use self::{addresses::Named, hosts::Hosts, titles::Surveyed};
use crate::{repository, stdout, verdict::Verdict};
use serde_json::{Value as Json, json};
use std::{path::PathBuf, process::ExitCode};

/// What `doctor` is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Settings plists, profiles, launchd jobs, control files: what they name is looked at
    #[arg(value_name = "FILE", required_unless_present = "repo")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    repository: repository::Options,
    /// Only this catalog of --repo; may be repeated. Default: all but `all`, which no Mac should use, unless it is the only one;
    /// production on a server, which does not tell what it has
    #[arg(long, value_name = "NAME")]
    catalog: Vec<String>,
    /// TitleHosts: where files with a URL of their own may be; may be repeated
    #[arg(long, value_name = "HOST")]
    host: Vec<String>,
    /// Exit with 2 when there are only warnings
    #[arg(long)]
    strict: bool,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

/// Something that was looked at, and what is to be said of it.
#[derive(Debug)]
struct Line {
    about: String,
    verdict: Verdict,
}

impl Line {
    fn new(about: impl Into<String>, verdict: Verdict) -> Self {
        Self { about: about.into(), verdict }
    }
}

/// Everything that was looked at.
struct Seen {
    lines: Vec<Line>,
    hosts: Vec<hosts::Host>,
    titles: Vec<Surveyed>,
}

/// Looks; exit 1 when a Mac would fail over something.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let seen = match look(arguments) {
        Ok(seen) => seen,
        Err(why) => {
            eprintln!("error: {why}");
            return ExitCode::FAILURE;
        }
    };
    let (errors, warnings) = seen.counts();
    let text = if arguments.json { seen.as_json() } else { seen.as_text() };
    let verdict = match (errors, warnings) {
        (1.., _) => ExitCode::FAILURE,
        (0, 1..) if arguments.strict => ExitCode::from(2),
        (0, _) => ExitCode::SUCCESS,
    };
    stdout::print(&text).err().unwrap_or(verdict)
}

fn look(arguments: &Arguments) -> Result<Seen, String> {
    let mut hosts = Hosts::new(&arguments.repository.ca)?;
    let mut named = Named::default();
    for file in &arguments.files {
        named.read(file)?;
    }
    // What the settings load leads to more.
    while let Some(file) = named.next_control_file() {
        let loaded = hosts.load(&file.address);
        named.loaded(&file, loaded);
    }
    let mut titles = Vec::new();
    if let Some(repository) = arguments.repository.open()? {
        named.repository(&repository);
        titles.push(titles::look(&repository, &arguments.catalog, &arguments.host)?);
    }
    for known in std::mem::take(&mut named.repositories) {
        match known.look(&arguments.repository.ca) {
            Ok(surveyed) => titles.push(surveyed),
            Err(why) => named.lines.push(Line::new("titles", Verdict::Refused(why))),
        }
    }
    hosts.ask(std::mem::take(&mut named.addresses));
    let mut lines = named.lines;
    lines.extend(hosts.proxies());
    let hosts = hosts.judged();
    lines.extend(clock::judge(&hosts::offsets(&hosts)));
    lines.sort_by_key(|line| std::cmp::Reverse(line.verdict.weight()));
    Ok(Seen { lines, hosts, titles })
}

impl Seen {
    fn verdicts(&self) -> impl Iterator<Item = &Verdict> {
        let hosts = self.hosts.iter().flat_map(|host| &host.verdicts);
        self.lines.iter().map(|line| &line.verdict).chain(hosts)
    }

    /// Errors and warnings.
    fn counts(&self) -> (usize, usize) {
        let remarks = || self.titles.iter().flat_map(|surveyed| &surveyed.remarks);
        let wrong = self.verdicts().filter(|verdict| matches!(verdict, Verdict::Refused(_))).count();
        let odd = self.verdicts().filter(|verdict| matches!(verdict, Verdict::Warning(_))).count();
        let errors = remarks().filter(|remark| remark.is_error).count();
        (wrong + errors, odd + remarks().count() - errors)
    }

    fn as_text(&self) -> String {
        let mut lines: Vec<(u8, String)> = Vec::new();
        for Line { about, verdict } in &self.lines {
            lines.push((verdict.weight(), format!("{:<4}  {about}: {}\n", verdict.word(), verdict.text())));
        }
        lines.extend(self.hosts.iter().map(|host| (host.weight(), format!("{host}\n"))));
        // Worst first; what is equally bad keeps its order.
        lines.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        let mut text: String = lines.into_iter().map(|(_, line)| line).collect();
        text.extend(self.titles.iter().map(Surveyed::as_text));
        text
    }

    fn as_json(&self) -> String {
        let (errors, warnings) = self.counts();
        let lines: Vec<Json> = self
            .lines
            .iter()
            .map(|line| json!({ "about": line.about, "verdict": line.verdict.word(), "text": line.verdict.text() }))
            .collect();
        let hosts: Vec<Json> = self.hosts.iter().map(hosts::Host::as_json).collect();
        let remarks: Vec<_> = self.titles.iter().flat_map(|surveyed| &surveyed.remarks).collect();
        let document = json!({
            "lines": lines, "hosts": hosts, "remarks": remarks, "errors": errors, "warnings": warnings,
        });
        format!("{document:#}\n")
    }
}
