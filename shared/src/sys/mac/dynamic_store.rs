//! configd's dynamic store: who is at the screen, and word when a key changes (P52).
#![expect(unsafe_code, reason = "SystemConfiguration has a C interface only")]

use super::{Unavailable, value::plain};
use core_foundation::{
    array::CFArray,
    base::{CFType, TCFType},
    runloop::{CFRunLoop, CFRunLoopSource, kCFRunLoopDefaultMode},
    string::CFString,
};
use core_foundation_sys::{array::CFArrayRef, base::kCFAllocatorDefault};
use std::{ffi::c_void, ptr, sync::mpsc, thread};
use system_configuration_sys::{
    dynamic_store::{
        SCDynamicStoreContext, SCDynamicStoreCopyValue, SCDynamicStoreCreate,
        SCDynamicStoreCreateRunLoopSource, SCDynamicStoreRef, SCDynamicStoreSetNotificationKeys,
    },
    dynamic_store_copy_specific::SCDynamicStoreCopyConsoleUser,
};

/// The name under which configd knows us.
const SESSION: &str = "ias";

/// Who is at the screen: uid and name, as the login window set them; `None` when nobody is.
///
/// # Errors
/// Never on macOS.
pub fn console_user() -> Result<Option<(u32, String)>, Unavailable> {
    let (mut uid, mut gid) = (0, 0);
    // SAFETY: a null store asks for a temporary session; both pointers are to live integers of the declared type.
    let name = unsafe { SCDynamicStoreCopyConsoleUser(ptr::null(), &raw mut uid, &raw mut gid) };
    if name.is_null() {
        return Ok(None);
    }
    // SAFETY: not null, and a "Copy" function gives us the reference to release.
    let name = unsafe { CFString::wrap_under_create_rule(name) };
    Ok(Some((uid, name.to_string())))
}

/// What is published under `key`; `None` when nothing is.
#[must_use]
pub fn published(key: &str) -> Option<plist::Value> {
    let key = CFString::new(key);
    // SAFETY: a null store asks for a temporary session; the key is a live string.
    let value = unsafe { SCDynamicStoreCopyValue(ptr::null(), key.as_concrete_TypeRef()) };
    if value.is_null() {
        return None;
    }
    // SAFETY: not null, and a "Copy" function gives us the reference to release.
    plain(&unsafe { CFType::wrap_under_create_rule(value) })
}

/// Calls `changed` whenever one of `keys` changes, on a thread of its own, until the process ends.
///
/// # Errors
/// When the store does not answer, or no thread can be started.
pub fn watch(keys: &'static [&'static str], changed: impl Fn() + Send + 'static) -> Result<(), Unavailable> {
    let (tell, begun) = mpsc::channel();
    let thread = thread::Builder::new().name("dynamic store".to_owned()).spawn(move || {
        let source = match subscribe(keys, Box::new(changed)) {
            Ok(source) => source,
            Err(error) => return drop(tell.send(Err(error))),
        };
        // SAFETY: a constant of the framework, initialised before any code of ours runs.
        let mode = unsafe { kCFRunLoopDefaultMode };
        CFRunLoop::get_current().add_source(&source, mode);
        // Our caller waits for it.
        let _ = tell.send(Ok(()));
        CFRunLoop::run_current();
    });
    if thread.is_err() {
        return Err(Unavailable("no thread can be started"));
    }
    begun.recv().unwrap_or(Err(Unavailable("its thread ended")))
}

type Callback = Box<dyn Fn() + Send>;

/// A source of the run loop that calls `changed`. Both live as long as the process.
fn subscribe(keys: &[&str], changed: Callback) -> Result<CFRunLoopSource, Unavailable> {
    let name = CFString::new(SESSION);
    let info = Box::into_raw(Box::new(changed));
    let mut context = SCDynamicStoreContext {
        version: 0,
        info: info.cast::<c_void>(),
        retain: None,
        release: None,
        copyDescription: None,
    };
    // SAFETY: the name is a live string, the context is copied by the call, and `info` is never freed.
    let store = unsafe {
        SCDynamicStoreCreate(
            kCFAllocatorDefault,
            name.as_concrete_TypeRef(),
            Some(on_change),
            &raw mut context,
        )
    };
    if store.is_null() {
        return Err(Unavailable("configd does not answer"));
    }
    let keys: Vec<CFString> = keys.iter().map(|key| CFString::new(key)).collect();
    let keys = CFArray::from_CFTypes(&keys);
    // SAFETY: the store is live, the array holds strings, and no patterns is a documented choice.
    let set = unsafe { SCDynamicStoreSetNotificationKeys(store, keys.as_concrete_TypeRef(), ptr::null()) };
    if set == 0 {
        return Err(Unavailable("configd does not take the keys"));
    }
    // SAFETY: the store is live; the source keeps it so.
    let source = unsafe { SCDynamicStoreCreateRunLoopSource(kCFAllocatorDefault, store, 0) };
    if source.is_null() {
        return Err(Unavailable("configd gives no source of events"));
    }
    // SAFETY: not null, and a "Create" function gives us the reference to release.
    Ok(unsafe { CFRunLoopSource::wrap_under_create_rule(source) })
}

extern "C" fn on_change(_store: SCDynamicStoreRef, _keys: CFArrayRef, info: *mut c_void) {
    // SAFETY: `subscribe` made it from such a box and never frees it; calls come from one thread, one at a time.
    let changed = unsafe { &*info.cast::<Callback>() };
    changed();
}
