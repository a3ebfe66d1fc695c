//! Installs a flat package on the simulated Mac, as `installer -verboseR -pkg P -target /` does (P55–P59, R70).
//!
//! The package is really unpacked, its scripts really run, and receipts, history and log are written where and as a
//! Mac has them. It works on blocking files; whoever calls it brings the [`Surroundings`]: the host from outside with
//! the sandbox, or the stand-in for `installer` from inside, where the Mac's root is `/`.
//!
//! ```text
//! open ── checks ── for each chosen component: preinstall ── payload ── postinstall ── receipt ── history
//!           │                                     │ failed: stop before the payload
//!           └─ this Mac cannot have it            └─ nothing of this component is installed
//! ```

mod checks;
mod component;
mod filling;
mod inside;
mod log;
mod outside;
#[cfg(test)]
mod sandbox_tests;
#[cfg(test)]
mod tests;
mod wish;

pub(super) use component::free_bytes;
pub(super) use inside::FromInside;
pub(super) use outside::{Computer, launch};
pub(super) use wish::Wish;

use super::receipt;
use crate::{disk::Disk, host::installer::Report};
use cap_std::fs::Dir;
use log::Log;
use shared::{
    exit::Ended,
    facts::Arch,
    flat_package::{FlatPackage, PackageError, selection::Target},
    layout::MacPath,
};
use std::{
    error::Error,
    fs::File,
    io::{Read, Seek},
    time::SystemTime,
};

/// The Mac a package is installed on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mac<'a> {
    /// Its `/`.
    pub(super) root: &'a Dir,
    /// Its processor.
    pub(super) arch: Arch,
    /// Its system's version.
    pub(super) os_version: &'a str,
    /// Its name, for the log.
    pub(super) name: &'a str,
}

/// What an installation needs from where it runs.
pub(super) trait Surroundings {
    /// Passes on what `installer` would print.
    fn say(&mut self, report: Report);

    /// Runs a script of the package to its end; each line it writes is passed on and goes to `line` too.
    fn run(&mut self, script: Script, line: &mut dyn FnMut(&str)) -> Ended;

    /// Whether somebody wants it to end; asked between the steps.
    fn is_stopped(&self) -> bool;

    /// The disk files are written to.
    fn disk(&self) -> Disk {
        Disk::default()
    }
}

/// A script of a package, ready to be run as root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Script {
    /// The file, on the Mac.
    pub(super) program: MacPath,
    /// `$1` package, `$2` destination, `$3` volume, `$4` system.
    pub(super) arguments: Vec<String>,
    /// What `installer` adds to the environment.
    pub(super) environment: Vec<(String, String)>,
    /// The folder of its helpers, where it is started.
    pub(super) folder: MacPath,
}

/// Why an installation ended early.
enum Failure {
    /// Nothing was begun; what `installer` prints.
    Refused(Vec<String>),
    /// It failed on the way, with the reason.
    Failed(String),
    /// Somebody stopped it.
    Stopped,
}

impl From<PackageError> for Failure {
    fn from(error: PackageError) -> Self {
        Self::Failed(chain(&error))
    }
}

/// An installation on its way.
struct Session<'a> {
    mac: Mac<'a>,
    wish: &'a Wish,
    around: &'a mut dyn Surroundings,
    log: Log<'a>,
    /// The package, as the Mac names it.
    path: &'a MacPath,
    /// Private folder of this installation.
    temporary: MacPath,
    /// `install` or `upgrade`, as `installer` words its messages.
    verb: &'static str,
    /// Identifiers that were installed.
    installed: Vec<String>,
}

/// Installs the package in `file`, which the Mac knows as `path`; exit status 0 or 1, as `installer` has them.
pub(super) fn install(
    file: File,
    path: &MacPath,
    mac: Mac<'_>,
    wish: &Wish,
    around: &mut dyn Surroundings,
) -> Ended {
    let temporary = match component::private_folder(mac.root) {
        Ok(temporary) => temporary,
        Err(error) => {
            around.say(Report::Message(format!("Error - no folder for temporary files: {error}.")));
            return Ended::Exited(1);
        }
    };
    let log = Log::new(mac.root, mac.name);
    let installed = Vec::new();
    let mut session =
        Session { mac, wish, around, log, path, temporary: temporary.clone(), verb: "install", installed };
    let outcome = session.carry_out(file);
    let ended = session.conclude(outcome);
    // It is below a folder that is emptied at each start of a Mac.
    let _ = mac.root.remove_dir_all(temporary.relative());
    ended
}

impl Session<'_> {
    fn carry_out(&mut self, file: File) -> Result<(), Failure> {
        let mut package = FlatPackage::open(file).map_err(|error| {
            let invalid = format!("Error - the package path specified was invalid: '{}'.", self.path);
            Failure::Refused(vec![invalid, chain(&error)])
        })?;
        let notes = checks::check(&package, self.mac).map_err(Failure::Refused)?;
        let title = self.announce(&package, notes);
        self.message(Report::Phase(format!("Preparing {title}…")));
        self.message(Report::Phase("Waiting for other installations to complete…".into()));
        self.message(Report::Phase("Configuring the installation…".into()));
        let targets: Vec<Target> = package.chosen(&self.wish.choices).into_iter().cloned().collect();
        let share = 80.0 / targets.len().max(1) as f32;
        for (target, before) in targets.iter().zip(0_u8..) {
            self.go_on()?;
            self.target(&mut package, target, (10.0 + f32::from(before) * share, share))?;
        }
        self.message(Report::Phase("Validating packages…".into()));
        self.message(Report::Percent(97.75));
        self.message(Report::Status("Running installer actions…".into()));
        let product = package.distribution.as_ref();
        let version = product.and_then(|product| product.product_version.clone());
        let version = version.or_else(|| package.identity().map(|identity| identity.version));
        let record = receipt::History {
            date: SystemTime::now(),
            name: &title,
            version: &version.unwrap_or_default(),
            packages: &self.installed,
        };
        receipt::remember(self.mac.root, &record)
            .map_err(|error| Failure::Failed(format!("the history cannot be written: {error}")))?;
        self.message(Report::Phase("Finishing the Installation…".into()));
        if package.components.iter().any(|component| component.info.postinstall_action.is_some()) {
            self.message(Report::Message(format!("The {} recommends restarting now.", self.verb)));
        }
        Ok(())
    }

    /// Says what begins, after anything worth knowing about the package; its title.
    fn announce<R: Read + Seek>(&mut self, package: &FlatPackage<R>, notes: Vec<String>) -> String {
        let known = |id: &str| matches!(receipt::read(self.mac.root, id), Ok(Some(_)));
        let upgrade = package.components.iter().any(|component| known(&component.info.identifier));
        let title = package.distribution.as_ref().and_then(|product| product.title.clone());
        let file = self.path.file_name();
        let title = title.unwrap_or_else(|| file.strip_suffix(".pkg").unwrap_or(file).to_owned());
        self.verb = if upgrade { "upgrade" } else { "install" };
        self.message(Report::Message(format!("Package name is {title}")));
        let doing = if upgrade { "Upgrading" } else { "Installing" };
        self.message(Report::Message(format!("{doing} at base path /")));
        for note in notes {
            self.message(Report::Message(note));
        }
        self.message(Report::Phase("Preparing for installation…".into()));
        self.message(Report::Phase("Preparing the disk…".into()));
        title
    }

    /// Installs what one package reference leads to.
    fn target(
        &mut self,
        package: &mut FlatPackage<File>,
        target: &Target,
        span: (f32, f32),
    ) -> Result<(), Failure> {
        match target {
            Target::Component(index) => self.component(package, *index, span),
            Target::Nested(entry) => {
                let mut inner = package.nested(*entry)?;
                let all = 0..inner.components.len();
                all.into_iter().try_for_each(|index| self.component(&mut inner, index, span))
            }
            Target::External(reference) | Target::Missing(reference) => {
                Err(Failure::Failed(format!("the package {reference} that it refers to is not in it")))
            }
            Target::Nothing => Ok(()),
        }
    }

    fn conclude(&mut self, outcome: Result<(), Failure>) -> Ended {
        let (verb, name) = (self.verb, self.path.file_name().to_owned());
        match outcome {
            Ok(()) => {
                self.message(Report::Percent(100.0));
                self.message(Report::Phase("The software was successfully installed.".into()));
                self.message(Report::Message(format!("The {verb} was successful.")));
                Ended::Exited(0)
            }
            Err(Failure::Refused(lines)) => {
                lines.into_iter().for_each(|line| self.message(Report::Message(line)));
                Ended::Exited(1)
            }
            Err(Failure::Failed(reason)) => {
                self.log.line("installd", &format!("PackageKit: Install Failed: {name}: {reason}"));
                self.message(Report::Message(format!(
                    "The {verb} failed. (The Installer encountered an error that caused the installation to fail. \
                     Contact the software manufacturer for assistance. {reason})"
                )));
                Ended::Exited(1)
            }
            Err(Failure::Stopped) => {
                self.log.line("installd", &format!("PackageKit: Install of {name} was stopped"));
                // What SIGTERM does to `installer`.
                Ended::Signalled(15)
            }
        }
    }

    fn message(&mut self, report: Report) {
        if let Report::Message(text) = &report {
            self.log.line("installer", text);
        }
        self.around.say(report);
    }

    fn go_on(&self) -> Result<(), Failure> {
        if self.around.is_stopped() { Err(Failure::Stopped) } else { Ok(()) }
    }
}

/// An error with all its causes.
fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
