//! The main loop of a run.

pub(crate) mod recorder;
