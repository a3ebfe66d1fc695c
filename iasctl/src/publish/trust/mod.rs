//! `iasctl publish trust`: the trust information of AutoPkg overrides verified, as `autopkg verify-trust-info` does (T73–T78).

mod core_processors;
mod library;
mod recipe;
mod verify;

pub(super) use library::Folders;
pub(super) use verify::{Verdict, verify};

use crate::stdout;
use plist::Dictionary;
use std::{path::PathBuf, process::ExitCode};

/// An override, and what it and its ancestors set.
pub(super) struct Lineage {
    /// Where the override is.
    pub(super) file: PathBuf,
    /// The variables, and the arguments of the steps, of all of them.
    pub(super) set: Vec<Dictionary>,
}

/// The override `name`, which is a path, an identifier or a file name, with its ancestors.
///
/// # Errors
/// One of them is not there or cannot be used.
pub(super) fn lineage(name: &str, folders: &Folders) -> Result<Lineage, String> {
    let library = library::Library::new(folders);
    let loaded = library.load(name, true)?;
    let files = std::iter::once(&loaded.path).chain(&loaded.parents);
    let set = files.filter_map(|file| library.recipe(file)).flat_map(|recipe| recipe::set(&recipe));
    Ok(Lineage { set: set.collect(), file: loaded.path })
}

/// What `publish trust` is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Overrides, by path, identifier or name
    #[arg(required = true, value_name = "OVERRIDE")]
    overrides: Vec<String>,
    /// A folder with overrides; may be repeated
    #[arg(long, value_name = "DIR", default_value = "~/Library/AutoPkg/RecipeOverrides")]
    override_dir: Vec<PathBuf>,
    /// A folder with recipes, itself or one level below (RECIPE_SEARCH_DIRS); may be repeated
    #[arg(long, value_name = "DIR")]
    search_dir: Vec<PathBuf>,
    /// A folder that repo-add has made (RECIPE_REPOS): trust information in it counts for nothing; may be repeated
    #[arg(long, value_name = "DIR")]
    recipe_repo: Vec<PathBuf>,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

/// Verifies; exit 1 when one is not trusted.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let folders = Folders {
        overrides: arguments.override_dir.clone(),
        search: arguments.search_dir.clone(),
        repos: arguments.recipe_repo.clone(),
    };
    let verdicts: Vec<Verdict> = arguments.overrides.iter().map(|name| verify(name, &folders)).collect();
    let text = if arguments.json {
        // Plain data: it always has a text.
        serde_json::to_string_pretty(&verdicts).unwrap_or_default() + "\n"
    } else {
        verdicts.iter().map(as_text).collect()
    };
    let trusted = verdicts.iter().all(|verdict| verdict.trusted);
    stdout::print(&text).err().unwrap_or(if trusted { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn as_text(verdict: &Verdict) -> String {
    let head = format!("{}: {}\n", verdict.name, if verdict.trusted { "OK" } else { "FAILED" });
    verdict.reasons.iter().fold(head, |text, reason| text + &format!("    {reason}\n"))
}
