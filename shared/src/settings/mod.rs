//! The settings of a run: checked, merged by precedence, each with its origin (R36–R44).

pub mod arguments;
pub mod document;
mod draft;
pub mod duration;
mod finding;
pub mod install_path;
pub mod keys;
mod kind;
mod merge;
pub mod profile;
mod title_value;
mod titles;
pub mod value;
mod xml;

#[cfg(test)]
mod corpus_tests;
#[cfg(test)]
mod depnotify_tests;
#[cfg(test)]
mod document_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod signing_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod title_tests;
#[cfg(test)]
mod user_info_tests;

pub use draft::{Draft, REDACTED};
pub use finding::{Origin, Place, SettingsFinding, Severity, Source};
pub use merge::{Layer, Merged, Mode, merge};
pub use title_value::title_keys_in_file;
pub use titles::{NoTitleAccess, TitleAccess, TitleSettings};

use crate::{
    digest::Digest,
    item::{FollowRedirects, HashCheckPolicy, Secret},
    layout::MacPath,
    minisign::PublicKey,
    wording::user::Language,
};
use std::time::Duration;

/// The preference domain that is always read (R37).
pub const DOMAIN: &str = "cz.macadmin.iasd";
/// go-installapplications' own domain, read only when asked for (R37).
pub const GO_DOMAIN: &str = "com.github.go-installapplications";

/// Where the control file comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum ControlSource {
    /// `JSONURL`.
    Url(url::Url),
    /// `Bootstrap`: the control file itself, as JSON text.
    Embedded(String),
}

/// How to speak HTTP.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpSettings {
    /// `HTTPAuthUser` and `HTTPAuthPassword`, used when a server asks (R120).
    pub credentials: Option<(String, Secret)>,
    /// `HTTPHeaders` and `HeaderAuthorization`.
    pub headers: Vec<(String, Secret)>,
    /// Hosts that may see credentials and headers (R121), lower case; `*` means all.
    pub auth_hosts: Vec<String>,
    /// `FollowRedirects`.
    pub follow_redirects: FollowRedirects,
}

impl HttpSettings {
    /// Whether the host of `url` may see headers and credentials (R121).
    #[must_use]
    pub fn may_be_shown_to(&self, url: &url::Url) -> bool {
        let listed = |host: &str| {
            self.auth_hosts.iter().any(|listed| listed == "*" || listed.eq_ignore_ascii_case(host))
        };
        url.host_str().is_some_and(listed)
    }
}

/// Labels and service names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identifiers {
    /// `Identifier`: the log's subsystem.
    pub log: String,
    /// `LaunchDaemonIdentifier`.
    pub daemon: String,
    /// `LaunchAgentIdentifier`.
    pub agent: String,
    /// `XPCServiceIdentifier`.
    pub service: String,
}

/// What to tell DEPNotify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DepNotifySettings {
    /// `DEPNotifyEnable`, or `--depnotify` was given.
    pub enable: bool,
    /// `DEPNotifyControlFile`.
    pub file: MacPath,
    /// `DEPNotifyDeterminate`.
    pub determinate: bool,
    /// The arguments of `--depnotify` in InstallApplications' dialect (R101), in order.
    pub arguments: Vec<String>,
}

/// Content that is kept for later runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheSettings {
    /// `CachePath`: where; `None` keeps nothing.
    pub folder: Option<MacPath>,
    /// `CacheLimit`: how many bytes at most.
    pub limit: u64,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self { folder: None, limit: 10_000_000_000 }
    }
}

/// Whom to tell how a run ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookSettings {
    /// `WebhookURL`.
    pub url: Option<url::Url>,
    /// `WebhookFormat`.
    pub format: WebhookFormat,
}

/// Which OpenTelemetry collector gets a trace of each run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OtlpSettings {
    /// `OTLPEndpoint`.
    pub endpoint: Option<url::Url>,
    /// `OTLPHeaders`.
    pub headers: Vec<(String, Secret)>,
}

impl OtlpSettings {
    /// The address that takes traces: below the endpoint, as OTLP over HTTP has it, unless it is that already.
    #[must_use]
    pub fn traces(&self) -> Option<url::Url> {
        const TRACES: &str = "/v1/traces";
        let mut url = self.endpoint.clone()?;
        let path = url.path().trim_end_matches('/').to_owned();
        if !path.ends_with(TRACES) {
            url.set_path(&format!("{path}{TRACES}"));
        }
        Some(url)
    }
}

/// In which form a service takes messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WebhookFormat {
    /// Our own.
    #[default]
    Json,
    /// An incoming webhook of Slack.
    Slack,
    /// A workflow of Microsoft Teams that posts an adaptive card.
    Teams,
}

impl WebhookFormat {
    /// All forms.
    pub const ALL: [Self; 3] = [Self::Json, Self::Slack, Self::Teams];

    /// As settings have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Slack => "slack",
            Self::Teams => "teams",
        }
    }
}

/// What to tell swiftDialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwiftDialogSettings {
    /// `SwiftDialogEnable`.
    pub enable: bool,
    /// `SwiftDialogCommandFile`.
    pub file: MacPath,
    /// `Language`: what the user reads; `None`: what the user speaks.
    pub language: Option<Language>,
}

impl DepNotifySettings {
    /// The application that `--depnotify` asks to open in the user's session, with its arguments (R101).
    #[must_use]
    pub fn app(&self) -> Option<(MacPath, Vec<String>)> {
        let value = |word: &str| {
            let mut values = self.arguments.iter().filter_map(|argument| argument.strip_prefix(word));
            values.next_back().map(str::trim)
        };
        let path = MacPath::new(value("DEPNotifyPath:")?).ok()?;
        let words = value("DEPNotifyArguments:").unwrap_or_default().split_whitespace();
        Some((path, words.map(str::to_owned).collect()))
    }
}

/// Everything a run can be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// `JSONURL` or `Bootstrap`; `None` when neither is set (R42).
    pub control: Option<ControlSource>,
    /// `JSONHash`.
    pub control_digest: Option<Digest>,
    /// User name and password that stood in `JSONURL`, for its host alone and only when it asks (R120, R121).
    pub control_credentials: Option<(String, Secret)>,
    /// `ControlFileKeys`: who may sign the control file. Empty: it needs no signature.
    pub control_keys: Vec<PublicKey>,
    /// How to speak HTTP.
    pub http: HttpSettings,
    /// `HashCheckPolicy`.
    pub hash_check: HashCheckPolicy,
    /// `InstallPath` (R44).
    pub install_path: MacPath,
    /// Labels and service names.
    pub identifiers: Identifiers,
    /// `MinDownloadConcurrency`, 1 to 64.
    pub min_downloads: u32,
    /// `MaxDownloadConcurrency`, at least the minimum.
    pub max_downloads: u32,
    /// `MaximumRedownloads`.
    pub redownloads: u32,
    /// `RetryDelay`.
    pub retry_delay: Duration,
    /// `WaitForControlFile` (R47).
    pub wait_for_control_file: Duration,
    /// `RunDeadline`: how long one start may take; `None` sets no limit.
    pub run_deadline: Option<Duration>,
    /// `Reboot`.
    pub reboot: bool,
    /// `DryRun`.
    pub dry_run: bool,
    /// `SkipJSONValidation` (R43).
    pub use_local_control_file: bool,
    /// `WaitForAgentTimeout`; `None` waits for ever.
    pub wait_for_agent: Option<Duration>,
    /// `AgentRequestTimeout`; `None` waits for ever.
    pub agent_request: Option<Duration>,
    /// `TrackBackgroundProcesses`.
    pub track_background: bool,
    /// `BackgroundTimeout`.
    pub background_timeout: Duration,
    /// `CleanupOnFailure`.
    pub cleanup_on_failure: bool,
    /// `CleanupOnSuccess`.
    pub cleanup_on_success: bool,
    /// `KeepFailedFiles`.
    pub keep_failed_files: bool,
    /// What is kept for later runs.
    pub cache: CacheSettings,
    /// `KeepInstalled`: programs and jobs stay for a repair.
    pub keep_installed: bool,
    /// `RunOnce`: a control file that was carried out is not looked at again.
    pub run_once: bool,
    /// What to tell DEPNotify.
    pub depnotify: DepNotifySettings,
    /// Whom to tell how a run ended.
    pub webhook: WebhookSettings,
    /// Who gets a trace of the run.
    pub otlp: OtlpSettings,
    /// What to tell swiftDialog.
    pub swiftdialog: SwiftDialogSettings,
    /// `Debug`.
    pub debug: bool,
    /// `Verbose`.
    pub verbose: bool,
    /// `LogFilePath`.
    pub log_file: Option<MacPath>,
    /// `RetainLogFiles`.
    pub retain_log_files: bool,
    /// `NoRestartOnError`.
    pub no_restart_on_error: bool,
    /// `WithPreflight`.
    pub with_preflight: bool,
    /// What is said of titles.
    pub titles: TitleSettings,
    /// `--mode`: whether there is an agent (R112).
    pub mode: Mode,
}

impl Default for Settings {
    /// The built-in defaults of the table in [`keys`].
    fn default() -> Self {
        Self {
            control: None,
            control_digest: None,
            control_credentials: None,
            control_keys: Vec::new(),
            http: HttpSettings {
                credentials: None,
                headers: Vec::new(),
                auth_hosts: Vec::new(),
                follow_redirects: FollowRedirects::Https,
            },
            hash_check: HashCheckPolicy::Strict,
            install_path: MacPath::of("/Library/installapplications"),
            identifiers: Identifiers {
                log: "cz.macadmin.ias".to_owned(),
                daemon: "cz.macadmin.iasd".to_owned(),
                agent: "cz.macadmin.iasagent".to_owned(),
                service: "cz.macadmin.ias.xpc".to_owned(),
            },
            min_downloads: 1,
            max_downloads: 4,
            redownloads: 3,
            retry_delay: Duration::from_secs(5),
            wait_for_control_file: Duration::from_secs(86_400),
            run_deadline: None,
            reboot: false,
            dry_run: false,
            use_local_control_file: false,
            wait_for_agent: Some(Duration::from_secs(86_400)),
            agent_request: None,
            track_background: false,
            background_timeout: Duration::from_secs(300),
            cleanup_on_failure: true,
            cleanup_on_success: true,
            keep_failed_files: false,
            cache: CacheSettings::default(),
            keep_installed: false,
            run_once: false,
            depnotify: DepNotifySettings {
                enable: false,
                file: MacPath::of("/var/tmp/depnotify.log"),
                determinate: true,
                arguments: Vec::new(),
            },
            webhook: WebhookSettings::default(),
            otlp: OtlpSettings::default(),
            swiftdialog: SwiftDialogSettings {
                enable: false,
                file: MacPath::of("/var/tmp/dialog.log"),
                language: None,
            },
            debug: false,
            verbose: false,
            log_file: None,
            retain_log_files: true,
            no_restart_on_error: false,
            with_preflight: false,
            titles: TitleSettings::default(),
            mode: Mode::Daemon,
        }
    }
}
