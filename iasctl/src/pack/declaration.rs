//! The declaration that has macOS 26 and later install the package through its manifest (P72).

use super::{package::Title, profile::uuid};
use serde_json::{Value, json};
use url::Url;

/// The declaration for the manifest at `url`; `digest` is that of the package, and makes the token that tells an MDM
/// and a Mac that something changed.
pub(super) fn declaration(url: &Url, title: &Title, digest: &str) -> Value {
    json!({
        "Type": "com.apple.configuration.package",
        "Identifier": format!("{}.package", title.identifier),
        "ServerToken": uuid(&["declaration", url.as_str(), digest]),
        "Payload": {"ManifestURL": url.as_str(), "InstallBehavior": {"Install": "Required"}},
    })
}
