//! A small libxpc for systems that have none: the same symbols, Unix sockets and real threads below, and no mercy.
//!
//! It exists to *execute* `shared::sys::xpc` on Linux. It keeps the promises of Apple's headers that the layer
//! relies on, and ends the process where the headers speak of a programming error: an object used or released
//! after its last reference, a connection released before it was activated, a visitor neither accepted nor
//! rejected, a requirement set twice. [`alive`] counts what was not released.
//!
//! It is no emulation: only the functions that the layer and its stories call exist, and launchd is a folder of
//! sockets. On Apple systems this crate is empty and the stories meet the true libxpc.
#![cfg(not(target_vendor = "apple"))]
#![expect(unsafe_code, reason = "the symbols of a C library")]
#![expect(unreachable_pub, reason = "symbols are found by the linker, not through modules")]
#![expect(clippy::unwrap_used, reason = "a test's stand-in fails by panicking")]

mod block;
mod calls;
mod connection;
mod control;
mod dictionary;
mod object;
mod service;
mod wire;

pub use control::{FOLDER, Identity, become_, folder, offer, settled, withdraw};
pub use object::alive;

/// Says what was done wrong, and ends the process as libxpc would.
fn misuse(what: &str) -> ! {
    eprintln!("xpc-stand-in: API misuse: {what}");
    std::process::abort()
}
