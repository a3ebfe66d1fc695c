//! The rules one pkginfo must keep by itself (T89).

use super::{finding::Findings, presence};
use plist::{Dictionary, Value};

/// The scripts a pkginfo can hold.
const SCRIPTS: [&str; 8] = [
    "installcheck_script",
    "version_script",
    "preinstall_script",
    "postinstall_script",
    "uninstallcheck_script",
    "preuninstall_script",
    "postuninstall_script",
    "uninstall_script",
];

/// Holds `content` against the rules that need nothing but itself.
pub(super) fn check(content: &Dictionary, findings: &mut Findings<'_>) {
    names(content, findings);
    method(content, findings);
    presence::check(content, findings);
    systems(content, findings);
    for key in SCRIPTS {
        match content.get(key).map(Value::as_string) {
            None => {}
            Some(None) => findings.error(key, "must be a string"),
            // Munki trims nothing: the kernel looks at the first two bytes (T47).
            Some(Some(script)) if script.starts_with("#!") => {}
            Some(Some(_)) => {
                findings
                    .error(key, "does not begin with `#!`, so it cannot be started; begin with #!/bin/sh");
            }
        }
    }
    if content.contains_key("installable_condition") {
        findings.warning(
            "installable_condition",
            "iasd cannot evaluate conditions and refuses the item; use minimum_os_version or supported_architectures",
        );
    }
}

/// A text that is not empty.
pub(super) fn text<'a>(content: &'a Dictionary, key: &str) -> Option<&'a str> {
    content.get(key).and_then(Value::as_string).filter(|text| !text.is_empty())
}

fn names(content: &Dictionary, findings: &mut Findings<'_>) {
    for key in ["name", "version"] {
        if text(content, key).is_none() {
            findings.error(key, "must be a string that is not empty; write numbers as <string>1.0</string>");
        }
    }
    if text(content, "version") == Some("latest") {
        findings.error("version", "`latest` means the newest of all; no item may be called so");
    }
    if let Some((name, version)) = text(content, "name").and_then(split) {
        findings.error(
            "name",
            format!(
                "ends like a version: Munki takes it for version {version} of `{name}`; call it otherwise"
            ),
        );
    }
    let named = content.get("catalogs").and_then(Value::as_array);
    match named {
        Some(named) if named.iter().all(|name| name.as_string().is_some_and(|name| !name.is_empty())) => {
            if named.is_empty() {
                findings.warning("catalogs", "is empty: no client sees the item");
            }
        }
        _ => findings.error("catalogs", "must be a list of strings"),
    }
}

/// Name and version, where Munki would split them (T21).
pub(super) fn split(name: &str) -> Option<(&str, &str)> {
    let cut = |separator: &str| {
        let (name, version) = name.rsplit_once(separator)?;
        version.starts_with(|first: char| first.is_ascii_digit()).then_some((name, version))
    };
    cut("--").or_else(|| cut("-"))
}

/// Whether there is nothing to download.
pub(super) fn is_nopkg(content: &Dictionary) -> bool {
    text(content, "installer_type") == Some("nopkg")
}

fn method(content: &Dictionary, findings: &mut Findings<'_>) {
    match content.get("installer_type").map(|kind| (kind, kind.as_string())) {
        None | Some((_, Some("" | "pkg_install" | "nopkg"))) => {}
        Some((_, Some("copy_from_dmg"))) => items_to_copy(content, findings),
        Some((_, Some("stage_os_installer"))) => {
            findings.error("installer_type", "stage_os_installer: iasd does not upgrade macOS");
        }
        Some((_, Some(kind))) if is_retired(kind) => {
            findings
                .error("installer_type", format!("{kind} is no longer supported by anything; repackage it"));
        }
        Some((_, Some(kind))) => findings.error("installer_type", format!("{kind} is unknown")),
        Some((_, None)) => findings.error("installer_type", "must be a string"),
    }
}

fn is_retired(kind: &str) -> bool {
    kind.starts_with("Adobe")
        || ["startosinstall", "profile", "appdmg", "apple_update_metadata"].contains(&kind)
}

fn items_to_copy(content: &Dictionary, findings: &mut Findings<'_>) {
    let items = content.get("items_to_copy").and_then(Value::as_array).filter(|items| !items.is_empty());
    let Some(items) = items else {
        findings
            .error("items_to_copy", "is missing: copy_from_dmg would copy nothing and call that a success");
        return;
    };
    for (place, item) in items.iter().enumerate() {
        let key = |key: &str| format!("items_to_copy[{place}].{key}");
        let Some(item) = item.as_dictionary() else {
            findings.error(format!("items_to_copy[{place}]"), "must be a dictionary");
            continue;
        };
        if text(item, "source_item").is_none() {
            findings.error(key("source_item"), "is missing");
        }
        let whole = text(item, "destination_item").is_some_and(|name| name.starts_with('/'));
        match text(item, "destination_path") {
            Some("/") => findings.error(key("destination_path"), "`/` is no folder for an application"),
            Some(path) if path.starts_with('/') => {}
            Some(_) => findings.error(key("destination_path"), "must begin with `/`"),
            None if whole => {}
            None => {
                findings.error(key("destination_path"), "is missing, as is a whole path in destination_item")
            }
        }
    }
}

fn systems(content: &Dictionary, findings: &mut Findings<'_>) {
    for key in ["minimum_os_version", "maximum_os_version", "minimum_munki_version"] {
        if content.get(key).is_some_and(|value| value.as_string().is_none()) {
            findings.error(key, "must be a string; a number such as 10.10 would lose its last zero");
        }
    }
    if let Some(maximum) = text(content, "maximum_os_version").filter(|maximum| !maximum.contains('.')) {
        findings.error(
            "maximum_os_version",
            format!("{maximum} excludes {maximum}.1 and everything above it; write {maximum}.99"),
        );
    }
    let Some(architectures) = content.get("supported_architectures") else { return };
    let known = |value: &Value| matches!(value.as_string(), Some("arm64" | "x86_64"));
    if !architectures.as_array().is_some_and(|list| list.iter().all(known)) {
        // Only `i386` is found in the wild; it excludes every Mac of today.
        findings.warning(
            "supported_architectures",
            "should list arm64, x86_64 or both: nothing else is a Mac of today",
        );
    }
}
