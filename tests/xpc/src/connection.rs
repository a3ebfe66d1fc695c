//! Connections: a queue that calls the handler, never twice at once, and a thread that reads.
//!
//! ```text
//! inactive ── activate ─► active ── cancel, or no such service, or a visitor's other end gone ─► one last event
//!                           ▲ └── a service's other end gone: interrupted ── the next message ──┘
//! ```

use crate::{
    block::BlockRef,
    control::{Identity, myself},
    dictionary::Dictionary,
    misuse,
    object::{
        _xpc_error_connection_interrupted as INTERRUPTED, _xpc_error_connection_invalid as INVALID,
        _xpc_error_peer_code_signing_requirement as UNPROVEN, Kind, Object, Ref, look,
    },
    service,
    wire::{Frame, Letter, Purpose, Reader},
};
use std::{
    collections::HashMap,
    net::Shutdown,
    os::unix::net::UnixStream,
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        mpsc::{self, Receiver, Sender},
    },
    thread,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Role {
    Listener(String),
    Client(String),
    Visitor,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Inactive,
    Active,
    Cancelled,
}

/// What the kernel knows of the other end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Other {
    pub(crate) identity: Identity,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) pid: i32,
}

pub(crate) struct State {
    pub(crate) phase: Phase,
    pub(crate) handler: Option<BlockRef>,
    pub(crate) requirement: Option<String>,
    pub(crate) stream: Option<Arc<UnixStream>>,
    pub(crate) other: Option<Other>,
    /// Messages for a service that is not reached yet.
    pub(crate) unsent: Vec<Letter>,
    pub(crate) waiting: HashMap<u64, BlockRef>,
    pub(crate) number: u64,
    /// The queue's end, until the last event was queued.
    queue: Option<Sender<Ref>>,
    /// The queue's other end, until it runs.
    events: Option<Receiver<Ref>>,
}

pub(crate) struct Inner {
    pub(crate) role: Role,
    pub(crate) myself: Identity,
    state: Mutex<State>,
    pub(crate) changed: Condvar,
}

/// The way back to whoever waits for a reply; not taken, they are told that none comes.
pub(crate) struct Way {
    pub(crate) to: Arc<Inner>,
    pub(crate) number: u64,
    pub(crate) taken: bool,
}

impl Drop for Way {
    fn drop(&mut self) {
        if !self.taken {
            self.to.post(Letter::dropped(self.number));
        }
    }
}

pub(crate) fn make(role: Role) -> Ref {
    let (queue, events) = mpsc::channel();
    let state = State {
        phase: Phase::Inactive,
        handler: None,
        requirement: None,
        stream: None,
        other: None,
        unsent: Vec::new(),
        waiting: HashMap::new(),
        number: 0,
        queue: Some(queue),
        events: Some(events),
    };
    let inner = Inner { role, myself: myself(), state: Mutex::new(state), changed: Condvar::new() };
    Ref::new(Kind::Connection(Arc::new(inner)))
}

pub(crate) fn connection<'a>(object: *mut Object) -> &'a Arc<Inner> {
    match look(object) {
        Kind::Connection(connection) => connection,
        _ => misuse("not a connection"),
    }
}

impl Inner {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn check_release(&self) {
        // A visitor that was turned away is the runtime's to dispose of.
        if self.state().phase == Phase::Inactive {
            misuse("a connection was released that was never activated");
        }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.state().phase == Phase::Cancelled
    }

    pub(crate) fn event(&self, event: Ref) {
        let queue = self.state().queue.clone();
        if let Some(queue) = queue {
            // The queue lives until its last event.
            let _ = queue.send(event);
        }
    }

    /// Tells everybody that waits for a reply why there is none.
    pub(crate) fn unwind(&self, why: &'static Object) {
        let waiting: Vec<BlockRef> = self.state().waiting.drain().map(|(_, block)| block).collect();
        for block in waiting {
            thread::spawn(move || block.call(Ref::error(why).as_ptr()));
        }
    }

    /// The end: one last event, and then nothing.
    pub(crate) fn finish(&self) {
        let queue = {
            let mut state = self.state();
            state.phase = Phase::Cancelled;
            state.unsent.clear();
            if let Some(stream) = &state.stream {
                // It may be gone already.
                let _ = stream.shutdown(Shutdown::Both);
            }
            state.queue.take()
        };
        self.changed.notify_all();
        self.unwind(&INVALID);
        if let Some(queue) = queue {
            // Of a visitor that was turned away nobody listens.
            let _ = queue.send(Ref::error(&INVALID));
        }
    }

    pub(crate) fn post(&self, letter: Letter) {
        let mut state = self.state();
        match &state.stream {
            _ if state.phase == Phase::Cancelled => {}
            // A frame is written whole, under the lock; an end is noticed by whoever reads.
            Some(stream) => drop(letter.write(stream)),
            None if matches!(self.role, Role::Client(_)) => state.unsent.push(letter),
            None => {}
        }
        drop(state);
        self.changed.notify_all();
    }

    fn received(self: &Arc<Self>, frame: Frame) {
        let proven = {
            let state = self.state();
            let identity = state.other.as_ref().map(|other| &other.identity);
            state.requirement.as_ref().is_none_or(|text| identity.is_some_and(|other| other.meets(text)))
        };
        let (purpose, number) = (frame.purpose, frame.number);
        match purpose {
            Purpose::Reply | Purpose::Dropped => {
                let Some(block) = self.state().waiting.remove(&number) else { return };
                let reply = match purpose {
                    _ if !proven => Ref::error(&UNPROVEN),
                    Purpose::Reply => Ref::new(Kind::Dictionary(frame.dictionary())),
                    _ => Ref::error(&INTERRUPTED),
                };
                // On a thread of its own: no order is promised between replies and events.
                thread::spawn(move || block.call(reply.as_ptr()));
            }
            _ if !proven => self.event(Ref::error(&UNPROVEN)),
            _ => {
                let mut dictionary: Dictionary = frame.dictionary();
                if purpose == Purpose::Question {
                    let way = Way { to: self.clone(), number, taken: false };
                    *dictionary.awaited.get_mut().unwrap() = Some(way);
                }
                self.event(Ref::new(Kind::Dictionary(dictionary)));
            }
        }
    }

    pub(crate) fn read(self: &Arc<Self>, stream: &UnixStream, mut reader: Reader) {
        while let Some(frame) = reader.next(stream) {
            if self.is_cancelled() {
                return;
            }
            self.received(frame);
        }
    }
}

/// Calls the handler, event by event, until the last.
fn serve(object: &Ref, events: &Receiver<Ref>) {
    let inner = connection(object.as_ptr());
    for event in events {
        // Taken anew each time: a handler may replace itself.
        let Some(handler) = inner.state().handler.clone() else { continue };
        handler.call(event.as_ptr());
        if let Kind::Connection(visitor) = event.kind()
            && visitor.state().phase == Phase::Inactive
        {
            misuse("a visitor was neither accepted nor rejected");
        }
    }
    inner.state().handler = None;
}

pub(crate) fn activate(object: *mut Object) {
    let inner = connection(object).clone();
    let events = {
        let mut state = inner.state();
        if state.phase != Phase::Inactive {
            return;
        }
        if state.handler.is_none() {
            misuse("a connection was activated without a handler");
        }
        state.phase = Phase::Active;
        state.events.take().unwrap()
    };
    // The runtime's own reference, until the last event was delivered.
    let own = Ref::to(object);
    thread::spawn(move || serve(&own, &events));
    thread::spawn(move || match &inner.role {
        Role::Listener(name) => service::listen(&inner, name),
        Role::Client(name) => service::reach(&inner, name),
        Role::Visitor => {
            let stream = inner.state().stream.clone();
            if let Some(stream) = stream {
                inner.read(&stream, Reader::default());
            }
            inner.finish();
        }
    });
}
