//! The clock that nobody sets.

use nix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// The clock that stands still while the computer sleeps; the monotonic one of macOS goes on.
#[cfg(target_os = "macos")]
const AWAKE: ClockId = ClockId::from_raw(nix::libc::CLOCK_UPTIME_RAW);
#[cfg(not(target_os = "macos"))]
const AWAKE: ClockId = ClockId::CLOCK_MONOTONIC;

/// How long this computer has been up and awake. Steps of the wall clock do not show in it.
#[must_use]
pub fn uptime() -> Duration {
    // A computer without this clock counts as just started: it goes on trying.
    clock_gettime(AWAKE).map(Duration::from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn r77_the_time_awake_goes_on_as_that_of_the_program_does() {
        // Rust's own clock is the same one, on a Mac and on Linux; only where it began is not to be had from it.
        let (begun, outside) = (uptime(), Instant::now());
        std::thread::yield_now();
        let inside = Instant::now();
        let least = inside - outside;
        let passed = uptime().checked_sub(begun).unwrap();
        assert!(passed >= least && !begun.is_zero(), "{passed:?} of {least:?}");
    }
}
