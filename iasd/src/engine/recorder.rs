//! The way a worker tells the dispatcher a fact, and waits until it is kept before it acts on it.

use shared::{
    event::{Category, EventKind, Level, Progress},
    item::ItemId,
};
use tokio::sync::{mpsc, oneshot};

/// What workers send to the dispatcher.
#[derive(Debug)]
pub(crate) enum Message {
    /// A fact; acknowledged once it is kept.
    Fact(EventKind, oneshot::Sender<()>),
    /// News that may be lost.
    Progress(Progress),
}

/// The dispatcher has gone: the run is being stopped, and the worker must not begin anything new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the run is being stopped")]
pub(crate) struct Stopped;

/// A worker's end of the line to the dispatcher.
#[derive(Debug, Clone)]
pub(crate) struct Recorder(mpsc::Sender<Message>);

impl Recorder {
    /// A recorder and the dispatcher's end of it.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Message>) {
        let (sender, receiver) = mpsc::channel(256);
        (Self(sender), receiver)
    }

    /// Records a fact and waits until it is kept.
    ///
    /// # Errors
    /// When the dispatcher has gone.
    pub(crate) async fn record(&self, fact: EventKind) -> Result<(), Stopped> {
        let (kept, wait) = oneshot::channel();
        self.0.send(Message::Fact(fact, kept)).await.map_err(|_| Stopped)?;
        wait.await.map_err(|_| Stopped)
    }

    /// Records something worth telling; nobody waits for it to be kept, and a stopped run loses it.
    pub(crate) async fn notice(
        &self,
        level: Level,
        category: Category,
        id: Option<ItemId>,
        text: impl Into<String>,
    ) {
        let fact = EventKind::Notice { level, category, id, text: text.into() };
        // A notice changes nothing: when the run is over there is nobody left to tell.
        let _ = self.record(fact).await;
    }

    /// Passes on a line of output; waits while the dispatcher is behind, so that no line is lost (R72).
    pub(crate) async fn output(&self, id: ItemId, line: String) {
        // A stopped run has no log left to write to.
        let _ = self.0.send(Message::Progress(Progress::Output { id, line })).await;
    }

    /// Passes on news that may be lost; never waits.
    pub(crate) fn progress(&self, progress: Progress) {
        // Full or gone: a later piece of news replaces this one.
        let _ = self.0.try_send(Message::Progress(progress));
    }
}
