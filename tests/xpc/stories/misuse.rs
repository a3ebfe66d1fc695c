//! The stand-in is no friend: each misuse that Apple's headers forbid ends the process (P31).
#![expect(unsafe_code, reason = "what the layer's types make impossible")]

use crate::sys::xpc::raw::{
    Object, xpc_connection_activate, xpc_connection_create_mach_service, xpc_dictionary_create,
    xpc_dictionary_get_count, xpc_get_type, xpc_release,
};
use std::{
    os::unix::process::ExitStatusExt,
    process::{Command, Stdio},
    ptr::{null, null_mut},
};

const MISUSE: &str = "XPC_STORY_MISUSE";
const SIGABRT: i32 = 6;

fn dictionary() -> Object {
    // SAFETY: as the header says.
    unsafe { xpc_dictionary_create(null(), null(), 0) }
}

fn connection() -> Object {
    // SAFETY: as the header says.
    unsafe { xpc_connection_create_mach_service(c"misuse".as_ptr(), null_mut(), 2) }
}

/// Not a story of its own: does one thing wrong, in a process of its own.
#[test]
fn one_thing_wrong() {
    let Ok(what) = std::env::var(MISUSE) else { return };
    // SAFETY: none; the stand-in keeps dead objects readable, and says so.
    unsafe {
        match what.as_str() {
            "released twice" => {
                let object = dictionary();
                xpc_release(object);
                xpc_release(object);
            }
            "used after release" => {
                let object = dictionary();
                xpc_release(object);
                xpc_dictionary_get_count(object);
            }
            "released while inactive" => xpc_release(connection()),
            "activated without a handler" => xpc_connection_activate(connection()),
            "not an object" => drop(xpc_get_type(null_mut())),
            _ => drop(xpc_dictionary_get_count(connection())),
        }
    }
}

#[test]
fn p31_the_stand_in_ends_whoever_counts_wrong() {
    for what in [
        "released twice",
        "used after release",
        "released while inactive",
        "activated without a handler",
        "not an object",
        "not a dictionary",
    ] {
        let mut wrong = Command::new(std::env::current_exe().unwrap());
        wrong.args(["--exact", "misuse::one_thing_wrong"]).env(MISUSE, what).env_remove("XPC_STAND_IN_FREES");
        let end = wrong.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert_eq!(end.signal(), Some(SIGABRT), "{what}: {end}");
    }
}
