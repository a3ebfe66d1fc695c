//! CFPreferences: the value of a key in a domain, and whether a profile imposes it (P63).
#![expect(unsafe_code, reason = "CFPreferences has a C interface only")]

use super::Preference;
use core_foundation::{
    base::{CFType, TCFType},
    propertylist,
    string::CFString,
};
use core_foundation_sys::{
    preferences::{CFPreferencesAppSynchronize, CFPreferencesAppValueIsForced, CFPreferencesCopyAppValue},
    propertylist::kCFPropertyListBinaryFormat_v1_0,
};
use std::io::Cursor;

/// Forgets what is cached of `domain`, so that a profile that has just come is seen.
pub fn refresh(domain: &str) {
    let domain = CFString::new(domain);
    // SAFETY: a live string. It fails when something of ours could not be written, and we write nothing.
    unsafe { CFPreferencesAppSynchronize(domain.as_concrete_TypeRef()) };
}

/// The preference `key` of `domain` in all its places; `None` when nobody set it.
#[must_use]
pub fn find(key: &str, domain: &str) -> Option<Preference> {
    let (key, domain) = (CFString::new(key), CFString::new(domain));
    // Value and origin are no snapshot: a profile may come or go in between, so the origin is asked before and after.
    for _ in 0..3 {
        let before = is_forced(&key, &domain);
        let value = copy(&key, &domain);
        let after = is_forced(&key, &domain);
        if before == after {
            return Some(Preference { value: value?, is_forced: before });
        }
    }
    Some(Preference { value: copy(&key, &domain)?, is_forced: is_forced(&key, &domain) })
}

fn is_forced(key: &CFString, domain: &CFString) -> bool {
    // SAFETY: two live strings.
    unsafe { CFPreferencesAppValueIsForced(key.as_concrete_TypeRef(), domain.as_concrete_TypeRef()) != 0 }
}

fn copy(key: &CFString, domain: &CFString) -> Option<plist::Value> {
    // SAFETY: two live strings.
    let value = unsafe { CFPreferencesCopyAppValue(key.as_concrete_TypeRef(), domain.as_concrete_TypeRef()) };
    if value.is_null() {
        return None;
    }
    // SAFETY: not null, and a "Copy" function gives us the reference to release.
    let value = unsafe { CFType::wrap_under_create_rule(value) };
    let bytes = propertylist::create_data(value.as_CFTypeRef(), kCFPropertyListBinaryFormat_v1_0).ok()?;
    plist::Value::from_reader(Cursor::new(bytes.bytes())).ok()
}
