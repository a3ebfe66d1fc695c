//! The block runtime: copies to the heap, counts, disposes (clang, "Block Implementation Specification").

use crate::{
    misuse,
    object::{Object, born, died},
};
use std::{
    alloc::{Layout, alloc, dealloc},
    ffi::{c_int, c_ulong, c_void},
    ptr::NonNull,
    sync::atomic::{AtomicUsize, Ordering},
};

#[repr(C)]
struct Literal {
    class: *const Class,
    flags: c_int,
    reserved: c_int,
    invoke: unsafe extern "C" fn(*mut Literal, *mut Object),
    descriptor: *const Descriptor,
}

#[repr(C)]
struct Descriptor {
    reserved: c_ulong,
    size: c_ulong,
    copy: unsafe extern "C" fn(*mut c_void, *const c_void),
    dispose: unsafe extern "C" fn(*const c_void),
}

/// What a block is, by its address.
#[repr(C)]
pub struct Class([usize; 32]);

/// Blocks on the stack.
#[unsafe(no_mangle)]
pub static _NSConcreteStackBlock: Class = Class([0; 32]);
/// Blocks on the heap.
static HEAP: Class = Class([1; 32]);
/// Blocks that were freed.
static FREED: Class = Class([2; 32]);

const HAS_COPY_DISPOSE: c_int = 1 << 25;
/// Before a block on the heap: its count.
const HEADER: usize = 16;

fn layout(size: c_ulong) -> Layout {
    Layout::from_size_align(HEADER + usize::try_from(size).unwrap(), 16).unwrap()
}

/// As in Block.h.
///
/// # Safety
/// A block, as the ABI lays it out.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _Block_copy(block: *const c_void) -> *mut c_void {
    // SAFETY: the caller's promise; everything below follows from the layout of blocks.
    unsafe {
        let from = block.cast::<Literal>();
        if (*from).class == &raw const HEAP {
            (*block.cast::<u8>().sub(HEADER).cast::<AtomicUsize>()).fetch_add(1, Ordering::Relaxed);
            return block.cast_mut();
        }
        if (*from).class != &raw const _NSConcreteStackBlock || (*from).flags & HAS_COPY_DISPOSE == 0 {
            misuse("something that is no block");
        }
        let size = (*(*from).descriptor).size;
        let memory = alloc(layout(size));
        memory.cast::<AtomicUsize>().write(AtomicUsize::new(1));
        let copy = memory.add(HEADER);
        std::ptr::copy_nonoverlapping(block.cast::<u8>(), copy, usize::try_from(size).unwrap());
        (*copy.cast::<Literal>()).class = &raw const HEAP;
        ((*(*from).descriptor).copy)(copy.cast(), block);
        born();
        copy.cast()
    }
}

/// As in Block.h.
///
/// # Safety
/// A block that `_Block_copy` gave, with a reference to give back.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _Block_release(block: *const c_void) {
    // SAFETY: the caller's promise.
    unsafe {
        let literal = block.cast::<Literal>().cast_mut();
        if (*literal).class != &raw const HEAP {
            misuse("a block was released that is not on the heap");
        }
        let memory = block.cast::<u8>().sub(HEADER).cast_mut();
        if (*memory.cast::<AtomicUsize>()).fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        ((*(*literal).descriptor).dispose)(block);
        (*literal).class = &raw const FREED;
        dealloc(memory, layout((*(*literal).descriptor).size));
    }
    died();
}

/// One reference to a block.
pub(crate) struct BlockRef(NonNull<c_void>);

// SAFETY: blocks given to libxpc are called from any thread; their count is atomic.
unsafe impl Send for BlockRef {}
// SAFETY: as above.
unsafe impl Sync for BlockRef {}

impl BlockRef {
    pub(crate) fn copy(block: *mut c_void) -> Self {
        let Some(_) = NonNull::new(block) else { misuse("NULL instead of a block") };
        // SAFETY: whoever passes a block to the library passes one.
        Self(NonNull::new(unsafe { _Block_copy(block) }).unwrap())
    }

    pub(crate) fn call(&self, object: *mut Object) {
        let block = self.0.as_ptr().cast::<Literal>();
        // SAFETY: the block is on the heap and ours.
        unsafe { ((*block).invoke)(block, object) }
    }
}

impl Clone for BlockRef {
    fn clone(&self) -> Self {
        Self::copy(self.0.as_ptr())
    }
}

impl Drop for BlockRef {
    fn drop(&mut self) {
        // SAFETY: gives back the reference taken above.
        unsafe { _Block_release(self.0.as_ptr()) }
    }
}
