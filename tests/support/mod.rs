//! Support for the stories: a world to run the real programs in.

pub mod server;
