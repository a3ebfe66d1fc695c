//! The simulated world: a Mac-shaped folder in which an enrolment really happens.

pub(crate) mod script;
