//! `iasctl publish prune`: what no catalog has named for 14 days leaves the repository (T90).

use super::{
    build::Leniency,
    catalogs, place, property_list,
    publisher::{self, Publisher},
    repository::{Pkginfo, Repository},
};
use crate::stdout;
use plist::Value;
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    process::ExitCode,
};
use time::OffsetDateTime;

/// A client may go on with an old catalog for so long.
const DAYS: i64 = 14;
/// Since when what is unnamed is unnamed.
const MEMORY: &str = "unnamed.json";

/// What `publish prune` is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The publisher's folder, with publish.json
    #[arg(long, value_name = "DIR", default_value = ".")]
    publisher: PathBuf,
    /// Only tell what would be removed, and remember nothing
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

/// Prunes; exit 1 when something could not be removed.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match prune(arguments) {
        Ok(report) => {
            report.errors.iter().for_each(|error| eprintln!("error: {error}"));
            let text = if arguments.json {
                // Plain data: it always has a text.
                serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
            } else {
                report.as_text()
            };
            let verdict = if report.errors.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
            stdout::print(&text).err().unwrap_or(verdict)
        }
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

/// What was pruned.
#[derive(Debug, Serialize)]
struct Report {
    /// Gone, or to go in a dry run.
    removed: Vec<String>,
    /// What no catalog names, with the days that are left to it.
    unnamed: BTreeMap<String, i64>,
    dry_run: bool,
    errors: Vec<String>,
}

impl Report {
    fn as_text(&self) -> String {
        let verb = if self.dry_run { "would be removed" } else { "removed" };
        let removed = self.removed.iter().map(|place| format!("{place}: {verb}\n"));
        let unnamed = self.unnamed.iter().map(|(place, days)| {
            format!(
                "{place}: in no catalog, stays for another {days} day{}\n",
                if *days == 1 { "" } else { "s" }
            )
        });
        let text: String = removed.chain(unnamed).collect();
        if text.is_empty() { "every file is in a catalog\n".to_owned() } else { text }
    }
}

fn prune(arguments: &Arguments) -> Result<Report, String> {
    let publisher = Publisher::open(&arguments.publisher)?;
    let repository = Repository::open(&publisher.path(&publisher.settings.repository))?;
    let memory = publisher.path(MEMORY);
    let known: BTreeMap<String, i64> =
        if memory.exists() { publisher::read(&memory)? } else { BTreeMap::new() };
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let unnamed = unnamed(&repository)?;
    let Pruned { gone, since } = decide(&unnamed, &known, now);
    let (pkgsinfo, files): (Vec<String>, Vec<String>) =
        gone.into_iter().partition(|place| place.starts_with("pkgsinfo/"));
    let (mut removed, mut errors) = (Vec::new(), Vec::new());
    // Pkginfos, then `all` without them, then the files: nothing ever leads to a file that is gone.
    let mut remove = |places: Vec<String>, errors: &mut Vec<String>| {
        for place in places {
            match if arguments.dry_run { Ok(()) } else { repository.remove(&place) } {
                Ok(()) => removed.push(place),
                Err(error) => errors.push(format!("{place}: {error}")),
            }
        }
    };
    let catalogs_change = !pkgsinfo.is_empty() && !arguments.dry_run;
    remove(pkgsinfo, &mut errors);
    if catalogs_change {
        let sorted = publisher.settings.sorted;
        errors.extend(catalogs::make(&repository, Leniency::default(), sorted, false).errors);
    }
    if errors.is_empty() {
        remove(files, &mut errors);
    }
    if !arguments.dry_run {
        publisher.replace(MEMORY, &since)?;
    }
    let left = |since: i64| DAYS - (now - since).max(0) / 86_400;
    let unnamed = since.into_iter().map(|(place, since)| (place, left(since))).collect();
    Ok(Report { removed, unnamed, dry_run: arguments.dry_run, errors })
}

/// Files of `pkgsinfo` and `pkgs` that no catalog but `all` leads to; pkginfos first.
fn unnamed(repository: &Repository) -> Result<Vec<String>, String> {
    let named = named(repository)?;
    let (mut pkgsinfo, mut kept) = (Vec::new(), named.locations);
    for Pkginfo { file, content } in repository.pkgsinfo()? {
        // What cannot be read may be anything: it stays, and lint speaks of it.
        let content =
            content.map_err(|why| format!("{file}: {why}; nothing is pruned until it can be read"))?;
        let text = |key: &str| content.get(key).and_then(Value::as_string).unwrap_or_default().to_owned();
        if named.versions.contains(&(text("name"), text("version"))) || has_catalogs(&content) {
            kept.extend(LOCATIONS.map(|key| place::folded(&text(key))));
        } else {
            pkgsinfo.push(file);
        }
    }
    // An item stays in catalogs when its file has its name in other letters; so does the file.
    let files = repository.list("pkgs")?.into_iter().filter(|file| !kept.contains(&place::folded(file)));
    pkgsinfo.sort();
    pkgsinfo.extend(files.map(|file| format!("pkgs/{file}")));
    Ok(pkgsinfo)
}

/// Forgets since when something is unnamed that is named again: its days begin anew when it is dropped once more.
///
/// # Errors
/// What is remembered cannot be read or written, or what is named cannot be found out.
pub(super) fn forget_named(publisher: &Publisher, repository: &Repository) -> Result<(), String> {
    let memory = publisher.path(MEMORY);
    if !memory.exists() {
        return Ok(());
    }
    let mut since: BTreeMap<String, i64> = publisher::read(&memory)?;
    let (unnamed, known) = (unnamed(repository)?, since.len());
    since.retain(|place, _| unnamed.contains(place));
    if since.len() == known { Ok(()) } else { publisher.replace(MEMORY, &since) }
}

const LOCATIONS: [&str; 2] = ["installer_item_location", "uninstaller_item_location"];

/// An item that will be in a catalog as soon as catalogs are made anew.
fn has_catalogs(content: &plist::Dictionary) -> bool {
    content.get("catalogs").and_then(Value::as_array).is_some_and(|named| !named.is_empty())
}

/// What the catalogs that clients read lead to now.
struct Named {
    versions: BTreeSet<(String, String)>,
    /// Folded.
    locations: BTreeSet<String>,
}

fn named(repository: &Repository) -> Result<Named, String> {
    let mut named = Named { versions: BTreeSet::new(), locations: BTreeSet::new() };
    for name in repository.list("catalogs")?.into_iter().filter(|name| name != "all") {
        let place = format!("catalogs/{name}");
        let bytes = fs::read(repository.path(&place)).map_err(|error| format!("{place}: {error}"))?;
        let value = property_list::read(&bytes).map_err(|error| format!("{place}: {error}"))?;
        let items = value.into_array().ok_or_else(|| format!("{place}: no list"))?;
        for item in items.iter().filter_map(Value::as_dictionary) {
            let text = |key: &str| item.get(key).and_then(Value::as_string).unwrap_or_default().to_owned();
            named.versions.insert((text("name"), text("version")));
            named.locations.extend(LOCATIONS.map(|key| place::folded(&text(key))));
        }
    }
    Ok(named)
}

/// What goes now, and since when the rest is unnamed.
#[derive(Debug, PartialEq, Eq)]
struct Pruned {
    gone: Vec<String>,
    since: BTreeMap<String, i64>,
}

fn decide(unnamed: &[String], known: &BTreeMap<String, i64>, now: i64) -> Pruned {
    let mut pruned = Pruned { gone: Vec::new(), since: BTreeMap::new() };
    for place in unnamed {
        let since = known.get(place).copied().unwrap_or(now);
        if now - since >= DAYS * 86_400 {
            pruned.gone.push(place.clone());
        } else {
            pruned.since.insert(place.clone(), since);
        }
    }
    pruned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t90_a_file_goes_when_it_was_unnamed_for_14_days_without_a_break() {
        let (day, a) = (86_400, || "pkgs/a".to_owned());
        let first = decide(&[a()], &BTreeMap::new(), day);
        assert_eq!(first, Pruned { gone: vec![], since: [(a(), day)].into() });
        assert_eq!(decide(&[a()], &first.since, 15 * day - 1).gone, Vec::<String>::new());
        assert_eq!(decide(&[a()], &first.since, 15 * day).gone, [a()]);
        let named_again = decide(&[], &first.since, 10 * day);
        assert_eq!(decide(&[a()], &named_again.since, 15 * day).gone, Vec::<String>::new());
    }
}
