//! Reference counted objects, and what happens to those who count wrong.

use crate::{connection::Inner, dictionary::Dictionary, misuse};
use std::{
    ffi::c_void,
    mem::ManuallyDrop,
    os::fd::OwnedFd,
    ptr::NonNull,
    sync::{
        Arc, Condvar, LazyLock, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

/// What every object begins with while it lives.
const LIVE: u64 = 0x1a5_0b1e_c7a1_17e5;
/// What is left of one that does not.
const DEAD: u64 = 0xdead_0b1e_c70f_f1ce;
/// The count of those that nobody owns.
const IMMORTAL: usize = usize::MAX;

/// Anything that libxpc hands out.
#[repr(C)]
pub struct Object {
    life: AtomicU64,
    count: AtomicUsize,
    pub(crate) kind: ManuallyDrop<Kind>,
}

pub(crate) enum Kind {
    Dictionary(Dictionary),
    Data(Vec<u8>),
    Descriptor(OwnedFd),
    Connection(Arc<Inner>),
    /// An array, a string, shared memory, an endpoint: things that the layer never looks into.
    Foreign(u8),
    Error,
}

impl Object {
    const fn immortal() -> Self {
        Self {
            life: AtomicU64::new(LIVE),
            count: AtomicUsize::new(IMMORTAL),
            kind: ManuallyDrop::new(Kind::Error),
        }
    }
}

/// The types, told apart by their addresses.
#[repr(C)]
pub struct Type(u8);

macro_rules! globals {
    ($kind:ty, $value:expr, $($name:ident)*) => { $(
        #[doc = "A constant of libxpc."]
        #[unsafe(no_mangle)]
        pub static $name: $kind = $value;
    )* };
}

globals!(Type, Type(1), _xpc_type_connection _xpc_type_dictionary _xpc_type_data _xpc_type_fd _xpc_type_error
    _xpc_type_array);
globals!(Object, Object::immortal(), _xpc_error_connection_interrupted _xpc_error_connection_invalid
    _xpc_error_termination_imminent _xpc_error_peer_code_signing_requirement);

/// How many objects and blocks live.
static ALIVE: LazyLock<(Mutex<usize>, Condvar)> = LazyLock::new(Default::default);

/// How many objects and blocks have not been released.
pub fn alive() -> usize {
    *ALIVE.0.lock().unwrap()
}

pub(crate) fn born() {
    *ALIVE.0.lock().unwrap() += 1;
}

pub(crate) fn died() {
    *ALIVE.0.lock().unwrap() -= 1;
    ALIVE.1.notify_all();
}

/// Waits until no more than `few` live, for as long as `patience`; gives how many do.
pub(crate) fn wait_for(few: usize, patience: std::time::Duration) -> usize {
    let guard = ALIVE.0.lock().unwrap();
    *ALIVE.1.wait_timeout_while(guard, patience, |alive| *alive > few).unwrap().0
}

/// One reference.
pub(crate) struct Ref(NonNull<Object>);

// SAFETY: the count is atomic and what it guards is `Sync`.
unsafe impl Send for Ref {}
// SAFETY: as above.
unsafe impl Sync for Ref {}

impl Ref {
    pub(crate) fn new(kind: Kind) -> Self {
        born();
        let object =
            Object { life: AtomicU64::new(LIVE), count: AtomicUsize::new(1), kind: ManuallyDrop::new(kind) };
        Self(NonNull::from(Box::leak(Box::new(object))))
    }

    /// A reference of its own to a borrowed object.
    pub(crate) fn to(object: *mut Object) -> Self {
        retain(object);
        Self(NonNull::new(object).unwrap())
    }

    pub(crate) fn error(error: &'static Object) -> Self {
        Self(NonNull::from(error))
    }

    pub(crate) fn as_ptr(&self) -> *mut Object {
        self.0.as_ptr()
    }

    pub(crate) fn kind(&self) -> &Kind {
        look(self.as_ptr())
    }

    /// Gives the reference to a caller of the library.
    pub(crate) fn give(self) -> *mut Object {
        ManuallyDrop::new(self).as_ptr()
    }
}

impl Clone for Ref {
    fn clone(&self) -> Self {
        Self::to(self.as_ptr())
    }
}

impl Drop for Ref {
    fn drop(&mut self) {
        release(self.as_ptr());
    }
}

/// A living object, or the end of the process.
fn living<'a>(object: *mut Object) -> &'a Object {
    // SAFETY: objects are never given back to the allocator unless asked for, so that even a dead one can be read.
    match unsafe { object.as_ref() } {
        None => misuse("NULL instead of an object"),
        Some(object) => match object.life.load(Ordering::Acquire) {
            LIVE => object,
            DEAD => misuse("an object was used after its last reference"),
            _ => misuse("something that is no object"),
        },
    }
}

pub(crate) fn look<'a>(object: *mut Object) -> &'a Kind {
    &living(object).kind
}

fn retain(object: *mut Object) {
    let object = living(object);
    if object.count.load(Ordering::Relaxed) != IMMORTAL {
        object.count.fetch_add(1, Ordering::Relaxed);
    }
}

fn release(object: *mut Object) {
    let found = living(object);
    if found.count.load(Ordering::Relaxed) == IMMORTAL || found.count.fetch_sub(1, Ordering::AcqRel) > 1 {
        return;
    }
    if let Kind::Connection(connection) = &*found.kind {
        connection.check_release();
    }
    found.life.store(DEAD, Ordering::Release);
    // SAFETY: that was the last reference, and `kind` is dropped once: the object is dead from here on.
    unsafe { ManuallyDrop::drop(&mut (*object).kind) };
    // A tool that watches memory sees a use after free better when memory is freed.
    if std::env::var_os("XPC_STAND_IN_FREES").is_some() {
        // SAFETY: `Ref::new` leaked it from a box.
        drop(unsafe { Box::from_raw(object) });
    }
    died();
}

/// As in xpc/xpc.h.
#[unsafe(no_mangle)]
pub extern "C" fn xpc_retain(object: *mut Object) -> *mut Object {
    retain(object);
    object
}

/// As in xpc/xpc.h.
#[unsafe(no_mangle)]
pub extern "C" fn xpc_release(object: *mut Object) {
    release(object);
}

/// As in xpc/xpc.h.
#[unsafe(no_mangle)]
pub extern "C" fn xpc_get_type(object: *mut Object) -> *const Type {
    match look(object) {
        Kind::Dictionary(_) => &raw const _xpc_type_dictionary,
        Kind::Data(_) => &raw const _xpc_type_data,
        Kind::Descriptor(_) => &raw const _xpc_type_fd,
        Kind::Connection(_) => &raw const _xpc_type_connection,
        Kind::Foreign(_) => &raw const _xpc_type_array,
        Kind::Error => &raw const _xpc_type_error,
    }
}

/// As in xpc/xpc.h, for no values.
#[unsafe(no_mangle)]
pub extern "C" fn xpc_array_create(_: *const c_void, _: usize) -> *mut Object {
    Ref::new(Kind::Foreign(0)).give()
}

/// As in xpc/xpc.h.
#[unsafe(no_mangle)]
pub extern "C" fn xpc_string_create(_: *const c_void) -> *mut Object {
    Ref::new(Kind::Foreign(1)).give()
}

/// As in xpc/xpc.h.
#[unsafe(no_mangle)]
pub extern "C" fn xpc_uuid_create(_: *const c_void) -> *mut Object {
    Ref::new(Kind::Foreign(2)).give()
}

/// As in xpc/xpc.h.
#[unsafe(no_mangle)]
pub extern "C" fn xpc_shmem_create(_: *mut c_void, _: usize) -> *mut Object {
    Ref::new(Kind::Foreign(3)).give()
}

/// As in xpc/xpc.h, but it leads nowhere.
#[unsafe(no_mangle)]
pub extern "C" fn xpc_endpoint_create(_: *mut Object) -> *mut Object {
    Ref::new(Kind::Foreign(4)).give()
}
