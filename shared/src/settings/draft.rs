//! Settings in the making: values are put in source by source, and what several keys decide together is decided last.

use super::{
    ControlSource, HttpSettings, Settings, duration, install_path,
    keys::{Key, Kind},
    title_value,
    value::{self, Fit, Fitting},
};
use crate::{
    item::{FollowRedirects, HashCheckPolicy, Secret},
    layout::MacPath,
    minisign::PublicKey,
    title::grant::Keys,
    user_info,
};
use plist::Value;

/// What stands in place of a secret.
pub const REDACTED: &str = "<redacted>";

/// Settings on their way: what is final already, and the parts of what is not.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// What one key alone decides.
    pub(super) settings: Settings,
    /// `HTTPAuthUser`.
    pub(super) user: Option<String>,
    /// `HTTPAuthPassword`.
    pub(super) password: Option<Secret>,
    /// `HTTPHeaders`.
    pub(super) headers: Vec<(String, Secret)>,
    /// `HeaderAuthorization`.
    pub(super) authorization: Option<Secret>,
    /// `HTTPAuthHosts`.
    pub(super) hosts: Option<Vec<String>>,
}

/// A value that was put in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// The value for people, secrets hidden.
    pub(super) shown: String,
    /// What should be written instead.
    pub(super) note: Option<String>,
}

/// Why a value was not put in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It does not fit the key (R38); only this key is ignored.
    Unfit(String),
    /// It must not be used, and nothing may take its place: an `InstallPath` (R44), or keys nobody could sign with.
    Dangerous(String),
}

impl Draft {
    /// Puts one value in.
    pub(super) fn take(&mut self, key: &Key, value: &Value) -> Result<Taken, Refused> {
        let mut taken = self.fit(key, value)?;
        if key.secret && !taken.shown.is_empty() {
            REDACTED.clone_into(&mut taken.shown);
        }
        if taken.shown.is_empty() {
            "-".clone_into(&mut taken.shown);
        }
        Ok(taken)
    }

    fn fit(&mut self, key: &Key, value: &Value) -> Result<Taken, Refused> {
        match key.kind {
            Kind::Switch(set) => Ok(self.put(value::boolean(value)?, set, ToString::to_string)),
            Kind::Count(least, most, set) => {
                Ok(self.put(value::integer(value, least, most)?, set, ToString::to_string))
            }
            Kind::Span(set) => Ok(self.put(value::span(value)?, set, |span| duration::show(*span))),
            Kind::Text(set) => {
                let text = owned(value::text(value)?);
                Ok(self.put(text, set, |text| text.clone().unwrap_or_default()))
            }
            Kind::Identifier(set) => Ok(self.put(value::identifier(value)?, set, Clone::clone)),
            Kind::Path(set) => Ok(self.put(path(value)?, set, ToString::to_string)),
            Kind::OptionalPath(set) => {
                let none = value.as_string().is_some_and(|text| text.trim().is_empty());
                let fit = if none {
                    Fit { value: None, note: None }
                } else {
                    let Fit { value, note } = path(value)?;
                    Fit { value: Some(value), note }
                };
                Ok(self.put(fit, set, |path| path.as_ref().map_or_else(String::new, ToString::to_string)))
            }
            Kind::InstallPath(set) => {
                let fit = path(value).map_err(Refused::Dangerous)?;
                match install_path::refusal(&fit.value) {
                    Some(why) => Err(Refused::Dangerous(why)),
                    None => Ok(self.put(fit, set, ToString::to_string)),
                }
            }
            Kind::Url(set) => Ok(self.put(value::url(value)?, set, show_url)),
            Kind::Digest(set) => Ok(self.put(value::digest(value)?, set, ToString::to_string)),
            Kind::HashPolicy(set) => Ok(self.put(value::hash_policy(value)?, set, show_policy)),
            Kind::Redirects(set) => Ok(self.put(value::redirects(value)?, set, show_redirects)),
            Kind::Headers(set) => Ok(self.put(value::headers(value)?, set, |headers| show_headers(headers))),
            Kind::Hosts(set) => Ok(self.put(value::hosts(value)?, set, |hosts| hosts.join(", "))),
            Kind::PublicKeys(set) => {
                let keys = value::public_keys(value).map_err(Refused::Dangerous)?;
                Ok(self.put(keys, set, |keys| show_keys(keys)))
            }
            Kind::WebAddress(set) => Ok(self.put(title_value::web_address(value)?, set, show_url)),
            Kind::Catalogs(set) => Ok(self.put(title_value::catalogs(value)?, set, |names| names.join(", "))),
            Kind::ClockPolicy(set) => {
                Ok(self.put(title_value::clock_policy(value)?, set, |policy| policy.name().to_owned()))
            }
            Kind::WebhookFormat(set) => {
                Ok(self.put(value::webhook_format(value)?, set, |format| format.name().to_owned()))
            }
            Kind::Language(set) => Ok(self.put(value::language(value)?, set, |known| {
                known.map_or("auto", crate::wording::user::Language::code).to_owned()
            })),
            Kind::TitleKeys(set) => {
                let show = |keys: &Keys| if keys.is_empty() { String::new() } else { REDACTED.to_owned() };
                Ok(self.put(title_value::title_keys(value)?, set, show))
            }
            Kind::ControlFile(set) => Ok(self.put(value::control_file(value)?, set, |json| {
                format!("a control file of {} bytes", json.len())
            })),
        }
    }

    fn put<T>(&mut self, fit: Fit<T>, set: fn(&mut Self, T), show: impl FnOnce(&T) -> String) -> Taken {
        let shown = show(&fit.value);
        set(self, fit.value);
        Taken { shown, note: fit.note }
    }

    /// Decides what several keys decide together; the texts are warnings, each with the key it is about.
    pub(super) fn finish(self) -> (Settings, Vec<(&'static str, String)>) {
        let mut warnings = Vec::new();
        let mut settings = self.settings;
        settings.http.headers = self.headers;
        if let Some(authorization) = self.authorization {
            settings.http.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("Authorization"));
            settings.http.headers.push(("Authorization".to_owned(), authorization));
        }
        settings.http.credentials = match (self.user, self.password) {
            (Some(user), Some(password)) => Some((user, password)),
            (None, None) => None,
            (Some(_), None) => {
                warnings.push(("HTTPAuthUser", "not used, because HTTPAuthPassword is missing".to_owned()));
                None
            }
            (None, Some(_)) => {
                warnings.push(("HTTPAuthPassword", "not used, because HTTPAuthUser is missing".to_owned()));
                None
            }
        };
        if let Some(ControlSource::Url(url)) = &mut settings.control
            && let Some(user_info) = user_info::take(url)
        {
            let (credentials, problem) = of_control_file(user_info, url, &settings.http);
            settings.control_credentials = credentials;
            warnings.push(("JSONURL", problem));
        }
        warnings.extend(settings.titles.remarks());
        settings.http.auth_hosts = self.hosts.unwrap_or_else(|| own_host(settings.control.as_ref()));
        if settings.min_downloads > settings.max_downloads {
            let (least, most) = (settings.min_downloads, settings.max_downloads);
            warnings.push((
                "MaxDownloadConcurrency",
                format!("raised from {most} to {least}, the value of MinDownloadConcurrency"),
            ));
            settings.max_downloads = least;
        }
        if settings.cache.folder.as_ref().is_some_and(|folder| folder.is_within(&settings.install_path)) {
            warnings.push(("CachePath", "is inside InstallPath, which is removed after a run".to_owned()));
        }
        if is_unprotected(&settings) {
            let problem = "the control file comes over plain http and neither JSONHash nor ControlFileKeys is set, so anybody on the way can change it";
            warnings.push(("JSONURL", problem.to_owned()));
        }
        (settings, warnings)
    }
}

impl From<String> for Refused {
    fn from(why: String) -> Self {
        Self::Unfit(why)
    }
}

/// A path, whose errors are those of [`MacPath`].
fn path(value: &Value) -> Fitting<MacPath> {
    let text = value::text(value)?.value.trim();
    match MacPath::new(text) {
        Ok(path) => Ok(Fit { value: path, note: None }),
        Err(error) => Err(format!("`{}`: {error}", text.chars().take(200).collect::<String>())),
    }
}

/// Text of its own; an empty one is none.
fn owned(fit: Fit<&str>) -> Fit<Option<String>> {
    let value = (!fit.value.is_empty()).then(|| fit.value.to_owned());
    Fit { value, note: fit.note }
}

/// The host credentials may go to when nobody says otherwise (R121).
fn own_host(control: Option<&ControlSource>) -> Vec<String> {
    match control {
        Some(ControlSource::Url(url)) => url.host_str().map(str::to_lowercase).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// What becomes of the user name and the password that stood in `JSONURL`, and what to tell of it.
fn of_control_file(
    user_info: (String, Secret),
    url: &url::Url,
    http: &HttpSettings,
) -> (Option<(String, Secret)>, String) {
    if http.credentials.is_some() {
        let problem = "the user name or password in the URL is not used, because HTTPAuthUser is set";
        return (None, format!("{problem}; remove it from the URL"));
    }
    if is_readable_on_the_way(url) {
        let problem = "the user name or password in the URL is not used, because it would go over plain http";
        return (None, format!("{problem}; use https"));
    }
    let problem = "a user name or password in the URL is taken as that of the control file's host";
    (Some(user_info), format!("{problem}; move it to HTTPAuthUser and HTTPAuthPassword"))
}

/// Whether nothing vouches for the control file (R90).
fn is_unprotected(settings: &Settings) -> bool {
    let Some(ControlSource::Url(url)) = &settings.control else { return false };
    let vouched = settings.control_digest.is_some() || !settings.control_keys.is_empty();
    !vouched && is_readable_on_the_way(url)
}

/// Whether others can read and change what is sent (R118).
fn is_readable_on_the_way(url: &url::Url) -> bool {
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "http" && !loopback
}

/// A URL without user info and query, which may hold secrets.
fn show_url(url: &url::Url) -> String {
    let mut shown = url.clone();
    // Both fail only for URLs that cannot hold what is removed.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    if shown.query().is_some() {
        shown.set_query(Some(""));
        return format!("{shown}{REDACTED}");
    }
    shown.to_string()
}

fn show_policy(policy: &HashCheckPolicy) -> String {
    policy.name().to_owned()
}

fn show_redirects(policy: &FollowRedirects) -> String {
    match policy {
        FollowRedirects::None => "none",
        FollowRedirects::Https => "https",
        FollowRedirects::All => "all",
    }
    .to_owned()
}

fn show_keys(keys: &[PublicKey]) -> String {
    keys.iter().map(|key| key.id().to_string()).collect::<Vec<_>>().join(", ")
}

fn show_headers(headers: &[(String, Secret)]) -> String {
    headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
}
