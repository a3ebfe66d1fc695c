//! Decisions about a run, as pure functions from values: what to do, what a failure means, when to try again.
//!
//! A [`Plan`] can be printed, compared and tested; carrying it out is the engine's business.

mod earlier;
pub mod jitter;
mod mirrors;
pub mod planner;
pub mod presence;
pub mod retry;
pub mod room;
pub mod signer;
pub mod transfers;
pub mod verdict;

pub use planner::{Batch, PhasePlan, Plan, Settled, plan};
pub use retry::{AttemptFailure, RetrySchedule};
pub use verdict::{Consequence, Failure, consequence};
