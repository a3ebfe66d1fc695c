//! The journal of a run on this Mac: found, written on, and with it the run (R76–R79).
//!
//! What its lines mean is in `shared::journal`. It lies in the records folder, so that it outlives `InstallPath`, and a
//! crash in the middle of cleanup finds it.

mod found;
mod request;
mod writer;

#[cfg(test)]
mod tests;

pub(crate) use found::open;
pub(crate) use request::waits;
pub(crate) use writer::{Checkpoint, Journal, Trouble};
#[cfg(feature = "simulated")]
pub(crate) use writer::{Death, Passing};
