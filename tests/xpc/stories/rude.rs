//! Somebody who does not keep to the protocol: raw dictionaries, sent without waiting.
#![expect(unsafe_code, reason = "the product never puts such values into a message")]

use crate::{
    sys::xpc::{
        block::{Block, Handler},
        connection::Connection,
        object::{Dictionary, Event, Kind},
        raw::{Object, xpc_release},
    },
    world::World,
};
use std::ffi::{CStr, c_char};
use tokio::sync::mpsc;

unsafe extern "C" {
    fn xpc_dictionary_set_value(dictionary: Object, key: *const c_char, value: Object);
}

/// A connection of its own, and the errors it hears.
pub(crate) struct Rude {
    pub(crate) connection: Connection,
    pub(crate) errors: mpsc::UnboundedReceiver<()>,
}

impl Rude {
    pub(crate) fn connect(world: &World) -> Self {
        let (told, errors) = mpsc::unbounded_channel();
        Self { connection: world.client().activate(&Block::new(Ear(told))), errors }
    }
}

struct Ear(mpsc::UnboundedSender<()>);

impl Handler for Ear {
    fn handle(&self, event: Event<'_>) {
        if let Kind::Error(_) = event.kind() {
            let _ = self.0.send(());
        }
    }

    fn broke(&self) {}
}

/// Puts an object into a dictionary and gives the reference away.
pub(crate) fn put(dictionary: &Dictionary, key: &CStr, value: Object) {
    // SAFETY: xpc/xpc.h, xpc_dictionary_set_value retains the value; ours is given back.
    unsafe {
        xpc_dictionary_set_value(dictionary.as_ptr(), key.as_ptr(), value);
        xpc_release(value);
    }
}
