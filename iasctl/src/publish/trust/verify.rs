//! Whether an override's parents and processors are still those its author has read (T74, T75): AutoPkg's verdict.

use super::{
    core_processors,
    library::{Folders, Library, Loaded, starts_with_any},
    recipe,
};
use plist::Value;
use serde::Serialize;
use shared::digest::Digest;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// What stands for the digest of a processor that is nowhere; it can be trusted, too.
const NOT_FOUND: &str = "PROCESSOR FILEPATH NOT FOUND";

/// Files of the same name and different content beside several ancestors: AutoPkg takes one of them by chance.
const SEVERAL: &str = "one of several different files";

/// What became of one override.
#[derive(Debug, Serialize)]
pub(in crate::publish) struct Verdict {
    /// As it was asked for.
    pub(in crate::publish) name: String,
    /// Where it is.
    pub(in crate::publish) file: Option<String>,
    /// Whether everything is as its author has read it.
    pub(in crate::publish) trusted: bool,
    /// Why not.
    pub(in crate::publish) reasons: Vec<String>,
}

/// Verifies the override `name`, which is a path, an identifier or a file name.
pub(in crate::publish) fn verify(name: &str, folders: &Folders) -> Verdict {
    let library = Library::new(folders);
    let (file, reasons) = match library.load(name, true) {
        Ok(loaded) => (Some(loaded.path.display().to_string()), judge(&loaded, &library, folders).err()),
        Err(why) => (None, Some(vec![why])),
    };
    Verdict { name: name.to_owned(), file, trusted: reasons.is_none(), reasons: reasons.unwrap_or_default() }
}

fn judge(loaded: &Loaded, library: &Library, folders: &Folders) -> Result<(), Vec<String>> {
    let one = |reason: &str| vec![reason.to_owned()];
    let Some(trust) = &loaded.trust else {
        return Err(if library.is_override(&loaded.path) {
            one("no trust information; read its parents, then run autopkg update-trust-info")
        } else {
            one("it is in no folder of overrides: trust information counts only there; make an override")
        });
    };
    if starts_with_any(&loaded.path, &folders.repos) {
        return Err(one(
            "it is in a repository of somebody else, whose trust information counts for nothing",
        ));
    }
    let (expected, actual) = Expected::read(trust)
        .and_then(|expected| Ok((expected, actual(loaded, library)?)))
        .map_err(|why| vec![why])?;
    let mut reasons = Vec::new();
    differ("processor", &expected.processors, &actual.processors, &mut reasons);
    differ("parent recipe", &expected.parents, &actual.parents, &mut reasons);
    if reasons.is_empty() { Ok(()) } else { Err(reasons) }
}

/// Digests, or what stands for one, by name.
type Digests = BTreeMap<String, String>;

/// Everything that trust is about.
struct Expected {
    processors: Digests,
    parents: Digests,
}

impl Expected {
    fn read(trust: &Value) -> Result<Self, String> {
        let part = |name: &str| {
            let entries = trust.as_dictionary().and_then(|trust| trust.get(name)?.as_dictionary());
            let entries = entries.ok_or_else(|| format!("ParentRecipeTrustInfo has no dictionary {name}"))?;
            let digest = |(key, entry): (&String, &Value)| {
                let digest = entry.as_dictionary().and_then(|entry| entry.get("sha256_hash")?.as_string());
                let digest = digest.ok_or_else(|| format!("ParentRecipeTrustInfo: {key} has no sha256_hash"));
                Ok((key.clone(), digest?.to_owned()))
            };
            entries.iter().map(digest).collect::<Result<Digests, String>>()
        };
        Ok(Self { processors: part("non_core_processors")?, parents: part("parent_recipes")? })
    }
}

/// What is there now: the parent with all its ancestors, and their processors.
fn actual(loaded: &Loaded, library: &Library) -> Result<Expected, String> {
    let named = loaded.parent.as_deref().ok_or("it names no parent")?;
    let parent = library.load(named, true)?;
    let mut parents = Digests::new();
    for path in parent.parents.iter().chain([&parent.path]) {
        let recipe = library.recipe(path);
        let identifier = recipe.as_ref().and_then(recipe::identifier).unwrap_or_default().to_owned();
        parents.insert(identifier, digest(path));
    }
    let core = core_processors::names();
    let own: BTreeSet<&String> = parent.processors.iter().filter(|name| !core.contains(*name)).collect();
    let processors = own.into_iter().map(|name| {
        let digests: BTreeSet<String> =
            library.processor(name, &parent).iter().map(|file| digest(file)).collect();
        let digest = match digests.len() {
            0 => NOT_FOUND.to_owned(),
            1 => digests.into_iter().next().unwrap_or_default(),
            _ => SEVERAL.to_owned(),
        };
        (name.clone(), digest)
    });
    Ok(Expected { processors: processors.collect(), parents })
}

fn digest(path: &Path) -> String {
    if !path.is_file() {
        return "NOT A FILE".to_owned();
    }
    fs::read(path).map_or_else(|error| error.to_string(), |bytes| Digest::of(&bytes).to_string())
}

fn differ(what: &str, expected: &Digests, actual: &Digests, reasons: &mut Vec<String>) {
    for (name, digest) in expected {
        match actual.get(name) {
            None => reasons.push(format!("{what} {name} was trusted and is no longer used or found")),
            Some(now) if now == NOT_FOUND && digest != NOT_FOUND => {
                reasons.push(format!("{what} {name} cannot be found"));
            }
            Some(now) if now != digest => {
                reasons.push(format!("{what} {name} is not what was trusted: {now} instead of {digest}"));
            }
            Some(_) => {}
        }
    }
    let added = actual.keys().filter(|name| !expected.contains_key(*name));
    reasons.extend(added.map(|name| format!("{what} {name} is new and was never trusted")));
}
