//! Watches a child to its end: timeout, SIGTERM, SIGKILL, reaping, the last of its output.

use super::{Finished, Limits, output::Drain};
use crate::exit::Ended;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use std::{io, os::unix::process::ExitStatusExt, process::ExitStatus, time::Duration};
use tokio::{
    process::Child,
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

/// How long the output of a child that ended is waited for: what it wrote is in the pipe already, and only a
/// process it left behind can keep the pipe open.
const DRAIN_GRACE: Duration = Duration::from_secs(1);
/// How often a group is asked whether anything is left of it.
const GROUP_POLL: Duration = Duration::from_millis(50);

/// Waits for `child` by all means of `limits` and `stop`.
pub(super) async fn to_the_end(
    mut child: Child,
    pid: u32,
    drain: Option<Drain>,
    limits: Limits,
    stop: oneshot::Receiver<()>,
) -> Finished {
    let (enough, cut) = oneshot::channel();
    let reading = drain.map(|drain| tokio::spawn(drain.read(cut)));
    let ended = tokio::select! {
        status = child.wait() => ended(status),
        () = elapse(limits.timeout) => {
            end_group(&mut child, pid, limits.kill_after).await;
            Ended::TimedOut
        }
        Ok(()) = stop => end_group(&mut child, pid, limits.kill_after).await,
    };
    let tail = match reading {
        None => Vec::new(),
        Some(reading) => settle(reading, enough).await,
    };
    Finished { ended, tail }
}

async fn elapse(time: Option<Duration>) {
    match time {
        Some(time) => sleep(time).await,
        None => std::future::pending().await,
    }
}

fn ended(status: io::Result<ExitStatus>) -> Ended {
    match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => Ended::Exited(code),
            (None, Some(signal)) => Ended::Signalled(signal),
            (None, None) => Ended::Lost(format!("unknown wait status {status}")),
        },
        Err(error) => Ended::Lost(error.to_string()),
    }
}

/// SIGTERM to the group, SIGKILL to what is left of it after `kill_after`. The group's number cannot be given to
/// others while a member lives; it is not used again once there is none.
async fn end_group(child: &mut Child, pid: u32, kill_after: Duration) -> Ended {
    let Some(group) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return ended(child.wait().await);
    };
    let deadline = Instant::now() + kill_after;
    signal(group, Signal::TERM);
    let Ok(status) = timeout(kill_after, child.wait()).await else {
        signal(group, Signal::KILL);
        return ended(child.wait().await);
    };
    while test_kill_process_group(group).is_ok() {
        if Instant::now() >= deadline {
            signal(group, Signal::KILL);
            break;
        }
        sleep(GROUP_POLL).await;
    }
    ended(status)
}

fn signal(group: Pid, signal: Signal) {
    // Gone already, or all of it belongs to others: then there is nothing we may end.
    let _ = kill_process_group(group, signal);
}

/// What `reading` got: all there is, or what came until a second after the end.
pub(super) async fn settle<T: Default>(mut reading: JoinHandle<T>, enough: oneshot::Sender<()>) -> T {
    let read = match timeout(DRAIN_GRACE, &mut reading).await {
        Ok(read) => read,
        Err(_) => {
            // The reader has gone when this cannot be sent.
            let _ = enough.send(());
            reading.await
        }
    };
    read.unwrap_or_default()
}
