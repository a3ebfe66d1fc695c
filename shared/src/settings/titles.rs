//! What settings say of titles (T103): where their repository is, whom to believe about it, and what a title may do.

use crate::{
    item::Secret,
    layout::MacPath,
    minisign::PublicKey,
    title::grant::{ClockPolicy, Keys},
};
use std::time::Duration;
use url::Url;

/// The keys of T103.
#[derive(Debug, Clone, PartialEq)]
pub struct TitleSettings {
    /// `TitleEnvQueryURL`: the service that says where the repository is (T5).
    pub env_query: Option<Url>,
    /// `TitleKeys`: with which that service signs.
    pub keys: Keys,
    /// `TitleKeyFile`: where such keys lie that no profile shows to every user of the Mac (T67).
    pub key_file: Option<MacPath>,
    /// `TitleRepoURL`: the repository itself, without such a service (T70).
    pub repo: Option<Url>,
    /// `TitleRepoAuth`: the value of `Authorization` for it.
    pub repo_auth: Option<Secret>,
    /// `TitleCatalogs`: where titles are searched that name no catalog.
    pub catalogs: Vec<String>,
    /// `TitleHosts`: where packages may be beside the repository's own host (T16).
    pub hosts: Vec<String>,
    /// `TitleClockLeeway` (T61).
    pub clock_leeway: Duration,
    /// `TitleClockPolicy` (T62).
    pub clock_policy: ClockPolicy,
    /// `TitleSendLocalAddress` (T69).
    pub send_local_address: bool,
    /// `TitleAllowUntrusted` (T35).
    pub allow_untrusted: bool,
    /// `TitleScriptTimeout` (T38).
    pub script_timeout: Duration,
    /// `TitleBlockingWait` (T45).
    pub blocking_wait: Duration,
    /// `TitleNotifier` (T102).
    pub notifier: Option<MacPath>,
    /// `TitleRequireSignedCatalogs` (T32).
    pub require_signed_catalogs: bool,
    /// `TitleCatalogKeys`: who may sign catalogs. Where there are any, a catalog needs a signature.
    pub catalog_keys: Vec<PublicKey>,
}

impl Default for TitleSettings {
    fn default() -> Self {
        Self {
            env_query: None,
            keys: Keys::default(),
            key_file: None,
            repo: None,
            repo_auth: None,
            catalogs: vec!["production".to_owned()],
            hosts: Vec::new(),
            clock_leeway: Duration::from_secs(120),
            clock_policy: ClockPolicy::Strict,
            send_local_address: false,
            allow_untrusted: false,
            script_timeout: Duration::from_secs(600),
            blocking_wait: Duration::from_secs(300),
            notifier: None,
            require_signed_catalogs: false,
            catalog_keys: Vec::new(),
        }
    }
}

/// How the repository is found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TitleAccess<'a> {
    /// A service says so, for a while.
    Service(&'a Url),
    /// It is known, and so is what to show it.
    Known(&'a Url, Option<&'a Secret>),
}

/// There is no repository to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoTitleAccess {
    /// None is configured.
    #[error("no repository is configured: set TitleEnvQueryURL or TitleRepoURL")]
    Nothing,
    /// Two are, and nobody can know which was meant (T70).
    #[error("TitleEnvQueryURL and TitleRepoURL exclude each other: remove one of them")]
    Both,
}

impl TitleSettings {
    /// How the repository is found (T70).
    ///
    /// # Errors
    /// When it is not said, or said twice.
    pub fn access(&self) -> Result<TitleAccess<'_>, NoTitleAccess> {
        match (&self.env_query, &self.repo) {
            (Some(service), None) => Ok(TitleAccess::Service(service)),
            (None, Some(repo)) => Ok(TitleAccess::Known(repo, self.repo_auth.as_ref())),
            (None, None) => Err(NoTitleAccess::Nothing),
            (Some(_), Some(_)) => Err(NoTitleAccess::Both),
        }
    }

    /// Whether a catalog needs a signature.
    #[must_use]
    pub fn wants_signed_catalogs(&self) -> bool {
        self.require_signed_catalogs || !self.catalog_keys.is_empty()
    }

    /// What does not fit together; each with the key it is about.
    pub(super) fn remarks(&self) -> Vec<(&'static str, String)> {
        let no_keys = self.keys.is_empty() && self.key_file.is_none();
        let unused = |key| format!("not used, because {key} is missing");
        let mut remarks = Vec::new();
        let mut remark = |applies: bool, key: &'static str, text: String| {
            if applies {
                remarks.push((key, text));
            }
        };
        let refused = "every answer will be refused, because TitleKeyFile or TitleKeys is missing";
        remark(self.env_query.is_some() && no_keys, "TitleEnvQueryURL", refused.to_owned());
        let alone = self.env_query.is_none();
        remark(alone && !self.keys.is_empty(), "TitleKeys", unused("TitleEnvQueryURL"));
        remark(alone && self.key_file.is_some(), "TitleKeyFile", unused("TitleEnvQueryURL"));
        remark(self.repo_auth.is_some() && self.repo.is_none(), "TitleRepoAuth", unused("TitleRepoURL"));
        let unsigned = "no catalog will be accepted, because TitleCatalogKeys is missing";
        let unsignable = self.require_signed_catalogs && self.catalog_keys.is_empty();
        remark(unsignable, "TitleRequireSignedCatalogs", unsigned.to_owned());
        remarks
    }
}
