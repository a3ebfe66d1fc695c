//! The two halves of an active connection, as the rest of the program knows them: bounded, awaited, and closed once
//! (P33).
//!
//! ```text
//! libxpc's thread: Inbox ── try_send ─► letters ─► XpcReceiver::receive ── reply: "taken" ─► the sender's `send`
//!                    └── an error, a foreign message, a full channel ─► the end, cancelled
//! ```
//!
//! A message counts as sent when the other end's program has taken it: each is replied to, and that reply is the
//! only flow control there is. Whoever sends without waiting for replies fills the channel and is cut off.

use super::{
    block::{Block, Handler},
    connection::Connection,
    message::{self, Allowance, Content},
    object::{Dictionary, Event, Kind, Message},
};
use crate::sys::link::{Closed, Doing, LinkError, Received, Receiver, Sender};
use std::{
    os::fd::BorrowedFd,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::sync::{mpsc, oneshot};

/// How many messages may wait to be taken.
pub(crate) const WAITING: usize = 16;

/// Makes both halves around what `start` makes of the handler: an active connection.
pub(crate) fn open(
    allowance: Allowance,
    start: impl FnOnce(&Block<Inbox>) -> Connection,
) -> (XpcSender, XpcReceiver) {
    let (letters, taken) = mpsc::channel(WAITING);
    let state = Arc::new(State { bytes: AtomicUsize::new(allowance.bytes), end: Mutex::default() });
    let connection = Arc::new_cyclic(|connection: &Weak<Connection>| {
        start(&Block::new(Inbox {
            letters: Mutex::new(Some(letters)),
            state: state.clone(),
            descriptors: allowance.descriptors,
            connection: connection.clone(),
        }))
    });
    let sender = XpcSender { connection: connection.clone(), state: state.clone() };
    (sender, XpcReceiver { connection, state, letters: taken })
}

/// What both halves and the handler know.
struct State {
    /// How long a body may be.
    bytes: AtomicUsize,
    /// Why the connection ended, until it was told.
    end: Mutex<Option<LinkError>>,
}

impl State {
    fn end(&self) -> MutexGuard<'_, Option<LinkError>> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Letter {
    content: Content,
    /// Sent back when the letter is taken.
    reply: Option<Dictionary>,
}

/// The handler of a connection that carries messages.
pub(crate) struct Inbox {
    /// Gone once the connection ended.
    letters: Mutex<Option<mpsc::Sender<Letter>>>,
    state: Arc<State>,
    descriptors: bool,
    connection: Weak<Connection>,
}

impl Inbox {
    /// Nothing comes any more; the first reason counts.
    fn close(&self, why: LinkError) {
        let letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner).take();
        if letters.is_some() {
            self.state.end().get_or_insert(why);
        }
        // Not yet there in the first instant of its life; then whoever reads the end drops it.
        if let Some(connection) = self.connection.upgrade() {
            connection.cancel();
        }
    }

    fn take(&self, message: &Message<'_>) -> Result<(), LinkError> {
        let letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // A message behind the end: nobody reads it.
        let Some(letters) = letters else { return Ok(()) };
        let bytes = self.state.bytes.load(Ordering::Acquire);
        let content = message::decode(message, Allowance { bytes, descriptors: self.descriptors })?;
        let letter = Letter { content, reply: message.reply() };
        match letters.try_send(letter) {
            Err(mpsc::error::TrySendError::Full(_)) => Err(LinkError::Closed(Closed::Flooded)),
            _ => Ok(()),
        }
    }
}

impl Handler for Inbox {
    fn handle(&self, event: Event<'_>) {
        let why = match event.kind() {
            Kind::Message(message) => match self.take(&message) {
                Ok(()) => return,
                Err(why) => why,
            },
            Kind::Error(closed) => LinkError::Closed(closed),
            Kind::Visitor(visitor) => return visitor.reject(),
            Kind::Unknown => return,
        };
        self.close(why);
    }

    fn broke(&self) {
        self.close(LinkError::Closed(Closed::Broken));
    }
}

/// The sending half.
pub(crate) struct XpcSender {
    connection: Arc<Connection>,
    state: Arc<State>,
}

impl XpcSender {
    /// Asks whether anybody is there, and waits until somebody is.
    ///
    /// # Errors
    /// When nobody is, or somebody who may not be.
    pub(crate) async fn knock(&self) -> Result<(), LinkError> {
        self.taken(message::knock()).await
    }

    /// The connection, for its credentials.
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Begins to send at once; the future waits until it was taken.
    fn taken(
        &self,
        message: Result<Dictionary, LinkError>,
    ) -> impl Future<Output = Result<(), LinkError>> + Send + use<> {
        let (told, answer) = oneshot::channel();
        let begun = message.map(|message| {
            self.connection.ask(&message, &Block::new(Receipt(Mutex::new(Some(told)))));
        });
        async move {
            begun?;
            match answer.await {
                Ok(None) => Ok(()),
                Ok(Some(closed)) => Err(LinkError::Closed(closed)),
                Err(_) => Err(LinkError::Closed(Closed::Broken)),
            }
        }
    }
}

impl Sender for XpcSender {
    fn send<'a>(
        &'a self,
        body: &'a [u8],
        descriptor: Option<BorrowedFd<'a>>,
    ) -> Doing<'a, Result<(), LinkError>> {
        Box::pin(async move { self.taken(message::encode(body, descriptor)).await })
    }

    fn close(&self) {
        // Ending it ourselves is no fault of anybody's: what follows is a proper end.
        self.state.end().get_or_insert(LinkError::Closed(Closed::Invalid));
        self.connection.cancel();
    }
}

/// Waits for one reply: the first counts, and there is no second (P32).
pub(crate) struct Receipt(Mutex<Option<oneshot::Sender<Option<Closed>>>>);

impl Receipt {
    fn tell(&self, answer: Option<Closed>) {
        if let Some(told) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // Whoever sent it has given up.
            let _ = told.send(answer);
        }
    }
}

impl Handler for Receipt {
    fn handle(&self, event: Event<'_>) {
        match event.kind() {
            Kind::Message(_) => self.tell(None),
            Kind::Error(closed) => self.tell(Some(closed)),
            Kind::Visitor(_) | Kind::Unknown => self.tell(Some(Closed::Broken)),
        }
    }

    fn broke(&self) {
        self.tell(Some(Closed::Broken));
    }
}

/// The receiving half.
pub(crate) struct XpcReceiver {
    connection: Arc<Connection>,
    state: Arc<State>,
    letters: mpsc::Receiver<Letter>,
}

impl Receiver for XpcReceiver {
    fn receive(&mut self) -> Doing<'_, Result<Option<Received>, LinkError>> {
        Box::pin(async {
            while let Some(letter) = self.letters.recv().await {
                if let Some(reply) = &letter.reply {
                    self.connection.send(reply);
                }
                if let Content::Letter(body, descriptor) = letter.content {
                    return Ok(Some(Received { body, descriptor }));
                }
            }
            match self.state.end().take() {
                None | Some(LinkError::Closed(Closed::Invalid)) => Ok(None),
                Some(why) => Err(why),
            }
        })
    }

    fn set_limit(&mut self, bytes: usize) {
        self.state.bytes.store(bytes, Ordering::Release);
    }
}
