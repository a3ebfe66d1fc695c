//! libFuzzer at the door `ipc_frame`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::ipc_frame(bytes));
