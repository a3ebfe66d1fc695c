//! `iasctl simulate`: a whole enrolment with the real programs, in a Mac-shaped folder.

mod building;
mod daemon;
mod faults;
mod hashes;
mod overrides;
mod performance;
mod server;
mod stage;
mod summary;
mod verdict;

use crate::view::{Json, Painter, Quiet, View, on_this_output};
use performance::{Performed, Requests, perform};
use server::Misdeeds;
use shared::fault::{self, Fault, byte_count, seconds};
use stage::Stage;
use std::{
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};
use verdict::{EndState, Verdict};

/// What `simulate` is asked.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = fault::listing())]
pub(crate) struct Arguments {
    /// A control file, or a folder with `bootstrap.json` and what it names
    #[arg(value_name = "FILE|DIR")]
    source: PathBuf,
    /// The folder that is to be the Mac; an empty one, or that of an earlier rehearsal
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Leave the Mac's folder behind
    #[arg(long)]
    keep: bool,
    /// One event per line on standard output, and nothing else there
    #[arg(long)]
    json: bool,
    /// How the agent behaves
    #[arg(long, value_enum, value_name = "CONDUCT")]
    agent: Option<AgentConduct>,
    /// The account name of who logs in; `never`: nobody does
    #[arg(long, value_name = "NAME|never")]
    user: Option<String>,
    /// When that is, in seconds after the start
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    login_after: Option<f64>,
    /// The Mac's processor
    #[arg(long, value_parser = ["arm64", "x86_64"])]
    arch: Option<String>,
    /// The Mac's version of macOS
    #[arg(long, value_name = "VERSION", value_parser = os_version)]
    os: Option<String>,
    /// When there is no network, in seconds after the start, such as `0-5`; may be given more than once
    #[arg(long, value_name = "FROM-UNTIL", value_parser = outage)]
    outage: Vec<[f64; 2]>,
    /// An instant at which iasd is killed as by a power cut, and started again, such as `after item_running userland[2]`
    #[arg(long, value_name = "INSTANT")]
    power_cut: Vec<fault::Instant>,
    /// Something that goes wrong, once, as listed below, such as `status=503,retry-after=2@Acme Tools`; may be given
    /// more than once
    #[arg(long, value_name = "FAULT")]
    fault: Vec<Fault>,
    /// Do not run once more without the faults, to compare how it ends
    #[arg(long)]
    no_compare: bool,
    /// How often iasd is started again when it ends with a status other than 0 or 1, as launchd does
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    restarts: u32,
    /// A setting, such as `MaximumRedownloads=0`
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    set: Vec<(String, String)>,
    /// Run scripts on this computer, not in a sandbox
    #[arg(long)]
    no_sandbox: bool,
    /// Download and check, but carry nothing out
    #[arg(long)]
    dry_run: bool,
    /// Only write the digests of what is served into the control file
    #[arg(long)]
    update_hashes: bool,
    /// A folder for content across rehearsals: what has a `hash` and was downloaded once is taken from there. Not used where
    /// something goes wrong
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// How fast the server sends to each connection, such as `500k` or `2M` bytes per second
    #[arg(long, value_name = "BYTES", value_parser = speed)]
    speed: Option<u64>,
}

/// How the agent behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum AgentConduct {
    /// It is never started
    Never,
    /// It is started some time after the login
    Late,
    /// It crashes, and is started again
    Crashing,
}

impl AgentConduct {
    /// The word of the scenario.
    fn word(self) -> &'static str {
        match self {
            Self::Never => "absent",
            Self::Late => "late",
            Self::Crashing => "crashing",
        }
    }
}

/// Carries it out.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(rehearse(arguments)),
        Err(error) => Err(error.to_string()),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("iasctl simulate: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn rehearse(arguments: &Arguments) -> Result<u8, String> {
    // Before there is anything that could be left behind.
    let mut requests = Requests::listen().map_err(|error| format!("cannot listen for signals: {error}"))?;
    let mut stage = Stage::set(arguments)?;
    if arguments.update_hashes {
        return stage.update_hashes().map(|()| 0);
    }
    let painter = Painter::of_this_output();
    let mut view: Box<dyn View> = if arguments.json { Box::new(Json) } else { on_this_output(painter) };
    for remark in stage.faults.iter().filter_map(|led| led.remark.as_ref()) {
        view.note(remark);
    }
    if arguments.cache.is_some() && !stage.faults.is_empty() {
        view.note("the cache is not used: what is not asked for cannot go wrong");
    }
    let misdeeds = Arc::new(Misdeeds::new(faults::of_the_server(&stage.faults)));
    let begun = Instant::now();
    let watched = perform(&mut stage, arguments, &misdeeds, view.as_mut(), &mut requests).await;
    drop(view);
    let Performed { run, code, interrupted } = watched?;
    let verdict = if stage.faults.is_empty() || interrupted {
        None
    } else {
        let other = without_faults(arguments, &stage, begun.elapsed(), &mut requests).await?;
        let here = EndState::of(&run, &stage, code);
        Some(Verdict::of(&stage, &misdeeds, &run, (here, other)))
    };
    if code != 0 && !interrupted {
        stage.keep();
    }
    summary::print(&run, &stage, (code, verdict.as_ref()), painter, arguments.json);
    Ok(code)
}

/// How much longer than three times as long a run without faults may take.
const MORE: Duration = Duration::from_secs(60);

/// How a run of the same ends without its faults; `None` when that cannot be compared, or was not asked for.
async fn without_faults(
    arguments: &Arguments,
    stage: &Stage,
    took: Duration,
    requests: &mut Requests,
) -> Result<Option<EndState>, String> {
    if arguments.no_compare || !stage.is_new {
        return Ok(None);
    }
    eprintln!("once more without the faults, to compare; --no-compare leaves that out");
    let mut plain = Stage::set(&Arguments { root: None, keep: false, ..arguments.clone() })?;
    plain.faults.clear();
    // A fault may have kept the run from waiting for what never comes, such as a user.
    let patience = took.saturating_mul(3).saturating_add(MORE);
    requests.limit(patience);
    let performed = perform(&mut plain, arguments, &Arc::default(), &mut Quiet, requests).await?;
    let Performed { run, code, interrupted } = performed;
    if requests.expired() {
        eprintln!("not compared: without the faults it was not over after {} s", patience.as_secs());
    }
    Ok((!interrupted).then(|| EndState::of(&run, &plain, code)))
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn outage(text: &str) -> Result<[f64; 2], String> {
    let wanted = || "expected two times in seconds, such as 0-5".to_owned();
    let (from, until) = text.split_once('-').ok_or_else(wanted)?;
    let span = [seconds(from)?, seconds(until)?];
    if span[0] < span[1] { Ok(span) } else { Err(wanted()) }
}

fn os_version(text: &str) -> Result<String, String> {
    let fits = text.split('.').all(|part| part.parse::<u16>().is_ok());
    if fits { Ok(text.to_owned()) } else { Err("expected a version such as 15.5".to_owned()) }
}

fn speed(text: &str) -> Result<u64, String> {
    match byte_count(text)? {
        0 => Err("it must not be 0".to_owned()),
        bytes => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_is_a_number_of_bytes_that_can_be_counted() {
        assert_eq!(speed("500k"), Ok(500_000));
        assert_eq!(speed("2M"), Ok(2_000_000));
        for bad in ["0", "0M", "-1", "fast", "18446744073709551615M"] {
            assert!(speed(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_time_is_neither_negative_nor_endless() {
        assert_eq!(seconds("0.5"), Ok(0.5));
        for bad in ["-1", "NaN", "inf", "1e300", "soon"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_version_of_macos_is_numbers_and_dots() {
        assert_eq!(os_version("15.5"), Ok("15.5".to_owned()));
        for bad in ["", "x.y", "15.", "15.5 beta"] {
            assert!(os_version(bad).is_err(), "{bad}");
        }
    }
}
