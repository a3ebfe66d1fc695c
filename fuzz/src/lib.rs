//! What is done with hostile input, one function for each door through which it comes: they panic when a promise breaks.
//!
//! libFuzzer calls them (`cargo +nightly fuzz run journal`), and so does an ordinary test with inputs it makes from good
//! ones (`cargo test -p tests --test fuzz`). An input that broke a promise is kept in `found/<target>/`, which that test
//! tries first.
#![expect(clippy::expect_used, reason = "a broken promise is a panic")]

mod archive;
mod catalog;
mod control_file;
mod description;
mod disk_image;
mod flat_package;
mod ipc_frame;
mod journal;
mod payload;
mod settings_plist;
mod signature;
mod signed_control_file;
mod signed_program;
mod token;

pub use archive::archive;
pub use catalog::catalog;
pub use control_file::control_file;
pub use description::description;
pub use disk_image::disk_image;
pub use flat_package::flat_package;
pub use ipc_frame::ipc_frame;
pub use journal::journal;
pub use payload::payload;
pub use settings_plist::settings_plist;
pub use signature::signature;
pub use signed_control_file::signed_control_file;
pub use signed_program::signed_program;
pub use token::token;

/// A door: takes any bytes.
pub type Target = fn(&[u8]);

/// All of them, by name.
pub const TARGETS: [(&str, Target); 14] = [
    ("catalog", catalog),
    ("archive", archive),
    ("control_file", control_file),
    ("description", description),
    ("disk_image", disk_image),
    ("flat_package", flat_package),
    ("ipc_frame", ipc_frame),
    ("journal", journal),
    ("payload", payload),
    ("settings_plist", settings_plist),
    ("signature", signature),
    ("signed_control_file", signed_control_file),
    ("signed_program", signed_program),
    ("token", token),
];
