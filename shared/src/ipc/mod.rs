//! The messages between daemon and agent, whatever carries them (R104–R112).
