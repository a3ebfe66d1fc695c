//! `iasd`: the root LaunchDaemon that carries one control file to its end.
#![allow(dead_code, reason = "first commit: the types come before the flow")]

mod cleanup;
mod download;
mod engine;
mod host;
mod lock;
mod report;
mod settings;

fn main() {}
