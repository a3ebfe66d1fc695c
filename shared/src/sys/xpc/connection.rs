//! Connections by what may be done with them now: just made, knocking, or active (P31).
//!
//! ```text
//! Inactive ── activate ─► Connection ── dropped ─► cancelled, then released
//! Visitor ─── accept ───► Connection
//!    └─────── reject, or dropped ───► cancelled; the runtime disposes of it
//! ```
//!
//! Releasing a connection that was never activated is an error that ends the program: no type here can do it.

use super::{
    block::{Block, Handler},
    object::{Dictionary, Event},
    raw::{self, Object},
};
use crate::sys::link::Peer;
use std::{ffi::CStr, marker::PhantomData, mem::ManuallyDrop, ptr::NonNull};

/// A connection that was made and not activated yet.
pub(crate) struct Inactive(NonNull<raw::Opaque>);

// SAFETY: xpc/connection.h documents its functions as callable from several queues at once; there is one owner.
unsafe impl Send for Inactive {}

impl Inactive {
    /// The listener of a service that launchd keeps for this program; `None` when there is no memory. Whether
    /// launchd does is known only once it is active (P24).
    pub(crate) fn listener(service: &CStr) -> Option<Self> {
        Self::to_service(service, raw::LISTENER)
    }

    /// The way to a service that a LaunchDaemon offers. A user cannot put one in its place.
    pub(crate) fn client(service: &CStr) -> Option<Self> {
        Self::to_service(service, raw::PRIVILEGED)
    }

    fn to_service(service: &CStr, flags: u64) -> Option<Self> {
        // SAFETY: xpc/connection.h, xpc_connection_create_mach_service: the queue "may be NULL"; the name is a C
        // string; "The caller is responsible for disposing of the returned object".
        let made =
            unsafe { raw::xpc_connection_create_mach_service(service.as_ptr(), std::ptr::null_mut(), flags) };
        NonNull::new(made).map(Self)
    }

    /// One that was made elsewhere.
    ///
    /// # Safety
    /// It must be a connection that was never activated, and the reference the caller's to give away.
    #[allow(dead_code, reason = "stories make anonymous listeners, which need no launchd")]
    pub(crate) unsafe fn from_raw(connection: NonNull<raw::Opaque>) -> Self {
        Self(connection)
    }

    /// Demands a signature of the other end; tells whether the system understood.
    pub(crate) fn require(&mut self, demand: &Demand<'_>) -> bool {
        demand.make(self.0.as_ptr())
    }

    /// Begins to receive.
    pub(crate) fn activate<H: Handler>(self, handler: &Block<H>) -> Connection {
        let connection = ManuallyDrop::new(self).0;
        begin(connection.as_ptr(), handler);
        Connection(connection)
    }
}

impl Drop for Inactive {
    fn drop(&mut self) {
        // Only an active connection may be released: it becomes one for that.
        begin(self.0.as_ptr(), &Block::new(Deaf));
        drop(Connection(self.0));
    }
}

/// Hears nothing.
struct Deaf;

impl Handler for Deaf {
    fn handle(&self, _: Event<'_>) {}

    fn broke(&self) {}
}

/// Who knocks at a listener: must be let in or turned away before the listener's handler returns.
pub(crate) struct Visitor<'a> {
    connection: NonNull<raw::Opaque>,
    handler: PhantomData<&'a ()>,
}

impl Visitor<'_> {
    /// # Safety
    /// The object must be a connection that a listener's handler was given, and be borrowed from that handler.
    pub(crate) unsafe fn received(connection: NonNull<raw::Opaque>) -> Self {
        Self { connection, handler: PhantomData }
    }

    /// Who it is, as of the moment in which it connected.
    pub(crate) fn credentials(&self) -> Peer {
        credentials(self.connection.as_ptr())
    }

    /// Demands a signature of it; tells whether the system understood. Once only: twice ends the program.
    pub(crate) fn require(&mut self, demand: &Demand<'_>) -> bool {
        demand.make(self.connection.as_ptr())
    }

    /// Lets it in: begins to receive what it says.
    pub(crate) fn accept<H: Handler>(self, handler: &Block<H>) -> Connection {
        let connection = ManuallyDrop::new(self).connection;
        // SAFETY: xpc/connection.h: "it is safe to call xpc_retain() on the object to obtain a reference to it".
        unsafe { raw::xpc_retain(connection.as_ptr()) };
        begin(connection.as_ptr(), handler);
        Connection(connection)
    }

    /// Turns it away: nothing it says is received.
    pub(crate) fn reject(self) {}
}

impl Drop for Visitor<'_> {
    fn drop(&mut self) {
        // SAFETY: xpc/connection.h: "If you do not wish to accept the connection, you may simply call
        // xpc_connection_cancel() on it and return. The runtime will dispose of it for you."
        unsafe { raw::xpc_connection_cancel(self.connection.as_ptr()) }
    }
}

/// An active connection: one reference. Dropping it cancels it.
pub(crate) struct Connection(NonNull<raw::Opaque>);

// SAFETY: xpc/connection.h: "This API is safe to call from multiple GCD queues" of sending; cancelling is
// asynchronous, and reference counts are the runtime's.
unsafe impl Send for Connection {}
// SAFETY: as above: all that `&Connection` allows is sending, cancelling and asking for constant credentials.
unsafe impl Sync for Connection {}

impl Connection {
    /// Sends, without hearing what becomes of it: a reply.
    pub(crate) fn send(&self, message: &Dictionary) {
        // SAFETY: xpc/connection.h, xpc_connection_send_message: the message "must be a dictionary object".
        unsafe { raw::xpc_connection_send_message(self.0.as_ptr(), message.as_ptr()) }
    }

    /// Sends; `reply` is called once, with the reply or with the reason why there is none.
    pub(crate) fn ask<H: Handler>(&self, message: &Dictionary, reply: &Block<H>) {
        // SAFETY: xpc/connection.h, xpc_connection_send_message_with_reply: as above; the queue is nullable, the
        // handler is copied, and without a reply it "will be invoked" with an error.
        unsafe {
            raw::xpc_connection_send_message_with_reply(
                self.0.as_ptr(),
                message.as_ptr(),
                std::ptr::null_mut(),
                reply.as_ptr(),
            );
        }
    }

    /// Ends it in both directions; what was not sent is lost, who waits for a reply is told.
    pub(crate) fn cancel(&self) {
        // SAFETY: xpc/connection.h: cancellation "is asynchronous and non-preemptive", allowed at any time and
        // without effect the second time.
        unsafe { raw::xpc_connection_cancel(self.0.as_ptr()) }
    }

    /// Who is at the other end. Of a client it is known once something was received.
    pub(crate) fn credentials(&self) -> Peer {
        credentials(self.0.as_ptr())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.cancel();
        // SAFETY: gives back the one reference that this owner stands for; it was activated and never suspended:
        // "It is a programming error to release an inactive or suspended connection."
        unsafe { raw::xpc_release(self.0.as_ptr()) }
    }
}

/// A requirement in Apple's requirement language, and the function that demands it.
pub(crate) struct Demand<'a> {
    pub(crate) requirement: &'a CStr,
    pub(crate) function: raw::SetRequirement,
}

impl Demand<'_> {
    fn make(&self, connection: Object) -> bool {
        // SAFETY: xpc/connection.h, xpc_connection_set_peer_code_signing_requirement: a connection and a C string,
        // which it is "safe to deallocate" afterwards; "It is a programming error to call" it "more than once per
        // connection": both callers borrow theirs mutably and are called once, from one place each.
        unsafe { (self.function)(connection, self.requirement.as_ptr()) == 0 }
    }
}

fn begin<H: Handler>(connection: Object, handler: &Block<H>) {
    // SAFETY: xpc/connection.h: the handler is copied; a connection may be activated once it has one, and
    // "Calling xpc_connection_activate() on an active connection has no effect".
    unsafe {
        raw::xpc_connection_set_event_handler(connection, handler.as_ptr());
        raw::xpc_connection_activate(connection);
    }
}

fn credentials(connection: Object) -> Peer {
    // SAFETY: xpc/connection.h: each takes any connection and gives a number "at the time the connection was made".
    let (uid, gid, pid, session) = unsafe {
        (
            raw::xpc_connection_get_euid(connection),
            raw::xpc_connection_get_egid(connection),
            raw::xpc_connection_get_pid(connection),
            raw::xpc_connection_get_asid(connection),
        )
    };
    Peer { uid, gid, pid: u32::try_from(pid).ok(), session: Some(session) }
}
