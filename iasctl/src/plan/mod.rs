//! `iasctl plan`: what a run would do on the Mac described, and why, without doing anything.

mod estimate;
mod line;
mod sizes;

use crate::stdout;
use estimate::Estimate;
use line::Line;
use serde_json::{Value, json};
use shared::{
    control::{self, Context, Finding, Severity},
    event::ItemEnd,
    facts::{Arch, Facts},
    item::{HashCheckPolicy, Item},
    journal::Past,
    layout::MacPath,
    plan::{PhasePlan, Plan, plan},
    title::Resolution,
};
use sizes::Sizes;
use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

/// What `plan` is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The control file, or a folder with `bootstrap.json`
    #[arg(value_name = "FILE|DIR")]
    file: PathBuf,
    /// A JSON file that describes the Mac: {"arch": "arm64", "os_version": "15.5", "receipts": {"com.example.id": "1.0"}}
    #[arg(long, value_name = "FILE", conflicts_with_all = ["arch", "installed"])]
    facts: Option<PathBuf>,
    /// The Mac's architecture
    #[arg(long, default_value = "arm64", value_parser = architecture)]
    arch: Arch,
    /// A package that is installed already
    #[arg(long, value_name = "ID=VERSION", value_parser = receipt)]
    installed: Vec<(String, String)>,
    /// The HashCheckPolicy of the run
    #[arg(long, value_name = "POLICY", default_value = "Strict", value_parser = crate::check::hash_check_policy)]
    hash_check_policy: HashCheckPolicy,
    /// Estimate how long it takes on a line such as 100Mbit/s
    #[arg(long, value_name = "RATE")]
    line: Option<Line>,
    /// A JSON file with sizes in bytes, by address, id or name of the item: {"Tools": 12345}
    #[arg(long, value_name = "FILE", requires = "line")]
    sizes: Option<PathBuf>,
    /// Ask the servers how large the other downloads are (HEAD, without credentials)
    #[arg(long, requires = "line")]
    online: bool,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

/// A word of `--arch`.
pub(crate) fn architecture(text: &str) -> Result<Arch, String> {
    [Arch::Arm64, Arch::X86_64]
        .into_iter()
        .find(|arch| arch.as_str() == text)
        .ok_or_else(|| "expected arm64 or x86_64".to_owned())
}

fn receipt(text: &str) -> Result<(String, String), String> {
    let (id, version) = text.split_once('=').ok_or("expected ID=VERSION")?;
    Ok((id.to_owned(), version.to_owned()))
}

/// Plans and prints; exit 1 when the run would be refused, or an item cannot be what was meant.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let (plan, findings) = match planned(arguments) {
        Ok(planned) => planned,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::FAILURE;
        }
    };
    for finding in &findings {
        eprintln!("{finding}");
        finding.hint.iter().for_each(|hint| eprintln!("hint: {hint}"));
    }
    let is_sound = findings.iter().all(|finding| finding.severity != Severity::Error);
    let Some(plan) = plan else { return ExitCode::FAILURE };
    let estimate = match estimated(&plan, arguments) {
        Ok(estimate) => estimate,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::FAILURE;
        }
    };
    match print(&plan, estimate.as_ref(), arguments.json) {
        code if is_sound => code,
        _ => ExitCode::FAILURE,
    }
}

/// How long it takes, when a line is given.
fn estimated(plan: &Plan, arguments: &Arguments) -> Result<Option<Estimate>, String> {
    let Some(line) = arguments.line else { return Ok(None) };
    let mut sizes = Sizes::new(arguments.sizes.as_deref(), arguments.online)?;
    Ok(Some(Estimate::of(plan, line, |item| sizes.of(item))))
}

/// Results go to standard output, the verdict to standard error.
fn print(plan: &Plan, estimate: Option<&Estimate>, json: bool) -> ExitCode {
    let text = if json {
        format!("{:#}\n", as_json(plan, estimate))
    } else {
        plan.to_string() + &estimate.map(Estimate::text).unwrap_or_default()
    };
    if let Err(failed) = stdout::print(&text) {
        return failed;
    }
    match plan.forbidding().count() {
        0 => ExitCode::SUCCESS,
        1 => {
            eprintln!("error: one item above forbids the run: nothing would be executed");
            ExitCode::FAILURE
        }
        more => {
            eprintln!("error: {more} items above forbid the run: nothing would be executed");
            ExitCode::FAILURE
        }
    }
}

/// The plan, unless the control file cannot be used at all, and everything that is wrong with that file.
fn planned(arguments: &Arguments) -> Result<(Option<Plan>, Vec<Finding>), String> {
    let path = match arguments.file.is_dir() {
        true => arguments.file.join("bootstrap.json"),
        false => arguments.file.clone(),
    };
    let file = path.display().to_string();
    let read =
        |path: &PathBuf| std::fs::read(path).map_err(|error| format!("error: {}: {error}", path.display()));
    let facts = match &arguments.facts {
        Some(path) => serde_json::from_slice(&read(path)?)
            .map_err(|error| format!("error: {}: {error}", path.display()))?,
        None => Facts {
            arch: arguments.arch,
            os_version: String::new(),
            receipts: arguments.installed.iter().cloned().collect::<BTreeMap<_, _>>(),
            placed: BTreeMap::new(),
            found: BTreeMap::new(),
        },
    };
    let install_path = MacPath::new("/Library/installapplications")
        .map_err(|error| format!("error: the default InstallPath: {error}"))?;
    let context = Context { install_path, hash_check: arguments.hash_check_policy };
    let reading = control::read(&read(&path)?, &file, &context);
    let plan = reading.control.map(|control| {
        plan(&control, &facts, arguments.hash_check_policy, &Past::Nothing, &Resolution::default())
    });
    Ok((plan, reading.findings))
}

fn as_json(plan: &Plan, estimate: Option<&Estimate>) -> Value {
    let phases: Vec<Value> = plan.phases.iter().map(phase_json).collect();
    let mut document = json!({ "phases": phases, "refused": plan.forbidding().next().is_some() });
    if let (Some(document), Some(estimate)) = (document.as_object_mut(), estimate) {
        document.insert("estimate".to_owned(), estimate.json());
    }
    document
}

fn phase_json(phase: &PhasePlan) -> Value {
    let settled: Vec<Value> = phase
        .settled
        .iter()
        .map(|settled| {
            let failed = matches!(settled.end, ItemEnd::DownloadFailed(_));
            let listed = &settled.listed;
            json!({ "id": listed.id.to_string(), "name": listed.name, "why": settled.end.to_string(), "failed": failed })
        })
        .collect();
    let item = |item: &Item| {
        json!({
            "id": item.id.to_string(),
            "name": item.name,
            "type": item.kind,
            "url": item.source.as_ref().map(|source| source.url.to_string()),
            "mirrors": item.mirrors.iter().map(|source| source.url.to_string()).collect::<Vec<_>>(),
            "team_ids": item.team_ids.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "download_timeout": item.retry.within_seconds,
            "donotwait": item.donotwait,
            "fail_policy": item.fail_policy,
        })
    };
    let batches: Vec<Vec<Value>> =
        phase.batches.iter().map(|batch| batch.0.iter().map(item).collect()).collect();
    json!({ "phase": phase.phase, "not_needed": settled, "batches": batches })
}
