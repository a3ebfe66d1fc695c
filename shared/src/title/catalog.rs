//! Catalogs: read from the bytes a repository serves, with an index of their titles (T3, T20).

use super::{letters, order, pkginfo::Pkginfo};
use crate::{
    digest::Digest,
    property_list::{self, name_of},
};
use plist::Value;
use std::collections::BTreeMap;

/// The largest catalog that is read, in bytes.
pub const MAX_BYTES: usize = 64 << 20;
/// How much a catalog may unfold to.
const MAX_UNFOLDED: usize = 2 * MAX_BYTES;

/// All catalogs of a run, by name.
#[derive(Debug, Clone, Default)]
pub struct Catalogs(pub BTreeMap<String, Catalog>);

/// One catalog.
#[derive(Debug, Clone)]
pub struct Catalog {
    /// Its name.
    pub name: String,
    /// Of the bytes it was read from.
    pub digest: Digest,
    /// Its items, as they stand in it.
    pub items: Vec<Pkginfo>,
    /// Entries that are no pkginfos; clients pass over them.
    pub strangers: Vec<Stranger>,
    /// For each name the places of its items, the newest first.
    named: BTreeMap<String, Vec<usize>>,
    /// For each text in an `update_for` the places of the items that have it.
    updates: BTreeMap<String, Vec<usize>>,
}

/// An entry of a catalog that is no pkginfo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranger {
    /// Its place in the catalog, from 0.
    pub index: usize,
    /// How it calls itself, if it does.
    pub name: Option<String>,
    /// What is wrong with it.
    pub problem: String,
}

impl Catalog {
    /// Reads the bytes of a catalog.
    ///
    /// # Errors
    /// Why they are none. An item that is wrong does not make the catalog wrong.
    pub fn read(name: &str, bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > MAX_BYTES {
            return Err(format!("it has {} bytes, the limit is {MAX_BYTES}", bytes.len()));
        }
        let entries = match property_list::read::<MAX_UNFOLDED>(bytes)? {
            Value::Array(entries) => entries,
            other => return Err(format!("a catalog is an array of pkginfos, this is {}", name_of(&other))),
        };
        Ok(Self::of(name, Digest::of(bytes), entries))
    }

    /// The catalog that has these entries.
    #[must_use]
    pub fn of(name: &str, digest: Digest, entries: Vec<Value>) -> Self {
        let (mut items, mut strangers) = (Vec::with_capacity(entries.len()), Vec::new());
        for (index, entry) in entries.into_iter().enumerate() {
            let called =
                entry.as_dictionary().and_then(|keys| keys.get("name")?.as_string()).map(str::to_owned);
            match Pkginfo::of(entry) {
                Ok(item) => items.push(item),
                Err(problem) => strangers.push(Stranger { index, name: called, problem }),
            }
        }
        let mut named: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let mut updates: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, item) in items.iter().enumerate() {
            named.entry(item.key()).or_default().push(index);
            for updated in item.texts("update_for").unwrap_or_default() {
                updates.entry(letters::composed(updated).into_owned()).or_default().push(index);
            }
        }
        let version = |index: &usize| items.get(*index).map_or("", |item| &item.version);
        for places in named.values_mut() {
            // Stable: of the same version the one that stands first.
            places.sort_by(|a, b| order::compare(version(b), version(a)));
        }
        Self { name: name.to_owned(), digest, items, strangers, named, updates }
    }

    /// All versions of a title, the newest first.
    pub fn versions(&self, name: &str) -> impl Iterator<Item = &Pkginfo> {
        self.at(self.named.get(&*letters::composed(name)))
    }

    /// Whether it has any version of a title.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.named.contains_key(&*letters::composed(name))
    }

    /// The items whose `update_for` has this text, as they stand in the catalog (T44).
    pub(super) fn updates_for(&self, updated: &str) -> impl Iterator<Item = &Pkginfo> {
        self.at(self.updates.get(&*letters::composed(updated)))
    }

    /// The names of all titles, each once.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named.values().filter_map(|places| Some(self.items.get(*places.first()?)?.name.as_str()))
    }

    fn at<'a>(&'a self, places: Option<&'a Vec<usize>>) -> impl Iterator<Item = &'a Pkginfo> {
        places.into_iter().flatten().filter_map(|index| self.items.get(*index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(items: &str) -> Result<Catalog, String> {
        Catalog::read("production", format!("<plist><array>{items}</array></plist>").as_bytes())
    }

    fn item(name: &str, version: &str) -> String {
        format!("<dict><key>name</key><string>{name}</string><key>version</key>{version}</dict>")
    }

    fn versions(catalog: &Catalog, name: &str) -> Vec<String> {
        catalog.versions(name).map(|item| item.version.clone()).collect()
    }

    #[test]
    fn t20_names_are_found_as_unicode_has_them_and_versions_stand_trimmed_and_newest_first() {
        let items = [
            item("Cafe\u{301}", "<string>1.9.0.0</string>"),
            item("Café", "<string>1.10</string>"),
            item("café", "<string>2</string>"),
        ];
        let catalog = read(&items.concat()).unwrap();
        assert_eq!(versions(&catalog, "Café"), ["1.10", "1.9"]);
        assert_eq!(versions(&catalog, "Cafe\u{301}"), ["1.10", "1.9"]);
        assert!(!catalog.has("CAFÉ"));
        assert_eq!(catalog.names().count(), 2);
    }

    #[test]
    fn t20_items_without_name_or_version_are_kept_as_notes() {
        let items = [
            item("A", "<string>1</string>"),
            item("B", "<real>1.0</real>"),
            "<dict><key>name</key><string>C</string></dict>".to_owned(),
            "<string>D</string>".to_owned(),
        ];
        let catalog = read(&items.concat()).unwrap();
        assert_eq!(catalog.names().collect::<Vec<_>>(), ["A"]);
        let told: Vec<(usize, Option<&str>, &str)> =
            catalog.strangers.iter().map(|it| (it.index, it.name.as_deref(), it.problem.as_str())).collect();
        let expected = [
            (1, Some("B"), "its version is a real number, not a string"),
            (2, Some("C"), "it has no version"),
            (3, None, "it is a string, not a dictionary"),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn t3_a_catalog_is_an_array() {
        let why = Catalog::read("a", b"<plist><dict/></plist>").unwrap_err();
        assert_eq!(why, "a catalog is an array of pkginfos, this is a dictionary");
        assert!(read("").unwrap().items.is_empty());
    }

    #[test]
    fn a_binary_catalog_is_the_same_catalog() {
        let xml = format!("<plist><array>{}</array></plist>", item("A", "<string>1</string>"));
        let mut binary = Vec::new();
        plist::from_bytes::<Value>(xml.as_bytes()).unwrap().to_writer_binary(&mut binary).unwrap();
        let catalog = Catalog::read("a", &binary).unwrap();
        assert_eq!(versions(&catalog, "A"), ["1"]);
        assert_eq!(catalog.digest, Digest::of(&binary));
    }
}
