//! From the bytes of a journal to the state of its run.

use super::record::{Basis, Opening, VERSION, read, sealed};
use crate::{event::Event, state::RunState};
use serde::Deserialize;

/// What a journal says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Replay {
    /// The run, as the fold of its facts.
    pub state: RunState,
    /// What it started from.
    pub basis: Basis,
    /// How many lines in the middle could not be read; the others count.
    pub damaged: usize,
    /// How many bytes are whole lines. What comes after was being written when the power went, and is cut off.
    pub length: u64,
}

/// A journal that says nothing we understand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// A newer program wrote it.
    #[error("it has format {0}, this program knows {VERSION} and older: a newer iasd wrote it")]
    Newer(u32),
    /// Its first line is damaged.
    #[error("its first line is damaged")]
    Damaged,
}

/// What any version of the first line has.
#[derive(Deserialize)]
struct Versioned {
    journal: u32,
}

/// Reads a journal. An empty one says nothing.
///
/// # Errors
/// When nothing in it can be relied on.
pub fn replay(bytes: &[u8]) -> Result<Replay, Unreadable> {
    let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else {
        return if bytes.is_empty() { Ok(Replay::default()) } else { Err(Unreadable::Damaged) };
    };
    let whole = bytes.get(..end).unwrap_or_default();
    let mut lines = whole.split(|byte| *byte == b'\n');
    let opening = opening(lines.next().unwrap_or_default())?;
    let length = u64::try_from(end + 1).unwrap_or(u64::MAX);
    // A state no fact has made is none.
    let state = if opening.state.seq == 0 { RunState::default() } else { opening.state };
    let mut replay = Replay { state, basis: opening.basis, damaged: 0, length };
    for line in lines {
        match read::<Event>(line) {
            Some(event) if event.seq > replay.state.seq => replay.state.apply(&event),
            _ => replay.damaged += 1,
        }
    }
    Ok(replay)
}

fn opening(line: &[u8]) -> Result<Opening, Unreadable> {
    let json = sealed(line).ok_or(Unreadable::Damaged)?;
    let Versioned { journal } = serde_json::from_slice(&json).map_err(|_| Unreadable::Damaged)?;
    if journal > VERSION {
        return Err(Unreadable::Newer(journal));
    }
    serde_json::from_slice(&json).map_err(|_| Unreadable::Damaged)
}
