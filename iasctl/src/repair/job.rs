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
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long a job may take to go, and how often launchd is asked meanwhile.
const PATIENCE: Duration = Duration::from_secs(25);
const POLL: Duration = Duration::from_millis(250);
/// What `launchctl bootout` answers where the job is gone already, is being removed, and is unknown.
const GONE: i32 = 3;
const IN_PROGRESS: i32 = 36;
const UNKNOWN: i32 = 113;

/// Why launchd does not start the daemon.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// The programs are not here, or go at this moment.
    NotInstalled(String),
    /// Something is in the way.
    Refused(String),
}

/// What must be there for a repair: the plist of the daemon's job `label` on the Mac whose `/` is `root`.
///
/// # Errors
/// When it is missing.
pub(super) fn installed(root: &Path, label: &str) -> Result<PathBuf, String> {
    let plist = root.join(LAUNCH_DAEMONS.trim_start_matches('/')).join(format!("{label}.plist"));
    if plist.exists() {
        return Ok(plist);
    }
    Err(format!("iasd is not installed ({} is missing): deliver the package again", plist.display()))
}

/// Starts the job `label` of the Mac whose `/` is `root`, and says what happens now. `owner` owns what root owns there.
///
/// `is_over` says that the run on record has come to its end: one that still holds the lock then is cleaning up, and may
/// have looked for a request before ours was there.
///
/// # Errors
/// When launchd does not start it.
pub(super) fn kick(root: &Path, label: &str, owner: u32, is_over: bool) -> Result<String, Problem> {
    if is_over {
        wait_until(|| !is_running(root) || installed(root, label).is_err(), PATIENCE);
    }
    let plist = installed(root, label).map_err(Problem::NotInstalled)?;
    if is_running(root) {
        return Ok("a run is under way: the repair follows when it has come to its end".to_owned());
    }
    start(root, label, owner, &plist).map_err(Problem::Refused)
}

/// Has launchd start the daemon, and start it again until it has come to its end.
///
/// A job launchd has goes first, even if its plist is awake: launchd may have read it when it was at rest, and would not
/// start it again after a pause.
fn start(root: &Path, label: &str, owner: u32, plist: &Path) -> Result<String, String> {
    let program =
        program(plist).ok_or_else(|| format!("{} names no Program: is {label} our job?", plist.display()))?;
    let (launchctl, job) = (root.join(LAUNCHCTL.trim_start_matches('/')), format!("system/{label}"));
    wake(root, LAUNCH_DAEMONS, &program, owner)?;
    wake(root, LAUNCH_AGENTS, &program, owner)?;
    send_away(&launchctl, &job, PATIENCE)?;
    // A job that was disabled once would be refused.
    tell(&launchctl, &["enable", &job])?;
    tell(&launchctl, &["bootstrap", "system", &plist.to_string_lossy()])?;
    Ok(format!("launchd starts {label}"))
}

/// Sends `job` away if launchd has it, and waits until it is gone; one that somebody else sends away is waited for too.
fn send_away(launchctl: &Path, job: &str, patience: Duration) -> Result<(), String> {
    let is_gone = || ask(launchctl, &["print", job]).is_ok_and(|answer| !answer.status.success());
    if is_gone() {
        return Ok(());
    }
    let words = ["bootout", job];
    let answer = ask(launchctl, &words)?;
    let goes = matches!(answer.status.code(), Some(0 | GONE | IN_PROGRESS | UNKNOWN));
    if !goes && !is_gone() {
        return Err(refused(&words, &answer));
    }
    if wait_until(is_gone, patience) {
        return Ok(());
    }
    Err(format!(
        "launchctl bootout {job}: it is still being removed after {} s; ask again",
        patience.as_secs()
    ))
}

/// Whether `done` came true within `patience`; it is asked at once, and at the very end.
fn wait_until(done: impl Fn() -> bool, patience: Duration) -> bool {
    let until = Instant::now() + patience;
    loop {
        if done() {
            return true;
        }
        if Instant::now() >= until {
            return false;
        }
        thread::sleep(POLL);
    }
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

fn tell(launchctl: &Path, words: &[&str]) -> Result<(), String> {
    let answer = ask(launchctl, words)?;
    if answer.status.success() { Ok(()) } else { Err(refused(words, &answer)) }
}

fn ask(launchctl: &Path, words: &[&str]) -> Result<Output, String> {
    let answer = Command::new(launchctl).args(words).stdin(Stdio::null()).output();
    answer.map_err(|error| format!("launchctl {}: {error}", words.join(" ")))
}

fn refused(words: &[&str], answer: &Output) -> String {
    let said = String::from_utf8_lossy(&answer.stderr);
    let why = said.lines().last().map_or_else(|| answer.status.to_string(), str::to_owned);
    format!("launchctl {}: {why}", words.join(" "))
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
        stand_in(root, &script);
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

    fn kicked(root: &Path) -> Result<String, Problem> {
        kick(root, "a", rustix::process::geteuid().as_raw(), false)
    }

    /// Puts `script` in the place of `launchctl`.
    fn stand_in(root: &Path, script: &str) -> PathBuf {
        let launchctl = root.join(LAUNCHCTL.trim_start_matches('/'));
        fs::write(&launchctl, script).unwrap();
        fs::set_permissions(&launchctl, fs::Permissions::from_mode(0o755)).unwrap();
        launchctl
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
        let missing = kicked(root.path()).unwrap_err();
        assert!(matches!(missing, Problem::NotInstalled(why) if why.contains("deliver the package again")));
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
        stand_in(root.path(), "#!/bin/sh\n[ $1 = print ] || { echo no >&2; exit 5; }\n");
        let refused = Problem::Refused("launchctl bootout system/a: no".to_owned());
        assert_eq!(kicked(root.path()).unwrap_err(), refused);
    }

    /// A stand-in that answers `bootout` with 36, and lets the job go when it was asked about it `times` times after that.
    fn slow(root: &Path, times: u32) -> PathBuf {
        let here = root.display();
        let script = format!(
            "#!/bin/sh\ncd '{here}'\ncase $1 in\n\
             print) [ -e loaded ] || exit 113; [ -e going ] || exit 0; echo >> asked; \
             [ $(wc -l < asked) -lt {times} ] || rm loaded; exit 0;;\n\
             bootout) touch going; echo 'Boot-out failed: 36: Operation now in progress' >&2; exit 36;;\n\
             bootstrap) [ ! -e loaded ] || exit 5;;\nesac\necho \"$@\" >> calls\n"
        );
        stand_in(root, &script)
    }

    #[test]
    fn p49_a_job_that_is_being_removed_is_waited_for() {
        let root = mac(true);
        install(root.path(), true);
        slow(root.path(), 2);
        assert_eq!(kicked(root.path()).unwrap(), "launchd starts a");
        assert_eq!(told(root.path()), "enable system/a\nbootstrap system /Library/LaunchDaemons/a.plist\n");
    }

    #[test]
    fn p49_one_that_does_not_go_is_told() {
        let root = mac(true);
        let launchctl = slow(root.path(), u32::MAX);
        let why = send_away(&launchctl, "system/a", Duration::ZERO).unwrap_err();
        assert!(why.contains("system/a: it is still being removed"), "{why}");
    }

    #[test]
    fn a_run_that_removes_the_programs_when_it_is_asked_is_none_to_follow() {
        let mac = mac(true);
        let root = mac.path();
        install(root, false);
        let records = records_folder().under(root);
        fs::create_dir_all(&records).unwrap();
        let lock = File::create(records.join(LOCK_FILE)).unwrap();
        lock.lock().unwrap();
        thread::scope(|scope| {
            let owner = rustix::process::geteuid().as_raw();
            let asked = scope.spawn(move || kick(root, "a", owner, true));
            fs::remove_file(root.join("Library/LaunchDaemons/a.plist")).unwrap();
            assert!(
                matches!(asked.join().unwrap(), Err(Problem::NotInstalled(_))),
                "it still holds the lock"
            );
        });
        assert_eq!(told(root), "");
    }
}
