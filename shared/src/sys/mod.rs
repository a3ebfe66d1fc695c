//! The only effects of this crate: child processes, atomic files, sockets, unpacking, a clock.

pub mod atomic;
pub mod child;
pub mod clock;
pub mod folder;
pub mod link;
pub mod mac;
pub mod own_file;
pub mod packing;
pub mod sandbox;
#[cfg(feature = "images")]
pub mod signed_app;
pub mod tools;
pub mod unpack;
#[cfg(target_os = "macos")]
#[expect(unsafe_code, reason = "libxpc is a C library; this is the one place that calls it")]
mod xpc;

#[cfg(test)]
mod on_disk;
