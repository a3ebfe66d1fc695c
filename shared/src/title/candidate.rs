//! Which version of a title a Mac gets (T22–T25).

use super::{catalog::Catalog, letters, order, pkginfo::Pkginfo, step::Refusal};
use crate::{facts::Arch, item::Wanted, property_list::name_of};
use plist::Value;
use std::{cmp::Ordering, collections::BTreeSet};

/// What of Munki we claim to do (T23).
const MUNKI_LEVEL: &str = "7.0";

/// Why versions do not fit; a catalog may hold any number of them.
const MOST_REASONS: usize = 20;

/// The Mac that titles are resolved for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mac {
    /// Its hardware.
    pub arch: Arch,
    /// Its full version, such as `15.1.1`.
    pub os_version: String,
}

/// The first item that fits, catalog by catalog, the newest version first.
pub(super) fn choose<'a>(
    name: &str,
    wanted: &Wanted,
    searched: &[&'a Catalog],
    mac: &Mac,
) -> Result<(&'a Catalog, &'a Pkginfo), Refusal> {
    let mut reasons: Vec<String> = Vec::new();
    let mut others: Vec<&str> = Vec::new();
    for catalog in searched {
        for item in catalog.versions(name) {
            if matches!(wanted, Wanted::Exactly(version) if order::trimmed(version) != item.version) {
                others.push(&item.version);
                continue;
            }
            match unfit(item, mac) {
                None => return Ok((catalog, item)),
                Some(why) => reasons.push(format!("{} {why}", item.version)),
            }
        }
    }
    if reasons.is_empty() && others.is_empty() {
        return Err(not_in_catalogs(name, searched));
    }
    if let (Wanted::Exactly(version), true) = (wanted, reasons.is_empty()) {
        reasons.push(format!("there is no version {version}, only {}", listed(&others)));
    }
    let mut told = BTreeSet::new();
    reasons.retain(|reason| told.insert(reason.clone()));
    let left_out = reasons.len().saturating_sub(MOST_REASONS);
    if left_out > 0 {
        reasons.truncate(MOST_REASONS);
        reasons.push(format!("and {left_out} more"));
    }
    Err(Refusal::NothingFits(reasons))
}

/// The first few of the versions.
fn listed(versions: &[&str]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<&str> = versions.iter().take(SHOWN).copied().collect();
    let more = if versions.len() > SHOWN { " and older ones" } else { "" };
    format!("{}{more}", shown.join(", "))
}

fn not_in_catalogs(name: &str, searched: &[&Catalog]) -> Refusal {
    let wanted = letters::bare(name);
    let mut similar: Vec<String> = Vec::new();
    for known in searched.iter().flat_map(|catalog| catalog.names()) {
        if similar.len() < 3 && letters::bare(known) == wanted && !similar.iter().any(|other| other == known)
        {
            similar.push(known.to_owned());
        }
    }
    let catalogs = searched.iter().map(|catalog| catalog.name.clone()).collect();
    Refusal::NotInCatalogs { title: name.to_owned(), catalogs, similar }
}

/// Why an item is not for this Mac, as the end of a sentence.
pub(super) fn unfit(item: &Pkginfo, mac: &Mac) -> Option<String> {
    limits(item, mac).unwrap_or_else(|malformed| Some(format!("cannot be judged: {malformed}")))
}

/// A limit that cannot be read is never taken as none, as Munki would.
fn limits(item: &Pkginfo, mac: &Mac) -> Result<Option<String>, String> {
    if item.version == "latest" {
        return Ok(Some("is a word with a meaning of its own, no version".to_owned()));
    }
    if let Some(least) = item.text("minimum_munki_version")?.filter(|least| newer(least, MUNKI_LEVEL)) {
        return Ok(Some(format!(
            "needs Munki {least}, and what is here can do what Munki {MUNKI_LEVEL} can"
        )));
    }
    if let Some(least) = item.text("minimum_os_version")?.filter(|least| newer(least, &mac.os_version)) {
        return Ok(Some(format!("needs macOS {least} or later, this Mac has {}", mac.os_version)));
    }
    if let Some(most) = item.text("maximum_os_version")?.filter(|most| newer(&mac.os_version, most)) {
        return Ok(Some(format!("is for macOS up to {most}, this Mac has {}", mac.os_version)));
    }
    let architectures = item.texts("supported_architectures")?;
    if !architectures.is_empty() && !architectures.contains(&mac.arch.as_str()) {
        let (for_which, arch) = (architectures.join(" and "), mac.arch.as_str());
        return Ok(Some(format!("is for {for_which}, this Mac is {arch}")));
    }
    Ok(match item.keys().get("installable_condition") {
        None => None,
        Some(Value::String(condition)) if condition.trim().is_empty() => None,
        Some(Value::String(_)) => Some("needs a condition we cannot evaluate".to_owned()),
        Some(other) => return Err(format!("installable_condition is {}, not a string", name_of(other))),
    })
}

fn newer(a: &str, b: &str) -> bool {
    order::compare(a, b) == Ordering::Greater
}
