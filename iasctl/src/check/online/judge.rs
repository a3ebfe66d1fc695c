//! Compares what servers gave with what the items say.

use super::{Fetched, Judged};
use crate::verdict::Verdict;
use shared::{
    control::{Finding, Severity, Whereabouts},
    facts::Arch,
    hint::nearest,
    item::{FetchOptions, Item, ItemKind, SkipIf, Source},
    plan::signer,
    version,
};
use std::cmp::Ordering;

/// Findings about one file.
pub(super) struct Notes<'a> {
    pub(super) file: &'a str,
    pub(super) places: Whereabouts,
    pub(super) findings: Vec<Finding>,
}

impl Notes<'_> {
    /// What the certificates of a host are worth (T115–T120).
    pub(super) fn certificate(&mut self, place: (&Item, &str), host: &str, verdicts: Vec<Verdict>) {
        for verdict in verdicts {
            let severity = match verdict {
                Verdict::Fits(_) => continue,
                Verdict::Note(_) | Verdict::Warning(_) => Severity::Warning,
                Verdict::Refused(_) => Severity::Error,
            };
            self.add(severity, place, format!("{host}: {}", verdict.text()), None);
        }
    }

    fn add(&mut self, severity: Severity, (item, key): (&Item, &str), problem: String, hint: Option<String>) {
        let (line, column) = self.places.at(item.id, key);
        self.findings.push(Finding {
            severity,
            file: self.file.to_owned(),
            line,
            column,
            item: Some(item.id),
            name: Some(item.name.clone()),
            key: Some(key.to_owned()),
            problem,
            hint,
        });
    }
}

/// Compares what came from an address with what the item says.
pub(super) fn judge(notes: &mut Notes<'_>, (item, source, key): (&Item, &Source, &str), fetched: &Fetched) {
    use Severity::{Error, Warning};
    let content = match &fetched.outcome {
        Ok(content) => content,
        Err(why) => return notes.add(Error, (item, key), why.clone(), None),
    };
    match content.status {
        200 => {}
        401 | 403 if needs_credentials(source) => {
            let problem = format!(
                "the server answers {}: it wants the credentials, which are not sent here",
                content.status
            );
            return notes.add(Warning, (item, key), problem, None);
        }
        status => return notes.add(Error, (item, key), format!("the server answers {status}"), None),
    }
    if content.page && item.kind != ItemKind::RootFile && item.kind != ItemKind::UserFile {
        let hint = "the address of the file itself is needed, not that of a page with a link to it";
        return notes.add(Error, (item, key), "the answer is a web page".into(), Some(hint.into()));
    }
    if let Some(next) = &content.plain_redirect {
        let hint = Some("name the last address, or set FollowRedirects to all".to_owned());
        notes.add(Warning, (item, key), format!("it redirects to {next}, over http"), hint);
    }
    match item.hash {
        Some(hash) if hash != content.digest => {
            let problem =
                format!("what is served has another one: {} ({} bytes)", content.digest, content.bytes);
            let hint = Some(format!("if that is the right content: \"hash\": \"{}\"", content.digest));
            notes.add(Error, (item, "hash"), problem, hint);
        }
        None if !content.resumable => {
            let problem = "without a hash and without ETag and ranges from the server a download that breaks off begins anew".to_owned();
            notes.add(Warning, (item, key), problem, Some(format!("\"hash\": \"{}\"", content.digest)));
        }
        _ => {}
    }
    if let Some(judged) = &content.report {
        package(notes, item, key, judged);
    }
}

fn package(notes: &mut Notes<'_>, item: &Item, key: &str, judged: &Judged) {
    use Severity::{Error, Warning};
    for error in &judged.report.errors {
        notes.add(Error, (item, key), format!("no package that installer takes: {error}"), None);
    }
    if let (Some(verdict), false) = (&judged.verdict, item.team_ids.is_empty())
        && let Err(wrong) = signer::accept(verdict, &item.team_ids)
    {
        notes.add(Error, (item, "team_ids"), wrong.to_string(), None);
    }
    let Some(package) = &judged.report.package else { return };
    processors(notes, item, key, &package.architectures);
    let Some(receipt) = &item.receipt else { return };
    let components: Vec<(&str, &str)> =
        package.components.iter().map(|part| (part.identifier.as_str(), part.version.as_str())).collect();
    let Some((_, found)) = components.iter().find(|(identifier, _)| *identifier == receipt.package_id) else {
        let known = components.iter().map(|(identifier, _)| *identifier);
        let list = known.clone().collect::<Vec<_>>().join(", ");
        let hint = nearest(&receipt.package_id, known).map(|near| format!("did you mean \"{near}\"?"));
        let problem = format!(
            "the package leaves no receipt of that name, so it would be installed by every run; it has {list}"
        );
        return notes.add(Error, (item, "packageid"), problem, hint);
    };
    let problem = format!("the package is version {found}");
    match version::compare(found, &receipt.version) {
        Ordering::Less => {
            let hint = Some("its receipt is never new enough: every run would install it again".to_owned());
            notes.add(Error, (item, "version"), problem, hint);
        }
        Ordering::Greater => {
            let hint = Some("a Mac with the older one would keep it".to_owned());
            notes.add(Warning, (item, "version"), problem, hint);
        }
        Ordering::Equal => {}
    }
}

/// Compares the processors a package is declared for, if it is, with those the item is meant for.
fn processors(notes: &mut Notes<'_>, item: &Item, key: &str, declared: &[String]) {
    let wanted = |arch: Arch| !item.skip_if.contains(&SkipIf(arch));
    let declares = |arch: Arch| declared.is_empty() || declared.iter().any(|name| name == arch.as_str());
    for (arch, problem) in [
        (Arch::Arm64, "the package is declared for Intel only: Apple silicon needs Rosetta for it"),
        (Arch::X86_64, "the package is declared for Apple silicon only: Intel Macs refuse it"),
    ] {
        if wanted(arch) && !declares(arch) {
            let hint = Some(format!("to leave it out there: \"skip_if\": \"{}\"", arch.as_str()));
            notes.add(Severity::Warning, (item, key), problem.to_owned(), hint);
        }
    }
}

fn needs_credentials(source: &Source) -> bool {
    source.options != FetchOptions::default()
}
