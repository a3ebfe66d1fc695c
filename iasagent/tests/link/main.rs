//! The real agent, led by a small daemon made of the shared pieces (P82).

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod daemon;
mod reconnect;
mod requests;
