//! Words and pure rules that more than one program needs.
//!
//! Modules are listed so that each imports only what stands above it. Everything here is free of effects,
//! except `sys`, which is the only place that touches files, sockets, processes, the clock or the environment.

pub mod base64;
pub mod digest;
pub mod exit;
pub mod hint;
pub mod job;
pub mod layout;
pub mod minisign;
pub mod property_list;
pub mod version;

pub mod facts;

pub mod item;
pub mod user_info;

pub mod title;

pub mod event;
pub mod state;
pub mod wording;

pub mod fault;

pub mod journal;

pub mod settings;

pub mod control;

pub mod walk;

pub mod flat_package;

pub mod code_signature;

#[cfg(feature = "images")]
pub mod archive;
#[cfg(feature = "images")]
pub mod disk_image;

pub mod plan;

pub mod ipc;

pub mod sys;

#[cfg(test)]
mod corpus;
