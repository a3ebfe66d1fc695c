//! Tells others how a run ended: written down first, sent then, again at later starts until somebody took it.
//!
//! ```text
//! RunFinished ─► message ─► outbox (on the disk) ─► sent ─► gone
//!                                ▲                    │
//!                                └── later starts ◄───┘ nobody took it
//! ```
//!
//! Cut off between the end of a run and its messages, the next start finds that end in the journal and writes them then.

mod outbox;
mod trace;
mod webhook;

use self::{
    outbox::{Message, Outbox, To},
    trace::Trace,
    webhook::message,
};
use crate::{
    download::{Fetch, FetchError, Http, Identity, Posted, Request, Response},
    engine::dispatcher::now_ms,
    folders,
    report::{Reporter, Troubles},
};
use rustix::fd::AsFd as _;
use shared::{
    event::{Event, EventKind, RunEnd},
    item::{FollowRedirects, Secret},
    layout::JOURNAL_FILE,
    settings::{OtlpSettings, Settings, WebhookSettings},
    state::RunState,
    sys::own_file,
};
use std::{
    path::PathBuf,
    sync::{Arc, PoisonError},
    time::Duration,
};
use tokio::{sync::Mutex, time::timeout};
use url::Url;

/// How long the end of a run waits until somebody took its message.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long one message may take.
const CONNECT: Duration = Duration::from_secs(5);
/// A message that nobody took for so long says nothing any more.
const LONGEST_KEPT_MS: u64 = 14 * 24 * 3_600_000;

/// A longer record is not told again.
const LONGEST_RECORD: u64 = 16 << 20;

/// Where messages go, and where they wait.
pub(crate) struct Courier {
    webhook: WebhookSettings,
    otlp: OtlpSettings,
    uuid: String,
    http: Http,
    root: PathBuf,
    owner: u32,
    troubles: Troubles,
    /// One at a time sends to the webhook, and one to the collector.
    turns: (Mutex<()>, Mutex<()>),
    /// One at a time changes its file.
    file: std::sync::Mutex<()>,
}

impl Courier {
    /// Whether there is anybody to tell.
    pub(crate) fn is_wanted(settings: &Settings) -> bool {
        settings.webhook.url.is_some() || settings.otlp.endpoint.is_some()
    }

    /// One for those whom the settings name, on the Mac whose `/` is `root`.
    pub(crate) fn new(
        settings: &Settings,
        uuid: String,
        http: Http,
        (root, owner): (PathBuf, u32),
        troubles: Troubles,
    ) -> Arc<Self> {
        let (webhook, otlp) = (settings.webhook.clone(), settings.otlp.clone());
        let (turns, file) = Default::default();
        Arc::new(Self { webhook, otlp, uuid, http, root, owner, troubles, turns, file })
    }

    /// What writes messages down.
    pub(crate) fn reporter(self: &Arc<Self>) -> Box<dyn Reporter> {
        let (version, dry_run, trace) = (String::new(), false, Trace::default());
        Box::new(Collector { courier: Arc::clone(self), version, dry_run, trace })
    }

    /// Writes down what an earlier start could not: it was cut off between the end of its run, as the journal has it, and its messages.
    pub(crate) fn catch_up(&self, found: &RunState) {
        if found.finished.is_none() || self.outbox(|_| {}).told == mark(found) {
            return;
        }
        let (mut trace, mut version) = (Trace::default(), String::new());
        for event in self.recorded() {
            if let EventKind::RunStarted { version: started, .. } = &event.kind {
                version.clone_from(started);
            }
            trace.take(&event);
        }
        self.write_down(&version, &trace, found);
    }

    /// The facts of the run so far.
    fn recorded(&self) -> Vec<Event> {
        let Ok(folder) = folders::records(&self.root, self.owner) else { return Vec::new() };
        let read = own_file::read(folder.as_fd(), JOURNAL_FILE, self.owner, LONGEST_RECORD);
        let Ok(Ok(bytes)) = read else { return Vec::new() };
        bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }

    fn write_down(&self, version: &str, trace: &Trace, state: &RunState) {
        let mut messages = Vec::new();
        if self.webhook.url.is_some() {
            messages.push((To::Webhook, message(self.webhook.format, &self.uuid, version, state)));
        }
        // A run that only pauses is one trace with what follows.
        if self.otlp.endpoint.is_some() && state.end != Some(RunEnd::Paused) {
            messages.push((To::Otlp, trace.request(&self.uuid, state)));
        }
        let at_ms = now_ms();
        self.outbox(|outbox| {
            outbox.messages.extend(messages.into_iter().map(|(to, body)| Message { at_ms, to, body }));
            outbox.told = mark(state);
        });
    }

    /// Sends what waits, for as long as the end of a run can wait; nobody waits for another one who does not answer.
    pub(crate) async fn deliver(&self) {
        futures::join!(self.deliver_to(To::Webhook), self.deliver_to(To::Otlp));
    }

    async fn deliver_to(&self, to: To) {
        if timeout(PATIENCE, self.send_all(to)).await.is_err() {
            self.tell(to, "the answer takes too long; what is not taken is sent at the next start");
        }
    }

    async fn send_all(&self, to: To) {
        let _turn = match to {
            To::Webhook => self.turns.0.lock().await,
            To::Otlp => self.turns.1.lock().await,
        };
        for message in self.outbox(|_| {}).messages.into_iter().filter(|message| message.to == to) {
            if now_ms().saturating_sub(message.at_ms) > LONGEST_KEPT_MS {
                self.outbox(|outbox| outbox.messages.retain(|other| *other != message));
                continue;
            }
            match self.send(&message).await {
                Sent::Later(why) => {
                    // The others would fare no better now.
                    return self.tell(to, &format!("{why}; it is sent at the next start"));
                }
                Sent::Refused(why) => self.tell(to, &format!("{why}; it is not sent again")),
                Sent::Taken => {}
            }
            self.outbox(|outbox| outbox.messages.retain(|other| *other != message));
        }
    }

    /// Where a message goes, and what is shown there.
    fn recipient(&self, to: To) -> Option<(Url, Identity)> {
        match to {
            To::Webhook => Some((self.webhook.url.clone()?, Identity::default())),
            To::Otlp => {
                let headers = self.otlp.headers.clone();
                Some((self.otlp.traces()?, Identity { headers, ..Identity::default() }))
            }
        }
    }

    async fn send(&self, message: &Message) -> Sent {
        let Some((url, identity)) = self.recipient(message.to) else {
            return Sent::Refused("nobody is named any more".to_owned());
        };
        let request = Request {
            url,
            identity,
            resume: None,
            post: Some(Posted { content_type: "application/json", body: Secret(message.body.to_string()) }),
            known: None,
            follow: FollowRedirects::None,
            connect: CONNECT,
            idle: CONNECT,
            ignore_system_proxy: false,
            tls13_only: false,
        };
        match self.http.fetch(request).await {
            Ok(Response { head, .. }) => match head.status {
                200..=299 => Sent::Taken,
                408 | 425 | 429 | 500..=599 => Sent::Later(format!("the service answers {}", head.status)),
                status => Sent::Refused(format!("the service answers {status}")),
            },
            Err(error @ FetchError::Request(_)) => Sent::Refused(error.to_string()),
            Err(error) => Sent::Later(error.to_string()),
        }
    }

    /// Changes what waits; a message may be added while others are sent.
    fn outbox(&self, change: impl FnOnce(&mut Outbox)) -> Outbox {
        let _alone = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let before = Outbox::read(&self.root, self.owner);
        let mut outbox = before.clone();
        change(&mut outbox);
        if outbox != before
            && let Err(error) = outbox.write(&self.root, self.owner)
        {
            self.troubles.tell(format!("messages about this run are not kept: {error}"));
        }
        outbox
    }

    /// The address may be a secret, so it is not named.
    fn tell(&self, to: To, text: &str) {
        let key = match to {
            To::Webhook => "WebhookURL",
            To::Otlp => "OTLPEndpoint",
        };
        self.troubles.tell(format!("{key}: {text}"));
    }
}

/// Which end of which run.
fn mark(state: &RunState) -> String {
    format!("{} {}", state.run_id, state.launch)
}

enum Sent {
    Taken,
    Refused(String),
    Later(String),
}

/// Writes down how runs end.
struct Collector {
    courier: Arc<Courier>,
    version: String,
    dry_run: bool,
    trace: Trace,
}

impl Collector {
    /// Follows the run for whoever wants its trace.
    fn follow(&mut self, event: &Event) {
        if self.courier.otlp.endpoint.is_none() {
            return;
        }
        if matches!(event.kind, EventKind::RunStarted { launch: 2.., .. }) {
            let earlier = self.courier.recorded();
            earlier.iter().filter(|earlier| earlier.seq < event.seq).for_each(|event| self.trace.take(event));
        }
        self.trace.take(event);
    }
}

impl Reporter for Collector {
    fn event(&mut self, event: &Event, state: &RunState) {
        self.follow(event);
        match &event.kind {
            EventKind::RunStarted { version, dry_run, .. } => {
                (self.version, self.dry_run) = (version.clone(), *dry_run);
            }
            EventKind::RunFinished { .. } if !self.dry_run => {
                self.courier.write_down(&self.version, &self.trace, state);
            }
            _ => {}
        }
    }
}
