//! Catalogs of real repositories: every title resolves, or is refused for the reason that its raw property list gives.

use super::*;
use crate::corpus;
use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    fs,
};

/// What comes of a title.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Resolved,
    NothingFits,
    Refused,
    Prerequisite,
    NotInCatalogs,
}

fn kind(outcome: &Result<Step, Refusal>) -> Kind {
    match outcome {
        Ok(_) => Kind::Resolved,
        Err(Refusal::NothingFits(_)) => Kind::NothingFits,
        Err(Refusal::Refused(_)) => Kind::Refused,
        Err(Refusal::Prerequisite(_)) => Kind::Prerequisite,
        Err(Refusal::NotInCatalogs { .. }) => Kind::NotInCatalogs,
        Err(refusal @ Refusal::Repository(_)) => panic!("{refusal}"),
    }
}

/// A catalog as its bytes have it, judged without any of the code under test.
struct Raw(Vec<Dictionary>);

fn string<'a>(keys: &'a Dictionary, key: &str) -> Option<&'a str> {
    keys.get(key)?.as_string().filter(|text| !text.is_empty())
}

/// Numbers by value, and the rest as it is: enough for the versions of systems and of most titles.
fn by_numbers(a: &str, b: &str) -> Option<Ordering> {
    let numbers = |version: &str| -> Option<Vec<u64>> {
        let mut numbers: Vec<u64> =
            version.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
        numbers.resize(12, 0);
        Some(numbers)
    };
    Some(numbers(a)?.cmp(&numbers(b)?))
}

impl Raw {
    fn titles(&self) -> BTreeSet<&str> {
        self.0.iter().filter_map(|keys| string(keys, "name")).collect()
    }

    fn fits(keys: &Dictionary, mac: &Mac) -> bool {
        let against = |key: &str| {
            string(keys, key)
                .map(|limit| by_numbers(&mac.os_version, limit).expect("a version of macOS in numbers"))
        };
        let architectures = keys.get("supported_architectures").and_then(Value::as_array);
        let arch_fits = architectures.is_none_or(|all| {
            all.is_empty() || all.iter().any(|arch| arch.as_string() == Some(mac.arch.as_str()))
        });
        against("minimum_os_version").is_none_or(Ordering::is_ge)
            && against("maximum_os_version").is_none_or(Ordering::is_le)
            && arch_fits
            && !keys.contains_key("installable_condition")
    }

    fn fitting<'a>(&'a self, title: &'a str, mac: &'a Mac) -> impl Iterator<Item = &'a Dictionary> {
        self.0.iter().filter(move |keys| string(keys, "name") == Some(title) && Self::fits(keys, mac))
    }

    /// Whether the keys of an item are such that it can be carried out.
    fn is_sound(keys: &Dictionary) -> bool {
        let kind = string(keys, "installer_type");
        let location = string(keys, "installer_item_location").unwrap_or_default();
        let ends = |with: &[&str]| with.iter().any(|with| location.to_lowercase().ends_with(with));
        let hash = string(keys, "installer_item_hash").unwrap_or_default();
        let fetched = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        let at_home = !keys.contains_key("PackageURL") && !keys.contains_key("PackageCompleteURL");
        match kind {
            Some("nopkg") => true,
            Some("copy_from_dmg") => {
                let copied = keys.get("items_to_copy").and_then(Value::as_array);
                fetched && at_home && copied.is_some_and(|all| !all.is_empty())
            }
            None => fetched && at_home && ends(&[".pkg", ".mpkg", ".dmg", ".iso"]),
            Some(_) => false,
        }
    }

    fn expected(&self, title: &str, chosen: &Dictionary, mac: &Mac, path: &mut Vec<String>) -> Kind {
        if !Self::is_sound(chosen) {
            return Kind::Refused;
        }
        let requires = chosen.get("requires").and_then(Value::as_array).cloned().unwrap_or_default();
        path.push(title.to_owned());
        let had = requires.iter().filter_map(Value::as_string).all(|required| {
            let newest = self.fitting(required, mac).max_by(|a, b| {
                let version = |keys| string(keys, "version").unwrap_or_default();
                by_numbers(version(a), version(b)).expect("what is required has a version in numbers")
            });
            !path.iter().any(|known| known == required)
                && newest.is_some_and(|keys| self.expected(required, keys, mac, path) == Kind::Resolved)
        });
        path.pop();
        if had { Kind::Resolved } else { Kind::Prerequisite }
    }
}

fn macs() -> Vec<Mac> {
    let of = |(arch, version): (Arch, &str)| Mac { arch, os_version: version.to_owned() };
    [
        (Arch::Arm64, "15.1.1"),
        (Arch::Arm64, "11.7.10"),
        (Arch::X86_64, "10.15.7"),
        (Arch::X86_64, "10.9"),
        (Arch::X86_64, "10.6.8"),
    ]
    .map(of)
    .to_vec()
}

#[test]
fn every_title_of_real_catalogs_resolves_or_is_refused_for_its_reason() {
    let mut counts: BTreeMap<Kind, usize> = BTreeMap::new();
    let files = corpus::files("munki-catalog");
    for file in &files {
        let bytes = fs::read(file).unwrap();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let read = Catalog::read("production", &bytes).unwrap_or_else(|why| panic!("{name}: {why}"));
        let raw = Raw(plist::from_bytes(&bytes).unwrap());
        assert_eq!(raw.0.len(), read.items.len() + read.strangers.len(), "{name}");
        let catalogs = catalogs([read]);
        for (mac, title) in
            macs().iter().flat_map(|mac| raw.titles().into_iter().map(move |title| (mac, title)))
        {
            let quiet = Wish { updates: false, ..wish(title) };
            let parts = resolve(&[(id(0), quiet)], &catalogs, mac, &terms()).parts;
            let outcome = &parts.last().expect("a part for each wish").outcome;
            *counts.entry(kind(outcome)).or_default() += 1;
            let here = format!("{name}: {title} on {mac:?}: {outcome:?}");
            if raw.fitting(title, mac).next().is_none() {
                assert_eq!(kind(outcome), Kind::NothingFits, "{here}");
                continue;
            }
            let expected: BTreeSet<Kind> = newest(&raw, title, mac)
                .into_iter()
                .map(|keys| raw.expected(title, keys, mac, &mut Vec::new()))
                .collect();
            assert!(expected.contains(&kind(outcome)), "{here}: expected {expected:?}");
            if let Ok(step) = outcome {
                let versions = newest(&raw, title, mac);
                let is_newest = |keys: &&Dictionary| {
                    order::trimmed(string(keys, "version").unwrap_or_default()) == step.version
                };
                assert!(versions.iter().any(is_newest), "{here}");
            }
        }
    }
    println!("{counts:?}");
    assert!(
        files.is_empty()
            || [Kind::Resolved, Kind::NothingFits, Kind::Refused]
                .iter()
                .all(|kind| counts.contains_key(kind))
    );
}

/// The items of a title that no other one that fits is newer than, as far as numbers tell.
fn newest<'a>(raw: &'a Raw, title: &'a str, mac: &'a Mac) -> Vec<&'a Dictionary> {
    let newer = |a: &Dictionary, b: &Dictionary| {
        let version = |keys| string(keys, "version").unwrap_or_default();
        by_numbers(version(a), version(b)) == Some(Ordering::Greater)
    };
    let beaten = |keys: &Dictionary| raw.fitting(title, mac).any(|other| newer(other, keys));
    raw.fitting(title, mac).filter(|keys| !beaten(keys)).collect()
}

#[test]
fn real_pkginfos_are_items_of_a_catalog_whatever_they_hold() {
    for file in corpus::files("munki-pkginfo") {
        let Ok(value) = plist::from_file::<_, Value>(&file) else { continue };
        let catalog = catalog("production", vec![value]);
        assert!(catalog.strangers.is_empty(), "{}: {:?}", file.display(), catalog.strangers);
        let title = catalog.items[0].name.clone();
        let catalogs = catalogs([catalog]);
        for mac in macs() {
            let parts = resolve(&[(id(0), wish(&title))], &catalogs, &mac, &terms()).parts;
            assert!(!matches!(&parts[0].outcome, Err(Refusal::NotInCatalogs { .. })), "{}", file.display());
        }
    }
}
