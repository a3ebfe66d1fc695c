//! What only macOS's frameworks can tell: each call behind a function that takes and gives plain values (P74).
//!
//! Everywhere else the same functions say that there is no macOS, so that callers need no `cfg`. The `unsafe` here is
//! that of the frameworks' C interface; each use says why it is sound.

#[cfg(target_os = "macos")]
pub mod dynamic_store;
#[cfg(target_os = "macos")]
pub mod preferences;
#[cfg(target_os = "macos")]
pub mod system_log;
#[cfg(not(target_os = "macos"))]
#[path = "unsupported.rs"]
mod unsupported;
#[cfg(target_os = "macos")]
mod value;

#[cfg(not(target_os = "macos"))]
pub use unsupported::{dynamic_store, preferences, system_log};

/// The framework's service cannot be had, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub &'static str);

/// How loud a line of the system's log is (P68).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Off unless somebody asks for it.
    Debug,
    /// Kept in memory only.
    Info,
    /// Kept on disk.
    Default,
    /// Kept on disk, as an error.
    Error,
}

/// One preference (P63).
#[derive(Debug, Clone, PartialEq)]
pub struct Preference {
    /// Its value.
    pub value: plist::Value,
    /// Whether a profile imposes it.
    pub is_forced: bool,
}
