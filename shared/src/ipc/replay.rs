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
/// Of how many counters the highest forgotten number is remembered: more than there are scripts in a run.
const COUNTERS: usize = 4096;

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
    /// The highest number that was forgotten of each who counts (a daemon, or one script), oldest first.
    forgotten: VecDeque<RequestId>,
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
        let stale = self.forgotten.iter().any(|old| old.daemon == id.daemon && id.number <= old.number);
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
        if let Some(old) = self.forgotten.iter_mut().find(|old| old.daemon == id.daemon) {
            *old = id.max(*old);
            return;
        }
        self.forgotten.push_back(id);
        if self.forgotten.len() > COUNTERS {
            self.forgotten.pop_front();
        }
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

    #[test]
    fn r111_no_script_runs_twice_however_many_came_after_it() {
        let mut replay = Replay::default();
        // Each script has a counter of its own.
        let scripts = || (1..300).map(|daemon| RequestId { daemon, number: 1 });
        for id in scripts() {
            assert_eq!(replay.ask(id), Verdict::Run);
            replay.finish(Reply::new(id, Outcome::Done));
        }
        for id in scripts() {
            assert_ne!(replay.ask(id), Verdict::Run, "{id}");
        }
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
