//! Has launchd start the daemon's job, so that it looks at the request (P49).

use shared::layout::{LAUNCH_DAEMONS, LOCK_FILE};
use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const LAUNCHCTL: &str = "bin/launchctl";

/// The words of one call of `launchctl`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Call(Vec<String>);

/// What launchd has to be told: it knows the job, and is to start it, or it is to be brought in, which starts it too.
fn calls(label: &str, plist: &Path, is_loaded: bool) -> Vec<Call> {
    let call = |words: &[&str]| Call(words.iter().map(|word| (*word).to_owned()).collect());
    let job = format!("system/{label}");
    match is_loaded {
        true => vec![call(&["kickstart", &job])],
        // A job that was disabled once would be refused.
        false => vec![call(&["enable", &job]), call(&["bootstrap", "system", &plist.to_string_lossy()])],
    }
}

/// Starts the job `label` of the Mac whose `/` is `root`, and says what happens now.
///
/// # Errors
/// When launchd does not start it.
pub(super) fn kick(root: &Path, label: &str) -> Result<String, String> {
    let plist = root.join(LAUNCH_DAEMONS.trim_start_matches('/')).join(format!("{label}.plist"));
    let here = plist.display();
    if !plist.exists() {
        return Ok(format!("{here} is missing: deliver the package again, then iasd carries it out"));
    }
    if program(&plist).is_some_and(|program| is_running(&program)) {
        return Ok("a run is under way: the repair follows when it has come to its end".to_owned());
    }
    let launchctl = root.join(LAUNCHCTL);
    let is_loaded = tell(&launchctl, &Call(vec!["print".to_owned(), format!("system/{label}")])).is_ok();
    for call in calls(label, &plist, is_loaded) {
        tell(&launchctl, &call)?;
    }
    Ok(format!("launchd starts {label}"))
}

/// The daemon the job runs.
fn program(plist: &Path) -> Option<PathBuf> {
    let job: plist::Dictionary = plist::from_file(plist).ok()?;
    Some(PathBuf::from(job.get("Program")?.as_string()?))
}

/// Whether a run holds the lock beside its program (R45).
fn is_running(program: &Path) -> bool {
    let Ok(lock) = File::open(program.with_file_name(LOCK_FILE)) else { return false };
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
    use std::{fs, os::unix::fs::PermissionsExt as _};

    /// A Mac with a stand-in for `launchctl` that notes its calls, and says `loaded` when asked.
    fn mac(loaded: bool) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let answer = if loaded { 0 } else { 113 };
        let script = format!(
            "#!/bin/sh\n[ $1 = print ] && exit {answer}\necho \"$@\" >> '{}/calls'\n",
            root.path().display()
        );
        for folder in ["bin", "Library/LaunchDaemons", "Library/ias"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        let tool = root.path().join(LAUNCHCTL);
        fs::write(&tool, script).unwrap();
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
        root
    }

    fn install(root: &Path) {
        let program = root.join("Library/ias/iasd").display().to_string();
        let job = plist::Dictionary::from_iter([("Program", program)]);
        plist::to_file_xml(root.join("Library/LaunchDaemons/a.plist"), &job).unwrap();
    }

    fn told(root: &Path) -> String {
        let here = format!("{}/", root.display());
        fs::read_to_string(root.join("calls")).unwrap_or_default().replace(&here, "/")
    }

    #[test]
    fn p49_a_job_that_is_known_is_started_and_another_brought_in() {
        for (loaded, calls) in [
            (true, "kickstart system/a\n"),
            (false, "enable system/a\nbootstrap system /Library/LaunchDaemons/a.plist\n"),
        ] {
            let root = mac(loaded);
            install(root.path());
            assert_eq!(kick(root.path(), "a").unwrap(), "launchd starts a");
            assert_eq!(told(root.path()), calls);
        }
    }

    #[test]
    fn without_an_installation_and_during_a_run_launchd_is_left_alone() {
        let root = mac(true);
        assert!(kick(root.path(), "a").unwrap().contains("deliver the package again"));
        install(root.path());
        let lock = File::create(root.path().join("Library/ias/.lock")).unwrap();
        lock.lock().unwrap();
        assert!(kick(root.path(), "a").unwrap().contains("under way"));
        assert_eq!(told(root.path()), "");
    }

    #[test]
    fn what_launchd_refuses_is_told() {
        let root = mac(true);
        install(root.path());
        fs::write(root.path().join(LAUNCHCTL), "#!/bin/sh\n[ $1 = print ] || { echo no >&2; exit 5; }\n")
            .unwrap();
        assert_eq!(kick(root.path(), "a").unwrap_err(), "launchctl kickstart system/a: no");
    }
}
