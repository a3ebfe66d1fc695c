//! The journal: what a run did, in a form that survives the instant of death, and what the next start makes of it.
//!
//! ```text
//! Event ─► line (checksummed) ─► file ─► replay ─► Replay ─► start ─► First | Repair | GoOn
//! ```
//!
//! One line for each fact, in the order of the run; a fact about an effect is on the disk before the effect begins
//! ([`durability`]). Everything here is pure; who writes the file is `iasd`'s business.

mod past;
mod record;
mod replay;
mod request;
mod start;

#[cfg(test)]
mod tests;

pub use past::{Kept, Past, Repair};
pub use record::{Basis, Durability, Opening, VERSION, durability, line};
pub use replay::{Replay, Unreadable, replay};
pub use request::{BadRequest, LONGEST_REQUEST, REQUEST_VERSION, Request, unknown_in, unknown_names};
pub use start::{Start, gives_up, start};
