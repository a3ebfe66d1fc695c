//! What a command costs: time, processor time, memory; each measured by a small process of its own.

use crate::Failure;
use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike as _,
};
use std::{
    ffi::OsString,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// What this program is called with to run a command and tell what it cost.
pub(crate) const MEASURED: &str = "measured";

/// What one command cost.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    /// From its start to its end.
    pub(crate) wall: Duration,
    /// In user and system mode, with everything it started.
    pub(crate) processor: Duration,
    /// The most memory that one of its processes held, in KiB.
    pub(crate) peak_kib: u64,
}

impl Cost {
    /// Of two commands, one after the other.
    pub(crate) fn then(self, next: Self) -> Self {
        Self {
            wall: self.wall + next.wall,
            processor: self.processor + next.processor,
            peak_kib: self.peak_kib.max(next.peak_kib),
        }
    }
}

/// Runs a command to its good end, without its output, and tells what it cost.
pub(crate) fn cost(command: &Command) -> Result<Cost, Failure> {
    let mut measured = Command::new(std::env::current_exe()?);
    measured.arg(MEASURED).arg(command.get_program()).args(command.get_args());
    measured.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(folder) = command.get_current_dir() {
        measured.current_dir(folder);
    }
    let output = measured.stderr(Stdio::inherit()).output()?;
    let text = String::from_utf8(output.stdout)?;
    let numbers: Vec<u64> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    match (output.status.success(), numbers.as_slice()) {
        (true, [wall, processor, peak_kib]) => Ok(Cost {
            wall: Duration::from_micros(*wall),
            processor: Duration::from_micros(*processor),
            peak_kib: *peak_kib,
        }),
        _ => Err(format!("{command:?}: {}", output.status).into()),
    }
}

/// The small process: runs what stands behind its first argument, and tells what that cost.
pub(crate) fn measured(mut arguments: impl Iterator<Item = OsString>) -> Result<(), Failure> {
    let program = arguments.next().ok_or("measured: which command?")?;
    let mut command = Command::new(&program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    let status = command.status().map_err(|error| format!("{}: {error}", program.display()))?;
    let wall = begun.elapsed();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let processor = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    // Linux counts KiB, macOS bytes.
    let unit = if std::env::consts::OS == "macos" { 1024 } else { 1 };
    println!("{} {processor} {}", wall.as_micros(), usage.max_rss() / unit);
    if status.success() { Ok(()) } else { Err(format!("{}: {status}", program.display()).into()) }
}

/// The smallest, the middle and the largest of an odd number of values.
pub(crate) fn spread<T: Ord + Copy + Default>(mut values: Vec<T>) -> (T, T, T) {
    values.sort_unstable();
    let at = |place: usize| values.get(place).copied().unwrap_or_default();
    (at(0), at(values.len() / 2), at(values.len().saturating_sub(1)))
}

/// The middle of an odd number of times.
pub(crate) fn median(times: Vec<Duration>) -> Duration {
    spread(times).1
}
