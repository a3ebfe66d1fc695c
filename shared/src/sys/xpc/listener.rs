//! A listener that lets in whom the gate allows, before anything of it is received (P31, P81).

use super::{
    Proof,
    block::{Block, Handler},
    connection::{Connection, Inactive, Visitor},
    message::Allowance,
    object::{Event, Kind},
    post::{self, WAITING},
};
use crate::{
    ipc::frame::GREETING_LIMIT,
    sys::link::{self, Arrival, Closed, Doing, Gate, LinkError, Listener},
};
use std::{
    future::pending,
    io,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::mpsc;

/// Listens on a connection that launchd keeps for this program.
pub(crate) struct XpcListener {
    /// Ends the service when it is dropped.
    _connection: Connection,
    arrivals: mpsc::Receiver<io::Result<Arrival>>,
    caution: Option<String>,
}

impl XpcListener {
    /// Begins to listen. Only active connections can say that launchd does not offer the service: `accept` tells.
    pub(crate) fn new(listener: Inactive, gate: Gate, proof: Proof) -> Self {
        let (sender, arrivals) = mpsc::channel(WAITING);
        let caution = proof.caution();
        let door = Door { arrivals: Mutex::new(Some(sender)), gate, proof };
        Self { _connection: listener.activate(&Block::new(door)), arrivals, caution }
    }
}

impl Listener for XpcListener {
    fn accept(&mut self) -> Doing<'_, io::Result<Arrival>> {
        Box::pin(async {
            match self.arrivals.recv().await {
                Some(arrival) => arrival,
                // It was told that nobody comes any more.
                None => pending().await,
            }
        })
    }

    fn caution(&self) -> Option<String> {
        self.caution.clone()
    }
}

/// The handler of the listener.
struct Door {
    /// Gone once the listener ended.
    arrivals: Mutex<Option<mpsc::Sender<io::Result<Arrival>>>>,
    gate: Gate,
    proof: Proof,
}

impl Door {
    /// Who is let in must be activated, who is not must be cancelled, before this returns (P31).
    fn look_at(&self, mut visitor: Visitor<'_>) -> Arrival {
        let peer = visitor.credentials();
        let proven = (self.gate)(&peer).and_then(|()| match self.proof.demand() {
            Some(demand) if !visitor.require(&demand) => Err("its signature cannot be checked".into()),
            _ => Ok(()),
        });
        if let Err(why) = proven {
            visitor.reject();
            return Arrival::Stranger(peer, why);
        }
        // The daemon takes descriptors from nobody.
        let allowance = Allowance { bytes: GREETING_LIMIT, descriptors: false };
        let (sender, receiver) = post::open(allowance, |inbox| visitor.accept(inbox));
        Arrival::Guest(link::Connection { peer, sender: Arc::new(sender), receiver: Box::new(receiver) })
    }

    fn tell(&self, arrival: io::Result<Arrival>) {
        let arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(arrivals) = arrivals {
            // Too many wait already: what is dropped here is cancelled.
            let _ = arrivals.try_send(arrival);
        }
    }

    fn close(&self, why: Closed) {
        let why = match why {
            Closed::Invalid => {
                io::Error::new(io::ErrorKind::NotFound, "launchd does not offer this service to this program")
            }
            other => io::Error::other(LinkError::Closed(other)),
        };
        self.tell(Err(why));
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Handler for Door {
    fn handle(&self, event: Event<'_>) {
        match event.kind() {
            Kind::Visitor(visitor) => {
                let arrival = self.look_at(visitor);
                self.tell(Ok(arrival));
            }
            Kind::Error(why) => self.close(why),
            Kind::Message(_) | Kind::Unknown => {}
        }
    }

    fn broke(&self) {
        self.tell(Err(io::Error::other(LinkError::Closed(Closed::Broken))));
    }
}
