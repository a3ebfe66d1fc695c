//! One installation on the real Mac: `installer` does it; what else is known about the package is told beside it.
//!
//! Nothing said here decides: the exit status of `installer` does (R70), and before it the digest.

use super::{
    Site, installer, pkgutil, rosetta, spctl,
    tools::{Request, Tools},
    user,
};
use crate::host::{
    HostError, Launch, Line, Output, Running, launch, package_environment::environment, private::Private,
};
use shared::{
    exit::Ended,
    facts::ConsoleUser,
    flat_package::{FlatPackage, selection::Target},
    sys::child::{Account, Finished, Limits, Program, start},
    title::PackageOptions,
};
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{sync::mpsc, task::JoinHandle};

/// How long answers about a package may come after its installation ended.
const LATE: Duration = Duration::from_secs(2);

/// A package to be installed, wherever it lies.
pub(super) struct Package<'a> {
    /// What it is called in errors.
    pub(super) name: String,
    /// Where it is.
    pub(super) place: PathBuf,
    /// The same, open; what cannot be opened is for `installer` to complain about.
    pub(super) file: Option<&'a File>,
}

impl Site {
    /// Starts to install `package`.
    pub(super) async fn install(
        &self,
        package: Package<'_>,
        options: &PackageOptions,
        launch: Launch,
    ) -> Result<Running, HostError> {
        let failed = HostError::failed(format!("install {}", package.name));
        let (program, choices) = self.installer(&package.place, options).map_err(&failed)?;
        let beside = match &launch.output {
            Output::Lines(lines) => {
                let promised = promises(package.file).await;
                Some(Beside::begin(self.tools.clone(), package.place, lines.clone(), promised))
            }
            // It outlives us, and so may its log: that is `installer`'s alone.
            Output::LogFile(_) => None,
        };
        let wants_rosetta = Arc::new(AtomicBool::new(false));
        let limits = Limits { timeout: launch.timeout, ..Limits::default() };
        let (output, forwarding) =
            launch::output(&self.dir, launch.output, reader(wants_rosetta.clone())).map_err(failed)?;
        let running = match start(&program, output, limits).await {
            Ok(child) => launch::running(child, forwarding).holding(choices),
            Err(ended) => launch::never(ended),
        };
        let Some(beside) = beside else { return Ok(running) };
        Ok(Running {
            ended: Box::pin(async move {
                let Finished { ended, .. } = running.ended.await;
                beside.end(&ended, wants_rosetta.load(Ordering::Relaxed)).await;
                // What `installer` prints is mostly percentages: what was made of it, and what we found, says more.
                Finished { ended, tail: Vec::new() }
            }),
            stop: running.stop,
            begun: running.begun,
        })
    }

    /// What installs the package at `place` as `options` say, and the folder with its choices (T35).
    fn installer(&self, place: &Path, options: &PackageOptions) -> io::Result<(Program, Option<Private>)> {
        let written = options.choices.as_ref().map(|choices| {
            let folder = Private::make(&self.dir)?;
            let file = folder.write("choices.xml", choices.as_bytes(), 0o600)?;
            io::Result::Ok((folder, file.under(&self.root)))
        });
        let written = written.transpose()?;
        let file = written.as_ref().map(|(_, file)| file.as_path());
        let request = installer::install(place, file, options.allow_untrusted);
        let environment = environment(options, self.person().as_ref());
        let program = Program { environment, ..self.tools.program(&request) };
        Ok((program, written.map(|(folder, _)| folder)))
    }

    /// The account of the person at the screen.
    fn person(&self) -> Option<Account> {
        let user = self.users.borrow().clone().filter(ConsoleUser::is_real)?;
        user::account(user.uid).ok()
    }
}

/// Reads what `installer` prints, and remembers whether it asked for Rosetta.
fn reader(wants_rosetta: Arc<AtomicBool>) -> impl launch::Reader {
    let mut reader = installer::Reader::default();
    move |line: String| {
        if installer::wants_rosetta(&line) {
            wants_rosetta.store(true, Ordering::Relaxed);
        }
        reader.take(&line)
    }
}

/// A receipt that an installation promises to leave: identifier and version.
type Promise = (String, String);

/// The receipts that the package will leave: those of the components that bring files.
async fn promises(package: Option<&File>) -> Vec<Promise> {
    let Some(Ok(file)) = package.map(File::try_clone) else { return Vec::new() };
    // What cannot be read is for `installer` to complain about.
    let read = move || FlatPackage::open(file).map(|package| promised(&package)).unwrap_or_default();
    tokio::task::spawn_blocking(read).await.unwrap_or_default()
}

fn promised<R: io::Read + io::Seek>(package: &FlatPackage<R>) -> Vec<Promise> {
    let component = |target: &Target| match target {
        Target::Component(index) => package.components.get(*index),
        _ => None,
    };
    let components = package.installs().into_iter().filter_map(component);
    let with_files = components.filter(|component| component.payload.is_some());
    with_files.map(|component| (component.info.identifier.clone(), component.info.version.clone())).collect()
}

/// What is told about an installation besides the words of `installer`.
struct Beside {
    tools: Tools,
    package: PathBuf,
    lines: mpsc::Sender<Line>,
    promised: Vec<Promise>,
    questions: JoinHandle<()>,
}

impl Beside {
    fn begin(tools: Tools, package: PathBuf, lines: mpsc::Sender<Line>, promised: Vec<Promise>) -> Self {
        let questions = tokio::spawn(ask_about(tools.clone(), package.clone(), lines.clone()));
        Self { tools, package, lines, promised, questions }
    }

    /// Says what is left to be said when `installer` has ended.
    async fn end(mut self, ended: &Ended, wants_rosetta: bool) {
        if tokio::time::timeout(LATE, &mut self.questions).await.is_err() {
            self.questions.abort();
        }
        if ended.is_success() {
            self.compare_receipts().await;
            let action = self.tools.ask(&installer::restart_action(&self.package)).await;
            if let Some(action) = installer::wanted_restart(&action.output) {
                self.tell(format!(
                    "this package asks for a restart ({action}); the setting Reboot gives it one"
                ))
                .await;
            }
        } else if wants_rosetta && !rosetta::is_present(&self.tools).await {
            self.tell(rosetta::ADVICE.to_owned()).await;
        }
    }

    /// A package that left no receipt at all was perhaps not installed, whatever the exit status (P56). One of several
    /// may be missing rightly: the installer's own conditions may have left it out.
    async fn compare_receipts(&self) {
        let mut missing = Vec::new();
        for (id, promised) in &self.promised {
            let answer = self.tools.ask(&pkgutil::receipt(id)).await;
            let found = if answer.ended.is_success() { pkgutil::version(&answer.output).ok() } else { None };
            match found {
                None => missing.push(id.as_str()),
                Some(version) if version != *promised => {
                    self.tell(format!("the receipt of {id} says {version}, the package {promised}")).await;
                }
                Some(_) => {}
            }
        }
        if !missing.is_empty() && missing.len() == self.promised.len() {
            let ids = missing.join(", ");
            self.tell(format!("installer reported success but left no receipt of {ids}")).await;
        }
    }

    async fn tell(&self, text: String) {
        tell(&self.lines, text).await;
    }
}

async fn tell(lines: &mpsc::Sender<Line>, text: String) {
    // The run has ended: nobody wants to know.
    let _ = lines.send(Line::Output(text)).await;
}

/// Who signed, and what Gatekeeper would say: neither holds up the installation.
async fn ask_about(tools: Tools, package: PathBuf, lines: mpsc::Sender<Line>) {
    let ask = async |request: Request| tools.ask(&request).await;
    let signed = ask(pkgutil::check_signature(&package)).await;
    if !signed.output.is_empty() {
        tell(&lines, pkgutil::Signed::parse(&signed.text()).line()).await;
    }
    let assessed = spctl::Assessment::parse(&ask(spctl::assess(&package)).await);
    tell(&lines, assessed.line()).await;
}
