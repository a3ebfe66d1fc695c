//! `iasctl report`: a recorded run told again, as a page, as text, as JSON, or beside another one.
//!
//! ```text
//! journal ─► recording ─► timeline ─► critical ─► story ─┬► page
//!            (facts)      (stretches)  (what it     │    ├► text
//!                                       waited for) │    └► JSON
//!                                                   └ compare
//! ```

mod compare;
mod critical;
mod page;
mod recording;
mod story;
mod text;
mod timeline;

use self::{compare::compare, page::page, recording::read, story::story};
use crate::stdout;
use clap::Args;
use shared::layout::RECORDS_FOLDER;
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// What of which run.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The record of the run: `last-run.ndjson`, its folder, a Mac-shaped folder, what `simulate --json` printed, or `-`
    #[arg(value_name = "FILE|DIR", default_value = RECORDS_FOLDER)]
    path: PathBuf,
    /// Write a page that needs nothing else, for a browser
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print the numbers as JSON
    #[arg(long)]
    json: bool,
    /// Another run to compare with
    #[arg(long, value_name = "FILE|DIR")]
    compare: Option<PathBuf>,
}

/// Tells what happened.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match report(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Problem::Said(code)) => code,
        Err(Problem::Input(error)) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// The recorded run at `path` as a page and as text.
///
/// # Errors
/// When nothing is recorded there.
pub(crate) fn told(path: &Path) -> Result<(String, String), String> {
    let story = story(&read(path)?);
    Ok((page(&story, None), text::text(&story)))
}

enum Problem {
    Said(ExitCode),
    Input(String),
}

fn report(arguments: &Arguments) -> Result<(), Problem> {
    let tell = |path: &Path| read(path).map(|recording| story(&recording)).map_err(Problem::Input);
    let told = tell(&arguments.path)?;
    let comparison = match &arguments.compare {
        Some(other) => Some(compare(&told, &tell(other)?)),
        None => None,
    };
    if let Some(file) = &arguments.html {
        let text = page(&told, comparison.as_ref());
        fs::write(file, text).map_err(|error| Problem::Input(format!("{}: {error}", file.display())))?;
    }
    let text = if arguments.json {
        let mut json = serde_json::to_value(&told).map_err(|error| Problem::Input(error.to_string()))?;
        if let (Some(comparison), Some(object)) = (&comparison, json.as_object_mut()) {
            let compared =
                serde_json::to_value(comparison).map_err(|error| Problem::Input(error.to_string()))?;
            object.insert("comparison".into(), compared);
        }
        format!("{json:#}\n")
    } else {
        text::text(&told) + &comparison.as_ref().map(compare::text).unwrap_or_default()
    };
    stdout::print(&text).map_err(Problem::Said)?;
    if let Some(file) = &arguments.html {
        eprintln!("written: {}", file.display());
    }
    Ok(())
}
