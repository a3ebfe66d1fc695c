//! The clock that nobody sets.

use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// How long this computer has been up; on a Mac the time it slept counts as well. Steps of the wall clock do not show
/// in it.
#[must_use]
pub fn uptime() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default()
}
