//! What no way of downloading can be faster than.

use super::load::{Batch, Lane, Line, Load};

/// Seconds below which no run of `load` over `line` can end with at most `transfers` at once: batches in order, each not
/// before its own bytes and all before it have come.
pub(crate) fn bound(load: &Load, line: Line, transfers: u32) -> f64 {
    let together = line.all.min(line.each * f64::from(transfers));
    let (mut bytes, mut end) = (0.0, 0.0_f64);
    for batch in load.phases.iter().flatten() {
        bytes += batch.iter().map(|work| work.bytes).sum::<f64>();
        let largest = batch.iter().map(|work| work.bytes).fold(0.0, f64::max);
        let arrived = (bytes / together).max(largest / line.each);
        let last = batch.iter().map(|work| work.seconds).fold(f64::INFINITY, f64::min);
        end = (end + lasts(batch)).max(arrived + last);
    }
    end
}

/// How long a batch takes whose content is there.
fn lasts(batch: &Batch) -> f64 {
    let packages =
        batch.iter().filter(|work| work.lane == Lane::Package).map(|work| work.seconds).sum::<f64>();
    batch.iter().map(|work| work.seconds).fold(packages, f64::max)
}
