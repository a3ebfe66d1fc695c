//! `iasctl simulate`: a whole enrolment with the real programs, in a Mac-shaped folder.

mod daemon;
mod hashes;
mod server;
mod stage;
mod summary;
mod view;

use daemon::Daemon;
use rustix::process::Signal;
use server::{Authority, Served};
use shared::event::{Event, Progress};
use stage::Stage;
use std::{
    io::IsTerminal as _,
    os::unix::process::ExitStatusExt as _,
    path::PathBuf,
    process::{ExitCode, ExitStatus},
    sync::Arc,
    time::Duration,
};
use tokio::{
    signal::unix::{Signal as Listener, SignalKind, signal},
    sync::mpsc,
};
use view::{Board, Json, Painter, Plain, Run, View};

/// What `simulate` is asked.
#[derive(Debug, clap::Args)]
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
    power_cut: Vec<String>,
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
    let requests = Requests::listen().map_err(|error| format!("cannot listen for signals: {error}"))?;
    let mut stage = Stage::set(arguments)?;
    if arguments.update_hashes {
        return stage.update_hashes().map(|()| 0);
    }
    let hosts: Vec<_> = stage.site.hosts().into_iter().collect();
    let authority = Authority::new(&hosts)?;
    let root_pem = authority.root_pem.clone();
    let (misses, missed) = mpsc::unbounded_channel();
    let served = Served { site: Arc::new(stage.site.clone()), speed: arguments.speed, misses };
    let listening = server::listen(served, authority).await;
    let (address, serve) = listening.map_err(|error| format!("cannot serve on the loopback: {error}"))?;
    let scenario = stage.write_scenario(address, &root_pem)?;
    let settings = stage.write_settings()?;
    let mut first = true;
    let mut start = || {
        if !std::mem::take(&mut first) {
            stage.power_is_back()?;
        }
        Daemon::start(&stage, &scenario, &settings)
    };

    let painter = Painter { colour: is_colourful() };
    let mut view: Box<dyn View> = if arguments.json {
        Box::new(Json)
    } else if std::io::stdout().is_terminal() {
        Box::new(Board::new(painter))
    } else {
        Box::new(Plain)
    };
    let watched = tokio::select! {
        () = serve => Err("the server ended".to_owned()),
        watched = watch(&mut start, arguments.restarts, view.as_mut(), (missed, requests)) => watched,
    };
    drop(view);
    let (run, status, interrupted) = watched?;
    let code = exit_code(status, interrupted);
    if code != 0 && !interrupted {
        stage.keep();
    }
    summary::print(&run, &stage, code, painter, arguments.json);
    Ok(code)
}

/// What to do about content that is not what its `hash` says.
const WRONG_DIGESTS: &str = "hint: if it is the content that is right, end this and add --update-hashes: it writes \
    the digests of what is served into the control file";

/// Shows the run until `iasd` has ended for good: what happened, how it ended, and whether we were interrupted.
async fn watch(
    start: &mut dyn FnMut() -> Result<Daemon, String>,
    mut restarts: u32,
    view: &mut dyn View,
    (mut missed, mut requests): (mpsc::UnboundedReceiver<String>, Requests),
) -> Result<(Run, ExitStatus, bool), String> {
    let (mut run, mut interrupted) = (Run::default(), false);
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    let mut daemon = start()?;
    loop {
        tokio::select! {
            line = daemon.line() => match line {
                Ok(Some(line)) => take(&line, &mut run, view),
                Err(error) => return Err(format!("cannot read the events of iasd: {error}")),
                Ok(None) => {
                    let status = daemon.ended().await;
                    let status = status.map_err(|error| format!("cannot wait for iasd: {error}"))?;
                    if interrupted || !is_started_again(status, &mut restarts) {
                        view.close();
                        return Ok((run, status, interrupted));
                    }
                    view.note(&format!("iasd ended with {status}; it is started again"));
                    daemon = start()?;
                }
            },
            Some(url) = missed.recv() => view.note(&format!("404: nothing is served at {url}")),
            _ = ticks.tick() => view.tick(&run),
            () = requests.next() => {
                view.note(if interrupted { "ending at once" } else { "ending; again to end at once" });
                interrupted = true;
                daemon.stop();
            }
        }
    }
}

/// What launchd does: whatever was killed is started again; whatever wants to be, as often as was asked for.
fn is_started_again(status: ExitStatus, restarts: &mut u32) -> bool {
    match status.code() {
        Some(0 | 1) => false,
        None => status.signal() == Some(Signal::KILL.as_raw()),
        Some(_) => {
            let again = *restarts > 0;
            *restarts = restarts.saturating_sub(1);
            again
        }
    }
}

/// What asks us to end: Ctrl-C, SIGTERM, a closed terminal. Without us `iasd` would stay behind.
struct Requests {
    signals: [Listener; 3],
}

impl Requests {
    fn listen() -> std::io::Result<Self> {
        let [interrupt, terminate, hangup] =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
        Ok(Self { signals: [interrupt?, terminate?, hangup?] })
    }

    async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

fn take(line: &str, run: &mut Run, view: &mut dyn View) {
    if let Ok(event) = serde_json::from_str::<Event>(line) {
        let knew = run.wrong_digests;
        run.event(&event);
        view.event(&event, line, run);
        if run.wrong_digests && !knew {
            // Now, because the attempts that follow take half a minute.
            view.note(WRONG_DIGESTS);
        }
    } else if let Ok(progress) = serde_json::from_str::<Progress>(line) {
        run.progress(&progress, view::now_ms());
        view.progress(&progress, run);
    } else {
        view.note(&format!("iasd said: {line}"));
    }
}

fn exit_code(status: ExitStatus, interrupted: bool) -> u8 {
    match (interrupted, status.code(), status.signal()) {
        (true, ..) => 130,
        (false, Some(code), _) => u8::try_from(code).unwrap_or(1),
        (false, None, signal) => u8::try_from(128 + signal.unwrap_or(0)).unwrap_or(1),
    }
}

fn is_colourful() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn seconds(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.parse().ok();
    let wanted = || "expected a number of seconds, at most a year".to_owned();
    number.filter(|number| (0.0..=365.0 * 86_400.0).contains(number)).ok_or_else(wanted)
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
    let (number, unit) = match text.strip_suffix(['k', 'K']) {
        Some(number) => (number, 1_000),
        None => text.strip_suffix('M').map_or((text, 1), |number| (number, 1_000_000)),
    };
    let number: u64 = number.parse().map_err(|_| "expected a number of bytes, such as 500k or 2M")?;
    match number.checked_mul(unit) {
        Some(0) => Err("it must not be 0".to_owned()),
        Some(bytes) => Ok(bytes),
        None => Err("that is more than can be counted".to_owned()),
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
