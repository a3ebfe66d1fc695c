//! Self-removal after the last act of a run (R80–R83): each step is reported, none stops the next, twice is harmless.

use crate::{
    engine::{Ending, Engine},
    host::{HostError, Retired},
};
use cap_std::{ambient_authority, fs::Dir};
use shared::{
    event::EventKind,
    layout::{MacPath, RECORDS_FOLDER},
};
use std::{io, path::Path, time::Duration};

/// How long the agent may take to leave (R81).
const AGENT_FAREWELL: Duration = Duration::from_secs(5);
/// Where program files of processes that outlive the run are kept; emptied at boot (R67).
const STILL_RUNNING: &str = "/private/var/run/ias/background";
/// Below the records: the files of failed items, with `KeepFailedFiles`.
const FAILED_FILES: &str = "failed";

/// Cleans up after `ending`, as far as the settings and the ending allow.
pub(crate) async fn clean_up(engine: &Engine, ending: &Ending) {
    let settings = &engine.settings;
    if settings.dry_run || !ending.end().is_final() {
        return;
    }
    engine.background.packages_ended(settings.background_timeout).await;
    engine.agents.shutdown(AGENT_FAREWELL).await;
    let mut uids = engine.agents.uids_seen();
    // Somebody may be there whose agent never checked in.
    let at_the_screen =
        engine.host.console_user().borrow().as_ref().filter(|user| user.is_real()).map(|user| user.uid);
    uids.extend(at_the_screen.filter(|uid| !uids.contains(uid)));
    for Retired { what, error } in engine.host.retire_jobs(&settings.identifiers, &uids).await {
        report(engine, what, error).await;
    }
    let remove_files = match ending {
        Ending::Aborted(_) => settings.cleanup_on_failure,
        _ => settings.cleanup_on_success,
    };
    if remove_files {
        for (what, removed) in remove(engine) {
            report(engine, what, removed.err().map(|error| error.to_string())).await;
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
}

async fn report(engine: &Engine, what: String, error: Option<String>) {
    // Cleanup goes on whether or not anybody listens.
    let _ = engine.recorder.record(EventKind::Cleanup { what, error }).await;
}

/// Removes downloads and `InstallPath`; moves aside what is still needed.
fn remove(engine: &Engine) -> Vec<(String, io::Result<()>)> {
    let root = match Dir::open_ambient_dir(engine.host.root(), ambient_authority()) {
        Ok(root) => root,
        Err(error) => return vec![(format!("open {}", engine.host.root().display()), Err(error))],
    };
    let mut steps = Vec::new();
    let (leftovers, install_path) = (engine.leftovers(), &engine.settings.install_path);
    let goes = |path: &MacPath| {
        path.is_within(install_path)
            || leftovers.iter().any(|leftover| leftover.created && leftover.path == *path)
    };
    let in_use = engine.background.files_in_use().into_iter().chain(engine.agents.files_in_use());
    for path in in_use.filter(goes) {
        steps.push((format!("keep {path}, which still runs"), move_into(&root, &path, STILL_RUNNING)));
    }
    for leftover in &leftovers {
        let keep = leftover.failed && engine.settings.keep_failed_files;
        if keep && leftover.path.is_within(install_path) {
            let folder = format!("{RECORDS_FOLDER}/{FAILED_FILES}");
            steps.push((format!("keep {}", leftover.path), move_into(&root, &leftover.path, &folder)));
        } else if !keep && leftover.created && !leftover.path.is_within(install_path) {
            steps.push((
                format!("remove {}", leftover.path),
                gone(root.remove_file(leftover.path.relative())),
            ));
        }
    }
    steps.push((format!("remove {install_path}"), remove_folder(&root, install_path.relative())));
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
