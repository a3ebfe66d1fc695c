//! Stories told through the real programs.

mod agent;
mod batches;
mod example;
mod failures;
mod once;
