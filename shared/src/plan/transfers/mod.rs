//! Which transfers run at a time: how many ([`Level`]), and whose turn it is ([`Turns`]). Pure: no clock, no network.

mod level;
mod parts;
mod turns;

pub use level::{LOOK_EVERY, Level, Look};
pub use parts::{PART_BYTES, Parts};
pub use turns::{Change, Incoming, Left, Parting, Turns};
