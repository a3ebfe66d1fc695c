//! One installation on the real Mac: `installer` does it; what else is known about the package is told beside it.
//!
//! Nothing said here decides: the exit status of `installer` does (R70), and before it the digest.

use super::{
    MacHost, installer, pkgutil, rosetta, spctl,
    tools::{Request, Tools},
};
use crate::{
    download::VerifiedArtifact,
    host::{HostError, Launch, Line, Output, Running, launch},
};
use shared::{
    exit::Ended,
    flat_package::{FlatPackage, selection::Target},
    sys::child::{Finished, Limits, start},
};
use std::{
    fs::File,
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{sync::mpsc, task::JoinHandle};

/// How long answers about a package may come after its installation ended.
const LATE: Duration = Duration::from_secs(2);

impl MacHost {
    /// Starts to install `package`.
    pub(super) async fn start_installer(
        &self,
        package: &VerifiedArtifact,
        launch: Launch,
    ) -> Result<Running, HostError> {
        let path = package.path();
        let failed = HostError::failed(format!("install {path}"));
        launch::unreplaced(package.file(), &self.dir, path).map_err(&failed)?;
        let place = path.under(&self.root);
        let beside = match &launch.output {
            Output::Lines(lines) => {
                let promised = promises(package.file()).await;
                Some(Beside::begin(self.tools.clone(), place.clone(), lines.clone(), promised))
            }
            // It outlives us, and so may its log: that is `installer`'s alone.
            Output::LogFile(_) => None,
        };
        let wants_rosetta = Arc::new(AtomicBool::new(false));
        let limits = Limits { timeout: launch.timeout, ..Limits::default() };
        let (output, forwarding) =
            launch::output(&self.dir, launch.output, reader(wants_rosetta.clone())).map_err(failed)?;
        let program = self.tools.program(&installer::install(&place));
        let running = match start(&program, output, limits).await {
            Ok(child) => launch::running(child, forwarding),
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
async fn promises(package: &File) -> Vec<Promise> {
    let Ok(file) = package.try_clone() else { return Vec::new() };
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
