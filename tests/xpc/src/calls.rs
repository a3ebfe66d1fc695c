//! The functions of xpc/connection.h.

use crate::{
    block::BlockRef,
    connection::{Other, Phase, Role, activate, connection, make},
    dictionary::Dictionary,
    misuse,
    object::{_xpc_error_connection_invalid as INVALID, Kind, Object, Ref, look},
    wire::{Letter, Purpose},
};
use std::{
    ffi::{CStr, c_char, c_int, c_void},
    thread,
};

fn service(name: *const c_char) -> String {
    // SAFETY: names are C strings, by the header.
    unsafe { CStr::from_ptr(name) }.to_str().unwrap().to_owned()
}

/// As in xpc/connection.h.
#[unsafe(no_mangle)]
pub extern "C" fn xpc_connection_create_mach_service(
    name: *const c_char,
    _: *mut c_void,
    flags: u64,
) -> *mut Object {
    let role = match flags {
        1 => Role::Listener(service(name)),
        2 => Role::Client(service(name)),
        _ => misuse("a service must be listened to, or be a LaunchDaemon's"),
    };
    make(role).give()
}

/// As in xpc/connection.h.
#[unsafe(no_mangle)]
pub extern "C" fn xpc_connection_set_event_handler(object: *mut Object, handler: *mut c_void) {
    connection(object).state().handler = Some(BlockRef::copy(handler));
}

/// As in xpc/connection.h.
#[unsafe(no_mangle)]
pub extern "C" fn xpc_connection_activate(object: *mut Object) {
    activate(object);
}

/// As in xpc/connection.h.
#[unsafe(no_mangle)]
pub extern "C" fn xpc_connection_cancel(object: *mut Object) {
    connection(object).finish();
}

fn dictionary<'a>(message: *mut Object) -> &'a Dictionary {
    match look(message) {
        Kind::Dictionary(dictionary) => dictionary,
        _ => misuse("a message must be a dictionary"),
    }
}

/// As in xpc/connection.h.
#[unsafe(no_mangle)]
pub extern "C" fn xpc_connection_send_message(object: *mut Object, message: *mut Object) {
    let dictionary = dictionary(message);
    let inner = connection(object);
    if inner.state().phase == Phase::Inactive {
        misuse("a message was sent over a connection that is not active");
    }
    match dictionary.answers.lock().unwrap().take() {
        Some(mut way) => {
            way.taken = true;
            way.to.post(Letter::of(Purpose::Reply, way.number, dictionary));
        }
        None => inner.post(Letter::of(Purpose::Message, 0, dictionary)),
    }
}

/// As in xpc/connection.h.
#[unsafe(no_mangle)]
pub extern "C" fn xpc_connection_send_message_with_reply(
    object: *mut Object,
    message: *mut Object,
    _: *mut c_void,
    handler: *mut c_void,
) {
    let inner = connection(object);
    let block = BlockRef::copy(handler);
    let number = {
        let mut state = inner.state();
        match state.phase {
            Phase::Inactive => misuse("a message was sent over a connection that is not active"),
            Phase::Cancelled => None,
            Phase::Active => {
                state.number += 1;
                let number = state.number;
                state.waiting.insert(number, block.clone());
                Some(number)
            }
        }
    };
    match number {
        Some(number) => inner.post(Letter::of(Purpose::Question, number, dictionary(message))),
        None => drop(thread::spawn(move || block.call(Ref::error(&INVALID).as_ptr()))),
    }
}

/// As in xpc/connection.h.
#[unsafe(no_mangle)]
pub extern "C" fn xpc_connection_set_peer_code_signing_requirement(
    object: *mut Object,
    requirement: *const c_char,
) -> c_int {
    let text = service(requirement);
    let mut state = connection(object).state();
    if state.requirement.is_some() {
        misuse("a requirement was set twice");
    }
    let understood = text.contains("anchor apple generic");
    state.requirement = Some(text);
    if understood { 0 } else { 22 }
}

fn credential<T>(object: *mut Object, unknown: T, of: impl Fn(&Other) -> T) -> T {
    connection(object).state().other.as_ref().map_or(unknown, of)
}

/// As in xpc/connection.h.
#[unsafe(no_mangle)]
pub extern "C" fn xpc_connection_get_euid(object: *mut Object) -> u32 {
    credential(object, u32::MAX, |other| other.uid)
}

/// As in xpc/connection.h.
#[unsafe(no_mangle)]
pub extern "C" fn xpc_connection_get_egid(object: *mut Object) -> u32 {
    credential(object, u32::MAX, |other| other.gid)
}

/// As in xpc/connection.h.
#[unsafe(no_mangle)]
pub extern "C" fn xpc_connection_get_pid(object: *mut Object) -> i32 {
    credential(object, 0, |other| other.pid)
}

/// As in xpc/connection.h.
#[unsafe(no_mangle)]
pub extern "C" fn xpc_connection_get_asid(object: *mut Object) -> i32 {
    credential(object, -1, |other| other.identity.session)
}
