//! The only effects of this crate: child processes, atomic files, sockets, unpacking.

pub mod atomic;
pub mod child;
pub mod link;
pub mod mac;
pub mod packing;
pub mod sandbox;
pub mod unpack;

#[cfg(test)]
mod on_disk;
