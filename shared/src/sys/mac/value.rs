//! A property list of CoreFoundation as a plain value.

use core_foundation::{
    base::{CFType, TCFType},
    propertylist,
};
use core_foundation_sys::propertylist::kCFPropertyListBinaryFormat_v1_0;
use std::io::Cursor;

/// `None` when it is no property list.
pub(super) fn plain(value: &CFType) -> Option<plist::Value> {
    let bytes = propertylist::create_data(value.as_CFTypeRef(), kCFPropertyListBinaryFormat_v1_0).ok()?;
    plist::Value::from_reader(Cursor::new(bytes.bytes())).ok()
}
