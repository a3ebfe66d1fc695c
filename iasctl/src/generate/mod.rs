//! `iasctl generate`: a control file from packages and scripts, as the generators of the dialects make it (R128–R135).

mod address;
mod folder;
mod item;
mod package;
mod words;

use crate::{
    control_text::{Dialect, Phases},
    stdout,
};
pub(crate) use address::Base;
pub(crate) use package::identify;

use clap::{ArgMatches, FromArgMatches};
use folder::Listed;
use item::{Terms, make};
use shared::{
    control::{self, Context, Severity, USUAL_NAME},
    item::HashCheckPolicy,
    layout::MacPath,
    sys::atomic,
};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};
use words::{WORDS, Words};

/// What `generate` is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    items: Items,
    /// A folder with the folders preflight, setupassistant and userland: every file in them becomes an item
    #[arg(long, value_name = "DIR", conflicts_with = "item")]
    rootdir: Option<PathBuf>,
    /// Where the files will be on the server: they are below it, in a folder for each phase
    #[arg(long, value_name = "URL", value_parser = Base::new)]
    base_url: Option<Base>,
    /// Write bootstrap.json into this folder, or this .json file; - is standard output
    #[arg(long, alias = "outputdir", value_name = "DIR|FILE", required_unless_present = "rootdir")]
    output: Option<PathBuf>,
    /// Whose generator is followed: which keys say that a package is required, in which order, with which folder
    #[arg(long, value_enum, default_value_t)]
    dialect: Dialect,
    /// InstallPath on the Mac [default: that of the dialect]
    #[arg(long, value_name = "PATH", value_parser = install_path, conflicts_with = "compat")]
    install_path: Option<MacPath>,
    /// The folder of InstallApplications with --dialect go
    #[arg(long)]
    compat: bool,
}

/// The words of each `--item`, which are as many as one likes.
#[derive(Debug, Clone)]
struct Items(Vec<Vec<String>>);

impl clap::Args for Items {
    fn augment_args(command: clap::Command) -> clap::Command {
        let help =
            "WORD=VALUE, as many as needed, or all of them in one text; item-path is needed. May be repeated";
        let item = clap::Arg::new("item").long("item").value_name("WORD=VALUE").num_args(1..);
        let words = format!("{help}.\nWords: {}", WORDS.join(", "));
        command.arg(
            item.action(clap::ArgAction::Append)
                .help(help)
                .long_help(words)
                .required_unless_present("rootdir"),
        )
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Items {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let occurrences = matches.get_occurrences::<String>("item").into_iter().flatten();
        Ok(Self(occurrences.map(|words| words.cloned().collect()).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn install_path(text: &str) -> Result<MacPath, String> {
    MacPath::new(text).map_err(|why| why.to_string())
}

/// Makes all items, and the file, unless something is wrong with one of them: exit 1, and nothing is written.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match generated(arguments) {
        Ok(code) => code,
        Err(problems) => {
            problems.iter().for_each(|problem| eprintln!("error: {problem}"));
            ExitCode::FAILURE
        }
    }
}

fn generated(arguments: &Arguments) -> Result<ExitCode, Vec<String>> {
    let usual = match arguments.dialect {
        Dialect::Go if !arguments.compat => "/Library/go-installapplications",
        _ => "/Library/installapplications",
    };
    let home = match &arguments.install_path {
        Some(path) => path.clone(),
        None => install_path(usual).map_err(|why| vec![why])?,
    };
    let terms =
        Terms { base: arguments.base_url.clone(), install_path: home.clone(), dialect: arguments.dialect };
    let (mut phases, mut problems) = (Phases::default(), Vec::new());
    for asked in asked(arguments).map_err(|why| vec![why])? {
        let (label, made) = match asked {
            Ok(Listed { label, words }) => (label, make(&words, &terms)),
            Err((label, problems)) => (label, Err(problems)),
        };
        match made {
            Ok(made) => {
                made.warnings.iter().for_each(|warning| eprintln!("warning: {label}: {warning}"));
                phases.add(made.phase, made.keys);
            }
            Err(why) => problems.extend(why.into_iter().map(|problem| format!("{label}: {problem}"))),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    write(arguments, &phases, home).map_err(|why| vec![why])
}

/// What is asked of each item, or what is wrong with its words.
type Asked = Result<Listed, (String, Vec<String>)>;

fn asked(arguments: &Arguments) -> Result<Vec<Asked>, String> {
    if let Some(root) = &arguments.rootdir {
        return Ok(folder::listed(root)?.into_iter().map(Ok).collect());
    }
    let item = |(number, words): (u32, &Vec<String>)| {
        let label = format!("item {number}");
        match Words::parse(words) {
            Ok(words) => Ok(Listed { label, words }),
            Err(problems) => Err((label, problems)),
        }
    };
    Ok((1..).zip(&arguments.items.0).map(item).collect())
}

/// Checks what was made as any control file (R135), and writes it.
fn write(arguments: &Arguments, phases: &Phases, install_path: MacPath) -> Result<ExitCode, String> {
    let text = phases.text(arguments.dialect);
    let to_stdout = arguments.output.as_deref() == Some(Path::new("-"));
    let path = output(arguments);
    let name = if to_stdout { USUAL_NAME.to_owned() } else { path.display().to_string() };
    let context = Context { install_path, hash_check: HashCheckPolicy::Strict };
    let reading = control::read(text.as_bytes(), &name, &context);
    for finding in &reading.findings {
        eprintln!("{finding}");
        finding.hint.iter().for_each(|hint| eprintln!("hint: {hint}"));
    }
    let refused = reading.findings.iter().any(|finding| finding.severity == Severity::Error);
    if refused || reading.control.is_none() {
        return Err(format!("{name}: not written, because of the errors above"));
    }
    if to_stdout {
        return Ok(stdout::print(&text).err().unwrap_or(ExitCode::SUCCESS));
    }
    atomic::replace(&path, text.as_bytes(), 0o644)
        .map_err(|error| format!("{name}: cannot be written: {error}"))?;
    let (count, s) = (phases.count(), if phases.count() == 1 { "" } else { "s" });
    Ok(stdout::print(&format!("{name}: {count} item{s}\n")).err().unwrap_or(ExitCode::SUCCESS))
}

/// The file: named itself, or in the folder named, or beside the phases.
fn output(arguments: &Arguments) -> PathBuf {
    let folder = arguments.output.as_ref().or(arguments.rootdir.as_ref()).cloned().unwrap_or_default();
    let is_file = folder.extension().is_some_and(|extension| extension == "json") && !folder.is_dir();
    if is_file { folder } else { folder.join(USUAL_NAME) }
}
