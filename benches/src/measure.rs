//! How long a command takes, and how much memory it holds at most.

use crate::Failure;
use std::{
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

/// How often memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Runs a command to its good end and gives the time it took.
pub(crate) fn time(command: &mut Command) -> Result<Duration, Failure> {
    let begun = Instant::now();
    let status = command.status().map_err(|error| format!("{command:?}: {error}"))?;
    let took = begun.elapsed();
    if status.success() { Ok(took) } else { Err(format!("{command:?}: {status}").into()) }
}

/// Runs a command to its good end and gives the most memory it held, in KiB, as `ps` saw it.
pub(crate) fn peak_memory(command: &mut Command) -> Result<u64, Failure> {
    let mut child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
    let mut peak = 0;
    loop {
        peak = peak.max(resident(&child));
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(peak),
            Some(status) => return Err(format!("{command:?}: {status}").into()),
            None => thread::sleep(LOOK_EVERY),
        }
    }
}

fn resident(child: &Child) -> u64 {
    let answer = Command::new("ps").args(["-o", "rss=", "-p", &child.id().to_string()]).output();
    // A process that has just ended has no answer.
    answer.ok().and_then(|answer| String::from_utf8_lossy(&answer.stdout).trim().parse().ok()).unwrap_or(0)
}

/// The middle of an odd number of times.
pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
