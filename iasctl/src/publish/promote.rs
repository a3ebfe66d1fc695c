//! `iasctl publish promote`: a version that passed the gate goes into another catalog (T93).

use super::{
    prune,
    publisher::{Publisher, Record},
    repository::{Pkginfo, Repository},
};
use crate::stdout;
use plist::{Dictionary, Value};
use serde::Serialize;
use shared::title::order::trimmed;
use std::{path::PathBuf, process::ExitCode};
use time::OffsetDateTime;

/// A passage through the gate that is older counts no more.
const DAYS: i64 = 30;

/// What `publish promote` is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The title, by its name in pkginfos
    title: String,
    /// The version
    version: String,
    /// The catalog to add it to
    catalog: String,
    /// The catalog to take it out of, such as testing; may be repeated
    #[arg(long, value_name = "CATALOG")]
    out_of: Vec<String>,
    /// The publisher's folder, with publish.json and records
    #[arg(long, value_name = "DIR", default_value = ".")]
    publisher: PathBuf,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

/// Promotes; exit 1 when it is refused.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match promote(arguments) {
        Ok(promoted) => {
            let text = if arguments.json {
                // Plain data: it always has a text.
                serde_json::to_string_pretty(&promoted).unwrap_or_default() + "\n"
            } else {
                let Promoted { pkginfo, catalogs, changed } = &promoted;
                let what = if *changed { "written" } else { "unchanged" };
                format!("{pkginfo}: {what}, in {}\nnext: iasctl publish catalogs\n", catalogs.join(", "))
            };
            stdout::print(&text).err().unwrap_or(ExitCode::SUCCESS)
        }
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

/// What was promoted.
#[derive(Debug, Serialize)]
struct Promoted {
    pkginfo: String,
    catalogs: Vec<String>,
    changed: bool,
}

fn promote(arguments: &Arguments) -> Result<Promoted, String> {
    super::place::check(&arguments.catalog)
        .map_err(|why| format!("catalog {:?} {why}", arguments.catalog))?;
    let publisher = Publisher::open(&arguments.publisher)?;
    let repository = Repository::open(&publisher.path(&publisher.settings.repository))?;
    let (file, mut content) = meant(&repository, &arguments.title, &arguments.version)?;
    let text = |key: &str| content.get(key).and_then(Value::as_string);
    let version = text("version").unwrap_or_default();
    let record = publisher.record(&arguments.title, version);
    allowed(record.as_ref(), text("installer_item_hash"), OffsetDateTime::now_utc().unix_timestamp())
        .map_err(|why| format!("{} {version}: {why}", arguments.title))?;
    let named = content.get("catalogs").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut catalogs: Vec<String> = named.iter().filter_map(Value::as_string).map(str::to_owned).collect();
    if let Some(stranger) = arguments.out_of.iter().find(|catalog| !catalogs.contains(catalog)) {
        return Err(format!("--out-of {stranger}: {file} is in {}", catalogs.join(", ")));
    }
    catalogs.retain(|catalog| !arguments.out_of.contains(catalog));
    if !catalogs.contains(&arguments.catalog) {
        catalogs.push(arguments.catalog.clone());
    }
    let list = catalogs.iter().map(|catalog| Value::from(catalog.as_str())).collect();
    content.insert("catalogs".to_owned(), Value::Array(list));
    let changed = repository
        .put_list(&file, &Value::Dictionary(content))
        .map_err(|error| format!("{file}: {error}"))?;
    prune::forget_named(&publisher, &repository)?;
    Ok(Promoted { pkginfo: file, catalogs, changed })
}

/// The one pkginfo of this title and version.
fn meant(repository: &Repository, title: &str, version: &str) -> Result<(String, Dictionary), String> {
    let fits = |content: &Dictionary| {
        let text = |key: &str| content.get(key).and_then(Value::as_string);
        text("name") == Some(title) && text("version").is_some_and(|other| trimmed(other) == trimmed(version))
    };
    let mut found: Vec<(String, Dictionary)> = Vec::new();
    for Pkginfo { file, content } in repository.pkgsinfo()? {
        found.extend(content.ok().filter(fits).map(|content| (file, content)));
    }
    match found.len() {
        0 => Err(format!("{title} {version}: there is no such pkginfo")),
        1 => Ok(found.remove(0)),
        _ => {
            let files: Vec<String> = found.into_iter().map(|(file, _)| file).collect();
            Err(format!("{title} {version}: several pkginfos: {}", files.join(", ")))
        }
    }
}

/// Whether this very file passed the gate lately.
fn allowed(record: Option<&Record>, hash: Option<&str>, now: i64) -> Result<(), String> {
    let record = record.ok_or("it has no gate record: let it pass iasctl publish run")?;
    if record.sha256.as_deref().map(str::to_lowercase) != hash.map(str::to_lowercase) {
        return Err("its gate record is of another file".to_owned());
    }
    let age = (now - record.time) / 86_400;
    if now - record.time > DAYS * 86_400 {
        return Err(format!(
            "its gate record is {age} days old, {DAYS} at most: let it pass iasctl publish run again"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t93_the_record_is_of_this_file_and_no_older_than_30_days() {
        let record = |time: i64| Record {
            time,
            title: "A".to_owned(),
            version: "1".to_owned(),
            sha256: Some("aa".to_owned()),
            pkginfo: String::new(),
            override_commit: None,
            run: String::new(),
            steps: serde_json::Value::Null,
        };
        let month = DAYS * 86_400;
        assert!(allowed(Some(&record(0)), Some("AA"), month).is_ok());
        assert!(allowed(Some(&record(0)), Some("aa"), month + 1).unwrap_err().contains("30 days old"));
        assert!(allowed(Some(&record(1)), Some("bb"), month).unwrap_err().contains("another file"));
        assert!(allowed(Some(&record(1)), None, month).is_err());
        assert!(allowed(None, Some("aa"), 0).unwrap_err().contains("no gate record"));
    }
}
