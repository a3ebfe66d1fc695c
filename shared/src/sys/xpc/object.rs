//! The objects of libxpc by kind, each with an owner or a borrow that cannot be mixed up (P30, P32).

use super::{
    connection::Visitor,
    raw::{self, Object},
};
use crate::sys::link::Closed;
use std::{
    ffi::CStr,
    marker::PhantomData,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    ptr::NonNull,
};

/// What a handler is given, for as long as it runs.
pub(crate) struct Event<'a> {
    object: NonNull<raw::Opaque>,
    handler: PhantomData<&'a ()>,
}

/// An [`Event`] by its kind.
pub(crate) enum Kind<'a> {
    /// Somebody wants to connect; given to listeners only.
    Visitor(Visitor<'a>),
    /// A message, or the reply to one.
    Message(Message<'a>),
    /// The connection is interrupted or at its end.
    Error(Closed),
    /// Nothing that the headers announce.
    Unknown,
}

impl<'a> Event<'a> {
    /// # Safety
    /// The object must be valid for `'a`.
    pub(crate) unsafe fn borrowed(object: NonNull<raw::Opaque>) -> Self {
        Self { object, handler: PhantomData }
    }

    /// What it is.
    pub(crate) fn kind(self) -> Kind<'a> {
        let object = self.object.as_ptr();
        // SAFETY: xpc/xpc.h, xpc_get_type: "Returns the type of an object", whatever its type.
        let kind = unsafe { raw::xpc_get_type(object) };
        if kind == &raw const raw::_xpc_type_connection {
            // SAFETY: xpc/connection.h: "listener connections will receive connections and not messages"; the one
            // received is valid while the handler runs.
            Kind::Visitor(unsafe { Visitor::received(self.object) })
        } else if kind == &raw const raw::_xpc_type_dictionary {
            Kind::Message(Message(self))
        } else if kind == &raw const raw::_xpc_type_error {
            Kind::Error(closed(object))
        } else {
            Kind::Unknown
        }
    }
}

/// Which error it is: they are constants, told apart by their addresses (P32).
fn closed(error: Object) -> Closed {
    let error = error.cast_const();
    if error == &raw const raw::_xpc_error_connection_interrupted {
        Closed::Interrupted
    } else if error == &raw const raw::_xpc_error_termination_imminent {
        Closed::Terminating
    } else if raw::error_peer_requirement() == Some(error) {
        Closed::WrongSignature
    } else {
        // XPC_ERROR_CONNECTION_INVALID, or one that did not exist yet: of no more use either way.
        Closed::Invalid
    }
}

/// A received dictionary, borrowed from the handler that was given it.
pub(crate) struct Message<'a>(Event<'a>);

impl Message<'_> {
    /// How many values it holds.
    pub(crate) fn count(&self) -> usize {
        // SAFETY: `self` is a dictionary, known by its type; any value is allowed in it.
        unsafe { raw::xpc_dictionary_get_count(self.0.object.as_ptr()) }
    }

    /// The bytes under `key`, if they are `data`.
    pub(crate) fn data(&self, key: &CStr) -> Option<&[u8]> {
        let mut length = 0;
        // SAFETY: xpc/xpc.h, xpc_dictionary_get_data: "NULL if the value for the specified key is not a data value
        // or if there is no value"; the pointer belongs to the dictionary, which outlives the borrow of `self`.
        let bytes =
            unsafe { raw::xpc_dictionary_get_data(self.0.object.as_ptr(), key.as_ptr(), &raw mut length) };
        if bytes.is_null() {
            return None;
        }
        // SAFETY: as above: "upon output, will contain the length of the data". Data values are immutable.
        Some(unsafe { std::slice::from_raw_parts(bytes.cast(), length) })
    }

    /// A descriptor of our own for the one under `key`, if it is one.
    pub(crate) fn descriptor(&self, key: &CStr) -> Option<OwnedFd> {
        // SAFETY: xpc/xpc.h, xpc_dictionary_dup_fd: "-1 if the value for the specified key is not a file descriptor
        // value or if there is no value".
        let descriptor = unsafe { raw::xpc_dictionary_dup_fd(self.0.object.as_ptr(), key.as_ptr()) };
        // SAFETY: as above: "You are responsible for close(2)ing this descriptor".
        (descriptor >= 0).then(|| unsafe { OwnedFd::from_raw_fd(descriptor) })
    }

    /// The reply that its sender waits for; `None` when nobody does, and the second time.
    pub(crate) fn reply(&self) -> Option<Dictionary> {
        // SAFETY: xpc/xpc.h, xpc_dictionary_create_reply: "NULL if the object was not a dictionary with a reply
        // context", and after it was called once; the result is ours.
        let reply = unsafe { raw::xpc_dictionary_create_reply(self.0.object.as_ptr()) };
        NonNull::new(reply).map(Dictionary)
    }
}

/// A dictionary of our own: one reference to it.
#[derive(Debug)]
pub(crate) struct Dictionary(NonNull<raw::Opaque>);

// SAFETY: xpc/xpc.h: objects are reference counted across threads; a `Dictionary` is changed only while it is built,
// by the one who builds it.
unsafe impl Send for Dictionary {}
// SAFETY: as above; sending it copies it ("This dictionary is logically copied by the connection").
unsafe impl Sync for Dictionary {}

impl Dictionary {
    /// An empty one; `None` when there is no memory.
    pub(crate) fn empty() -> Option<Self> {
        // SAFETY: xpc/xpc.h, xpc_dictionary_create: undefined "If both arrays are NULL and the count is non-0"; it
        // is 0. The result is ours.
        let made = unsafe { raw::xpc_dictionary_create(std::ptr::null(), std::ptr::null(), 0) };
        NonNull::new(made).map(Self)
    }

    /// Adds bytes.
    pub(crate) fn set_data(&mut self, key: &CStr, bytes: &[u8]) {
        // SAFETY: xpc/xpc.h, xpc_dictionary_set_data copies `length` bytes from the pointer.
        unsafe {
            raw::xpc_dictionary_set_data(self.as_ptr(), key.as_ptr(), bytes.as_ptr().cast(), bytes.len());
        }
    }

    /// Adds a descriptor; the caller keeps its own. Tells whether there was room for another.
    pub(crate) fn set_descriptor(&mut self, key: &CStr, descriptor: BorrowedFd<'_>) -> bool {
        let before = self.count();
        // SAFETY: xpc/xpc.h, xpc_fd_create, which this is short for: "This method performs the equivalent of a
        // dup(2) on the descriptor".
        unsafe { raw::xpc_dictionary_set_fd(self.as_ptr(), key.as_ptr(), descriptor.as_raw_fd()) }
        self.count() > before
    }

    fn count(&self) -> usize {
        // SAFETY: `self` is a dictionary.
        unsafe { raw::xpc_dictionary_get_count(self.as_ptr()) }
    }

    /// For the duration of a call.
    pub(crate) fn as_ptr(&self) -> Object {
        self.0.as_ptr()
    }
}

impl Drop for Dictionary {
    fn drop(&mut self) {
        // SAFETY: gives back the one reference that this owner stands for.
        unsafe { raw::xpc_release(self.as_ptr()) }
    }
}
