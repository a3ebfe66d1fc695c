//! Where an item's content comes from, and how it is asked for.

use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// The retry keys of one item; `None` leaves the setting in force (R27, R28).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RetryKeys {
    /// Attempts after the first.
    pub retries: Option<u32>,
    /// Wait before the second attempt, in seconds.
    pub wait_seconds: Option<u32>,
    /// `download_timeout`: how many seconds all attempts and the waits between them may take together.
    pub within_seconds: Option<u32>,
}

/// Which redirects are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FollowRedirects {
    /// None.
    None,
    /// Those that lead to https.
    Https,
    /// All but https to http (R122).
    All,
}

/// A value that must never be printed.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}

/// The per-item HTTP keys (R9); `None` leaves the setting in force.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FetchOptions {
    /// Extra request headers: name and value.
    pub headers: Vec<(String, Secret)>,
    /// `username` and `password`, used when the server asks (R120).
    pub credentials: Option<(String, Secret)>,
    /// Overrides the setting of the same name.
    pub follow_redirects: Option<FollowRedirects>,
    /// Overrides the connect and idle deadlines (R123).
    pub connection_timeout: Option<Duration>,
    /// Go past the system's proxy.
    pub ignore_system_proxy: bool,
    /// `minimum_tls_protocol: 8` or higher raises the floor; TLS 1.3 only when `true`.
    pub tls13_only: bool,
}

/// Where an item's content comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// An `https`, `http` or `file` URL (R118).
    pub url: url::Url,
    /// How to ask for it.
    pub options: FetchOptions,
}
