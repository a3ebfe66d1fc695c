//! libFuzzer at the door `flat_package`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::flat_package(bytes));
