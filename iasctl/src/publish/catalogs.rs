//! `iasctl publish catalogs`: catalogs and icon digests made anew, byte for byte as Munki's makecatalogs makes them (T91).

use super::{
    build::{self, Catalogs, Leniency},
    icons,
    repository::Repository,
};
use crate::stdout;
use plist::Value;
use serde::Serialize;
use std::{
    fmt::{self, Display, Formatter},
    path::PathBuf,
    process::ExitCode,
};

/// What `publish catalogs` is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The repository: the folder with pkgs, pkgsinfo, icons and catalogs
    #[arg(value_name = "REPOSITORY", default_value = ".")]
    repository: PathBuf,
    /// Keep items whose files are missing
    #[arg(long)]
    force: bool,
    /// Do not look whether the files of the items are there
    #[arg(long)]
    skip_pkg_check: bool,
    /// Order items by the paths of their pkginfos, the same on every disk. Munki takes them as the disk lists them
    #[arg(long)]
    sorted: bool,
    /// Only tell what would change; exit 1 if anything would
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

/// Makes them; exit 1 when a file could not be read or written.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let repository = match Repository::open(&arguments.repository) {
        Ok(repository) => repository,
        Err(why) => {
            eprintln!("error: {why}");
            return ExitCode::FAILURE;
        }
    };
    let leniency = Leniency { force: arguments.force, skip_pkg_check: arguments.skip_pkg_check };
    let report = make(&repository, leniency, arguments.sorted, arguments.dry_run);
    report.warnings.iter().for_each(|warning| eprintln!("{warning}"));
    report.errors.iter().for_each(|error| eprintln!("error: {error}"));
    let text = if arguments.json {
        // Plain data: it always has a text.
        serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
    } else {
        report.to_string()
    };
    let failed = !report.errors.is_empty() || (arguments.dry_run && report.changes());
    let verdict = if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    stdout::print(&text).err().unwrap_or(verdict)
}

/// What was made.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    catalogs: Vec<Made>,
    /// Catalogs that nothing names any more.
    removed: Vec<String>,
    /// `None`: there is no icon.
    icons: Option<Made>,
    dry_run: bool,
    pub(super) warnings: Vec<String>,
    pub(super) errors: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Made {
    name: String,
    items: usize,
    /// Whether the file has become, or would become, another one.
    changed: bool,
}

impl Report {
    /// Whether anything is not as it was.
    pub(super) fn changes(&self) -> bool {
        !self.removed.is_empty() || self.catalogs.iter().chain(&self.icons).any(|made| made.changed)
    }
}

/// Makes the catalogs of `repository`, or only says what would be made.
pub(super) fn make(repository: &Repository, leniency: Leniency, sorted: bool, dry_run: bool) -> Report {
    // All or nothing: catalogs without what cannot be listed would take it from every Mac.
    let listed = || {
        let list = |kind: &str| repository.list(kind);
        Ok((repository.pkgsinfo()?, list("pkgs")?, list("icons")?, list("catalogs")?))
    };
    let (mut pkgsinfo, pkgs, icons, present) = match listed() {
        Ok(listed) => listed,
        Err(why) => return Report { dry_run, errors: vec![why], ..Report::default() },
    };
    if sorted {
        pkgsinfo.sort_by(|a, b| a.file.cmp(&b.file));
    }
    let Catalogs { lists, warnings, mut errors } = build::build(pkgsinfo, &pkgs, leniency);
    let put = |place: &str, value: &Value, errors: &mut Vec<String>| {
        let put =
            if dry_run { Ok(repository.differs(place, value)) } else { repository.put_list(place, value) };
        put.unwrap_or_else(|error| {
            errors.push(format!("{place}: {error}"));
            false
        })
    };
    // Before the catalogs: clients read those first (T90).
    let digests = icons::digests(repository, icons, &mut errors);
    let icons = (!digests.is_empty()).then(|| Made {
        name: icons::FILE.to_owned(),
        items: digests.len(),
        changed: put(icons::FILE, &Value::Dictionary(digests), &mut errors),
    });
    let mut removed = Vec::new();
    for name in present {
        if lists.contains_key(&name) {
            continue;
        }
        let done = if dry_run { Ok(()) } else { repository.remove(&format!("catalogs/{name}")) };
        match done {
            Ok(()) => removed.push(name),
            Err(error) => errors.push(format!("Could not delete catalog {name}: {error}")),
        }
    }
    let catalogs = lists.into_iter().map(|(name, items)| {
        let (place, count) = (format!("catalogs/{name}"), items.len());
        Made { name, items: count, changed: put(&place, &Value::Array(items), &mut errors) }
    });
    let catalogs = catalogs.collect();
    Report { catalogs, removed, icons, dry_run, warnings, errors }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let verb = |changed: bool| match (changed, self.dry_run) {
            (false, _) => "unchanged",
            (true, false) => "written",
            (true, true) => "would be written",
        };
        for made in &self.catalogs {
            let items = if made.items == 1 { "item" } else { "items" };
            writeln!(f, "catalogs/{}: {} {items}, {}", made.name, made.items, verb(made.changed))?;
        }
        for name in &self.removed {
            let verb = if self.dry_run { "would be removed" } else { "removed" };
            writeln!(f, "catalogs/{name}: {verb}: no item names it")?;
        }
        if let Some(made) = &self.icons {
            let icons = if made.items == 1 { "icon" } else { "icons" };
            writeln!(f, "{}: {} {icons}, {}", made.name, made.items, verb(made.changed))?;
        }
        Ok(())
    }
}
