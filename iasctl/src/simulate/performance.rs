//! One run on a stage, watched from its first start to its end: what is launchd's part is done here.

use super::{
    Arguments,
    daemon::Daemon,
    server::{self, Authority, Lender, Misdeeds, RequestLog, Served},
    stage::Stage,
};
use crate::view::{Run, View, now_ms};
use rustix::process::Signal;
use shared::event::{Event, Progress};
use std::{os::unix::process::ExitStatusExt as _, process::ExitStatus, sync::Arc, time::Duration};
use tokio::{
    signal::unix::{Signal as Listener, SignalKind, signal},
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// A run that is over.
pub(crate) struct Performed {
    /// What happened.
    pub(crate) run: Run,
    /// The exit status.
    pub(crate) code: u8,
    /// Whether somebody ended it.
    pub(crate) interrupted: bool,
}

/// Lets a run happen on a stage, and its server misbehave, until `iasd` has ended for good.
///
/// # Errors
/// When something cannot be served, written or started.
pub(crate) async fn perform(
    stage: &mut Stage,
    arguments: &Arguments,
    misdeeds: &Arc<Misdeeds>,
    view: &mut dyn View,
    requests: &mut Requests,
) -> Result<Performed, String> {
    let hosts: Vec<_> = stage.hosts().into_iter().collect();
    let authority = Authority::new(&hosts)?;
    let root_pem = authority.root_pem.clone();
    let (misses, missed) = mpsc::unbounded_channel();
    let (site, misdeeds) = (Arc::new(stage.site.clone()), Arc::clone(misdeeds));
    let log = stage.requests();
    let log = RequestLog::open(&log).map_err(|error| format!("{}: {error}", log.display()))?;
    let lender = stage.title_service.clone().map(|service| Arc::new(Lender::new(service)));
    let served = Served { site, speed: arguments.speed, misdeeds, lender, log: Arc::new(log), misses };
    let listening = server::listen(served, authority).await;
    let (address, serve) = listening.map_err(|error| format!("cannot serve on the loopback: {error}"))?;
    let scenario = stage.write_scenario(address, &root_pem)?;
    let settings = stage.write_settings()?;
    let start = || Daemon::start(stage, &scenario, &settings);
    let (run, status, interrupted) = tokio::select! {
        () = serve => return Err("the server ended".to_owned()),
        watched = watch(&start, arguments.restarts, view, (missed, requests)) => watched?,
    };
    Ok(Performed { run, code: exit_code(status, interrupted), interrupted })
}

/// Shows the run until `iasd` has ended for good: what happened, how it ended, and whether we were interrupted.
async fn watch(
    start: &dyn Fn() -> Result<Daemon, String>,
    mut restarts: u32,
    view: &mut dyn View,
    (mut missed, requests): (mpsc::UnboundedReceiver<String>, &mut Requests),
) -> Result<(Run, ExitStatus, bool), String> {
    let (mut run, mut interrupted) = (Run::default(), false);
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    let mut daemon = start()?;
    loop {
        tokio::select! {
            line = daemon.line() => match line {
                Ok(Some(line)) => take(&line, &mut run, view),
                Err(error) => return Err(format!("cannot read the events of iasd: {error}")),
                Ok(None) => {
                    let status = daemon.ended().await;
                    let status = status.map_err(|error| format!("cannot wait for iasd: {error}"))?;
                    if interrupted || !is_started_again(status, &mut restarts) {
                        view.close();
                        return Ok((run, status, interrupted));
                    }
                    view.note(&format!("iasd ended with {status}; it is started again"));
                    daemon = start()?;
                }
            },
            Some(why) = missed.recv() => view.note(&why),
            _ = ticks.tick() => view.tick(&run),
            () = requests.next() => {
                view.note(if interrupted { "ending at once" } else { "ending; again to end at once" });
                interrupted = true;
                daemon.stop();
            }
        }
    }
}

/// What launchd does: whatever was killed is started again; whatever wants to be, as often as was asked for.
fn is_started_again(status: ExitStatus, restarts: &mut u32) -> bool {
    match status.code() {
        Some(0 | 1) => false,
        None => status.signal() == Some(Signal::KILL.as_raw()),
        Some(_) => {
            let again = *restarts > 0;
            *restarts = restarts.saturating_sub(1);
            again
        }
    }
}

/// How long `iasd` may take to end before it is killed: what launchd gives it.
const TO_END: Duration = Duration::from_secs(20);

/// What asks us to end: Ctrl-C, SIGTERM, a closed terminal. Without us `iasd` would stay behind.
pub(crate) struct Requests {
    signals: [Listener; 3],
    /// When we end it by ourselves.
    limit: Option<Instant>,
    /// Whether that time has come.
    expired: bool,
}

impl Requests {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the system does not let us.
    pub(crate) fn listen() -> std::io::Result<Self> {
        let [interrupt, terminate, hangup] =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
        Ok(Self { signals: [interrupt?, terminate?, hangup?], limit: None, expired: false })
    }

    /// From now on, also asks for an end when so much time has passed, and again when that was not heard.
    pub(crate) fn limit(&mut self, patience: Duration) {
        self.limit = Instant::now().checked_add(patience);
    }

    /// Whether the time of [`Self::limit`] was over.
    pub(crate) fn expired(&self) -> bool {
        self.expired
    }

    async fn next(&mut self) {
        let limit = self.limit;
        let over = async {
            match limit {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let [interrupt, terminate, hangup] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            () = over => {
                self.expired = true;
                self.limit(TO_END);
            }
        }
    }
}

/// What to do about content that is not what its `hash` says.
const WRONG_DIGESTS: &str = "hint: if it is the content that is right, end this and add --update-hashes: it writes \
    the digests of what is served into the control file";

fn take(line: &str, run: &mut Run, view: &mut dyn View) {
    if let Ok(event) = serde_json::from_str::<Event>(line) {
        let knew = run.wrong_digests;
        run.event(&event);
        view.event(&event, line, run);
        if run.wrong_digests && !knew {
            // Now, because the attempts that follow take half a minute.
            view.note(WRONG_DIGESTS);
        }
    } else if let Ok(progress) = serde_json::from_str::<Progress>(line) {
        run.progress(&progress, now_ms());
        view.progress(&progress, run);
    } else {
        view.note(&format!("iasd said: {line}"));
    }
}

fn exit_code(status: ExitStatus, interrupted: bool) -> u8 {
    match (interrupted, status.code(), status.signal()) {
        (true, ..) => 130,
        (false, Some(code), _) => u8::try_from(code).unwrap_or(1),
        (false, None, signal) => u8::try_from(128 + signal.unwrap_or(0)).unwrap_or(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_run_whose_time_is_over_is_asked_to_end_and_known_as_such() {
        let mut requests = Requests::listen().unwrap();
        assert!(!requests.expired());
        requests.limit(Duration::ZERO);
        requests.next().await;
        assert!(requests.expired());
        assert!(requests.limit.is_some(), "what does not hear is killed");
    }
}
