//! CFPreferences: the value of a key in a domain, and whether a profile imposes it (P63).
#![expect(unsafe_code, reason = "CFPreferences has a C interface only")]

use super::{Preference, value::plain};
use core_foundation::{
    base::{CFType, TCFType},
    string::CFString,
};
use core_foundation_sys::{
    preferences::{
        CFPreferencesAppSynchronize, CFPreferencesAppValueIsForced, CFPreferencesCopyAppValue,
        CFPreferencesCopyValue, kCFPreferencesAnyHost, kCFPreferencesAnyUser, kCFPreferencesCurrentHost,
        kCFPreferencesCurrentUser,
    },
    propertylist::CFPropertyListRef,
};

/// Forgets what is cached of `domain`, so that a profile that has just come is seen.
pub fn refresh(domain: &str) {
    let domain = CFString::new(domain);
    // SAFETY: a live string. It fails when something of ours could not be written, and we write nothing.
    unsafe { CFPreferencesAppSynchronize(domain.as_concrete_TypeRef()) };
}

/// The preference `key` of `domain`; `None` when nobody set it.
#[must_use]
pub fn find(key: &str, domain: &str) -> Option<Preference> {
    let (key, domain) = (CFString::new(key), CFString::new(domain));
    // Origin and value are no snapshot: a profile may come or go in between, so the origin is asked before and after.
    for _ in 0..3 {
        let is_forced = forced(&key, &domain);
        let value = if is_forced { imposed(&key, &domain) } else { local(&key, &domain) };
        if forced(&key, &domain) == is_forced {
            return Some(Preference { value: value?, is_forced });
        }
    }
    Some(Preference { value: imposed(&key, &domain)?, is_forced: forced(&key, &domain) })
}

fn forced(key: &CFString, domain: &CFString) -> bool {
    // SAFETY: two live strings.
    unsafe { CFPreferencesAppValueIsForced(key.as_concrete_TypeRef(), domain.as_concrete_TypeRef()) != 0 }
}

/// The strongest value there is.
fn imposed(key: &CFString, domain: &CFString) -> Option<plist::Value> {
    // SAFETY: two live strings; the result is ours to release.
    unsafe { owned(CFPreferencesCopyAppValue(key.as_concrete_TypeRef(), domain.as_concrete_TypeRef())) }
}

/// What root set, or else what was set for everybody. The places are asked one by one, because the search of macOS goes
/// on in the global domain, where a word such as `Debug` belongs to others.
fn local(key: &CFString, domain: &CFString) -> Option<plist::Value> {
    // SAFETY: constants of the framework, initialised before any code of ours runs.
    let places = unsafe {
        let (root, everybody) = (kCFPreferencesCurrentUser, kCFPreferencesAnyUser);
        let (here, anywhere) = (kCFPreferencesCurrentHost, kCFPreferencesAnyHost);
        [(root, here), (root, anywhere), (everybody, here), (everybody, anywhere)]
    };
    let (key, domain) = (key.as_concrete_TypeRef(), domain.as_concrete_TypeRef());
    // SAFETY: live strings and constants; the result is ours to release.
    places
        .into_iter()
        .find_map(|(user, host)| unsafe { owned(CFPreferencesCopyValue(key, domain, user, host)) })
}

/// The property list `value` as ours; releases it.
///
/// # Safety
/// `value` is null, or a reference that is ours to release.
unsafe fn owned(value: CFPropertyListRef) -> Option<plist::Value> {
    if value.is_null() {
        return None;
    }
    // SAFETY: not null, and the caller gives the reference away.
    plain(&unsafe { CFType::wrap_under_create_rule(value) })
}
