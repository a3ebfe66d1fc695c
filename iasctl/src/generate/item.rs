//! One item, from the words that ask for it and from the file it is about (R129, R131, R132).

use super::{
    address::Base,
    package::{self, Known},
    words::Words,
};
use crate::{
    control_text::{Dialect, Keys},
    publish::digest_of_file,
};
use serde_json::Value;
use shared::{
    digest::Digest,
    item::{ItemKind, Phase},
    layout::MacPath,
    settings,
};
use std::path::Path;

/// What holds for all items.
pub(super) struct Terms {
    pub(super) base: Option<Base>,
    pub(super) install_path: MacPath,
    pub(super) dialect: Dialect,
}

/// An item, and what the admin should know of it.
pub(super) struct Made {
    pub(super) phase: Phase,
    pub(super) keys: Keys,
    pub(super) warnings: Vec<String>,
}

/// An item in the making.
struct Making<'a> {
    words: &'a Words,
    terms: &'a Terms,
    keys: Keys,
    warnings: Vec<String>,
    problems: Vec<String>,
}

/// Makes the item.
///
/// # Errors
/// Everything that is wrong with its words: `word: problem`.
pub(super) fn make(words: &Words, terms: &Terms) -> Result<Made, Vec<String>> {
    let mut making = Making { words, terms, keys: Keys::new(), warnings: Vec::new(), problems: Vec::new() };
    let phase = making.make();
    let Making { keys, warnings, problems, .. } = making;
    match phase {
        Some(phase) if problems.is_empty() => Ok(Made { phase, keys, warnings }),
        _ => Err(problems),
    }
}

impl Making<'_> {
    fn make(&mut self) -> Option<Phase> {
        let Some(path) = self.words.get("item-path") else {
            self.refuse("item-path", "missing: which file is it about?");
            return None;
        };
        let Some(name) = Path::new(path).file_name().and_then(|name| name.to_str()) else {
            self.refuse("item-path", format!("{path:?} names no file"));
            return None;
        };
        let kind = self.kind(path);
        let phase = self.phase();
        self.put("name", self.words.get("item-name").unwrap_or(name));
        self.hash(Path::new(path));
        let (kind, phase) = (kind?, phase?);
        self.put("type", kind.key());
        self.place(kind, path, name);
        self.address(phase, name);
        self.run_keys(kind);
        if kind == ItemKind::Package {
            self.package_keys(Path::new(path));
        }
        self.keys_of_any();
        if self.terms.dialect == Dialect::Go {
            let nothing = |value: &Value| *value == Value::Bool(false) || *value == 0;
            self.keys.retain(|_, value| !nothing(value));
        }
        Some(phase)
    }

    fn refuse(&mut self, word: &str, problem: impl std::fmt::Display) {
        self.problems.push(format!("{word}: {problem}"));
    }

    fn put(&mut self, key: &'static str, value: impl Into<Value>) {
        self.keys.insert(key, value.into());
    }

    /// The extension decides, and what is written where it does not.
    fn kind(&mut self, path: &str) -> Option<ItemKind> {
        let kinds = ItemKind::ALL.into_iter().filter(|kind| !matches!(kind, ItemKind::App | ItemKind::Title));
        let kinds: Vec<ItemKind> = kinds.collect();
        let expected = || kinds.iter().map(|kind| kind.key()).collect::<Vec<_>>().join(", ");
        let extension = Path::new(path).extension().and_then(|extension| extension.to_str());
        let written = self.words.written("item-type");
        let named = written.and_then(|word| kinds.iter().copied().find(|kind| kind.key() == word));
        match (extension, written, named) {
            // Whatever is written, as in both originals.
            (Some("pkg"), None | Some(""), _) | (Some("pkg"), _, Some(_)) => Some(ItemKind::Package),
            (_, Some(_), Some(kind)) => Some(kind),
            (_, Some(word), None) => {
                self.refuse("item-type", format!("unknown type {word:?} (expected {})", expected()));
                None
            }
            (Some("py" | "sh" | "rb" | "php"), None, _) => Some(ItemKind::RootScript),
            (_, None, _) => {
                let text = format!("missing: the name of {path:?} does not tell (expected {})", expected());
                self.refuse("item-type", text);
                None
            }
        }
    }

    fn phase(&mut self) -> Option<Phase> {
        let Some(word) = self.words.written("item-stage") else { return Some(Phase::Userland) };
        let phase = Phase::ALL.into_iter().find(|phase| phase.key() == word);
        if phase.is_none() {
            let expected = Phase::ALL.map(Phase::key).join(", ");
            self.refuse("item-stage", format!("unknown stage {word:?} (expected {expected})"));
        }
        phase
    }

    /// The digest of the file, or one that is given for a file that is elsewhere.
    fn hash(&mut self, path: &Path) {
        let given = self.words.get("hash").map(|text| text.parse::<Digest>());
        let given = match given {
            Some(Err(_)) => return self.refuse("hash", "expected a SHA-256 of 64 hexadecimal digits"),
            Some(Ok(digest)) => Some(digest),
            None => None,
        };
        match (digest_of_file(path), given) {
            (Ok(found), Some(given)) if found != given => {
                self.refuse("hash", format!("{} has another one: {found}", path.display()));
            }
            (Ok(digest), _) | (Err(_), Some(digest)) => self.put("hash", digest.to_string()),
            (Err(why), None) => {
                self.refuse("item-path", format!("{}: cannot be read: {why}", path.display()))
            }
        }
    }

    fn place(&mut self, kind: ItemKind, path: &str, name: &str) {
        if let Some(file) = self.words.get("file") {
            return self.put("file", file);
        }
        let home = self.terms.install_path.as_str();
        match kind {
            ItemKind::UserScript => self.put("file", format!("{home}/userscripts/{name}")),
            // What is placed is placed where it lies here, as go-installapplications has it.
            ItemKind::RootFile | ItemKind::UserFile if path.starts_with('/') => self.put("file", path),
            ItemKind::RootFile | ItemKind::UserFile => {
                self.refuse("file", "missing: where on the Mac is it placed?");
            }
            _ => self.put("file", format!("{home}/{name}")),
        }
    }

    fn address(&mut self, phase: Phase, name: &str) {
        match (self.words.get("item-url"), &self.terms.base) {
            (Some(url), _) => self.put("url", url),
            (None, Some(base)) => self.put("url", base.of(phase, name)),
            (None, None) => self.refuse("item-url", "missing, and without --base-url none can be made"),
        }
    }

    /// `script-do-not-wait`, as InstallApplications has it: a false word leaves the key out, no word writes `false`.
    fn run_keys(&mut self, kind: ItemKind) {
        let waits = self.boolean("script-do-not-wait");
        match (kind, waits) {
            (ItemKind::RootScript | ItemKind::UserScript, None) => self.put("donotwait", false),
            (ItemKind::RootScript | ItemKind::UserScript, Some(true)) => self.put("donotwait", true),
            (_, Some(true)) => self.idle("script-do-not-wait", "scripts"),
            (_, Some(false) | None) => {}
        }
        if kind == ItemKind::Package {
            return;
        }
        if self.boolean("required") == Some(true) {
            self.idle("required", "packages");
        }
        for word in ["packageid", "version"] {
            if self.words.get(word).is_some() {
                self.idle(word, "packages");
            }
        }
        let skip = self.words.get("pkg-skip-if");
        if skip.is_some_and(|text| settings::value::word(text) != Some(false)) {
            self.idle("pkg-skip-if", "packages");
        }
    }

    fn idle(&mut self, word: &str, only: &str) {
        self.warnings.push(format!("{word}: left out: the generators know it for {only} only"));
    }

    fn package_keys(&mut self, path: &Path) {
        let (id, version) = (self.words.get("packageid"), self.words.get("version"));
        let read = match (id, version) {
            (Some(_), Some(_)) => Ok(Known::default()),
            // It is elsewhere, and its digest was given.
            _ if !path.exists() => Ok(Known::default()),
            _ => package::identify(path),
        };
        match read {
            Err(why) => self.refuse("item-path", why),
            Ok(known) => {
                self.warnings.extend(known.warning);
                for (key, value) in [
                    ("packageid", id.or(known.id.as_deref())),
                    ("version", version.or(known.version.as_deref())),
                ] {
                    if let Some(value) = value {
                        self.keys.insert(key, value.into());
                    }
                }
            }
        }
        self.skip_if();
        let required = self.boolean("required");
        if required == Some(false) {
            return;
        }
        let required = required.unwrap_or_default();
        if self.terms.dialect != Dialect::Go {
            self.put("required", required);
        }
        if self.terms.dialect != Dialect::Ia {
            self.put("pkg_required", required);
        }
    }

    /// Other words are left out, as in InstallApplications, which does not say so.
    fn skip_if(&mut self) {
        match self.words.get("pkg-skip-if") {
            Some(word @ ("intel" | "x86_64" | "apple_silicon" | "arm64")) => self.put("skip_if", word),
            Some(text) if settings::value::word(text) != Some(false) => self.warnings.push(format!(
                "pkg-skip-if: left out: {text:?} is none of intel, x86_64, apple_silicon, arm64"
            )),
            Some(_) | None => {}
        }
    }

    fn keys_of_any(&mut self) {
        for (word, key) in [("retries", "retries"), ("retrywait", "retrywait"), ("timeout", "timeout")] {
            match self.words.get(word).map(str::parse::<u32>) {
                Some(Ok(number)) => self.put(key, number),
                Some(Err(_)) => {
                    let text = self.words.get(word).unwrap_or_default();
                    self.refuse(word, format!("expected a whole number of 0 or more, found {text:?}"));
                }
                None => {}
            }
        }
        for (word, key) in [("fail-policy", "fail_policy"), ("parallel-group", "parallel_group")] {
            if let Some(text) = self.words.get(word) {
                self.put(key, text);
            }
        }
    }

    /// The words of both generators; `None`: absent or empty.
    fn boolean(&mut self, word: &str) -> Option<bool> {
        let text = self.words.get(word)?;
        let value = settings::value::word(text);
        if value.is_none() {
            self.refuse(word, format!("expected true or false, found {text:?}"));
        }
        value
    }
}
