//! libFuzzer at the door `settings_plist`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::settings_plist(bytes));
