//! Whether this Mac may have a package at all: its processor and its system (section 3 of the platform spec).

use super::Mac;
use shared::{facts::Arch, flat_package::FlatPackage, version};
use std::cmp::Ordering;

/// What a Mac has when Rosetta is installed.
const ROSETTA: &str = "Library/Apple/usr/share/rosetta/rosetta";

/// Remarks about a package this Mac may have; or what `installer` prints when it may not.
pub(super) fn check<R>(package: &FlatPackage<R>, mac: Mac<'_>) -> Result<Vec<String>, Vec<String>> {
    let Some(product) = &package.distribution else {
        // `installer` ignores what a bare component package demands of the system.
        return Ok(Vec::new());
    };
    let mut notes = Vec::new();
    let architectures: Vec<&str> = product.architectures.iter().map(String::as_str).collect();
    let has_rosetta = mac.root.symlink_metadata(ROSETTA).is_ok();
    match mac.arch {
        Arch::Arm64 if architectures.contains(&"arm64") || has_rosetta => {}
        Arch::Arm64 if architectures.is_empty() => {
            notes.push(
                "This package does not say that it supports Apple silicon: its scripts need Rosetta.".into(),
            );
        }
        Arch::Arm64 if architectures.iter().any(|name| matches!(*name, "x86_64" | "i386")) => {
            return Err(disabled("Rosetta 2 is required to install this package."));
        }
        Arch::X86_64 if architectures.is_empty() || architectures.contains(&"x86_64") => {}
        Arch::X86_64 if architectures.contains(&"i386") => {}
        Arch::Arm64 | Arch::X86_64 => {
            return Err(disabled("This package is not supported on the processor of this computer."));
        }
    }
    if product.has_check_scripts {
        notes.push(
            "This package has a check written in JavaScript, which a rehearsal takes as passed.".into(),
        );
    }
    let allows = |range: &shared::flat_package::distribution::SystemRange| {
        let from = |min: &String| version::compare(mac.os_version, min) != Ordering::Less;
        let until = |before: &String| version::compare(mac.os_version, before) == Ordering::Less;
        range.min.as_ref().is_none_or(from) && range.before.as_ref().is_none_or(until)
    };
    if product.systems.is_empty() || product.systems.iter().any(allows) {
        return Ok(notes);
    }
    match product.minimum_system() {
        Some(min) if version::compare(mac.os_version, min) == Ordering::Less => {
            Err(disabled(&format!("macOS version {min} or later is required.")))
        }
        _ => Err(disabled("The version of macOS is too new.")),
    }
}

fn disabled(reason: &str) -> Vec<String> {
    vec!["Cannot install on volume / because it is disabled.".to_owned(), reason.to_owned()]
}
