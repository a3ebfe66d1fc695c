//! libFuzzer at the door `signed_program`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::signed_program(bytes));
