//! libFuzzer at the door `signed_control_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::signed_control_file(bytes));
