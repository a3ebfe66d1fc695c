//! The programs as they are linked for Macs: they start on macOS 11, and need nothing that came later (P28, P86).

use std::{collections::BTreeSet, fs, path::Path};
use support::linked::Linked;

/// Every symbol the programs may import: all of them are in macOS 11. Add one only after a look at its header's
/// availability; what is newer is looked up by name at run time.
const ALLOWED: &str = include_str!("imports.txt");

#[test]
fn p86_the_linked_programs_start_on_macos_11() {
    let Some(folder) = std::env::var_os("IAS_MAC_PROGRAMS") else {
        return println!("skipped: IAS_MAC_PROGRAMS names no target folder with programs for Macs");
    };
    let profile = std::env::var("IAS_MAC_PROFILE").unwrap_or_else(|_| "mac".to_owned());
    let allowed: BTreeSet<&str> = ALLOWED.split_whitespace().collect();
    for target in ["aarch64-apple-darwin", "x86_64-apple-darwin"] {
        // Packages hold this one twice; the agent may be linked for itself as well.
        for name in ["iasd", "iasagent"] {
            let path = Path::new(&folder).join(target).join(&profile).join(name);
            if name == "iasagent" && !path.exists() {
                continue;
            }
            let linked = Linked::read(&fs::read(&path).unwrap()).unwrap();
            println!("{target} {name}: {} bytes", fs::metadata(&path).unwrap().len());
            assert_eq!(linked.min_os, 0x000b_0000, "{}: not for macOS 11.0", path.display());
            // Programs that were not optimised ask for all that their crates could ever need.
            let packed = profile == "mac";
            let others: Vec<_> =
                linked.imports.iter().filter(|name| !allowed.contains(name.as_str())).collect();
            assert!(others.is_empty() || !packed, "{}: not in imports.txt: {others:?}", path.display());
            for wanted in ["xpc_connection_create_mach_service", "xpc_connection_activate"] {
                assert!(linked.imports.iter().any(|name| name == wanted), "{}: no {wanted}", path.display());
            }
            assert_eq!(linked.imports.iter().any(|name| name == "_os_log_impl"), name == "iasd");
            let known = ["/usr/lib/", "/System/Library/Frameworks/"];
            let strange =
                linked.libraries.iter().find(|path| !known.iter().any(|known| path.starts_with(known)));
            assert_eq!(strange, None, "{}", path.display());
        }
    }
}

#[test]
fn p86_nothing_newer_than_macos_11_is_allowed() {
    let newer = [
        "xpc_connection_set_peer_code_signing_requirement",
        "xpc_session_create_xpc_service",
        "os_sync_wait_on_address",
    ];
    let allowed: BTreeSet<&str> = ALLOWED.split_whitespace().collect();
    assert!(newer.iter().all(|name| !allowed.contains(name)));
}

#[test]
fn a_program_laid_out_by_hand_is_read() {
    let program = support::macho::program(support::macho::ARM64, 0x000b_0000, b"code");
    let linked = Linked::read(&program).unwrap();
    assert_eq!((linked.min_os, linked.imports.len(), linked.libraries.len()), (0x000b_0000, 0, 0));
    for cut in 0..program.len().min(0x200) {
        // Wherever it ends, reading it ends too.
        let _ = Linked::read(&program[..cut]);
    }
    assert!(Linked::read(b"#!/bin/sh").is_none());
}
