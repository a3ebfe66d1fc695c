//! Support for the stories: a world to run the real programs in.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a story that cannot be set up has failed, and this is where it says why"
)]

pub mod chromium;
pub mod corpus;
pub mod crafted;
pub mod fleet;
pub mod linked;
pub mod macho;
pub mod mixed;
mod outcome;
mod programs;
mod repository;
pub mod schema;
pub mod server;
pub mod signed;
pub mod signed_app;
mod world;

pub use fleet::Fleet;
pub use outcome::Outcome;
pub use programs::program;
pub use repository::{Keys, Repository, SERVICE_AUTH, SERVICE_KEY};
pub use world::{AFTER_A_FAILURE, HOST, INSTALL_PATH, World, component, rehearse, simulate};
