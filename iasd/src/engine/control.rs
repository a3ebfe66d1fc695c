//! Obtaining the control file: embedded, left by an earlier run, or fetched with patience (R43, R47).

use super::{Ending, Engine, needs::NoControlFile};
use crate::{chance::chance, download::needs_network, host::Connectivity};
use shared::{
    control::{self, Context, ControlFile, Finding, Severity},
    digest::Digest,
    event::{Category, EventKind, Level},
    layout::SEED_FOLDER,
    plan::{Plan, jitter::before_series, retry::LONGEST_OFFLINE},
    settings::{ControlSource, Mode},
};
use tokio::time::Instant;

/// A control file that was read and checked.
pub(super) struct Read {
    pub(super) control: ControlFile,
    /// Where it came from, as it may be logged.
    source: String,
    errors: u32,
    warnings: u32,
}

impl Engine {
    /// The checked control file; every problem in it has been reported.
    pub(super) async fn control_file(&self) -> Result<Read, Ending> {
        let (bytes, source, name) = self.control_bytes().await?;
        let context = Context {
            install_path: self.settings.install_path.clone(),
            hash_check: self.settings.hash_check,
        };
        let reading = control::read(&bytes, &name, &context);
        for finding in &reading.findings {
            let level = match finding.severity {
                Severity::Warning => Level::Warning,
                Severity::Error => Level::Error,
            };
            self.recorder.notice(level, Category::Main, finding.item, finding.without_severity()).await;
        }
        let count = |severity| {
            let found = reading.findings.iter().filter(|finding| finding.severity == severity);
            u32::try_from(found.count()).unwrap_or(u32::MAX)
        };
        let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
        let Some(mut control) = reading.control else {
            let first = reading.findings.iter().find(|finding| finding.severity == Severity::Error);
            return Err(Ending::ControlFile(first.map_or_else(|| name.clone(), Finding::without_severity)));
        };
        if self.settings.mode == Mode::Standalone
            && !self.settings.with_preflight
            && !control.preflight.is_empty()
        {
            control.preflight.clear();
            let text = "preflight is left out: in a standalone run that needs WithPreflight";
            self.recorder.notice(Level::Info, Category::Main, None, text).await;
        }
        Ok(Read { control, source, errors, warnings })
    }

    /// Tells what was read, and what of it is over already.
    pub(super) async fn tell_of_control_file(&self, read: &Read, plan: &Plan) -> Result<(), Ending> {
        let loaded = EventKind::ControlFileLoaded {
            source: read.source.clone(),
            digest: read.control.digest,
            items: read.control.entries().map(control::Entry::listed).collect(),
            errors: read.errors,
            warnings: read.warnings,
            over: plan.over().collect(),
        };
        Ok(self.recorder.record(loaded).await?)
    }

    /// The bytes, where they came from, and what to call them in messages.
    async fn control_bytes(&self) -> Result<(Vec<u8>, String, String), Ending> {
        let url = match &self.settings.control {
            Some(ControlSource::Embedded(text)) => {
                return Ok((text.clone().into_bytes(), "Bootstrap".to_owned(), "Bootstrap".to_owned()));
            }
            Some(ControlSource::Url(url)) => url,
            None => return Err(Ending::ControlFile("neither JSONURL nor Bootstrap is set".to_owned())),
        };
        let (address, name, install_path) =
            (without_secrets(url), file_name(url), &self.settings.install_path);
        if let Some(bytes) = self.kept_control_file(url).await {
            return Ok((bytes, format!("in {install_path}, kept from {address}"), name));
        }
        let (bytes, is_seeded) = self.deadline.bound(self.fetch_patiently(url)).await??;
        let source = match is_seeded {
            true => format!("in {install_path}/{SEED_FOLDER}, in place of {address}"),
            false => address,
        };
        Ok((bytes, source, name))
    }

    /// What an earlier run left, with `SkipJSONValidation` (R43): that setting never switches a check off.
    async fn kept_control_file(&self, url: &url::Url) -> Option<Vec<u8>> {
        if !self.settings.use_local_control_file {
            return None;
        }
        let (level, text, bytes) = match self.contents.kept_control_file(url).await {
            Ok(bytes) if !self.is_expected(&bytes) => (
                Level::Warning,
                "the control file that is here is not the one of JSONHash: fetched anew".into(),
                None,
            ),
            Ok(bytes) => (Level::Info, "using the control file that is here already".into(), Some(bytes)),
            Err(error) => (Level::Info, format!("{error}: fetched anew"), None),
        };
        self.recorder.notice(level, Category::Main, None, text).await;
        bytes
    }

    fn is_expected(&self, control: &[u8]) -> bool {
        self.settings.control_digest.is_none_or(|digest| digest == Digest::of(control))
    }

    /// What came with the package, for a Mac without a network. One that has used another control file since waits: the
    /// package may be older.
    async fn seeded_control_file(&self, url: &url::Url) -> Option<Vec<u8>> {
        let found = self.contents.seeded_control_file(url).await;
        let newest = self.past.control();
        let (level, text, bytes) = match found {
            Err(why) => (Level::Info, format!("no network, and no control file of the seed: {why}"), None),
            Ok(bytes) if !self.is_expected(&bytes) => {
                (Level::Warning, "the seed's control file is not the one of JSONHash".to_owned(), None)
            }
            Ok(bytes) if newest.is_some_and(|digest| digest != Digest::of(&bytes)) => {
                (Level::Info, "this Mac has used another control file than the seed's".to_owned(), None)
            }
            Ok(bytes) => {
                (Level::Warning, "no network: using the control file of the seed".into(), Some(bytes))
            }
        };
        self.recorder.notice(level, Category::Main, None, text).await;
        bytes
    }

    /// Starts over while the network or the server may recover, for `WaitForControlFile` at most. Without a network
    /// nothing is tried, because the system may be wrong only every five minutes. Says also whether it is the seed's.
    async fn fetch_patiently(&self, url: &url::Url) -> Result<(Vec<u8>, bool), Ending> {
        let deadline = Instant::now() + self.settings.wait_for_control_file;
        let (mut failed, network) = (0, Connectivity::new(self.host.online()));
        if network.is_down() && needs_network(url) {
            if let Some(bytes) = self.seeded_control_file(url).await {
                return Ok((bytes, true));
            }
            network.restored(LONGEST_OFFLINE.min(self.settings.wait_for_control_file)).await;
        }
        loop {
            let error = match self.contents.control_file(url, self.settings.control_digest).await {
                Ok(bytes) => return Ok((bytes, false)),
                Err(error) => error,
            };
            failed += 1;
            let after = match &error {
                NoControlFile::Later { after, .. } => *after,
                _ => None,
            };
            let wait = before_series(failed, after, chance());
            match error {
                NoControlFile::Refused(why) => return Err(Ending::ControlFile(why)),
                NoControlFile::Later { .. } if Instant::now() + wait < deadline => {}
                // Never a self-removal because of the network (R47): launchd starts us again.
                NoControlFile::Later { why, .. } | NoControlFile::Failed(why) => {
                    return Err(Ending::Temporary(format!("control file: {why}")));
                }
            }
            let text = format!("{error}; trying again in {} s", wait.as_secs());
            self.recorder.notice(Level::Warning, Category::Main, None, text).await;
            network.pause(wait).await;
        }
    }
}

/// A URL as it may be logged: no user, no query, no fragment.
fn without_secrets(url: &url::Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.set_fragment(None);
    // Both fail only for URLs that cannot hold a user at all.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.to_string()
}

fn file_name(url: &url::Url) -> String {
    let last = url.path().rsplit('/').next().unwrap_or_default();
    if last.is_empty() { "bootstrap.json".to_owned() } else { last.to_owned() }
}
