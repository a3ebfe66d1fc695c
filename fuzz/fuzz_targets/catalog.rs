//! libFuzzer at the door `catalog`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::catalog(bytes));
