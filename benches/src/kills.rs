//! How a run survives: `iasd` killed at random instants, in bulk.

use super::Failure;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use support::mixed::random_kills;

/// Kills, and prints what was lost, doubled and repeated; nothing may be lost or doubled.
pub(crate) fn run(runs: usize, seed: Option<u64>) -> Result<(), Failure> {
    let drawn = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as u64 | 1;
    let seed = seed.unwrap_or(drawn);
    let begun = Instant::now();
    let tally = random_kills(runs, seed);
    println!("seed {seed}, {:.0} s", begun.elapsed().as_secs_f64());
    println!("{} runs of 9 items, {} kills", tally.runs, tally.kills);
    println!("lost {}, doubled {}, wrong end {}", tally.lost.len(), tally.doubled.len(), tally.broken.len());
    println!("done again because they were under way: {}", tally.repeated);
    let wrong: Vec<String> = [tally.lost, tally.doubled, tally.broken].concat();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}
