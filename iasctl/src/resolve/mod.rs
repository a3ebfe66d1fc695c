//! `iasctl resolve`: a control file whose titles are packages with addresses and digests, for clients that know no titles
//! and for runs that are the same tomorrow (T12).

mod catalogs;
mod package;
mod report;
mod rewrite;

use crate::{
    plan::architecture,
    repository::{self, name_of},
    resolve::{package::Packages, report::Report, rewrite::Rewrite},
    stdout,
};
use shared::{
    control::{self, Context, Severity},
    facts::Arch,
    item::{HashCheckPolicy, ItemId, Wish},
    layout::MacPath,
    sys::atomic,
    title::{Mac, Terms, address::Repo, resolve},
};
use std::{fs, path::PathBuf, process::ExitCode};

/// What `resolve` is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The control file, or a folder with `bootstrap.json`
    #[arg(value_name = "FILE|DIR")]
    file: PathBuf,
    /// A catalog; its name is that of the file
    #[arg(long, value_name = "FILE", required_unless_present = "repo")]
    catalog: Vec<PathBuf>,
    /// The catalogs that are needed are taken from there
    #[command(flatten)]
    repository: repository::Options,
    /// Where the repository is for Macs: packages are below its `pkgs`. Default: the address of --repo
    #[arg(long, value_name = "URL", value_parser = address)]
    url: Option<Repo>,
    /// TitleCatalogs: searched in this order where an item names no catalog. Default: those of --catalog, or production
    #[arg(long, value_name = "NAME")]
    search: Vec<String>,
    /// TitleHosts: where files with a URL of their own may be. Default: the repository's host
    #[arg(long, value_name = "HOST")]
    host: Vec<String>,
    /// The architecture of the Macs
    #[arg(long, value_parser = architecture)]
    arch: Arch,
    /// The version of macOS they have, such as 15.1.1
    #[arg(long, value_name = "VERSION")]
    os: String,
    /// The InstallPath of the run: packages are downloaded to it
    #[arg(long, value_name = "PATH", default_value = "/Library/installapplications", value_parser = install_path)]
    install_path: MacPath,
    /// Exit with 2 when titles remain, or lose something as packages
    #[arg(long)]
    strict: bool,
    /// Write the new control file here instead of to standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print one JSON document, with the new control file in it as text
    #[arg(long)]
    json: bool,
}

fn address(text: &str) -> Result<Repo, String> {
    Repo::new(text).map_err(|why| why.to_string())
}

fn install_path(text: &str) -> Result<MacPath, String> {
    MacPath::new(text).map_err(|why| why.to_string())
}

/// Resolves and prints; exit 1 when a title cannot be had.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let (report, text) = match resolved(arguments) {
        Ok(resolved) => resolved,
        Err(why) => {
            eprintln!("error: {why}");
            return ExitCode::FAILURE;
        }
    };
    report.diagnostics().iter().for_each(|line| eprintln!("{line}"));
    let written = match &arguments.output {
        // A file that lacks what it should have would be taken for the whole.
        Some(path) if report.is_refused() => {
            eprintln!("error: {}: not written, because a title cannot be had", path.display());
            Ok(())
        }
        Some(path) => atomic::replace(path, text.as_bytes(), 0o644).map_err(|error| {
            eprintln!("error: {}: {error}", path.display());
            ExitCode::FAILURE
        }),
        None if arguments.json => Ok(()),
        None => stdout::print(&text),
    };
    let told =
        written.and_then(|()| if arguments.json { stdout::print(&report.as_json(&text)) } else { Ok(()) });
    told.err().unwrap_or_else(|| report.exit_code(arguments.strict))
}

/// What became of each title, and the new control file.
fn resolved(arguments: &Arguments) -> Result<(Report, String), String> {
    arguments.for_macs()?;
    let path =
        if arguments.file.is_dir() { arguments.file.join("bootstrap.json") } else { arguments.file.clone() };
    let name = path.display().to_string();
    let bytes = fs::read(&path).map_err(|error| format!("{name}: {error}"))?;
    let context =
        Context { install_path: arguments.install_path.clone(), hash_check: HashCheckPolicy::Ignore };
    let reading = control::read(&bytes, &name, &context);
    for finding in reading.findings.iter().filter(|finding| finding.severity == Severity::Error) {
        eprintln!("{finding}");
    }
    let control = reading.control.ok_or_else(|| format!("{name}: cannot be used; see `iasctl check`"))?;
    let wishes: Vec<(ItemId, Wish)> = control.titles().map(|(item, wish)| (item.id, wish.clone())).collect();
    let search = searched(arguments);
    let terms = Terms { catalogs: search, hosts: arguments.host.clone(), allow_untrusted: false };
    let catalogs = catalogs::read(arguments, &wishes, &terms)?;
    let mac = Mac { arch: arguments.arch, os_version: arguments.os.clone() };
    let resolution = resolve(&wishes, &catalogs, &mac, &terms);
    let source =
        std::str::from_utf8(&bytes).map_err(|_| format!("{name}: is not UTF-8; save it as UTF-8"))?;
    let mut rewrite = Rewrite::of(source).map_err(|why| format!("{name}: {why}"))?;
    let mut packages = Packages::new(arguments, &catalogs, &control);
    let mut report = Report::default();
    for (item, _) in control.titles() {
        let outcome = packages.of(item, &resolution, rewrite.members(item.id));
        if let Some(items) = outcome.items() {
            rewrite.replace(item.id, items);
        }
        report.add(item, outcome);
    }
    Ok((report, rewrite.finish()))
}

fn searched(arguments: &Arguments) -> Vec<String> {
    let named = arguments.catalog.iter().filter_map(|path| name_of(path));
    match (&arguments.search, &arguments.repository.repo) {
        (search, _) if !search.is_empty() => search.clone(),
        (_, None) => named.collect(),
        (_, Some(_)) => vec!["production".to_owned()],
    }
}

impl Arguments {
    /// The URL of a file of the repository.
    fn url_of(&self, place: &shared::title::Place) -> Result<String, String> {
        let repo = self.for_macs()?;
        repo.package(place, &self.host).map(Into::into).map_err(|why| why.to_string())
    }

    /// Where the repository is for Macs.
    fn for_macs(&self) -> Result<Repo, String> {
        match (&self.url, &self.repository.repo) {
            (Some(url), _) => Ok(url.clone()),
            (None, Some(repo)) if repo.contains("://") => address(repo),
            (None, _) => Err("where is the repository for Macs? give --url".to_owned()),
        }
    }
}
