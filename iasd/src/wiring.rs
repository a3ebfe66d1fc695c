//! Puts a run together: the only place that names the concrete stages.

use crate::{
    agent::{AgentStage, Agents, OfRun, Screen, Standalone},
    cleanup::{self, Fate},
    disk::Disk,
    download::{Cache, DownloadStage, Downloader, Http, Network, Store},
    engine::{
        Background, Deadline, Ending, Ends, Engine, Sources,
        dispatcher::{Dispatcher, now_ms},
        needs::AgentLink,
        recorder::Recorder,
    },
    folders,
    host::{Connectivity, Host},
    journal::{self, Journal, Trouble},
    lock::{LockError, MacLock, RunLock},
    messages::Courier,
    report::notifier::Notifier,
    settings::{self, Loaded, Mac, PreferenceDomain},
    titles::Titles,
    wiring::world::World,
};
use shared::{
    event::{Category, EventKind, Level},
    exit::ExitCode,
    item::ItemKind,
    layout::MacPath,
    settings::{Mode, Settings, SettingsFinding, Severity, arguments::Arguments},
    state::{Cleanup, RunState},
    sys::clock::uptime,
};
use std::{
    ffi::OsStr,
    path::PathBuf,
    sync::{Arc, OnceLock},
};
use tokio::sync::{Mutex, mpsc, watch};

mod began;
mod fate;
mod notified;
mod reporters;
#[cfg(feature = "simulated")]
mod simulated;
mod stop;
mod world;

use began::{Began, began};
use fate::fate;
use reporters::{courier, reporters};
use stop::Stop;

/// A run that could not begin: nothing was touched.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
struct Refused {
    exit: ExitCode,
    text: String,
}

impl Refused {
    fn new(exit: ExitCode, text: impl ToString) -> Self {
        Self { exit, text: text.to_string() }
    }

    fn told(&self) -> ExitCode {
        eprintln!("iasd: {self}");
        self.exit
    }
}

/// One run, from the command line to its exit code.
pub(crate) async fn run(arguments: &Arguments) -> ExitCode {
    let attempt = async {
        let world = World::choose(arguments)?;
        let loaded = load(arguments, &*world.host, &*world.preferences).await?;
        let settings = Arc::new(loaded.settings.clone());
        Ok(match prepare(arguments, world, loaded).await {
            Ok(run) => run.carry_out().await,
            Err(refused) => quiet(&settings, refused.told()),
        })
    };
    attempt.await.unwrap_or_else(|refused: Refused| refused.told())
}

/// What launchd is told of `exit`: it starts again whatever does not end with 0 (R76).
fn quiet(settings: &Settings, exit: ExitCode) -> ExitCode {
    let quiet = settings.no_restart_on_error && !exit.cleans_up();
    if quiet { ExitCode::Finished } else { exit }
}

/// Everything a run is made of.
struct Run {
    host: Arc<dyn Host>,
    boot: Box<dyn FnOnce(&Settings) + Send>,
    notices: mpsc::UnboundedReceiver<String>,
    engine: Engine,
    dispatcher: Dispatcher,
    /// What keeps the journal from being written.
    trouble: watch::Receiver<Trouble>,
    /// What is to be said about the journal that was found, and about a request.
    remarks: Vec<(Level, String)>,
    /// The id of the last request that was taken in.
    taken: Option<String>,
    loaded: Loaded,
    settings: Arc<Settings>,
    /// Who carries the messages about this run.
    courier: Option<Arc<Courier>>,
    /// Held to the very end (R45).
    _lock: RunLock,
}

/// The settings from all their sources.
async fn load(
    arguments: &Arguments,
    host: &dyn Host,
    preferences: &dyn PreferenceDomain,
) -> Result<Loaded, Refused> {
    let mut waiting = |merged: &shared::settings::Merged| {
        eprintln!("iasd: neither JSONURL nor Bootstrap is set; looking again every 10 s");
        say(&merged.findings);
    };
    let mac = Mac { root: host.root(), owner: host.is_privileged().then(|| host.trusted_owner()) };
    settings::load(arguments, preferences, mac, &mut waiting)
        .await
        .map_err(|error| Refused::new(ExitCode::Configuration, format!("{error}: {}", error.hint())))
}

/// Privileges, folders, lock, listener: in the order of R46.
async fn prepare(arguments: &Arguments, world: World, loaded: Loaded) -> Result<Run, Refused> {
    let World { host, notices, network, own_log, boot, checkpoint, disk, cache, preferences: _ } = world;
    let settings = Arc::new(loaded.settings.clone());
    if !host.is_privileged() && !settings.dry_run {
        return Err(Refused::new(ExitCode::NotRoot, "must be started as root, by launchd or with sudo"));
    }
    let refused = |error| Refused::new(ExitCode::Configuration, error);
    let locked = |error| match error {
        LockError::Held(_) => Refused::new(ExitCode::Temporary, error),
        LockError::Failed { .. } => Refused::new(ExitCode::Configuration, error),
    };
    let records = folders::records(host.root(), host.trusted_owner()).map_err(refused)?;
    // Before anything is made elsewhere: a daemon that is turned away must not bring back what another one removes.
    let of_the_mac = MacLock::take(&records).map_err(locked)?;
    folders::prepare(host.root(), &settings, host.trusted_owner()).map_err(refused)?;
    let lock = of_the_mac.and(&settings.install_path.under(host.root())).map_err(locked)?;

    let (mut reporters, troubles) = reporters(arguments, &*host, own_log(&settings), &settings)?;
    let courier = courier(&*host, &network, &settings, troubles).await;
    reporters.extend(courier.iter().map(Courier::reporter));
    if let Some(program) = settings.titles.notifier.clone().filter(|_| !settings.dry_run) {
        let (notifier, notices) = Notifier::new();
        reporters.push(Box::new(notifier));
        tokio::spawn(notified::show(Arc::clone(&host), program, notices));
    }
    let refused = |error| Refused::new(ExitCode::Configuration, error);
    let mut found = journal::open(&records, host.trusted_owner(), settings.dry_run).map_err(refused)?;
    let remarks = std::mem::take(&mut found.remarks);
    let taken = found.start.basis().taken.clone();
    let waits = !settings.dry_run && journal::waits(&records, host.trusted_owner(), taken.as_deref());
    if let (shared::journal::Start::GoOn { state, .. }, Some(courier)) = (&found.start, &courier) {
        courier.catch_up(state);
    }
    let mut began = began(&found.start, &*host, waits).await;
    if began.state.run_id.is_empty() {
        began.state.run_id = format!("{:x}-{:x}", now_ms(), std::process::id());
    }
    let launch = began.state.launch.saturating_add(1);
    let journal = Journal::new(found, checkpoint, disk.clone()).map_err(refused)?;

    let (recorder, facts) = Recorder::new();
    let (trouble, run_id) = (journal.trouble(), began.state.run_id.clone());
    let mut dispatcher = Dispatcher::new(began.state.clone(), facts, journal, reporters);
    dispatcher.fact(run_started(&*host, &settings, (launch, run_id)).await?);
    let engine = engine(&host, (network, disk, cache), &settings, recorder, began).await?;
    Ok(Run {
        host,
        boot,
        notices,
        engine,
        dispatcher,
        trouble,
        remarks,
        taken,
        loaded,
        settings,
        courier,
        _lock: lock,
    })
}

impl Run {
    async fn carry_out(mut self) -> ExitCode {
        self.tell_settings();
        (self.boot)(&self.settings);
        tokio::spawn(pass_on(self.notices, self.engine.recorder.clone()));
        tokio::spawn(tell_of_the_journal(self.trouble.clone(), self.engine.recorder.clone()));
        let network = Connectivity::new(self.engine.host.online());
        tokio::spawn(tell_of_the_network(network, self.engine.recorder.clone()));

        // What an earlier end could not tell is told beside the run.
        if let Some(courier) = self.courier.clone() {
            tokio::spawn(async move { courier.deliver().await });
        }

        let (pausing, packages) = (self.engine.deadline.clone(), self.engine.package_lane.clone());
        let stop = Stop { pausing, packages, recorder: self.engine.recorder.clone() };
        let stop = stop.requested(self.trouble.clone());
        let mut ending = self.dispatcher.dispatch(self.engine.run(), stop).await;
        if !self.dispatcher.conclude(&ending, self.engine.leftovers()) {
            // Cleanup would remove what a further start needs to go on.
            ending = Ending::Temporary("the journal could not be written".to_owned());
        }
        if let Some(courier) = &self.courier {
            courier.deliver().await;
        }
        let fate = || fate(&*self.host, &self.settings, self.taken.as_deref());
        let clean = async { cleanup::clean_up(&self.engine, &ending, fate).await };
        let cleaned = self.dispatcher.dispatch(clean, std::future::pending()).await;
        self.dispatcher.finish();
        match cleaned {
            None => return quiet(&self.settings, ending.exit()),
            Some(Fate::Go) => {}
            // launchd starts us again, whatever `NoRestartOnError` says: this is no error. Programs at rest are still
            // there for what was asked in the last moment.
            Some(Fate::Again) => return ExitCode::Temporary,
            Some(Fate::Rest) if fate() == Fate::Again => return ExitCode::Temporary,
            Some(Fate::Rest) => {}
        }
        // The daemon's own job goes last: on a real Mac this ends us (R81).
        let _ = self.host.retire_daemon(&self.settings.identifiers).await;
        ending.exit()
    }

    /// Each effective value with its source, secrets masked, and what should be changed (R36, R38, R39).
    fn tell_settings(&mut self) {
        let mut lines = Vec::new();
        for finding in &self.loaded.findings {
            let level = match finding.severity {
                Severity::Fatal | Severity::Error => Level::Error,
                Severity::Warning => Level::Warning,
                Severity::Info => Level::Info,
            };
            lines.push((level, finding.without_severity()));
        }
        let middleware = folders::middleware(self.host.root(), &self.settings.install_path);
        lines.extend(middleware.map(|text| (Level::Warning, text)));
        lines.append(&mut self.remarks);
        lines.extend(self.loaded.origins.iter().map(|origin| (Level::Debug, origin.to_string())));
        for (level, text) in lines {
            self.dispatcher.fact(EventKind::Notice { level, category: Category::Settings, id: None, text });
        }
    }
}

async fn run_started(
    host: &dyn Host,
    settings: &Settings,
    (launch, run_id): (u32, String),
) -> Result<EventKind, Refused> {
    let facts = host.facts(&[]).await.map_err(|error| Refused::new(ExitCode::Temporary, error))?;
    Ok(EventKind::RunStarted {
        run_id,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        dry_run: settings.dry_run,
        facts,
        launch,
        boot: host.boot_session().await,
        uptime_ms: u64::try_from(uptime().as_millis()).unwrap_or(u64::MAX),
    })
}

async fn engine(
    host: &Arc<dyn Host>,
    (network, disk, outside): (Network, Disk, Option<PathBuf>),
    settings: &Arc<Settings>,
    recorder: Recorder,
    Began { state, past, decided }: Began,
) -> Result<Engine, Refused> {
    let store = Store::new(host.root().to_owned(), &settings.install_path, host.trusted_owner()).on(disk);
    let http = Http::new(network);
    let downloader = Downloader::new(Arc::new(http), store, Connectivity::new(host.online()), settings);
    let downloader = downloader
        .knowing(state.downloaded())
        .believing(host.package_roots())
        .caching(cache(&**host, settings, outside)?.map(Arc::new));
    let downloader = Arc::new(downloader);
    let repository = Titles::new(Arc::clone(&downloader), Arc::clone(host), settings, recorder.clone());
    let contents = DownloadStage::new(downloader, settings, recorder.clone());
    let agents = agents(host, settings, &recorder, &state).await?;
    Ok(Engine {
        host: Arc::clone(host),
        contents: Arc::new(contents),
        agents,
        repository: Arc::new(repository),
        resolution: OnceLock::new(),
        sources: Sources::default(),
        ends: Ends::default(),
        settings: Arc::clone(settings),
        recorder,
        past,
        decided,
        deadline: Deadline::new(settings.run_deadline),
        background: Background::default(),
        package_lane: Arc::new(Mutex::new(())),
        leftovers: std::sync::Mutex::new(match state.cleanup {
            Cleanup::Due(leftovers) => leftovers,
            Cleanup::None | Cleanup::Over => Vec::new(),
        }),
    })
}

/// Where content is kept across runs: where the settings say, or in a folder of the computer that a rehearsal runs on.
fn cache(host: &dyn Host, settings: &Settings, outside: Option<PathBuf>) -> Result<Option<Cache>, Refused> {
    let (owner, limit) = (host.trusted_owner(), settings.cache.limit);
    let Some(folder) = outside else {
        let folder = settings.cache.folder.clone();
        return Ok(folder.map(|folder| Cache::new(host.root().to_owned(), folder, owner, limit)));
    };
    let refused =
        |why: &str| Refused::new(ExitCode::Configuration, format!("cache {}: {why}", folder.display()));
    let (Some(above), Some(name)) = (folder.parent(), folder.file_name().and_then(OsStr::to_str)) else {
        return Err(refused("this is no folder for a cache"));
    };
    let path = MacPath::new(&format!("/{name}")).map_err(|why| refused(&why.to_string()))?;
    Ok(Some(Cache::new(above.to_owned(), path, owner, limit).outside()))
}

/// Who does the user's items: an agent, or in a standalone run the daemon itself as that user (R112).
async fn agents(
    host: &Arc<dyn Host>,
    settings: &Settings,
    recorder: &Recorder,
    state: &RunState,
) -> Result<Arc<dyn AgentLink>, Refused> {
    if settings.mode == Mode::Standalone {
        return Ok(Arc::new(Standalone::new(Arc::clone(host), recorder.clone())));
    }
    let address = host.agent_address(&settings.identifiers);
    let screen = Screen::of(Arc::clone(host));
    let earlier = state.in_the_background(ItemKind::UserScript).collect();
    let of_run = OfRun { run: state.run_id.clone(), earlier };
    let agents = Agents::listen(&address, screen, recorder.clone(), settings.agent_request, of_run).await;
    let agents = agents.map_err(|error| {
        Refused::new(ExitCode::Temporary, format!("nobody can listen at {address}: {error}"))
    })?;
    Ok(Arc::new(AgentStage::new(agents, Arc::clone(host), settings.dry_run)))
}

async fn pass_on(mut notices: mpsc::UnboundedReceiver<String>, recorder: Recorder) {
    while let Some(text) = notices.recv().await {
        recorder.notice(Level::Info, Category::Main, None, text).await;
    }
}

/// One line for each change, instead of one for everything that waits (R47).
async fn tell_of_the_network(mut network: Connectivity, recorder: Recorder) {
    let mut up = !network.is_down();
    let mut told = true;
    loop {
        if up != told {
            let (level, text) = match up {
                true => (Level::Info, "the network is back"),
                false => (Level::Warning, "no network (no default route): what needs one waits for it"),
            };
            recorder.notice(level, Category::Main, None, text.to_owned()).await;
        }
        told = up;
        up = network.changed().await;
    }
}

fn say(findings: &[SettingsFinding]) {
    for finding in findings {
        eprintln!("iasd: {finding}");
    }
}

/// A journal that cannot be written makes the run wait: everything that has to be on the disk first (R78).
async fn tell_of_the_journal(mut trouble: watch::Receiver<Trouble>, recorder: Recorder) {
    while trouble.changed().await.is_ok() {
        let now = trouble.borrow_and_update().clone();
        let (level, text) = match now {
            Trouble::None => (Level::Info, "the journal is written again: the run goes on".to_owned()),
            Trouble::Waiting(why) => (Level::Warning, format!("the run waits for its journal: {why}")),
            Trouble::Broken(_) => return,
        };
        recorder.notice(level, Category::Main, None, text).await;
    }
}

#[cfg(test)]
mod tests;
