//! What the value of a key must be, and where it goes.

use super::{Draft, WebhookFormat};
use crate::{
    digest::Digest,
    item::{FollowRedirects, HashCheckPolicy, Secret},
    layout::MacPath,
    minisign::PublicKey,
    title::grant::{ClockPolicy, Keys},
    wording::user::Language,
};
use std::time::Duration;

/// The type of a key's value, and where it goes.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// True or false.
    Switch(fn(&mut Draft, bool)),
    /// An integer between two bounds, both included.
    Count(u32, u32, fn(&mut Draft, u32)),
    /// Seconds, or a duration text.
    Span(fn(&mut Draft, Duration)),
    /// One line of text; empty means none.
    Text(fn(&mut Draft, Option<String>)),
    /// A reverse-DNS name.
    Identifier(fn(&mut Draft, String)),
    /// An absolute path on the Mac.
    Path(fn(&mut Draft, MacPath)),
    /// An absolute path on the Mac; empty means none.
    OptionalPath(fn(&mut Draft, Option<MacPath>)),
    /// The folder that is deleted after a run (R44).
    InstallPath(fn(&mut Draft, MacPath)),
    /// An `https`, `http` or `file` URL.
    Url(fn(&mut Draft, url::Url)),
    /// 64 hexadecimal digits.
    Digest(fn(&mut Draft, Digest)),
    /// A name of R84.
    HashPolicy(fn(&mut Draft, HashCheckPolicy)),
    /// `none`, `https`, `all`, or a boolean.
    Redirects(fn(&mut Draft, FollowRedirects)),
    /// Names and values.
    Headers(fn(&mut Draft, Vec<(String, Secret)>)),
    /// Host names.
    Hosts(fn(&mut Draft, Vec<String>)),
    /// Public keys. A list that cannot be used as a whole must not become a weaker one, so no run begins with it.
    PublicKeys(fn(&mut Draft, Vec<PublicKey>)),
    /// An `https` URL.
    WebAddress(fn(&mut Draft, url::Url)),
    /// Names of catalogs.
    Catalogs(fn(&mut Draft, Vec<String>)),
    /// `strict` or `server`.
    ClockPolicy(fn(&mut Draft, ClockPolicy)),
    /// The form of a message.
    WebhookFormat(fn(&mut Draft, WebhookFormat)),
    /// The code of a language, or `auto`.
    Language(fn(&mut Draft, Option<Language>)),
    /// The keys of a titles service. Without them it is not believed, so a list that cannot be used is left out.
    TitleKeys(fn(&mut Draft, Keys)),
    /// A whole control file.
    ControlFile(fn(&mut Draft, String)),
}

impl Kind {
    /// What a value must be, after "expected".
    #[must_use]
    pub fn expected(&self) -> String {
        match self {
            Self::Switch(_) => "a boolean".to_owned(),
            Self::Count(least, most, _) => format!("an integer from {least} to {most}"),
            Self::Span(_) => "seconds or a duration such as 90s or 2h30m, at most 366 days".to_owned(),
            Self::Text(_) => "a string".to_owned(),
            Self::Identifier(_) => "a name such as cz.macadmin.iasd".to_owned(),
            Self::Path(_) | Self::OptionalPath(_) | Self::InstallPath(_) => "an absolute path".to_owned(),
            Self::Url(_) => "an https, http or file URL".to_owned(),
            Self::Digest(_) => "64 hexadecimal digits".to_owned(),
            Self::HashPolicy(_) => {
                "Strict, Warning, WarningRequireMatch, WarningAcceptFirst or Ignore".to_owned()
            }
            Self::Redirects(_) => "none, https, all or a boolean".to_owned(),
            Self::Headers(_) => "a dictionary, or an array of {name, value}".to_owned(),
            Self::Hosts(_) => "an array of host names".to_owned(),
            Self::PublicKeys(_) => "an array of public keys".to_owned(),
            Self::WebAddress(_) => "an https URL".to_owned(),
            Self::Catalogs(_) => "an array of catalog names".to_owned(),
            Self::ClockPolicy(_) => "strict or server".to_owned(),
            Self::WebhookFormat(_) => "json, slack or teams".to_owned(),
            Self::Language(_) => "auto, en, de, fr, es, ja or cs".to_owned(),
            Self::TitleKeys(_) => "an array of {kid, alg, key}".to_owned(),
            Self::ControlFile(_) => "a dictionary like a control file".to_owned(),
        }
    }
}
