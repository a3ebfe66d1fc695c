//! Has launchd start the daemon's job, so that it looks at the request (P49).

use plist::Dictionary;
use shared::{
    job,
    layout::{LAUNCH_AGENTS, LAUNCH_DAEMONS, LOCK_FILE, MacPath, records_folder},
    sys::{
        atomic,
        folder::{Folder, Missing},
        tools::LAUNCHCTL,
    },
};
use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long a job at rest may take to go, and how often launchd is asked meanwhile.
const PATIENCE: Duration = Duration::from_secs(25);
const POLL: Duration = Duration::from_millis(250);

/// The words of one call of `launchctl`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Call(Vec<String>);

/// What launchd has to be told, so that the daemon starts, and again until it has come to its end.
///
/// A job launchd has goes first, even if its plist is awake: launchd may have read it when it was at rest, and would not
/// start it again after a pause.
fn calls(label: &str, plist: &Path, is_loaded: bool) -> Vec<Call> {
    let call = |words: &[&str]| Call(words.iter().map(|word| (*word).to_owned()).collect());
    let job = format!("system/{label}");
    let send_away = is_loaded.then(|| call(&["bootout", &job]));
    // A job that was disabled once would be refused.
    let bring_in = [call(&["enable", &job]), call(&["bootstrap", "system", &plist.to_string_lossy()])];
    send_away.into_iter().chain(bring_in).collect()
}

/// Starts the job `label` of the Mac whose `/` is `root`, and says what happens now. `owner` owns what root owns there.
///
/// # Errors
/// When launchd does not start it.
pub(super) fn kick(root: &Path, label: &str, owner: u32) -> Result<String, String> {
    let plist = root.join(LAUNCH_DAEMONS.trim_start_matches('/')).join(format!("{label}.plist"));
    let here = plist.display();
    if !plist.exists() {
        return Ok(format!("{here} is missing: deliver the package again, then iasd carries it out"));
    }
    let program = program(&plist).ok_or_else(|| format!("{here} names no Program: is {label} our job?"))?;
    if is_running(root) {
        return Ok("a run is under way: the repair follows when it has come to its end".to_owned());
    }
    let (launchctl, job) = (root.join(LAUNCHCTL.trim_start_matches('/')), format!("system/{label}"));
    let is_loaded = || tell(&launchctl, &Call(vec!["print".to_owned(), job.clone()])).is_ok();
    wake(root, LAUNCH_DAEMONS, &program, owner)?;
    wake(root, LAUNCH_AGENTS, &program, owner)?;
    for call in calls(label, &plist, is_loaded()) {
        tell(&launchctl, &call)?;
        let until = Instant::now() + PATIENCE;
        while call.0.first().is_some_and(|verb| verb == "bootout") && is_loaded() && Instant::now() < until {
            thread::sleep(POLL);
        }
    }
    Ok(format!("launchd starts {label}"))
}

/// Wakes our jobs in `folder`, those that run a program beside `program`.
fn wake(root: &Path, folder: &str, program: &Path, owner: u32) -> Result<(), String> {
    let path = MacPath::new(folder).map_err(|why| format!("{folder}: {why}"))?;
    let safe = Folder::open(root, &path, owner, Missing::Leave).map_err(|error| error.to_string())?;
    let entries = safe.map(|_| fs::read_dir(path.under(root))).transpose();
    for entry in entries.map_err(|error| format!("{folder}: {error}"))?.into_iter().flatten().flatten() {
        let plist = entry.path();
        let Ok(mut found) = plist::from_file::<_, Dictionary>(&plist) else { continue };
        let is_ours = runs(&found).is_some_and(|other| other.parent() == program.parent());
        if !is_ours || !job::is_at_rest(&found) {
            continue;
        }
        job::wake(&mut found);
        let failed = |why: String| format!("{}: {why}", plist.display());
        let mut text = Vec::new();
        plist::to_writer_xml(&mut text, &found).map_err(|error| failed(error.to_string()))?;
        atomic::replace(&plist, &text, 0o644).map_err(|error| failed(error.to_string()))?;
    }
    Ok(())
}

/// The daemon the job runs.
fn program(plist: &Path) -> Option<PathBuf> {
    runs(&plist::from_file(plist).ok()?)
}

fn runs(job: &Dictionary) -> Option<PathBuf> {
    Some(PathBuf::from(job.get("Program")?.as_string()?))
}

/// Whether a run holds the lock of this Mac, wherever its `InstallPath` is (R45).
fn is_running(root: &Path) -> bool {
    let Ok(lock) = File::open(records_folder().under(root).join(LOCK_FILE)) else { return false };
    matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock))
}

fn tell(launchctl: &Path, Call(words): &Call) -> Result<(), String> {
    let failed = |why: String| format!("launchctl {}: {why}", words.join(" "));
    let output = Command::new(launchctl).args(words).stdin(Stdio::null()).output();
    let output = output.map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(failed(said.lines().last().map_or_else(|| output.status.to_string(), str::to_owned)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    /// A Mac with a stand-in for `launchctl` that notes its calls; the job is known while `loaded` is there.
    fn mac(loaded: bool) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for path in ["bin", "Library", "Library/LaunchDaemons", "Library/LaunchAgents", "Library/ias"] {
            fs::create_dir_all(root.join(path)).unwrap();
            fs::set_permissions(root.join(path), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let here = root.display();
        let script = format!(
            "#!/bin/sh\ncd '{here}'\n[ $1 = print ] && exec test -e loaded\n[ $1 = bootout ] && rm loaded\n\
             echo \"$@\" >> calls\n"
        );
        fs::write(root.join(LAUNCHCTL.trim_start_matches('/')), script).unwrap();
        fs::set_permissions(root.join(LAUNCHCTL.trim_start_matches('/')), fs::Permissions::from_mode(0o755))
            .unwrap();
        if loaded {
            fs::write(root.join("loaded"), "").unwrap();
        }
        folder
    }

    fn install(root: &Path, at_rest: bool) {
        for (plist, program) in [("LaunchDaemons/a", "iasd"), ("LaunchAgents/b", "iasagent")] {
            let program = root.join("Library/ias").join(program).display().to_string();
            let mut found = Dictionary::from_iter([("Program", program)]);
            job::wake(&mut found);
            if at_rest {
                job::rest(&mut found);
            }
            plist::to_file_xml(root.join(format!("Library/{plist}.plist")), &found).unwrap();
        }
    }

    fn kicked(root: &Path) -> Result<String, String> {
        kick(root, "a", rustix::process::geteuid().as_raw())
    }

    fn told(root: &Path) -> String {
        let here = format!("{}/", root.display());
        fs::read_to_string(root.join("calls")).unwrap_or_default().replace(&here, "/")
    }

    #[test]
    fn p49_a_job_that_is_known_is_brought_in_anew_and_another_brought_in() {
        let bring_in = "enable system/a\nbootstrap system /Library/LaunchDaemons/a.plist\n";
        // Awake on the disk says nothing about what launchd has: a request may have been cut off in between.
        for (loaded, at_rest) in [(true, false), (false, false), (false, true), (true, true)] {
            let send_away = if loaded { "bootout system/a\n" } else { "" };
            let calls = format!("{send_away}{bring_in}");
            let root = mac(loaded);
            install(root.path(), at_rest);
            assert_eq!(kicked(root.path()).unwrap(), "launchd starts a");
            assert_eq!(told(root.path()), calls, "loaded {loaded}, at rest {at_rest}");
            for plist in ["LaunchDaemons/a", "LaunchAgents/b"] {
                let found = plist::from_file(root.path().join(format!("Library/{plist}.plist"))).unwrap();
                assert!(!job::is_at_rest(&found), "{plist}");
            }
        }
    }

    #[test]
    fn jobs_of_others_are_left_at_rest() {
        let root = mac(false);
        install(root.path(), false);
        let others = root.path().join("Library/LaunchDaemons/other.plist");
        let mut found = Dictionary::from_iter([("Program", "/usr/local/bin/other")]);
        job::rest(&mut found);
        plist::to_file_xml(&others, &found).unwrap();
        kicked(root.path()).unwrap();
        assert!(job::is_at_rest(&plist::from_file(&others).unwrap()));
    }

    #[test]
    fn without_an_installation_and_during_a_run_launchd_is_left_alone() {
        let root = mac(true);
        assert!(kicked(root.path()).unwrap().contains("deliver the package again"));
        install(root.path(), false);
        let records = records_folder().under(root.path());
        fs::create_dir_all(&records).unwrap();
        let lock = File::create(records.join(LOCK_FILE)).unwrap();
        lock.lock().unwrap();
        assert!(kicked(root.path()).unwrap().contains("under way"));
        assert_eq!(told(root.path()), "");
    }

    #[test]
    fn what_launchd_refuses_is_told() {
        let root = mac(true);
        install(root.path(), false);
        let refusing = "#!/bin/sh\n[ $1 = print ] || { echo no >&2; exit 5; }\n";
        fs::write(root.path().join(LAUNCHCTL.trim_start_matches('/')), refusing).unwrap();
        assert_eq!(kicked(root.path()).unwrap_err(), "launchctl bootout system/a: no");
    }
}
