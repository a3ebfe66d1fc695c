//! Dictionaries: values by name, and the way back to whoever waits for a reply.

use crate::{
    connection::Way,
    misuse,
    object::{Kind, Object, Ref, look},
};
use std::{
    collections::BTreeMap,
    ffi::{CStr, CString, c_char, c_int, c_void},
    os::fd::{AsRawFd, BorrowedFd, IntoRawFd},
    sync::Mutex,
};

#[derive(Default)]
pub(crate) struct Dictionary {
    pub(crate) values: Mutex<BTreeMap<CString, Ref>>,
    /// Of a message that was received: where its reply goes, until one was made.
    pub(crate) awaited: Mutex<Option<Way>>,
    /// Of a reply that was made: where it goes, until it was sent.
    pub(crate) answers: Mutex<Option<Way>>,
}

fn dictionary<'a>(object: *mut Object) -> &'a Dictionary {
    match look(object) {
        Kind::Dictionary(dictionary) => dictionary,
        _ => misuse("not a dictionary"),
    }
}

fn name<'a>(key: *const c_char) -> &'a CStr {
    // SAFETY: keys are C strings, by the header.
    unsafe { CStr::from_ptr(key) }
}

fn set(object: *mut Object, key: *const c_char, value: Ref) {
    dictionary(object).values.lock().unwrap().insert(name(key).to_owned(), value);
}

/// As in xpc/xpc.h, for no values.
#[unsafe(no_mangle)]
pub extern "C" fn xpc_dictionary_create(
    keys: *const *const c_char,
    values: *const *mut Object,
    count: usize,
) -> *mut Object {
    if !keys.is_null() || !values.is_null() || count != 0 {
        misuse("the stand-in makes empty dictionaries only");
    }
    Ref::new(Kind::Dictionary(Dictionary::default())).give()
}

/// As in xpc/xpc.h.
#[unsafe(no_mangle)]
pub extern "C" fn xpc_dictionary_create_reply(original: *mut Object) -> *mut Object {
    let Some(way) = dictionary(original).awaited.lock().unwrap().take() else { return std::ptr::null_mut() };
    let reply = Dictionary { answers: Mutex::new(Some(way)), ..Dictionary::default() };
    Ref::new(Kind::Dictionary(reply)).give()
}

/// As in xpc/xpc.h.
#[unsafe(no_mangle)]
pub extern "C" fn xpc_dictionary_get_count(object: *mut Object) -> usize {
    dictionary(object).values.lock().unwrap().len()
}

/// As in xpc/xpc.h.
///
/// # Safety
/// `length` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn xpc_dictionary_get_data(
    object: *mut Object,
    key: *const c_char,
    length: *mut usize,
) -> *const c_void {
    match dictionary(object).values.lock().unwrap().get(name(key)).map(Ref::kind) {
        Some(Kind::Data(bytes)) => {
            // SAFETY: the caller's promise.
            unsafe { *length = bytes.len() };
            bytes.as_ptr().cast()
        }
        _ => std::ptr::null(),
    }
}

/// As in xpc/xpc.h.
///
/// # Safety
/// `length` bytes can be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn xpc_dictionary_set_data(
    object: *mut Object,
    key: *const c_char,
    bytes: *const c_void,
    length: usize,
) {
    // SAFETY: the caller's promise.
    let bytes = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), length) };
    set(object, key, Ref::new(Kind::Data(bytes.to_vec())));
}

/// As in xpc/xpc.h.
#[unsafe(no_mangle)]
pub extern "C" fn xpc_dictionary_dup_fd(object: *mut Object, key: *const c_char) -> c_int {
    match dictionary(object).values.lock().unwrap().get(name(key)).map(Ref::kind) {
        // Deliberately not closed on exec, as nothing in the header promises it.
        Some(Kind::Descriptor(descriptor)) => rustix::io::dup(descriptor).map_or(-1, IntoRawFd::into_raw_fd),
        _ => -1,
    }
}

/// As in xpc/xpc.h: what cannot be duplicated is not inserted.
#[unsafe(no_mangle)]
pub extern "C" fn xpc_dictionary_set_fd(object: *mut Object, key: *const c_char, descriptor: c_int) {
    if descriptor < 0 {
        return;
    }
    // SAFETY: it is duplicated, which fails when it is not open.
    let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
    if let Ok(own) = rustix::io::fcntl_dupfd_cloexec(descriptor, 0) {
        debug_assert!(own.as_raw_fd() >= 0);
        set(object, key, Ref::new(Kind::Descriptor(own)));
    }
}

/// As in xpc/xpc.h.
#[unsafe(no_mangle)]
pub extern "C" fn xpc_dictionary_set_value(object: *mut Object, key: *const c_char, value: *mut Object) {
    set(object, key, Ref::to(value));
}
