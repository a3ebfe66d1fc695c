//! Stories of the XPC link, told through the product's own layer: on Linux over the stand-in, on a Mac over libxpc.
//!
//! `shared::sys::xpc` is compiled into this test a second time, from its source, so that no program ever links the
//! stand-in and no feature decides what the product is. On a Mac listeners are anonymous, since a Mach service
//! needs launchd; stories that need the stand-in's hands (users, signatures, death, counting) are told on Linux only.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use shared::ipc;

mod foreign;
mod letters;
mod lifetimes;
mod patience;
mod rude;
mod sys;
mod world;

#[cfg(not(target_vendor = "apple"))]
mod death;
#[cfg(not(target_vendor = "apple"))]
mod misuse;
#[cfg(not(target_vendor = "apple"))]
mod proof;
