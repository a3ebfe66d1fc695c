//! The table of every settings key; parsing, hints, the command line and the documentation are made from it.
//!
//! A flat table, hence long. A new setting is one row here, one field in [`Settings`](super::Settings) and its default there.

use super::ControlSource;
pub use super::kind::Kind;
use crate::item::Secret;
use std::time::Duration;

/// One settings key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The canonical name.
    pub name: &'static str,
    /// What its value must be.
    pub kind: Kind,
    /// The default, as a profile would write it; empty when there is none.
    pub default: &'static str,
    /// Names other tools give it, in plists.
    pub aliases: &'static [&'static str],
    /// Its option, without the dashes; empty when there is none.
    pub option: &'static str,
    /// Options other tools give it.
    pub other_options: &'static [&'static str],
    /// Whether its value must not be printed.
    pub secret: bool,
    /// What it means.
    pub doc: &'static str,
}

/// A key that nobody else names otherwise; the rows change what differs.
const PLAIN: Key = Key {
    name: "",
    kind: Kind::Switch(|_, _| {}),
    default: "",
    aliases: &[],
    option: "",
    other_options: &[],
    secret: false,
    doc: "",
};

/// Every key, in the order in which they are documented and printed.
pub static KEYS: &[Key] = &[
    Key {
        name: "JSONURL",
        kind: Kind::Url(|to, url| to.settings.control = Some(ControlSource::Url(url))),
        option: "jsonurl",
        doc: "Where the control file is: an `https`, `http` or `file` URL. Required unless `Bootstrap` is given.",
        ..PLAIN
    },
    Key {
        name: "Bootstrap",
        kind: Kind::ControlFile(|to, json| to.settings.control = Some(ControlSource::Embedded(json))),
        aliases: &["bootstrap"],
        doc: "The control file itself, as a dictionary with the same keys. Excludes `JSONURL` in the same source.",
        ..PLAIN
    },
    Key {
        name: "JSONHash",
        kind: Kind::Digest(|to, digest| to.settings.control_digest = Some(digest)),
        option: "json-hash",
        doc: "The SHA-256 the control file must have; a file with another one is not used.",
        ..PLAIN
    },
    Key {
        name: "ControlFileKeys",
        kind: Kind::PublicKeys(|to, keys| to.settings.control_keys = keys),
        option: "control-file-keys",
        doc: "Public keys (minisign) of those who may sign the control file: only a signed one is used then. Without it no signature is asked for.",
        ..PLAIN
    },
    Key {
        name: "HTTPAuthUser",
        kind: Kind::Text(|to, user| to.user = user),
        option: "http-auth-user",
        doc: "The user name for servers that ask for one (Basic or Digest).",
        ..PLAIN
    },
    Key {
        name: "HTTPAuthPassword",
        kind: Kind::Text(|to, password| to.password = password.map(Secret)),
        option: "http-auth-password",
        secret: true,
        doc: "The password that goes with `HTTPAuthUser`.",
        ..PLAIN
    },
    Key {
        name: "HTTPHeaders",
        kind: Kind::Headers(|to, headers| to.headers = headers),
        secret: true,
        doc: "Request headers: a dictionary, or an array of dictionaries with `name` and `value`.",
        ..PLAIN
    },
    Key {
        name: "HeaderAuthorization",
        kind: Kind::Text(|to, value| to.authorization = value.map(Secret)),
        option: "header-authorization",
        other_options: &["headers"],
        secret: true,
        doc: "The value of the `Authorization` header, such as `Basic …` or `Bearer …`; wins over one in `HTTPHeaders`.",
        ..PLAIN
    },
    Key {
        name: "HTTPAuthHosts",
        kind: Kind::Hosts(|to, hosts| to.hosts = Some(hosts)),
        option: "http-auth-hosts",
        doc: "Hosts that may see the user name, password and headers; `*` means all. Without it: the host of `JSONURL`.",
        ..PLAIN
    },
    Key {
        name: "FollowRedirects",
        kind: Kind::Redirects(|to, policy| to.settings.http.follow_redirects = policy),
        default: "https",
        option: "follow-redirects",
        doc: "Which redirects are followed: `none`, `https` (those that lead to https) or `all` (but never from https to http). True means `https`, false `none`.",
        ..PLAIN
    },
    Key {
        name: "HashCheckPolicy",
        kind: Kind::HashPolicy(|to, policy| to.settings.hash_check = policy),
        default: "Strict",
        option: "hash-check-policy",
        doc: "What a missing or different `hash` means: `Strict` (also `Fail`, `Enforce`), `Warning` (`Warn`), `WarningRequireMatch`, `WarningAcceptFirst`, `Ignore` (`None`, `Off`).",
        ..PLAIN
    },
    Key {
        name: "InstallPath",
        kind: Kind::InstallPath(|to, path| to.settings.install_path = path),
        default: "/Library/installapplications",
        option: "install-path",
        other_options: &["iapath", "installpath"],
        doc: "The working folder. It is deleted after a run, with everything in it, so folders of the system are refused.",
        ..PLAIN
    },
    Key {
        name: "Identifier",
        kind: Kind::Identifier(|to, name| to.settings.identifiers.log = name),
        default: "cz.macadmin.ias",
        option: "identifier",
        doc: "The subsystem in the unified log.",
        ..PLAIN
    },
    Key {
        name: "LaunchDaemonIdentifier",
        kind: Kind::Identifier(|to, name| to.settings.identifiers.daemon = name),
        default: "cz.macadmin.iasd",
        option: "launch-daemon-identifier",
        other_options: &["ldidentifier"],
        doc: "The label and file name of the daemon's launchd job, removed after a run.",
        ..PLAIN
    },
    Key {
        name: "LaunchAgentIdentifier",
        kind: Kind::Identifier(|to, name| to.settings.identifiers.agent = name),
        default: "cz.macadmin.iasagent",
        option: "launch-agent-identifier",
        other_options: &["laidentifier"],
        doc: "The label and file name of the agent's launchd job, removed after a run.",
        ..PLAIN
    },
    Key {
        name: "XPCServiceIdentifier",
        kind: Kind::Identifier(|to, name| to.settings.identifiers.service = name),
        default: "cz.macadmin.ias.xpc",
        option: "xpc-service-identifier",
        doc: "The Mach service on which the agent finds the daemon; must be the one in the daemon's launchd job.",
        ..PLAIN
    },
    Key {
        name: "MinDownloadConcurrency",
        kind: Kind::Count(1, 64, |to, count| to.settings.min_downloads = count),
        default: "1",
        option: "min-download-concurrency",
        doc: "How many downloads run side by side at least; more do where that brings more in.",
        ..PLAIN
    },
    Key {
        name: "MaxDownloadConcurrency",
        kind: Kind::Count(1, 64, |to, count| to.settings.max_downloads = count),
        default: "4",
        aliases: &["DownloadMaxConcurrency"],
        option: "max-download-concurrency",
        other_options: &["download-max-concurrency"],
        doc: "How many connections downloads have at most: one each, and more for parts of large files.",
        ..PLAIN
    },
    Key {
        name: "MaximumRedownloads",
        kind: Kind::Count(0, 100, |to, count| to.settings.redownloads = count),
        default: "3",
        aliases: &["MaxRetries"],
        option: "maximum-redownloads",
        other_options: &["max-retries"],
        doc: "Attempts after the first, for the control file and for items without `retries`.",
        ..PLAIN
    },
    Key {
        name: "RetryDelay",
        kind: Kind::Span(|to, span| to.settings.retry_delay = span),
        default: "5",
        option: "retry-delay",
        doc: "The wait before the second attempt; it doubles after each further one.",
        ..PLAIN
    },
    Key {
        name: "WaitForControlFile",
        kind: Kind::Span(|to, span| to.settings.wait_for_control_file = span),
        default: "86400",
        option: "wait-for-control-file",
        doc: "How long the network and the server of the control file are waited for before launchd is asked to start the daemon again.",
        ..PLAIN
    },
    Key {
        name: "RunDeadline",
        kind: Kind::Span(|to, span| to.settings.run_deadline = never_if_zero(span)),
        default: "0",
        option: "run-deadline",
        doc: "How long one start of the daemon may take before it stops waiting and downloading and pauses the run (exit 75); what is being installed or run comes to its end first. The next start goes on. 0 sets no limit.",
        ..PLAIN
    },
    Key {
        name: "Reboot",
        kind: Kind::Switch(|to, flag| to.settings.reboot = flag),
        default: "false",
        option: "reboot",
        doc: "Restart the Mac after a successful run.",
        ..PLAIN
    },
    Key {
        name: "DryRun",
        kind: Kind::Switch(|to, flag| to.settings.dry_run = flag),
        default: "false",
        option: "dry-run",
        doc: "Say what would be done and change nothing; needs no root.",
        ..PLAIN
    },
    Key {
        name: "SkipJSONValidation",
        kind: Kind::Switch(|to, flag| to.settings.use_local_control_file = flag),
        default: "false",
        aliases: &["SkipValidation"],
        option: "skip-json-validation",
        other_options: &["skip-validation"],
        doc: "Use a control file that is already in `InstallPath` instead of downloading it. It is checked all the same.",
        ..PLAIN
    },
    Key {
        name: "WaitForAgentTimeout",
        kind: Kind::Span(|to, span| to.settings.wait_for_agent = never_if_zero(span)),
        default: "86400",
        option: "wait-for-agent-timeout",
        doc: "How long a logged-in user's agent is waited for; 0 waits for ever.",
        ..PLAIN
    },
    Key {
        name: "AgentRequestTimeout",
        kind: Kind::Span(|to, span| to.settings.agent_request = never_if_zero(span)),
        default: "0",
        option: "agent-request-timeout",
        doc: "How long one request to the agent may take; 0 sets no limit.",
        ..PLAIN
    },
    Key {
        name: "TrackBackgroundProcesses",
        kind: Kind::Switch(|to, flag| to.settings.track_background = flag),
        default: "false",
        option: "track-background-processes",
        doc: "Wait at the end for what items with `donotwait` started.",
        ..PLAIN
    },
    Key {
        name: "BackgroundTimeout",
        kind: Kind::Span(|to, span| to.settings.background_timeout = span),
        default: "300",
        option: "background-timeout",
        doc: "How long `TrackBackgroundProcesses` waits.",
        ..PLAIN
    },
    Key {
        name: "CleanupOnFailure",
        kind: Kind::Switch(|to, flag| to.settings.cleanup_on_failure = flag),
        default: "true",
        option: "cleanup-on-failure",
        doc: "Remove the installation after a run that a failure policy ended.",
        ..PLAIN
    },
    Key {
        name: "CleanupOnSuccess",
        kind: Kind::Switch(|to, flag| to.settings.cleanup_on_success = flag),
        default: "true",
        option: "cleanup-on-success",
        doc: "Remove the installation after a successful run.",
        ..PLAIN
    },
    Key {
        name: "KeepFailedFiles",
        kind: Kind::Switch(|to, flag| to.settings.keep_failed_files = flag),
        default: "false",
        option: "keep-failed-files",
        doc: "Keep the files of failed items for inspection.",
        ..PLAIN
    },
    Key {
        name: "CachePath",
        kind: Kind::OptionalPath(|to, path| to.settings.cache.folder = path),
        option: "cache-path",
        doc: "Folder in which content with a `hash` is kept for later runs when a run cleans up, such as `/Library/Caches/ias`. Empty: none.",
        ..PLAIN
    },
    Key {
        name: "CacheLimit",
        kind: Kind::Count(1, 10_000_000, |to, megabytes| {
            to.settings.cache.limit = u64::from(megabytes) * 1_000_000
        }),
        default: "10000",
        option: "cache-limit",
        doc: "How many MB the files in `CachePath` may have together; what was not used for longest goes first, also where the disk has no room for a download.",
        ..PLAIN
    },
    Key {
        name: "KeepInstalled",
        kind: Kind::Switch(|to, flag| to.settings.keep_installed = flag),
        default: "false",
        option: "keep-installed",
        doc: "Leave programs, settings and jobs in place for a repair when a run is over, also where `CleanupOnSuccess` or `CleanupOnFailure` would remove them. The jobs stay at rest: nothing but a repair starts them.",
        ..PLAIN
    },
    Key {
        name: "RunOnce",
        kind: Kind::Switch(|to, flag| to.settings.run_once = flag),
        default: "false",
        option: "run-once",
        doc: "End at once, with success, when this control file was carried out before. A repair that was asked for is carried out all the same.",
        ..PLAIN
    },
    Key {
        name: "DEPNotifyEnable",
        kind: Kind::Switch(|to, flag| to.settings.depnotify.enable = flag),
        default: "false",
        option: "depnotify-enable",
        doc: "Write progress for DEPNotify and windows that read its commands.",
        ..PLAIN
    },
    Key {
        name: "DEPNotifyControlFile",
        kind: Kind::Path(|to, path| to.settings.depnotify.file = path),
        default: "/var/tmp/depnotify.log",
        option: "depnotify-control-file",
        doc: "The file those lines go to.",
        ..PLAIN
    },
    Key {
        name: "DEPNotifyDeterminate",
        kind: Kind::Switch(|to, flag| to.settings.depnotify.determinate = flag),
        default: "true",
        option: "depnotify-determinate",
        doc: "Also write the commands that move the progress bar.",
        ..PLAIN
    },
    Key {
        name: "SwiftDialogEnable",
        kind: Kind::Switch(|to, flag| to.settings.swiftdialog.enable = flag),
        default: "false",
        option: "swiftdialog-enable",
        doc: "Write a list of the items and their progress for a window of swiftDialog.",
        ..PLAIN
    },
    Key {
        name: "SwiftDialogCommandFile",
        kind: Kind::Path(|to, path| to.settings.swiftdialog.file = path),
        default: "/var/tmp/dialog.log",
        option: "swiftdialog-command-file",
        doc: "The file of commands that window reads.",
        ..PLAIN
    },
    Key {
        name: "Language",
        kind: Kind::Language(|to, language| to.settings.swiftdialog.language = language),
        default: "auto",
        option: "language",
        doc: "What the user reads in that window: `en`, `de`, `fr`, `es`, `ja` or `cs`; `auto` is what the user, or else the Mac, speaks, or else English.",
        ..PLAIN
    },
    Key {
        name: "WebhookURL",
        kind: Kind::WebAddress(|to, url| to.settings.webhook.url = Some(url)),
        option: "webhook-url",
        secret: true,
        doc: "Who is told how each run ended. An `https` URL; whoever knows it can write there, so it is treated as a secret.",
        ..PLAIN
    },
    Key {
        name: "WebhookFormat",
        kind: Kind::WebhookFormat(|to, format| to.settings.webhook.format = format),
        default: "json",
        option: "webhook-format",
        doc: "In which form: `json`, `slack` or `teams`.",
        ..PLAIN
    },
    Key {
        name: "OTLPEndpoint",
        kind: Kind::WebAddress(|to, url| to.settings.otlp.endpoint = Some(url)),
        option: "otlp-endpoint",
        doc: "The OpenTelemetry collector that gets a trace of each run, over HTTP as JSON: an `https` URL, to which `/v1/traces` is added.",
        ..PLAIN
    },
    Key {
        name: "OTLPHeaders",
        kind: Kind::Headers(|to, headers| to.settings.otlp.headers = headers),
        secret: true,
        doc: "Headers for that collector, such as `Authorization`: a dictionary, or an array of dictionaries with `name` and `value`.",
        ..PLAIN
    },
    Key {
        name: "Debug",
        kind: Kind::Switch(|to, flag| to.settings.debug = flag),
        default: "false",
        option: "debug",
        doc: "Log what only a developer needs.",
        ..PLAIN
    },
    Key {
        name: "Verbose",
        kind: Kind::Switch(|to, flag| to.settings.verbose = flag),
        default: "false",
        option: "verbose",
        doc: "Log more.",
        ..PLAIN
    },
    Key {
        name: "LogFilePath",
        kind: Kind::OptionalPath(|to, path| to.settings.log_file = path),
        option: "log-file-path",
        other_options: &["log-file"],
        doc: "A file that gets the log as well.",
        ..PLAIN
    },
    Key {
        name: "RetainLogFiles",
        kind: Kind::Switch(|to, flag| to.settings.retain_log_files = flag),
        default: "true",
        option: "retain-log-files",
        doc: "Keep log files after cleanup.",
        ..PLAIN
    },
    Key {
        name: "NoRestartOnError",
        kind: Kind::Switch(|to, flag| to.settings.no_restart_on_error = flag),
        default: "false",
        option: "no-restart-on-error",
        doc: "Exit with 0 after an error, so that launchd does not start the daemon again before the next boot.",
        ..PLAIN
    },
    Key {
        name: "WithPreflight",
        kind: Kind::Switch(|to, flag| to.settings.with_preflight = flag),
        default: "false",
        option: "with-preflight",
        doc: "Run preflight in a standalone run as well.",
        ..PLAIN
    },
    Key {
        name: "TitleEnvQueryURL",
        kind: Kind::WebAddress(|to, url| to.settings.titles.env_query = Some(url)),
        option: "title-env-query-url",
        doc: "The service that tells where the repository of titles is, and lends the credential for it. An `https` URL; excludes `TitleRepoURL`.",
        ..PLAIN
    },
    Key {
        name: "TitleKeyFile",
        kind: Kind::OptionalPath(|to, path| to.settings.titles.key_file = path),
        option: "title-key-file",
        doc: "A property list with `TitleKeys`, owned by root with mode 0600. Keys in it count before those of `TitleKeys`, and no user of the Mac can read them.",
        ..PLAIN
    },
    Key {
        name: "TitleKeys",
        kind: Kind::TitleKeys(|to, keys| to.settings.titles.keys = keys),
        secret: true,
        doc: "The keys with which the service signs: dictionaries with `kid`, `alg` (`HS256` or `EdDSA`), `key` (base64url) and, if wanted, `not_after`. The first `HS256` key signs our requests.",
        ..PLAIN
    },
    Key {
        name: "TitleRepoURL",
        kind: Kind::WebAddress(|to, url| to.settings.titles.repo = Some(url)),
        option: "title-repo-url",
        doc: "The repository of titles, where no service is asked. An `https` URL; excludes `TitleEnvQueryURL`.",
        ..PLAIN
    },
    Key {
        name: "TitleRepoAuth",
        kind: Kind::Text(|to, value| to.settings.titles.repo_auth = value.map(Secret)),
        option: "title-repo-auth",
        secret: true,
        doc: "The value of the `Authorization` header for `TitleRepoURL`; nobody else sees it.",
        ..PLAIN
    },
    Key {
        name: "TitleCatalogs",
        kind: Kind::Catalogs(|to, names| to.settings.titles.catalogs = names),
        default: "production",
        option: "title-catalogs",
        doc: "The catalogs in which a title that names none is searched, in this order.",
        ..PLAIN
    },
    Key {
        name: "TitleHosts",
        kind: Kind::Hosts(|to, hosts| to.settings.titles.hosts = hosts),
        option: "title-hosts",
        doc: "Further hosts from which packages of titles may come, beside the repository's own; `*` means all.",
        ..PLAIN
    },
    Key {
        name: "TitleCatalogKeys",
        kind: Kind::PublicKeys(|to, keys| to.settings.titles.catalog_keys = keys),
        option: "title-catalog-keys",
        doc: "Public keys (minisign) of those who may sign catalogs: only signed ones are used then.",
        ..PLAIN
    },
    Key {
        name: "TitleRequireSignedCatalogs",
        kind: Kind::Switch(|to, flag| to.settings.titles.require_signed_catalogs = flag),
        default: "false",
        option: "title-require-signed-catalogs",
        doc: "Use no catalog without a signature, also as long as `TitleCatalogKeys` is not set: then none at all.",
        ..PLAIN
    },
    Key {
        name: "TitleClockLeeway",
        kind: Kind::Count(0, 300, |to, seconds| {
            to.settings.titles.clock_leeway = Duration::from_secs(seconds.into());
        }),
        default: "120",
        option: "title-clock-leeway",
        doc: "How many seconds the clocks of this Mac and of the service may differ.",
        ..PLAIN
    },
    Key {
        name: "TitleClockPolicy",
        kind: Kind::ClockPolicy(|to, policy| to.settings.titles.clock_policy = policy),
        default: "strict",
        option: "title-clock-policy",
        doc: "What happens where they differ by more: `strict` sets this Mac's clock once and asks again, `server` goes by the service's.",
        ..PLAIN
    },
    Key {
        name: "TitleSendLocalAddress",
        kind: Kind::Switch(|to, flag| to.settings.titles.send_local_address = flag),
        default: "false",
        option: "title-send-local-address",
        doc: "Tell the service the address this Mac has in its network. The hardware UUID is always told, nothing else ever.",
        ..PLAIN
    },
    Key {
        name: "TitleAllowUntrusted",
        kind: Kind::Switch(|to, flag| to.settings.titles.allow_untrusted = flag),
        default: "false",
        option: "title-allow-untrusted",
        doc: "Install packages whose signature macOS does not trust, where the catalog allows it.",
        ..PLAIN
    },
    Key {
        name: "TitleScriptTimeout",
        kind: Kind::Span(|to, span| to.settings.titles.script_timeout = span),
        default: "600",
        option: "title-script-timeout",
        doc: "How long a script of a title may take.",
        ..PLAIN
    },
    Key {
        name: "TitleBlockingWait",
        kind: Kind::Span(|to, span| to.settings.titles.blocking_wait = span),
        default: "300",
        option: "title-blocking-wait",
        doc: "How long the user is waited for to quit an application that is to be replaced.",
        ..PLAIN
    },
    Key {
        name: "TitleNotifier",
        kind: Kind::OptionalPath(|to, path| to.settings.titles.notifier = path),
        option: "title-notifier",
        doc: "A program that shows the user what was installed; it gets the options of Notifier 3.",
        ..PLAIN
    },
];

fn never_if_zero(span: Duration) -> Option<Duration> {
    (!span.is_zero()).then_some(span)
}

/// The key with this canonical name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// Every name a plist may use, canonical ones first.
pub fn names() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|key| key.name).chain(KEYS.iter().flat_map(|key| key.aliases.iter().copied()))
}
