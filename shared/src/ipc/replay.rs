//! The agent's memory of requests: nothing runs twice, a repeated question gets the same answer (R111).
//!
//! ```text
//! new id ─► Run ─► finish(reply) ─► Repeat(reply) … until forgotten ─► Stale
//!             └─► Underway (asked again before it ended)
//! ```

use super::message::{Reply, RequestId};
use std::collections::{HashMap, VecDeque};

/// How many replies are remembered.
const REMEMBERED: usize = 64;

/// What to do with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is new: do it.
    Run,
    /// It is being done: answer when it is done.
    Underway,
    /// It was done: this is the answer.
    Repeat(Reply),
    /// It was done so long ago that the answer is forgotten: refuse it.
    Stale,
}

/// What the agent remembers of requests, across connections.
#[derive(Debug, Default)]
pub struct Replay {
    /// `None` while it is being done.
    known: HashMap<RequestId, Option<Reply>>,
    /// Those with a reply, oldest first.
    done: VecDeque<RequestId>,
    /// The highest number that was forgotten, and its daemon.
    forgotten: Option<RequestId>,
}

impl Replay {
    /// Takes a request.
    pub fn ask(&mut self, id: RequestId) -> Verdict {
        match self.known.get(&id) {
            Some(Some(reply)) => return Verdict::Repeat(reply.clone()),
            Some(None) => return Verdict::Underway,
            None => {}
        }
        // One daemon's numbers only grow; another daemon's tell nothing about them.
        let stale = self.forgotten.is_some_and(|old| old.daemon == id.daemon && id.number <= old.number);
        if stale {
            return Verdict::Stale;
        }
        self.known.insert(id, None);
        Verdict::Run
    }

    /// Records the answer to a request that was to be run.
    pub fn finish(&mut self, reply: Reply) {
        let id = reply.id;
        match self.known.get_mut(&id) {
            Some(entry @ None) => *entry = Some(reply),
            _ => return,
        }
        self.done.push_back(id);
        if self.done.len() > REMEMBERED
            && let Some(old) = self.done.pop_front()
        {
            self.forget(old);
        }
    }

    /// The recorded answer.
    #[must_use]
    pub fn reply(&self, id: RequestId) -> Option<&Reply> {
        self.known.get(&id)?.as_ref()
    }

    fn forget(&mut self, id: RequestId) {
        self.known.remove(&id);
        self.forgotten = match self.forgotten {
            Some(old) if old.daemon == id.daemon => Some(old.max(id)),
            _ => Some(id),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::message::Outcome;
    use proptest::prelude::*;

    fn id(number: u64) -> RequestId {
        RequestId { daemon: 1, number }
    }

    #[test]
    fn r111_a_repeated_request_gets_the_recorded_reply() {
        let mut replay = Replay::default();
        assert_eq!(replay.ask(id(1)), Verdict::Run);
        assert_eq!(replay.ask(id(1)), Verdict::Underway);
        let reply = Reply::new(id(1), Outcome::Done);
        replay.finish(reply.clone());
        replay.finish(Reply::new(id(1), Outcome::DryRun));
        assert_eq!(replay.ask(id(1)), Verdict::Repeat(reply));
        assert_eq!(replay.ask(RequestId { daemon: 2, number: 1 }), Verdict::Run, "another daemon's first");
    }

    proptest! {
        #[test]
        fn r111_nothing_runs_twice_whatever_is_repeated(asked in proptest::collection::vec(1u64..200, 0..600)) {
            let mut replay = Replay::default();
            let mut ran = std::collections::HashSet::new();
            let mut highest = 0;
            for number in asked {
                // A daemon counts upwards and may repeat what it asked before.
                let number = if number > highest { highest + 1 } else { number };
                highest = highest.max(number);
                if replay.ask(id(number)) == Verdict::Run {
                    prop_assert!(ran.insert(number), "{number} ran twice");
                    replay.finish(Reply::new(id(number), Outcome::Done));
                }
                prop_assert!(replay.known.len() <= REMEMBERED);
            }
        }
    }
}
