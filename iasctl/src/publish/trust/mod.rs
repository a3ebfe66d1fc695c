//! `iasctl publish trust`: the trust information of AutoPkg overrides verified, as `autopkg verify-trust-info` does (T73–T78).

mod core_processors;
mod library;
mod recipe;
mod verify;

pub(super) use library::Folders;
pub(super) use verify::{Verdict, verify};

use crate::stdout;
use std::{path::PathBuf, process::ExitCode};

/// What an override sets.
pub(super) fn input(file: &std::path::Path) -> Option<plist::Dictionary> {
    recipe::read(file).ok()?.get("Input")?.as_dictionary().cloned()
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
