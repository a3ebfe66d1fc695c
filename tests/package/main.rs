//! The enrolment package: what its scripts do, and what `iasctl pack` makes.

mod scripts;
