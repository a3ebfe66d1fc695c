//! Self-removal after the last act of a run (R80–R83): each step is reported, none stops the next, twice is harmless.

use crate::{
    engine::{Ending, Engine},
    host::{HostError, Plists, Retired},
};
use cap_std::{ambient_authority, fs::Dir};
use shared::{
    event::{Category, EventKind, Leftover, Level},
    layout::{MacPath, RECORDS_FOLDER, WORK_FOLDER},
};
use std::{io, path::Path, time::Duration};

/// How long the agent may take to leave (R81).
const AGENT_FAREWELL: Duration = Duration::from_secs(5);
/// Where program files of processes that outlive the run are kept; emptied at boot (R67).
const STILL_RUNNING: &str = "/private/var/run/ias/background";
/// Below the records: the files of failed items, with `KeepFailedFiles`.
const FAILED_FILES: &str = "failed";

/// What becomes of the installation after a run that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Jobs and programs go, as far as the settings allow.
    Go,
    /// They stay for a repair, which nothing starts by itself (`KeepInstalled`).
    Rest,
    /// A repair was asked for meanwhile: the next start carries it out, so everything stays as it is.
    Again,
}

/// Cleans up after `ending`, as far as the settings and the ending allow, and says what became of the installation;
/// `None` when the run is not over.
///
/// `fate` is asked as late as can be: packages are waited for first, and a repair may be asked for meanwhile.
pub(crate) async fn clean_up(engine: &Engine, ending: &Ending, fate: impl Fn() -> Fate) -> Option<Fate> {
    let settings = &engine.settings;
    if settings.dry_run || !ending.end().is_final() {
        return None;
    }
    engine.background.packages_ended(settings.background_timeout).await;
    let mut decided = fate();
    if decided != Fate::Again {
        engine.agents.shutdown(AGENT_FAREWELL).await;
        decided = fate();
    }
    if files_go(engine, ending) {
        keep_for_later_runs(engine).await;
    }
    match decided {
        Fate::Go => {
            send_away(engine, Plists::Removed).await;
            if files_go(engine, ending) {
                report_all(engine, in_root(engine, |root| remove(engine, root))).await;
            }
        }
        Fate::Rest => {
            send_away(engine, Plists::AtRest).await;
            if files_go(engine, ending) {
                report_all(engine, in_root(engine, |root| tidy_up(engine, root))).await;
            }
        }
        Fate::Again => {
            let text =
                "a repair was asked for meanwhile: the next start carries it out, so nothing is removed";
            engine.recorder.notice(Level::Info, Category::Main, None, text).await;
            if files_go(engine, ending) {
                report_all(engine, in_root(engine, |root| leftovers_gone(engine, root, false))).await;
            }
        }
    }
    if settings.reboot && *ending == Ending::Completed {
        match engine.host.schedule_reboot().await {
            // The run is over; only the dispatcher's absence could refuse the fact.
            Ok(()) => drop(engine.recorder.record(EventKind::RebootRequested).await),
            Err(HostError { what, why }) => report(engine, what, Some(why)).await,
        }
    }
    // A start that does not find this fact cleans up again, which is harmless.
    let _ = engine.recorder.record(EventKind::CleanupFinished).await;
    Some(decided)
}

/// The agent's job in each session, and the plists of both jobs.
async fn send_away(engine: &Engine, plists: Plists) {
    let settings = &engine.settings;
    let mut uids = engine.agents.uids_seen();
    // Somebody may be there whose agent never checked in.
    let at_the_screen =
        engine.host.console_user().borrow().as_ref().filter(|user| user.is_real()).map(|user| user.uid);
    uids.extend(at_the_screen.filter(|uid| !uids.contains(uid)));
    for Retired { what, error } in engine.host.retire_jobs(&settings.identifiers, &uids, plists).await {
        report(engine, what, error).await;
    }
}

/// Whether the settings let the run's files go (R80).
fn files_go(engine: &Engine, ending: &Ending) -> bool {
    match ending {
        Ending::Aborted(_) => engine.settings.cleanup_on_failure,
        _ => engine.settings.cleanup_on_success,
    }
}

async fn report(engine: &Engine, what: String, error: Option<String>) {
    // Cleanup goes on whether or not anybody listens.
    let _ = engine.recorder.record(EventKind::Cleanup { what, error }).await;
}

async fn report_all(engine: &Engine, steps: Vec<Step>) {
    for (what, taken) in steps {
        report(engine, what, taken.err().map(|error| error.to_string())).await;
    }
}

/// What a later run may want goes into the cache before the rest is removed.
async fn keep_for_later_runs(engine: &Engine) {
    let in_use: Vec<MacPath> = files_in_use(engine).collect();
    let stays = |leftover: &Leftover| leftover.failed && engine.settings.keep_failed_files;
    let goes =
        |leftover: &&Leftover| leftover.created && !stays(leftover) && !in_use.contains(&leftover.path);
    for leftover in engine.leftovers().iter().filter(goes) {
        let error = match engine.contents.keep(&leftover.path).await {
            Ok(false) => continue,
            Ok(true) => None,
            Err(why) => Some(why),
        };
        report(engine, format!("keep {} in the cache", leftover.path), error).await;
    }
}

fn files_in_use(engine: &Engine) -> impl Iterator<Item = MacPath> {
    engine.background.files_in_use().into_iter().chain(engine.agents.files_in_use())
}

/// A step that was taken, and how it went.
type Step = (String, io::Result<()>);

/// Takes steps below the Mac's `/`.
fn in_root(engine: &Engine, take: impl FnOnce(&Dir) -> Vec<Step>) -> Vec<Step> {
    match Dir::open_ambient_dir(engine.host.root(), ambient_authority()) {
        Ok(root) => take(&root),
        Err(error) => vec![(format!("open {}", engine.host.root().display()), Err(error))],
    }
}

/// Removes downloads and `InstallPath`; moves aside what is still needed.
fn remove(engine: &Engine, root: &Dir) -> Vec<Step> {
    let install_path = &engine.settings.install_path;
    let mut steps = leftovers_gone(engine, root, true);
    steps.push((format!("remove {install_path}"), remove_folder(root, install_path.relative())));
    steps
}

/// Removes downloads, and leaves what a repair needs: programs, settings, a seed.
fn tidy_up(engine: &Engine, root: &Dir) -> Vec<Step> {
    let mut steps = leftovers_gone(engine, root, false);
    let work = engine.settings.install_path.relative().join(WORK_FOLDER);
    steps.push((format!("remove /{}", work.display()), remove_folder(root, &work)));
    steps
}

/// Removes the files items brought, unless they are to be kept or the folder they are in is removed anyhow.
fn leftovers_gone(engine: &Engine, root: &Dir, install_path_goes: bool) -> Vec<Step> {
    let mut steps = Vec::new();
    let (leftovers, install_path) = (engine.leftovers(), &engine.settings.install_path);
    let goes = |path: &MacPath| {
        (install_path_goes && path.is_within(install_path))
            || leftovers.iter().any(|leftover| leftover.created && leftover.path == *path)
    };
    for path in files_in_use(engine).filter(goes) {
        steps.push((format!("keep {path}, which still runs"), move_into(root, &path, STILL_RUNNING)));
    }
    for leftover in &leftovers {
        let keep = leftover.failed && engine.settings.keep_failed_files;
        let goes_along = install_path_goes && leftover.path.is_within(install_path);
        if keep && goes_along {
            let folder = format!("{RECORDS_FOLDER}/{FAILED_FILES}");
            steps.push((format!("keep {}", leftover.path), move_into(root, &leftover.path, &folder)));
        } else if !keep && leftover.created && !goes_along {
            steps.push((
                format!("remove {}", leftover.path),
                gone(root.remove_file(leftover.path.relative())),
            ));
        }
    }
    steps
}

fn move_into(root: &Dir, path: &MacPath, folder: &str) -> io::Result<()> {
    let folder = Path::new(folder.trim_start_matches('/'));
    root.create_dir_all(folder)?;
    gone(root.rename(path.relative(), root, folder.join(path.file_name())))
}

/// A symlink in place of the folder is not followed, and not removed: somebody else put it there (R44).
fn remove_folder(root: &Dir, path: &Path) -> io::Result<()> {
    match root.symlink_metadata(path) {
        Ok(found) if found.is_dir() => root.remove_dir_all(path),
        Ok(_) => Err(io::Error::other("it is not a folder, so it was left alone")),
        Err(error) => gone(Err(error)),
    }
}

/// What is not there any more needs no removal.
fn gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
