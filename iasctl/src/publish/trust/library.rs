//! Where recipes are, and what a recipe and its parents come to: AutoPkg's own way of looking and merging (T75).

use super::{
    super::publisher::expanded,
    recipe::{self, ENDINGS},
};
use plist::{Dictionary, Value};
use std::{
    cell::RefCell,
    collections::HashMap,
    fs,
    path::{Component, Path, PathBuf},
};

/// A recipe with more ancestors leads back to itself.
const MOST_ANCESTORS: usize = 50;

/// The folders with recipes and overrides.
#[derive(Debug, Default)]
pub(in crate::publish) struct Folders {
    /// With overrides.
    pub(in crate::publish) overrides: Vec<PathBuf>,
    /// With recipes: RECIPE_SEARCH_DIRS.
    pub(in crate::publish) search: Vec<PathBuf>,
    /// Repositories of others, added with repo-add: RECIPE_REPOS.
    pub(in crate::publish) repos: Vec<PathBuf>,
}

/// A recipe together with its ancestors.
#[derive(Debug, Clone)]
pub(super) struct Loaded {
    /// Its own file.
    pub(super) path: PathBuf,
    /// The files of its ancestors, the parent first.
    pub(super) parents: Vec<PathBuf>,
    /// The processors of all steps, those of the eldest first.
    pub(super) processors: Vec<String>,
    /// What it trusts; of overrides only.
    pub(super) trust: Option<Value>,
    /// What it names as its parent.
    pub(super) parent: Option<String>,
}

/// Finds recipes, and remembers those it has read.
pub(super) struct Library {
    overrides: Vec<PathBuf>,
    /// Grows: the folder of every recipe that has a parent is looked into as well.
    search: RefCell<Vec<PathBuf>>,
    read: RefCell<HashMap<PathBuf, Option<Dictionary>>>,
}

impl Library {
    pub(super) fn new(folders: &Folders) -> Self {
        let normal = |folders: &[PathBuf]| folders.iter().map(|folder| normal(folder)).collect();
        Self {
            overrides: normal(&folders.overrides),
            search: RefCell::new(normal(&folders.search)),
            read: RefCell::default(),
        }
    }

    /// The recipe called `name`: a path, an identifier or a file name.
    ///
    /// # Errors
    /// It, or one of its parents, is not there or cannot be used.
    pub(super) fn load(&self, name: &str, with_overrides: bool) -> Result<Loaded, String> {
        self.load_within(name, with_overrides, MOST_ANCESTORS)
    }

    fn load_within(&self, name: &str, with_overrides: bool, generations: usize) -> Result<Loaded, String> {
        let Some(generations) = generations.checked_sub(1) else {
            return Err(format!(
                "{name}: has more than {MOST_ANCESTORS} ancestors: one leads back to itself"
            ));
        };
        let path = self.locate(name, with_overrides).ok_or_else(|| self.nowhere(name, with_overrides))?;
        let own = self.recipe(&path).ok_or_else(|| format!("{}: cannot be read", path.display()))?;
        let is_override = with_overrides && self.is_override(&path);
        let trust =
            own.get("ParentRecipeTrustInfo").filter(|trust| is_override && !is_nothing(trust)).cloned();
        let parent = recipe::parent(&own).map(str::to_owned);
        let Some(parent_name) = &parent else {
            let processors = processors(&own, &path, true)?;
            return Ok(Loaded { path, parents: Vec::new(), processors, trust, parent: None });
        };
        if let Some(folder) = path.parent() {
            self.search.borrow_mut().push(folder.to_owned());
        }
        if own.get("Input").and_then(Value::as_dictionary).is_none() {
            return Err(format!("{}: has no dictionary `Input`", path.display()));
        }
        let above = self
            .load_within(parent_name, false, generations)
            .map_err(|why| format!("{}: its parent cannot be used: {why}", path.display()))?;
        let mut all = above.processors;
        all.extend(processors(&own, &path, false)?);
        let parents = std::iter::once(above.path).chain(above.parents).collect();
        Ok(Loaded { path, parents, processors: all, trust, parent })
    }

    fn locate(&self, name: &str, with_overrides: bool) -> Option<PathBuf> {
        let given = normal(Path::new(name));
        if given.is_file() && self.recipe(&given).is_some_and(|recipe| recipe::is_valid(&recipe)) {
            return Some(given);
        }
        let folders = self.folders(with_overrides);
        self.by_identifier(name, &folders).or_else(|| self.by_name(name, &folders))
    }

    /// Where recipes are looked for.
    fn folders(&self, with_overrides: bool) -> Vec<PathBuf> {
        let mut folders = if with_overrides { self.overrides.clone() } else { Vec::new() };
        folders.extend(self.search.borrow().iter().cloned());
        folders
    }

    fn nowhere(&self, name: &str, with_overrides: bool) -> String {
        let folders = self.folders(with_overrides);
        let folders: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
        format!("no recipe {name} is found in {}", folders.join(", "))
    }

    /// The first recipe with this identifier: in the folders, then one level below.
    fn by_identifier(&self, identifier: &str, folders: &[PathBuf]) -> Option<PathBuf> {
        let is_meant = |path: &PathBuf| {
            self.recipe(path).is_some_and(|recipe| recipe::identifier(&recipe) == Some(identifier))
        };
        folders.iter().find_map(|folder| candidates(folder).into_iter().find(is_meant))
    }

    fn by_name(&self, name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
        let name = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name);
        let wanted = ENDINGS.map(|ending| format!("{name}{ending}"));
        let is_meant = |path: &PathBuf| {
            let called = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            wanted.iter().any(|name| name == called)
                && self.recipe(path).is_some_and(|recipe| recipe::is_valid(&recipe))
        };
        folders.iter().find_map(|folder| candidates(folder).into_iter().find(is_meant))
    }

    /// The file of a processor: beside the recipe, beside the recipe whose identifier it names, else beside the ancestors.
    /// Beside those there may be several, and which one AutoPkg takes is chance.
    pub(super) fn processor(&self, processor: &str, of: &Loaded) -> Vec<PathBuf> {
        let (shared_by, name) = match processor.split_once('/') {
            Some((identifier, name)) => (Some(identifier), name),
            None => (None, processor),
        };
        let beside = |file: &Path| file.parent().map(|folder| folder.join(format!("{name}.py")));
        let there = |file: &Path| beside(file).filter(|file| file.exists());
        let shared = || there(&self.by_identifier(shared_by?, &self.search.borrow())?);
        match there(&of.path).or_else(shared) {
            Some(file) => vec![file],
            None => of.parents.iter().filter_map(|file| there(file)).collect(),
        }
    }

    /// Whether a recipe lies in a folder of overrides. As AutoPkg does, the beginnings of the paths are compared as text.
    pub(super) fn is_override(&self, path: &Path) -> bool {
        starts_with_any(path, &self.overrides)
    }

    /// The recipe in `path`, read once.
    pub(super) fn recipe(&self, path: &Path) -> Option<Dictionary> {
        let mut read = self.read.borrow_mut();
        read.entry(path.to_owned()).or_insert_with(|| recipe::read(path).ok()).clone()
    }
}

/// Whether one of `folders` is how `path` begins, as text.
pub(super) fn starts_with_any(path: &Path, folders: &[PathBuf]) -> bool {
    let path = normal(path).to_string_lossy().into_owned();
    folders.iter().any(|folder| path.starts_with(normal(folder).to_string_lossy().as_ref()))
}

/// Python's idea of a value that is as good as none.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Dictionary(entries) => entries.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Boolean(flag) => !flag,
        _ => false,
    }
}

/// The processors of a recipe's own steps.
fn processors(recipe: &Dictionary, path: &Path, needed: bool) -> Result<Vec<String>, String> {
    let malformed = || format!("{}: its `Process` is no list of steps with processors", path.display());
    let Some(steps) = recipe.get("Process") else {
        return if needed { Err(malformed()) } else { Ok(Vec::new()) };
    };
    let name = |step: &Value| Some(step.as_dictionary()?.get("Processor")?.as_string()?.to_owned());
    let steps = steps.as_array().ok_or_else(malformed)?;
    steps.iter().map(|step| name(step).ok_or_else(malformed)).collect()
}

/// What may be a recipe in `folder` and one level below, in the order in which AutoPkg's patterns find it.
fn candidates(folder: &Path) -> Vec<PathBuf> {
    let (own, below) = split(folder);
    let below: Vec<PathBuf> = below.iter().flat_map(|folder| split(folder).0).collect();
    let mut found = Vec::new();
    for files in [own, below] {
        for ending in ENDINGS {
            found.extend(files.iter().filter(|file| file.to_string_lossy().ends_with(ending)).cloned());
        }
    }
    found
}

/// Files and folders in `folder` that are not hidden, as the disk lists them.
fn split(folder: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let Ok(listing) = fs::read_dir(folder) else { return Default::default() };
    let shown = listing.flatten().filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    shown.map(|entry| entry.path()).partition(|path| !path.is_dir())
}

/// The path from the root, without `.`, `..` and `~`.
fn normal(path: &Path) -> PathBuf {
    let path = expanded(path);
    let path = std::env::current_dir().map(|here| here.join(&path)).unwrap_or(path);
    path.components().fold(PathBuf::new(), |mut normal, part| {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
        normal
    })
}
