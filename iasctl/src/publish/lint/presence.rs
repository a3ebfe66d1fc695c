//! Whether a Mac can tell that the item is there already (T37–T40, T89).

use super::{finding::Findings, item::text};
use plist::{Dictionary, Value};

/// Any of these decides.
const DECIDING: [&str; 2] = ["installcheck_script", "version_script"];

/// Without a way to tell, Munki takes the item for installed and never installs it.
pub(super) fn check(content: &Dictionary, findings: &mut Findings<'_>) {
    let entries =
        |key: &str| content.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let (installs, receipts) = (entries("installs"), entries("receipts"));
    let on_demand = content.get("OnDemand").and_then(Value::as_boolean) == Some(true);
    let scripted = DECIDING.iter().any(|key| text(content, key).is_some());
    if installs.is_empty() && receipts.is_empty() && !on_demand && !scripted {
        findings.error(
            "installs",
            "none, and no receipts, installcheck_script, version_script or OnDemand: it counts as installed everywhere and never runs",
        );
    }
    for key in ["installs", "receipts"] {
        if content.get(key).is_some_and(|value| value.as_array().is_none()) {
            findings.error(key, "must be a list of dictionaries");
        }
    }
    for (place, entry) in installs.iter().enumerate() {
        match entry.as_dictionary() {
            Some(entry) => installed(entry, &format!("installs[{place}]"), findings),
            None => findings.error(format!("installs[{place}]"), "must be a dictionary"),
        }
    }
    for (place, entry) in receipts.iter().enumerate() {
        match entry.as_dictionary() {
            Some(entry) => receipt(entry, &format!("receipts[{place}]"), findings),
            None => findings.error(format!("receipts[{place}]"), "must be a dictionary"),
        }
    }
}

fn installed(entry: &Dictionary, place: &str, findings: &mut Findings<'_>) {
    let has_path = match text(entry, "path") {
        Some(path) if !path.starts_with('/') => {
            findings.error(format!("{place}.path"), format!("{path} must begin with `/`"));
            true
        }
        path => path.is_some(),
    };
    match text(entry, "type") {
        Some("application") => {
            let named = ["CFBundleIdentifier", "CFBundleName"].iter().any(|key| text(entry, key).is_some());
            if !has_path && !named {
                findings.error(place, "needs a path, a CFBundleIdentifier or a CFBundleName to be found by");
            }
            versioned(entry, place, findings);
        }
        Some(kind @ ("bundle" | "plist")) => {
            if !has_path {
                findings.error(format!("{place}.path"), format!("is missing: a {kind} is found by its path"));
            }
            versioned(entry, place, findings);
        }
        Some("file") => {
            if !has_path {
                findings.error(format!("{place}.path"), "is missing: a file is found by its path");
            }
            let is_md5 = |sum: &str| sum.len() == 32 && sum.bytes().all(|byte| byte.is_ascii_hexdigit());
            if entry.get("md5checksum").is_some_and(|sum| !sum.as_string().is_some_and(is_md5)) {
                findings.error(format!("{place}.md5checksum"), "must be 32 hexadecimal digits");
            }
        }
        Some(kind) => {
            findings.error(
                format!("{place}.type"),
                format!("{kind} is none of application, bundle, plist, file"),
            );
        }
        None => findings.error(format!("{place}.type"), "is missing: application, bundle, plist or file"),
    }
}

/// An application, bundle or plist is compared by a version, which must be there.
fn versioned(entry: &Dictionary, place: &str, findings: &mut Findings<'_>) {
    let key = text(entry, "version_comparison_key").unwrap_or("CFBundleShortVersionString");
    if text(entry, key).is_none() {
        findings.error(format!("{place}.{key}"), "is missing: there is no version to compare with");
    }
}

fn receipt(entry: &Dictionary, place: &str, findings: &mut Findings<'_>) {
    if entry.get("optional").and_then(Value::as_boolean) == Some(true) {
        return;
    }
    if text(entry, "packageid").is_none() {
        findings.error(format!("{place}.packageid"), "is missing");
    }
    if text(entry, "version").is_none() {
        findings.error(format!("{place}.version"), "is missing: there is no version to compare with");
    }
}
