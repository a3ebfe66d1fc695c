//! Stories told through the real programs.

mod agent;
mod batches;
mod dialects;
mod ending;
mod example;
mod failures;
mod once;
mod policies;
