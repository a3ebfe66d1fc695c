//! Munki: what manifests want installed becomes titles, which the same repository serves.

use super::{
    carried::{Carried, objects},
    document::Document,
    format::is_catalog,
};
use crate::control_text::Keys;
use serde_json::{Map, Value, json};
use shared::item::Phase;
use std::collections::BTreeSet;

/// What is wanted on every Mac at its first start, when nobody has logged in yet.
const PHASE: Phase = Phase::SetupAssistant;
/// Deeper ones include each other.
const DEEPEST: usize = 32;
const OTHERS: [(&str, &str); 7] = [
    ("optional_installs", "the user chooses them in Managed Software Center, also later"),
    ("featured_items", "the user chooses them in Managed Software Center"),
    ("managed_updates", "installed only where they are there already; on a new Mac they are not"),
    ("managed_uninstalls", "titles can be installed, not removed"),
    ("display_name", "only says how something looks"),
    ("notes", "only for the admin"),
    ("user", "only for the admin"),
];

/// Takes over what the manifests say; the catalogs among the files are looked into, not taken over.
pub(super) fn carry(documents: &[&Document], carried: &mut Carried<'_>) {
    let (catalogs, manifests): (Vec<&Document>, Vec<&Document>) =
        documents.iter().partition(|document| is_catalog(&document.root));
    let included: BTreeSet<&str> =
        manifests.iter().flat_map(|manifest| includes(&manifest.root)).map(last).collect();
    // One that another one includes comes in its place there.
    let mut roots: Vec<&Document> =
        manifests.iter().copied().filter(|manifest| !included.contains(manifest.name.as_str())).collect();
    if roots.is_empty() {
        roots.extend(manifests.first());
    }
    let mut reading =
        Reading { manifests: &manifests, catalogs: &catalogs, carried, titles: BTreeSet::new() };
    for root in roots {
        reading.manifest(root, &[], &mut Vec::new());
    }
}

fn includes(manifest: &Value) -> impl Iterator<Item = &str> {
    texts(manifest.get("included_manifests"))
}

/// Manifests may lie in folders; files are told apart by their names.
fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn texts(list: Option<&Value>) -> impl Iterator<Item = &str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

struct Reading<'r, 'a> {
    manifests: &'r [&'r Document],
    catalogs: &'r [&'r Document],
    carried: &'r mut Carried<'a>,
    /// Those that are listed already.
    titles: BTreeSet<String>,
}

/// Where in a file something stands, and which catalogs hold there.
struct Place<'p> {
    file: &'p str,
    key: String,
    catalogs: &'p [String],
    /// The architecture an item is left out on.
    skip_if: Option<&'static str>,
}

impl Reading<'_, '_> {
    /// A manifest: first what it includes, as Munki does. `path` are those that led here.
    fn manifest(&mut self, manifest: &Document, inherited: &[String], path: &mut Vec<String>) {
        let Some(keys) = manifest.root.as_object() else { return };
        path.push(manifest.name.clone());
        let own: Vec<String> = texts(keys.get("catalogs")).map(str::to_owned).collect();
        let catalogs = if own.is_empty() { inherited.to_vec() } else { own };
        let file = manifest.file.as_str();
        for (index, name) in includes(&manifest.root).enumerate() {
            let known = self.manifests.iter().copied().find(|other| other.name == last(name));
            match known.filter(|known| !path.contains(&known.name) && path.len() < DEEPEST) {
                Some(known) => self.manifest(known, &catalogs, path),
                None => {
                    let why = if known.is_some() {
                        format!("{name}: it includes itself")
                    } else {
                        format!("{name}: that manifest is not among the files given")
                    };
                    self.carried.lose_item(file, format!("included_manifests[{index}]"), why);
                }
            }
        }
        let place = Place { file, key: String::new(), catalogs: &catalogs, skip_if: None };
        self.lists(keys, &place);
        path.pop();
    }

    /// What is wanted there, or under a condition there.
    fn lists(&mut self, keys: &Map<String, Value>, place: &Place<'_>) {
        for (condition, inner) in objects(keys, "conditional_items") {
            let key = format!("{}{condition}", place.key);
            let words = inner.get("condition").and_then(Value::as_str).unwrap_or_default();
            match architecture(words) {
                Some(skip_if) => {
                    let key = format!("{key}.");
                    self.lists(inner, &Place { key, skip_if: Some(skip_if), ..*place });
                }
                None => {
                    let why = format!(
                        "under the condition {words:?}: only those for one architecture can be said, with skip_if"
                    );
                    self.carried.lose_item(place.file, key, why);
                }
            }
        }
        for list in ["managed_installs", "default_installs"] {
            for (index, name) in texts(keys.get(list)).enumerate() {
                self.title(name, &format!("{}{list}[{index}]", place.key), place);
            }
        }
        let taken = [
            "catalogs",
            "condition",
            "conditional_items",
            "default_installs",
            "included_manifests",
            "managed_installs",
        ];
        let is_empty = |value: &Value| match value {
            Value::Array(elements) => elements.is_empty(),
            Value::String(text) => text.is_empty(),
            _ => false,
        };
        let said = keys.iter().filter(|(_, value)| !is_empty(value));
        let said = said.map(|(key, value)| (key.clone(), value.clone())).collect();
        self.carried.lose_rest((place.file, place.key.trim_end_matches('.')), &said, &taken, &[], &OTHERS);
    }

    fn title(&mut self, written: &str, key: &str, place: &Place<'_>) {
        let (title, version) = name_and_version(written);
        if !self.titles.insert(title.to_owned()) {
            return;
        }
        let mut keys = Keys::new();
        keys.insert("type", "title".into());
        keys.insert("title", title.into());
        if !place.catalogs.is_empty() {
            keys.insert("catalog", json!(place.catalogs));
        }
        if let Some(version) = version {
            keys.insert("version", version.into());
        }
        if let Some(architecture) = place.skip_if {
            keys.insert("skip_if", architecture.into());
        }
        // Munki goes on, whatever fails.
        keys.insert("fail_policy", "failable".into());
        self.carried.add((place.file, key), PHASE, keys);
        if let Some(missing) = self.missing(title, place.catalogs) {
            self.carried.note(place.file, key, format!("{title}: in none of the catalogs given ({missing})"));
        }
    }

    /// The catalogs that were looked into, if there are some and none of them has the title.
    fn missing(&self, title: &str, wanted: &[String]) -> Option<String> {
        let holds = |catalog: &&&Document| wanted.is_empty() || wanted.contains(&catalog.name);
        let searched: Vec<&&Document> = self.catalogs.iter().filter(holds).collect();
        let names = searched.iter().map(|catalog| catalog.name.as_str()).collect::<Vec<_>>().join(", ");
        let is_it = |item: &Value| item.get("name").and_then(Value::as_str) == Some(title);
        let found = searched
            .iter()
            .any(|catalog| catalog.root.as_array().is_some_and(|items| items.iter().any(is_it)));
        (!searched.is_empty() && !found).then_some(names)
    }
}

/// `Firefox-128.0` and `Firefox--128.0` want that version, as in Munki.
fn name_and_version(written: &str) -> (&str, Option<&str>) {
    for separator in ["--", "-"] {
        if let Some((name, version)) = written.rsplit_once(separator)
            && version.starts_with(|c: char| c.is_ascii_digit())
        {
            return (name, Some(version));
        }
    }
    (written, None)
}

/// The architecture on which items under this condition are left out; `None`: it says something else.
fn architecture(condition: &str) -> Option<&'static str> {
    let words: Vec<&str> = condition.split_whitespace().collect();
    let ["arch", "==" | "=", value] = *words.as_slice() else { return None };
    match value.trim_matches(['"', '\'']) {
        "arm64" => Some("x86_64"),
        "x86_64" => Some("arm64"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_versions_are_split_as_munki_splits_them() {
        let vectors = [
            ("Firefox", ("Firefox", None)),
            ("Firefox-128.0", ("Firefox", Some("128.0"))),
            ("Firefox--128.0-b1", ("Firefox", Some("128.0-b1"))),
            ("setting-login-window", ("setting-login-window", None)),
            ("Java-8-update", ("Java-8-update", None)),
        ];
        for (written, expected) in vectors {
            assert_eq!(name_and_version(written), expected);
        }
        assert_eq!(architecture("arch == \"arm64\""), Some("x86_64"));
        assert_eq!(architecture("arch == 'x86_64'"), Some("arm64"));
        assert_eq!(architecture("os_vers BEGINSWITH \"10.9\""), None);
    }
}
