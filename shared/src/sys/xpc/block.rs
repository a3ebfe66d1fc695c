//! Blocks: how libxpc is told what to call, after the published block ABI (clang, "Block Implementation
//! Specification").
//!
//! A block lives on the heap from the beginning, shares one handler among its copies, and lets no panic out: an
//! `extern "C"` frame that is unwound aborts the process, and a peer must not be able to do that (P8).

use super::{
    object::Event,
    raw::{self, Object, Opaque},
};
use std::{
    alloc::{Layout, handle_alloc_error},
    ffi::{c_int, c_ulong, c_void},
    marker::PhantomData,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr::NonNull,
    sync::Arc,
};

/// What a block does. Called on threads of libdispatch: it must not block (P33).
pub(crate) trait Handler: Send + Sync + 'static {
    /// Something happened.
    fn handle(&self, event: Event<'_>);

    /// `handle` panicked: ends whatever it serves.
    fn broke(&self);
}

/// A block that calls an `H`; one reference to it.
pub(crate) struct Block<H> {
    block: NonNull<c_void>,
    handler: PhantomData<Arc<H>>,
}

impl<H: Handler> Block<H> {
    /// A block around `handler`.
    pub(crate) fn new(handler: H) -> Self {
        let handler = Arc::new(handler);
        let literal = Literal::<H> {
            class: &raw const raw::_NSConcreteStackBlock,
            flags: HAS_COPY_DISPOSE,
            reserved: 0,
            invoke: Literal::<H>::invoke,
            descriptor: Literal::<H>::DESCRIPTOR,
            handler: Arc::as_ptr(&handler),
        };
        // SAFETY: Block.h: "Create a heap based copy of a Block or simply add a reference to an existing one". The
        // literal is laid out as the ABI says and calls `copy`, which takes a count of its own on the handler.
        let copy = unsafe { raw::_Block_copy((&raw const literal).cast()) };
        let Some(block) = NonNull::new(copy) else { handle_alloc_error(Layout::new::<Literal<H>>()) };
        Self { block, handler: PhantomData }
    }

    /// For libxpc, which copies what it keeps.
    pub(crate) fn as_ptr(&self) -> *mut c_void {
        self.block.as_ptr()
    }
}

impl<H> Drop for Block<H> {
    fn drop(&mut self) {
        // SAFETY: Block.h: `_Block_release` gives back the one reference that `_Block_copy` gave.
        unsafe { raw::_Block_release(self.block.as_ptr()) }
    }
}

/// The block has helpers that copy and dispose of what it captured.
const HAS_COPY_DISPOSE: c_int = 1 << 25;

/// A block as the ABI lays it out, with one captured pointer.
#[repr(C)]
struct Literal<H> {
    class: *const Opaque,
    flags: c_int,
    reserved: c_int,
    invoke: unsafe extern "C" fn(*mut Literal<H>, Object),
    descriptor: &'static Descriptor,
    /// From [`Arc::as_ptr`]; each copy on the heap owns a count.
    handler: *const H,
}

#[repr(C)]
struct Descriptor {
    reserved: c_ulong,
    size: c_ulong,
    copy: unsafe extern "C" fn(*mut c_void, *const c_void),
    dispose: unsafe extern "C" fn(*const c_void),
}

impl<H: Handler> Literal<H> {
    const DESCRIPTOR: &'static Descriptor = &Descriptor {
        reserved: 0,
        size: size_of::<Self>() as c_ulong,
        copy: Self::copy,
        dispose: Self::dispose,
    };

    unsafe extern "C" fn invoke(this: *mut Self, object: Object) {
        // SAFETY: the ABI passes the block itself as first argument and keeps it for the call; the copy on the heap
        // owns a count on its handler.
        let handler = unsafe { &*(*this).handler };
        let Some(object) = NonNull::new(object) else { return };
        // SAFETY: xpc/connection.h, xpc_connection_set_event_handler: the object is valid while the handler runs.
        let event = unsafe { Event::borrowed(object) };
        if catch_unwind(AssertUnwindSafe(|| handler.handle(event))).is_err() {
            // If this panics too there is nothing left to end.
            let _ = catch_unwind(AssertUnwindSafe(|| handler.broke()));
        }
    }

    unsafe extern "C" fn copy(_: *mut c_void, from: *const c_void) {
        // SAFETY: the ABI calls this when the block at `from` has just been copied bit by bit; its pointer came
        // from `Arc::as_ptr` of a handler that lives.
        unsafe { Arc::increment_strong_count((*from.cast::<Self>()).handler) }
    }

    unsafe extern "C" fn dispose(block: *const c_void) {
        // SAFETY: the ABI calls this once for each copy on the heap, whose count this gives back.
        let handler = unsafe { Arc::from_raw((*block.cast::<Self>()).handler) };
        // What a handler captured may be dropped by anybody, and must not unwind into the runtime either.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(handler)));
    }
}
