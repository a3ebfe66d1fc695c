//! libFuzzer at the door `control_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::control_file(bytes));
