//! The functions of libxpc that are used, declared by hand from its public headers, and the block runtime (P27).
//!
//! Everything here exists since macOS 10.7 (`xpc_connection_activate`: 10.12), so that a program linked against it
//! starts on every Mac it is made for. What came later is looked up by name instead (P28).

use std::ffi::{CStr, c_char, c_int, c_void};

/// Anything of libxpc, only ever behind a pointer.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Opaque {
    _nothing: [u8; 0],
}

/// `xpc_object_t` and `xpc_connection_t`.
pub(crate) type Object = *mut Opaque;

/// `XPC_CONNECTION_MACH_SERVICE_LISTENER`: the caller offers the service.
pub(crate) const LISTENER: u64 = 1;
/// `XPC_CONNECTION_MACH_SERVICE_PRIVILEGED`: only a service of a LaunchDaemon is meant.
pub(crate) const PRIVILEGED: u64 = 2;

unsafe extern "C" {
    /// `XPC_TYPE_CONNECTION`
    pub(crate) safe static _xpc_type_connection: Opaque;
    /// `XPC_TYPE_DICTIONARY`
    pub(crate) safe static _xpc_type_dictionary: Opaque;
    /// `XPC_TYPE_ERROR`
    pub(crate) safe static _xpc_type_error: Opaque;
    /// `XPC_ERROR_CONNECTION_INTERRUPTED`
    pub(crate) safe static _xpc_error_connection_interrupted: Opaque;
    /// `XPC_ERROR_TERMINATION_IMMINENT`
    pub(crate) safe static _xpc_error_termination_imminent: Opaque;
    /// The class of blocks that still lie on the stack.
    pub(crate) safe static _NSConcreteStackBlock: Opaque;

    pub(crate) fn xpc_retain(object: Object) -> Object;
    pub(crate) fn xpc_release(object: Object);
    pub(crate) fn xpc_get_type(object: Object) -> *const Opaque;

    pub(crate) fn xpc_dictionary_create(
        keys: *const *const c_char,
        values: *const Object,
        count: usize,
    ) -> Object;
    pub(crate) fn xpc_dictionary_create_reply(original: Object) -> Object;
    pub(crate) fn xpc_dictionary_get_count(dictionary: Object) -> usize;
    pub(crate) fn xpc_dictionary_get_data(
        dictionary: Object,
        key: *const c_char,
        length: *mut usize,
    ) -> *const c_void;
    pub(crate) fn xpc_dictionary_set_data(
        dictionary: Object,
        key: *const c_char,
        bytes: *const c_void,
        length: usize,
    );
    pub(crate) fn xpc_dictionary_dup_fd(dictionary: Object, key: *const c_char) -> c_int;
    pub(crate) fn xpc_dictionary_set_fd(dictionary: Object, key: *const c_char, descriptor: c_int);

    pub(crate) fn xpc_connection_create_mach_service(
        name: *const c_char,
        queue: *mut c_void,
        flags: u64,
    ) -> Object;
    pub(crate) fn xpc_connection_set_event_handler(connection: Object, handler: *mut c_void);
    pub(crate) fn xpc_connection_activate(connection: Object);
    pub(crate) fn xpc_connection_cancel(connection: Object);
    pub(crate) fn xpc_connection_send_message(connection: Object, message: Object);
    pub(crate) fn xpc_connection_send_message_with_reply(
        connection: Object,
        message: Object,
        queue: *mut c_void,
        handler: *mut c_void,
    );
    pub(crate) fn xpc_connection_get_euid(connection: Object) -> u32;
    pub(crate) fn xpc_connection_get_egid(connection: Object) -> u32;
    pub(crate) fn xpc_connection_get_pid(connection: Object) -> i32;
    pub(crate) fn xpc_connection_get_asid(connection: Object) -> i32;

    pub(crate) fn _Block_copy(block: *const c_void) -> *mut c_void;
    pub(crate) fn _Block_release(block: *const c_void);

    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// `RTLD_DEFAULT`: wherever the running program would find it.
#[cfg(target_vendor = "apple")]
const ANYWHERE: *mut c_void = std::ptr::without_provenance_mut(usize::MAX - 1);
#[cfg(not(target_vendor = "apple"))]
const ANYWHERE: *mut c_void = std::ptr::null_mut();

/// `xpc_connection_set_peer_code_signing_requirement`, macOS 12.
pub(crate) type SetRequirement = unsafe extern "C" fn(Object, *const c_char) -> c_int;

/// The function that demands a signature of the peer, where the running system has it (P28).
pub(crate) fn set_requirement() -> Option<SetRequirement> {
    let found = find(c"xpc_connection_set_peer_code_signing_requirement")?;
    // SAFETY: xpc/connection.h declares the function of this name as
    // `int (xpc_connection_t connection, const char *requirement)`.
    Some(unsafe { std::mem::transmute::<*mut c_void, SetRequirement>(found) })
}

/// `XPC_ERROR_PEER_CODE_SIGNING_REQUIREMENT`, macOS 12: only its address matters.
pub(crate) fn error_peer_requirement() -> Option<*const Opaque> {
    find(c"_xpc_error_peer_code_signing_requirement").map(|found| found.cast_const().cast())
}

/// Where `name` is, if the running system has it.
pub(crate) fn find(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: dlsym(3) reads a string that ends in NUL and accepts `RTLD_DEFAULT` as the library.
    let found = unsafe { dlsym(ANYWHERE, name.as_ptr()) };
    (!found.is_null()).then_some(found)
}
