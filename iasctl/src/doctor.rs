//! `iasctl doctor`: what a repository of titles looks like from a Mac, before Macs look at it.

use crate::{resolve::read_catalog, stdout};
use serde_json::json;
use shared::title::{Catalog, Catalogs, Remark, Terms, survey};
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// What `doctor` is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The repository: a folder with `catalogs`
    #[arg(long, value_name = "DIR")]
    repo: PathBuf,
    /// Only this catalog; may be repeated. Default: all but `all`, which no Mac should use, unless it is the only one
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

/// Looks; exit 1 when a Mac would fail over something.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let catalogs = match catalogs(arguments) {
        Ok(catalogs) => catalogs,
        Err(why) => {
            eprintln!("error: {why}");
            return ExitCode::FAILURE;
        }
    };
    let terms = Terms { hosts: arguments.host.clone(), ..Terms::default() };
    let remarks = survey(&catalogs, &terms);
    let errors = remarks.iter().filter(|remark| remark.is_error).count();
    let warnings = remarks.len() - errors;
    let text = if arguments.json {
        format!("{:#}\n", json!({ "remarks": remarks, "errors": errors, "warnings": warnings }))
    } else {
        as_text(&catalogs, &remarks, errors)
    };
    let verdict = match (errors, warnings) {
        (1.., _) => ExitCode::FAILURE,
        (0, 1..) if arguments.strict => ExitCode::from(2),
        (0, _) => ExitCode::SUCCESS,
    };
    stdout::print(&text).err().unwrap_or(verdict)
}

/// The catalogs that are looked at.
fn catalogs(arguments: &Arguments) -> Result<Catalogs, String> {
    let folder = arguments.repo.join("catalogs");
    let mut files = match arguments.catalog.is_empty() {
        false => arguments.catalog.iter().map(|name| folder.join(name)).collect(),
        true => listed(&folder)?,
    };
    if arguments.catalog.is_empty() && files.len() > 1 {
        files.retain(|file| file.file_name().is_none_or(|name| name != "all"));
    }
    let read = |file: &PathBuf| read_catalog(file).map(|catalog| (catalog.name.clone(), catalog));
    files.iter().map(read).collect::<Result<_, _>>().map(Catalogs)
}

fn listed(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_file() && !is_hidden {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(format!("{}: there is no catalog in it", folder.display()));
    }
    files.sort();
    Ok(files)
}

fn as_text(catalogs: &Catalogs, remarks: &[Remark], errors: usize) -> String {
    let mut text: String = remarks.iter().map(line).collect();
    for Catalog { name, items, .. } in catalogs.0.values() {
        let own = |remark: &&Remark| remark.catalog == *name;
        let wrong = remarks.iter().filter(own).filter(|remark| remark.is_error).count();
        let odd = remarks.iter().filter(own).count() - wrong;
        let counted = [(items.len(), "item"), (wrong, "error"), (odd, "warning")]
            .map(|(count, noun)| format!("{count} {noun}{}", if count == 1 { "" } else { "s" }));
        text.push_str(&format!("{name}: {}\n", counted.join(", ")));
    }
    if errors == 0 {
        text.push_str("Macs can have every title\n");
    }
    text
}

fn line(remark: &Remark) -> String {
    let Remark { catalog, title, version, is_error, text } = remark;
    let severity = if *is_error { "error" } else { "warning" };
    let title = title.as_ref().map(|title| format!(": {title}")).unwrap_or_default();
    let version = version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    format!("{severity}: {catalog}{title}{version}: {text}\n")
}
