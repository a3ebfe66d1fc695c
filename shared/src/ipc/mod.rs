//! The messages between daemon and agent, whatever carries them (R104–R112).
//!
//! ```text
//! agent  ── CheckIn ──────────────────────► daemon     the only thing an unknown peer may say
//! agent  ◄───────────────── Welcome|Refused daemon
//! agent  ◄── Request{id, dry_run, command}  daemon     with a descriptor for scripts and files
//! agent  ── Output, BackgroundEnded ──────► daemon     one-way, at any time
//! agent  ── Reply{id, outcome} ───────────► daemon     exactly one for each request
//! ```
//!
//! Everything here is pure. A Unix socket carries each message in a [`frame`]; XPC carries it as one data value,
//! the descriptor beside it.

pub mod frame;
pub mod message;
pub mod replay;
pub mod roster;
