//! The rules about the file that an item installs from (T17, T29–T31, T89).

use super::{
    super::place,
    finding::Findings,
    item::{is_nopkg, text},
};
use plist::{Dictionary, Value};
use std::collections::BTreeMap;

/// The files of `pkgs` with their sizes in bytes.
pub(in crate::publish) type Sizes = BTreeMap<String, u64>;

/// Holds the download of `content` against the rules, and against what is in `pkgs`.
pub(super) fn check(content: &Dictionary, pkgs: &Sizes, findings: &mut Findings<'_>) {
    if is_nopkg(content) {
        return;
    }
    let elsewhere = ["PackageCompleteURL", "PackageURL"].into_iter().find(|key| text(content, key).is_some());
    if let Some(key) = elsewhere
        && text(content, key).is_some_and(|url| !url.starts_with("https://"))
    {
        findings.error(key, "must begin with https://");
    }
    digest(content, findings);
    kind(content, findings);
    let size = content.get("installer_item_size").and_then(Value::as_unsigned_integer);
    let Some(location) = text(content, "installer_item_location") else {
        if elsewhere != Some("PackageCompleteURL") {
            findings.error("installer_item_location", "is missing");
        }
        return;
    };
    if let Err(why) = place::check(location) {
        findings.error("installer_item_location", format!("{location:?} {why}"));
    } else if elsewhere.is_none()
        && let Some(bytes) = located("installer_item_location", location, pkgs, findings)
    {
        let kib = bytes / 1024;
        match size {
            Some(size) if size != kib => findings.error(
                "installer_item_size",
                format!("is {size}, but the file has {kib} KiB ({bytes} bytes)"),
            ),
            Some(_) => {}
            None if content.contains_key("installer_item_size") => {
                findings.error("installer_item_size", "must be an integer, in KiB");
            }
            None => findings.error("installer_item_size", format!("is missing; the file has {kib} KiB")),
        }
    }
    if let Some(location) = text(content, "uninstaller_item_location") {
        located("uninstaller_item_location", location, pkgs, findings);
    }
}

/// What can be installed is told by the end of its name (T34).
fn kind(content: &Dictionary, findings: &mut Findings<'_>) {
    let Some(location) = text(content, "installer_item_location") else { return };
    let copied = text(content, "installer_type") == Some("copy_from_dmg");
    let known: &[&str] = if copied { &[".dmg", ".iso"] } else { &[".pkg", ".mpkg", ".dmg", ".iso"] };
    let lower = location.to_lowercase();
    if !known.iter().any(|ending| lower.ends_with(ending)) {
        let known = known.join(", ");
        findings.error("installer_item_location", format!("{location} does not end in one of {known}"));
    }
}

fn digest(content: &Dictionary, findings: &mut Findings<'_>) {
    match content.get("installer_item_hash").map(Value::as_string) {
        None => findings.error("installer_item_hash", "is missing: no client could tell a forged file"),
        Some(None) => findings.error("installer_item_hash", "must be a string"),
        Some(Some(hash)) if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            findings.error(
                "installer_item_hash",
                format!("{hash:?} is no SHA-256: expected 64 hexadecimal digits"),
            )
        }
        Some(Some(hash)) if hash.bytes().any(|byte| byte.is_ascii_uppercase()) => {
            findings.error("installer_item_hash", "has capital letters; Munki compares it with small ones");
        }
        Some(Some(_)) => {}
    }
}

/// The size of the file at `location`, if it is there by exactly this name.
fn located(key: &str, location: &str, pkgs: &Sizes, findings: &mut Findings<'_>) -> Option<u64> {
    if let Some(bytes) = pkgs.get(location) {
        return Some(*bytes);
    }
    let wanted = place::folded(location);
    match pkgs.keys().find(|other| place::folded(other) == wanted) {
        Some(other) => {
            findings.error(key, format!("{location} is {other} in pkgs: web servers tell the two apart"))
        }
        None => findings.error(key, format!("{location} is not in pkgs")),
    }
    None
}
