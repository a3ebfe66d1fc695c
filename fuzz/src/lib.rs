//! What is done with hostile input, one function for each door through which it comes: they panic when a promise breaks.
//!
//! libFuzzer calls them (`cargo +nightly fuzz run journal`), and so does an ordinary test with inputs it makes from good
//! ones (`cargo test -p tests --test fuzz`). An input that broke a promise is kept in `found/<target>/`, which that test
//! tries first.
#![expect(clippy::expect_used, reason = "a broken promise is a panic")]

mod catalog;
mod control_file;
mod description;
mod flat_package;
mod ipc_frame;
mod journal;
mod payload;
mod settings_plist;
mod signature;
mod signed_control_file;
mod token;

pub use catalog::catalog;
pub use control_file::control_file;
pub use description::description;
pub use flat_package::flat_package;
pub use ipc_frame::ipc_frame;
pub use journal::journal;
pub use payload::payload;
pub use settings_plist::settings_plist;
pub use signature::signature;
pub use signed_control_file::signed_control_file;
pub use token::token;

/// A door: takes any bytes.
pub type Target = fn(&[u8]);

/// All of them, by name.
pub const TARGETS: [(&str, Target); 11] = [
    ("catalog", catalog),
    ("control_file", control_file),
    ("description", description),
    ("flat_package", flat_package),
    ("ipc_frame", ipc_frame),
    ("journal", journal),
    ("payload", payload),
    ("settings_plist", settings_plist),
    ("signature", signature),
    ("signed_control_file", signed_control_file),
    ("token", token),
];
