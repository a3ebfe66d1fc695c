//! Tells a service how a run ended: written down first, sent then, again at later starts until somebody took it.
//!
//! ```text
//! RunFinished ─► message ─► outbox (on the disk) ─► sent ─► gone
//!                                ▲                    │
//!                                └── later starts ◄───┘ nobody took it
//! ```

mod message;
mod outbox;

use self::{
    message::message,
    outbox::{Message, Outbox},
};
use crate::{
    download::{Fetch, FetchError, Http, Posted, Request, Response},
    engine::dispatcher::now_ms,
    report::{Reporter, Troubles},
};
use shared::{
    event::{Event, EventKind},
    item::{FollowRedirects, Secret},
    settings::WebhookSettings,
    state::RunState,
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

/// Where messages go, and where they wait.
pub(crate) struct Webhook {
    url: Url,
    settings: WebhookSettings,
    uuid: String,
    http: Http,
    root: PathBuf,
    owner: u32,
    troubles: Troubles,
    /// One at a time empties the outbox.
    turn: Mutex<()>,
    /// One at a time changes its file.
    file: std::sync::Mutex<()>,
}

impl Webhook {
    /// One for the service that the settings name, if they do, on the Mac whose `/` is `root`.
    pub(crate) fn new(
        settings: &WebhookSettings,
        uuid: String,
        http: Http,
        (root, owner): (PathBuf, u32),
        troubles: Troubles,
    ) -> Option<Arc<Self>> {
        let url = settings.url.clone()?;
        let (settings, turn, file) = (settings.clone(), Mutex::new(()), std::sync::Mutex::new(()));
        Some(Arc::new(Self { url, settings, uuid, http, root, owner, troubles, turn, file }))
    }

    /// What writes messages down.
    pub(crate) fn reporter(self: &Arc<Self>) -> Box<dyn Reporter> {
        Box::new(Collector { webhook: Arc::clone(self), version: String::new(), dry_run: false })
    }

    /// Sends what waits, for as long as the end of a run can wait.
    pub(crate) async fn deliver(&self) {
        // What was not sent in time waits for the next start.
        let _ = timeout(PATIENCE, self.send_all()).await;
    }

    async fn send_all(&self) {
        let _turn = self.turn.lock().await;
        for message in self.outbox(|_| {}).messages {
            if now_ms().saturating_sub(message.at_ms) > LONGEST_KEPT_MS {
                self.outbox(|outbox| outbox.messages.retain(|other| *other != message));
                continue;
            }
            match self.send(&message).await {
                Sent::Later(why) => {
                    self.tell(format!("{why}; it is sent at the next start"));
                    continue;
                }
                Sent::Refused(why) => self.tell(format!("{why}; it is not sent again")),
                Sent::Taken => {}
            }
            self.outbox(|outbox| outbox.messages.retain(|other| *other != message));
        }
    }

    async fn send(&self, message: &Message) -> Sent {
        let request = Request {
            url: self.url.clone(),
            identity: crate::download::Identity::default(),
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

    fn add(&self, body: serde_json::Value) {
        self.outbox(|outbox| outbox.messages.push(Message { at_ms: now_ms(), body }));
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
            self.tell(format!("the message is not kept: {error}"));
        }
        outbox
    }

    /// The address may be a secret, so it is not named.
    fn tell(&self, text: String) {
        self.troubles.tell(format!("WebhookURL: {text}"));
    }
}

enum Sent {
    Taken,
    Refused(String),
    Later(String),
}

/// Writes down how runs end.
struct Collector {
    webhook: Arc<Webhook>,
    version: String,
    dry_run: bool,
}

impl Reporter for Collector {
    fn event(&mut self, event: &Event, state: &RunState) {
        match &event.kind {
            EventKind::RunStarted { version, dry_run, .. } => {
                (self.version, self.dry_run) = (version.clone(), *dry_run);
            }
            EventKind::RunFinished { .. } if !self.dry_run => {
                let Webhook { settings, uuid, .. } = &*self.webhook;
                self.webhook.add(message(settings.format, uuid, &self.version, state));
            }
            _ => {}
        }
    }
}
