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
use std::{path::PathBuf, sync::Arc, time::Duration};
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
        let (settings, turn) = (settings.clone(), Mutex::new(()));
        Some(Arc::new(Self { url, settings, uuid, http, root, owner, troubles, turn }))
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
        let mut left = Outbox::read(&self.root, self.owner);
        for mut message in std::mem::take(&mut left.messages) {
            if now_ms().saturating_sub(message.at_ms) > LONGEST_KEPT_MS {
                continue;
            }
            match self.send(&message).await {
                Sent::Taken => {}
                Sent::Refused(why) => self.tell(format!("{why}; it is not sent again")),
                Sent::Later(why) => {
                    self.tell(format!("{why}; it is sent at the next start"));
                    message.tried = message.tried.saturating_add(1);
                    left.messages.push(message);
                }
            }
        }
        self.keep(left);
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
        let mut outbox = Outbox::read(&self.root, self.owner);
        outbox.messages.push(Message { at_ms: now_ms(), tried: 0, body });
        self.keep(outbox);
    }

    fn keep(&self, mut outbox: Outbox) {
        if let Err(error) = outbox.write(&self.root, self.owner) {
            self.tell(format!("the message is not kept: {error}"));
        }
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
