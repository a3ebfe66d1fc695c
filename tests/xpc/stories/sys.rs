//! The product's XPC layer where its own files look for it, compiled a second time.

pub(crate) use shared::sys::{child, link, tools};

#[path = "../../../shared/src/sys/xpc/mod.rs"]
#[allow(unsafe_code, reason = "the layer itself")]
#[allow(dead_code, reason = "what only the programs use")]
pub(crate) mod xpc;
