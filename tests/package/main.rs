//! The enrolment package: what its scripts do, and what `iasctl pack` makes.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod attribute;
mod installed;
mod pack;
mod programs;
mod scripts;
mod seed;
mod signed;
