//! Any bytes are read as the journal of a run: without panic, and what was understood can be written and read again.
//!
//! An odd first byte gives each line its right checksum, so that what is behind it is reached; an even one leaves the
//! bytes as they are.

use serde_json::value::RawValue;
use shared::journal::{Opening, Past, Start, VERSION, gives_up, line, replay, start};
use std::time::Duration;

/// See the head of this file.
pub fn journal(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let journal = if kind % 2 == 1 { sealed(bytes) } else { bytes.to_vec() };
    let Ok(replayed) = replay(&journal) else { return };
    assert!(replayed.length <= journal.len() as u64);
    let (state, basis) = (replayed.state.clone(), replayed.basis.clone());
    let _ = (state.downloaded().len(), state.failures().count(), state.ended());
    let again = Opening { journal: VERSION, basis: basis.clone(), state: state.clone() };
    let text = line(&again).expect("what was understood can be written");
    let read = replay(text.as_bytes()).expect("and read");
    assert_eq!((read.state, read.basis, read.damaged), (state.clone(), basis, 0));
    let _ = gives_up(&state, Some("boot"), Duration::MAX, Duration::from_secs(1));
    if let Start::GoOn { state, basis } = start(replayed, None) {
        let _ = Past::interrupted(*state, &basis).repair().is_some();
    }
}

/// The lines that are JSON objects, each with its checksum.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let objects = bytes.split(|byte| *byte == b'\n').filter_map(|line| {
        let text = std::str::from_utf8(line).ok().filter(|line| line.starts_with('{'))?;
        serde_json::from_str::<&RawValue>(text).ok()
    });
    objects.filter_map(|object| line(&object).ok()).flat_map(String::into_bytes).collect()
}
