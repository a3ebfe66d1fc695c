//! `iasctl repair`: asks for a run that does what is missing, changed or failed, or repeats what is named.

mod ask;
mod job;

use crate::stdout;
use ask::Asked;
use job::Problem;
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// What `repair` is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The names of the only items to look at, as the control file has them, in any case
    #[arg(long, value_name = "NAME", num_args = 1..)]
    only: Vec<String>,
    /// Repeat them, whether or not they are there already
    #[arg(long)]
    force: bool,
    /// The folder of a rehearsal, instead of this Mac
    #[arg(long, value_name = "DIR", default_value = "/", hide_default_value = true)]
    root: PathBuf,
    /// The label of the daemon's job, where it is not the usual one
    #[arg(long, value_name = "LABEL", default_value = "cz.macadmin.iasd")]
    label: String,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

/// Asks; exit 1 when that could not be done, and then nothing was.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let asked = match ask::ask(arguments) {
        Ok(asked) => asked,
        Err(problems) => {
            problems.iter().for_each(|problem| eprintln!("error: {problem}"));
            return ExitCode::FAILURE;
        }
    };
    asked.notes.iter().for_each(|note| eprintln!("note: {note}"));
    let next = match next(arguments, &asked) {
        Ok(next) => next,
        Err(Problem::NotInstalled(why)) => {
            match asked.withdraw() {
                Ok(()) => eprintln!("error: {why}; no request was left"),
                Err(stays) => eprintln!("error: {why}; the request stays: {stays}"),
            }
            return ExitCode::FAILURE;
        }
        Err(Problem::Refused(why)) => {
            eprintln!("error: {why}");
            eprintln!("note: the request stays: the next start of iasd carries it out");
            return ExitCode::FAILURE;
        }
    };
    let Asked { path, request, .. } = &asked;
    let text = if arguments.json {
        let (id, only, force) = (&request.id, &request.only, request.force);
        format!("{:#}\n", json!({"file": path, "id": id, "only": only, "force": force, "next": next}))
    } else {
        format!("{}\n{next}\n", request.summary())
    };
    stdout::print(&text).err().unwrap_or(ExitCode::SUCCESS)
}

/// Sees to it that the daemon looks at the request, and says when it will.
fn next(arguments: &Arguments, asked: &Asked) -> Result<String, Problem> {
    if asked.root != Path::new("/") {
        let root = asked.root.display();
        return Ok(format!("the next rehearsal carries it out: iasctl simulate FILE|DIR --root {root}"));
    }
    job::kick(&asked.root, &arguments.label, 0, asked.is_over)
}
