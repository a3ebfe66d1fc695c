//! Decisions about a run, as pure functions from values: what to do, what a failure means, when to try again.
