//! From pkginfos to catalogs, by the rules of Munki's makecatalogs and in its words (T91).

use super::{place, repository::Pkginfo};
use plist::{Dictionary, Value};
use shared::title::composed;
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashSet},
};

/// What may be left out.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Leniency {
    /// Items whose files are missing stay in.
    pub(super) force: bool,
    /// Nobody looks whether the files are there.
    pub(super) skip_pkg_check: bool,
}

/// The catalogs of a repository.
#[derive(Debug, Default)]
pub(super) struct Catalogs {
    /// Each by its name; `all` is always among them, and the only one that can be empty.
    pub(super) lists: BTreeMap<String, Vec<Value>>,
    /// What Munki warns of, too.
    pub(super) warnings: Vec<String>,
    /// What kept a file out.
    pub(super) errors: Vec<String>,
}

/// Makes the catalogs of `pkgsinfo`; `pkgs` are the files of that folder.
pub(super) fn build(pkgsinfo: Vec<Pkginfo>, pkgs: &[String], leniency: Leniency) -> Catalogs {
    let pkgs = Pkgs { exact: pkgs.iter().map(|name| composed(name)).collect(), all: pkgs };
    let mut catalogs = Catalogs::default();
    catalogs.lists.insert("all".to_owned(), Vec::new());
    for Pkginfo { file, content } in pkgsinfo {
        match content {
            Ok(content) => catalogs.take(&file, content, &pkgs, leniency),
            Err(why) => catalogs.errors.push(format!("Unexpected error reading {file}: {why}")),
        }
    }
    let names: Vec<&str> = catalogs.lists.keys().map(String::as_str).collect();
    let twins = |name: &&&str| {
        names.iter().any(|other| other != *name && other.to_lowercase() == name.to_lowercase())
    };
    let alike: Vec<&str> = names.iter().filter(twins).copied().collect();
    if !alike.is_empty() {
        catalogs.warnings.push(format!(
            "WARNING: There are catalogs with names that differ only by case. This may cause issues depending on the case-sensitivity of the underlying filesystem: {alike:?}"
        ));
    }
    catalogs
}

impl Catalogs {
    fn take(&mut self, file: &str, mut content: Dictionary, pkgs: &Pkgs<'_>, leniency: Leniency) {
        if !content.contains_key("name") {
            self.warnings.push(format!("WARNING: {file} is missing name key"));
            return;
        }
        content.retain(|key, _| key != "notes" && !key.starts_with('_'));
        let whole = leniency.skip_pkg_check || pkgs.verify(file, &content, &mut self.warnings);
        if !whole && !leniency.force {
            return;
        }
        let named = names(&content);
        let item = Value::Dictionary(content);
        match named {
            None => self.warnings.push(format!("WARNING: {file} has no catalogs array!")),
            Some(named) if named.is_empty() => {
                self.warnings.push(format!("WARNING: {file} has an empty catalogs array!"));
            }
            Some(named) => self.spread(file, &named, &item),
        }
        self.lists.entry("all".to_owned()).or_default().push(item);
    }

    fn spread(&mut self, file: &str, named: &[String], item: &Value) {
        for name in named {
            if let Err(why) = place::check(name) {
                self.errors.push(format!("{file}: catalog name {name:?} {why}"));
            } else {
                self.lists.entry(name.clone()).or_default().push(item.clone());
            }
        }
    }
}

/// The catalogs a pkginfo names; `None` when it does not name them by strings.
fn names(content: &Dictionary) -> Option<Vec<String>> {
    let named = content.get("catalogs")?.as_array()?;
    named.iter().map(|name| name.as_string().map(str::to_owned)).collect()
}

/// The files of `pkgs`.
struct Pkgs<'a> {
    /// As Swift compares texts: however their accents are written.
    exact: HashSet<Cow<'a, str>>,
    all: &'a [String],
}

impl Pkgs<'_> {
    /// Whether the files that a pkginfo names are there.
    fn verify(&self, file: &str, content: &Dictionary, warnings: &mut Vec<String>) -> bool {
        let text = |key: &str| content.get(key).and_then(Value::as_string).unwrap_or_default();
        if ["nopkg", "apple_update_metadata"].contains(&text("installer_type"))
            || !text("PackageCompleteURL").is_empty()
            || !text("PackageURL").is_empty()
        {
            return true;
        }
        let has_uninstaller =
            content.get("uninstaller_item_location").is_some_and(|value| value.as_string().is_some());
        self.has(file, "installer", text("installer_item_location"), warnings)
            && (!has_uninstaller
                || self.has(file, "uninstaller", text("uninstaller_item_location"), warnings))
    }

    fn has(&self, file: &str, what: &str, location: &str, warnings: &mut Vec<String>) -> bool {
        if location.is_empty() {
            warnings.push(format!("WARNING: empty or invalid {what}_item_location in {file}"));
            return false;
        }
        if self.exact.contains(&composed(location)) {
            return true;
        }
        let wanted = place::folded(location);
        match self.all.iter().find(|other| place::folded(other) == wanted) {
            Some(other) => {
                warnings.push(format!("WARNING: {file} refers to {what} item: {location}. The pathname of the item in the repo has different case: {other}. This may cause issues depending on the case-sensitivity of the underlying filesystem."));
                true
            }
            None => {
                warnings.push(format!("WARNING: {file} refers to missing {what} item: {location}"));
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pkginfo(entries: &[(&str, Value)]) -> Pkginfo {
        let content = entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        Pkginfo { file: "pkgsinfo/x.plist".to_owned(), content: Ok(content) }
    }

    fn strings(words: &[&str]) -> Value {
        Value::Array(words.iter().map(|word| Value::from(*word)).collect())
    }

    fn item(location: &str, catalogs: Value) -> Pkginfo {
        pkginfo(&[("name", "A".into()), ("installer_item_location", location.into()), ("catalogs", catalogs)])
    }

    fn sizes(catalogs: &Catalogs) -> Vec<(&str, usize)> {
        catalogs.lists.iter().map(|(name, items)| (name.as_str(), items.len())).collect()
    }

    #[test]
    fn t91_2_without_a_name_it_is_skipped_whatever_else_it_has() {
        let catalogs = build(vec![pkginfo(&[("version", "1".into())])], &[], Leniency::default());
        assert_eq!(catalogs.warnings, ["WARNING: pkgsinfo/x.plist is missing name key"]);
        assert_eq!(sizes(&catalogs), [("all", 0)]);
    }

    #[test]
    fn t91_3_notes_and_private_keys_stay_out_and_unknown_ones_stay_in() {
        let keys = [("name", "A".into()), ("installer_type", "nopkg".into()), ("notes", "secret".into())];
        let more = [("_metadata", true.into()), ("unheard_of", 7.into()), ("catalogs", strings(&["t"]))];
        let catalogs = build(vec![pkginfo(&[keys, more].concat())], &[], Leniency::default());
        let item = catalogs.lists["t"][0].as_dictionary().unwrap();
        assert_eq!(item.keys().collect::<Vec<_>>(), ["name", "installer_type", "unheard_of", "catalogs"]);
    }

    #[test]
    fn t91_4_an_item_whose_file_is_missing_is_left_out_unless_forced() {
        let one = || vec![item("apps/A.pkg", strings(&["t"]))];
        let pkgs = |name: &str| vec![name.to_owned()];
        let lenient = |force, skip_pkg_check| Leniency { force, skip_pkg_check };
        let missing = build(one(), &[], lenient(false, false));
        assert_eq!(
            missing.warnings,
            ["WARNING: pkgsinfo/x.plist refers to missing installer item: apps/A.pkg"]
        );
        assert_eq!(sizes(&missing), [("all", 0)]);
        assert_eq!(sizes(&build(one(), &[], lenient(true, false))), [("all", 1), ("t", 1)]);
        assert!(build(one(), &[], lenient(false, true)).warnings.is_empty());
        let other_case = build(one(), &pkgs("Apps/a.pkg"), lenient(false, false));
        assert!(other_case.warnings[0].contains("has different case: Apps/a.pkg. This may"));
        assert_eq!(sizes(&other_case), [("all", 1), ("t", 1)]);
        assert!(build(one(), &pkgs("apps/A.pkg"), lenient(false, false)).warnings.is_empty());
        let accent = vec![item("Caf\u{e9}.pkg", strings(&["t"]))];
        let accent = build(accent, &pkgs("Cafe\u{301}.pkg"), lenient(false, false));
        assert_eq!(accent.warnings, Vec::<String>::new(), "texts are compared as Swift compares them");
    }

    #[test]
    fn t91_4_an_uninstaller_is_looked_for_too() {
        let keys = [("name", "A".into()), ("installer_item_location", "a".into())];
        let more = [("uninstaller_item_location", "b".into()), ("catalogs", strings(&["t"]))];
        let catalogs =
            build(vec![pkginfo(&[&keys[..], &more].concat())], &["a".to_owned()], Leniency::default());
        assert_eq!(catalogs.warnings, ["WARNING: pkgsinfo/x.plist refers to missing uninstaller item: b"]);
    }

    #[test]
    fn t91_5_catalogs_that_are_no_strings_or_none_leave_the_item_in_all_only() {
        let pkgs = ["a".to_owned()];
        for (named, why) in [
            (strings(&[]), "has an empty catalogs array!"),
            (Value::from("t"), "has no catalogs array!"),
            (Value::Array(vec!["t".into(), 1.into()]), "has no catalogs array!"),
        ] {
            let catalogs = build(vec![item("a", named)], &pkgs, Leniency::default());
            assert_eq!(catalogs.warnings, [format!("WARNING: pkgsinfo/x.plist {why}")]);
            assert_eq!(sizes(&catalogs), [("all", 1)]);
        }
        let catalogs = build(vec![item("a", strings(&["T", "t"]))], &pkgs, Leniency::default());
        assert!(catalogs.warnings[0].ends_with("filesystem: [\"T\", \"t\"]"));
    }

    #[test]
    fn a_catalog_name_that_leads_out_of_the_folder_is_an_error() {
        let catalogs =
            build(vec![item("a", strings(&["../x", "t"]))], &["a".to_owned()], Leniency::default());
        assert_eq!(sizes(&catalogs), [("all", 1), ("t", 1)]);
        assert!(catalogs.errors[0].contains("\"../x\""), "{:?}", catalogs.errors);
    }
}
