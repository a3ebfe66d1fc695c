//! `launchctl`: launchd's jobs, and how they are brought in and sent away (P47–P50).

use super::tools::{Request, Tools};
use shared::{
    exit::Ended,
    sys::{child::Answer, tools::LAUNCHCTL},
};
use std::{fmt, path::Path, time::Duration};
use tokio::time::{Instant, sleep};

/// How long the end of a job is waited for: launchd kills it after 20 s (P48).
const PATIENCE: Duration = Duration::from_secs(25);
/// How often launchd is asked meanwhile.
const POLL: Duration = Duration::from_millis(250);
/// `No such process`: it is gone already.
const GONE: i32 = 3;
/// `Input/output error`: the plist is bad, or the job is in a state in which this cannot be done.
const FAILED: i32 = 5;
/// `Operation now in progress`: it is being removed.
const IN_PROGRESS: i32 = 36;
/// Nobody knows such a service.
const UNKNOWN: i32 = 113;

/// Where a job lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Domain {
    /// The system's.
    System,
    /// A user's graphical session; it exists only while that user is logged in.
    Session(u32),
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("system"),
            Self::Session(uid) => write!(f, "gui/{uid}"),
        }
    }
}

/// Asks about a job; it fails when nobody knows it. Only the exit status says something reliable.
pub(super) fn print(domain: Domain, label: &str) -> Request {
    Request::new(LAUNCHCTL, ["print".to_owned(), format!("{domain}/{label}")])
}

/// Sends a job away; that of the caller ends the caller.
pub(super) fn bootout(domain: Domain, label: &str) -> Request {
    Request::new(LAUNCHCTL, ["bootout".to_owned(), format!("{domain}/{label}")])
}

/// Brings in the job that `plist` describes.
pub(super) fn bootstrap(domain: Domain, plist: &Path) -> Request {
    let (verb, domain) = (Path::new("bootstrap"), domain.to_string());
    Request::new(LAUNCHCTL, [verb, Path::new(&domain), plist])
}

/// Starts a job that launchd knows; one that runs is left alone.
pub(super) fn kickstart(domain: Domain, label: &str) -> Request {
    Request::new(LAUNCHCTL, ["kickstart".to_owned(), format!("{domain}/{label}")])
}

/// What to do after a `bootout` answered.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Next {
    /// Nothing: the job is gone.
    Done,
    /// Ask until it is gone.
    Watch,
    /// It failed for this reason, unless the job turns out to be gone.
    Failed(String),
}

fn after_bootout(answer: &Answer) -> Next {
    match answer.ended {
        Ended::Exited(0 | GONE | UNKNOWN) => Next::Done,
        Ended::Exited(IN_PROGRESS) => Next::Watch,
        _ => Next::Failed(answer.reason()),
    }
}

/// Whether launchd knows the job.
pub(super) async fn is_loaded(tools: &Tools, domain: Domain, label: &str) -> bool {
    tools.ask(&print(domain, label)).await.ended.is_success()
}

/// Sends a job away and waits until it is gone. One that nobody knows needs nothing.
///
/// # Errors
/// Why it is still there.
pub(super) async fn remove(tools: &Tools, domain: Domain, label: &str) -> Result<(), String> {
    if !is_loaded(tools, domain, label).await {
        return Ok(());
    }
    match after_bootout(&tools.ask(&bootout(domain, label)).await) {
        Next::Done => Ok(()),
        Next::Watch => watch_it_go(tools, domain, label).await,
        Next::Failed(_) if !is_loaded(tools, domain, label).await => Ok(()),
        Next::Failed(why) => Err(why),
    }
}

async fn watch_it_go(tools: &Tools, domain: Domain, label: &str) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    while is_loaded(tools, domain, label).await {
        if Instant::now() >= deadline {
            return Err(format!("still being removed after {} s", PATIENCE.as_secs()));
        }
        sleep(POLL).await;
    }
    Ok(())
}

/// Brings a job in unless it is there; `true` when that was needed.
///
/// # Errors
/// Why it cannot be brought in.
pub(super) async fn ensure(tools: &Tools, domain: Domain, label: &str, plist: &Path) -> Result<bool, String> {
    if is_loaded(tools, domain, label).await {
        return Ok(false);
    }
    let answer = tools.ask(&bootstrap(domain, plist)).await;
    match answer.ended {
        Ended::Exited(0) => Ok(true),
        // Also what is already loaded is refused so: launchd itself was faster at a login.
        Ended::Exited(FAILED) if is_loaded(tools, domain, label).await => Ok(false),
        _ => Err(answer.reason()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p49_the_exact_calls() {
        let request = print(Domain::System, "cz.macadmin.iasd");
        assert_eq!(request.tool, "/bin/launchctl");
        assert_eq!(request.arguments, ["print", "system/cz.macadmin.iasd"]);
        assert_eq!(kickstart(Domain::Session(501), "a").arguments, ["kickstart", "gui/501/a"]);
        assert_eq!(bootout(Domain::Session(501), "a").arguments, ["bootout", "gui/501/a"]);
        let plist = Path::new("/Library/LaunchAgents/a.plist");
        assert_eq!(
            bootstrap(Domain::Session(501), plist).arguments,
            ["bootstrap", "gui/501", "/Library/LaunchAgents/a.plist"]
        );
    }

    #[test]
    fn p49_the_answers_of_bootout() {
        // Forms: https://github.com/DeterminateSystems/nix-installer/issues/1148, /issues/1187, /issues/960
        let after = |status, errors: &str| {
            let errors = errors.as_bytes().to_vec();
            after_bootout(&Answer { ended: Ended::Exited(status), output: Vec::new(), errors })
        };
        assert_eq!(after(0, ""), Next::Done);
        assert_eq!(after(3, "Boot-out failed: 3: No such process\n"), Next::Done);
        assert_eq!(after(113, "Could not find service \"a\" in domain for system\n"), Next::Done);
        assert_eq!(after(36, "Boot-out failed: 36: Operation now in progress\n"), Next::Watch);
        assert_eq!(
            after(5, "Boot-out failed: 5: Input/output error\n"),
            Next::Failed("Boot-out failed: 5: Input/output error (exit status 5)".into())
        );
    }
}
