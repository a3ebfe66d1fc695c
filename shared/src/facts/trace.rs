//! What installed software leaves on a Mac, and what was found of it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What an installed title leaves on a Mac (T39). The key of an answer of the host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trace {
    /// An application at a path: its `Contents/Info.plist`.
    AppAt(String),
    /// An application anywhere but in somebody's home.
    AppNamed {
        /// `CFBundleIdentifier`.
        id: Option<String>,
        /// `CFBundleName`.
        name: Option<String>,
    },
    /// `Contents/Info.plist`, else `Resources/Info.plist`.
    BundleAt(String),
    /// A property list.
    PlistAt(String),
    /// Anything at a path.
    FileAt {
        /// Where.
        path: String,
        /// Its MD5 in lower-case hexadecimal digits, where the entry has one.
        md5: Option<String>,
    },
}

/// What a host found of a [`Trace`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// Nothing.
    Nothing,
    /// Property lists: their top-level texts. More than one where several applications bear the name.
    Plists(Vec<BTreeMap<String, String>>),
    /// A file that is as wanted, as far as the trace says.
    Same,
    /// A file whose MD5 is another one.
    Different,
}
