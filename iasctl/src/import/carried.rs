//! What could be carried over into a control file, and what could not, with the reasons.

use crate::{
    control_text::{Dialect, Keys, Phases},
    generate::{Base, identify},
    publish::digest_of_file,
};
use serde::Serialize;
use serde_json::{Map, Value};
use shared::{
    control::{self, Context, Severity},
    digest::Digest,
    item::{ItemId, Phase},
    layout::MacPath,
};
use std::{collections::BTreeMap, path::PathBuf};
use url::Url;

/// What was said of the surroundings.
pub(super) struct Terms {
    /// Where files that the other tool brought along will be published.
    pub(super) base: Option<Base>,
    /// Copies of what is downloaded, to take digests from.
    pub(super) files: Option<PathBuf>,
    /// Whether scripts may be written for what was a command.
    pub(super) writes_scripts: bool,
    pub(super) install_path: MacPath,
}

/// How much is not in the control file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Lost {
    /// A whole item.
    Item,
    /// Something of it.
    Key,
    /// Nothing, but the admin has to do something about it.
    Nothing,
}

/// Something that is not in the control file, or not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Loss {
    file: String,
    /// Where it stands in the file.
    key: String,
    lost: Lost,
    why: String,
}

impl Loss {
    pub(super) fn line(&self) -> String {
        let lost = if self.lost == Lost::Nothing { "" } else { "not carried over: " };
        format!("warning: {}: {}: {lost}{}", self.file, self.key, self.why)
    }
}

/// A script that stands for what was a command.
pub(super) struct Script {
    pub(super) phase: Phase,
    pub(super) name: String,
    pub(super) text: String,
}

/// An item, and where it comes from.
struct Item {
    phase: Phase,
    keys: Keys,
    file: String,
    key: String,
}

/// What came of all files.
pub(super) struct Carried<'a> {
    pub(super) terms: &'a Terms,
    items: Vec<Item>,
    pub(super) losses: Vec<Loss>,
    pub(super) scripts: Vec<Script>,
    /// The address of each `file`.
    places: BTreeMap<String, String>,
    /// Keys that only say how something looks, and how often each stands in which file.
    shown: BTreeMap<(String, String), usize>,
}

/// Content that is somewhere: an address or a path, as the other tool has it.
pub(super) struct Content<'a> {
    pub(super) place: &'a str,
    /// What the tool compares it with.
    pub(super) md5: Option<&'a str>,
    pub(super) is_package: bool,
}

impl<'a> Carried<'a> {
    pub(super) fn new(terms: &'a Terms) -> Self {
        let (places, shown) = (BTreeMap::new(), BTreeMap::new());
        Self { terms, items: Vec::new(), losses: Vec::new(), scripts: Vec::new(), places, shown }
    }

    /// An item that comes from this place.
    pub(super) fn add(&mut self, (file, key): (&str, &str), phase: Phase, keys: Keys) {
        self.items.push(Item { phase, keys, file: file.to_owned(), key: key.to_owned() });
    }

    /// The items of the control file.
    pub(super) fn phases(&self) -> Phases {
        let mut phases = Phases::default();
        self.items.iter().for_each(|item| phases.add(item.phase, item.keys.clone()));
        phases
    }

    /// Takes out every item that nothing could be done with, so that the others can be used: what the check refuses of it
    /// is the reason.
    pub(super) fn keep_what_is_sound(&mut self, context: &Context) {
        // Two that contradict each other may be refused one after the other.
        for _ in 0..=self.items.len() {
            let text = self.phases().text(Dialect::Ia);
            let mut refused: BTreeMap<ItemId, String> = BTreeMap::new();
            for finding in control::read(text.as_bytes(), "", context).findings {
                let Some(id) = finding.item.filter(|_| finding.severity == Severity::Error) else { continue };
                let key = finding.key.map(|key| format!("{key}: ")).unwrap_or_default();
                let problem = format!("{key}{}", finding.problem);
                let whole = refused.entry(id).or_default();
                *whole = if whole.is_empty() { problem } else { format!("{whole}; {problem}") };
            }
            if refused.is_empty() {
                return;
            }
            let mut counts: BTreeMap<Phase, u32> = BTreeMap::new();
            for item in std::mem::take(&mut self.items) {
                let count = counts.entry(item.phase).or_default();
                match refused.remove(&ItemId::new(item.phase, *count)) {
                    Some(why) => self.lose_item(&item.file, item.key, why),
                    None => self.items.push(item),
                }
                *count += 1;
            }
        }
    }

    /// Tells that an item is missing.
    pub(super) fn lose_item(&mut self, file: &str, key: impl Into<String>, why: impl Into<String>) {
        self.losses.push(Loss { file: file.to_owned(), key: key.into(), lost: Lost::Item, why: why.into() });
    }

    /// Tells that an item came without something.
    pub(super) fn lose_key(&mut self, file: &str, key: impl Into<String>, why: impl Into<String>) {
        self.losses.push(Loss { file: file.to_owned(), key: key.into(), lost: Lost::Key, why: why.into() });
    }

    /// Tells what is to be done about something that was carried over.
    pub(super) fn note(&mut self, file: &str, key: impl Into<String>, why: impl Into<String>) {
        self.losses.push(Loss {
            file: file.to_owned(),
            key: key.into(),
            lost: Lost::Nothing,
            why: why.into(),
        });
    }

    /// Tells of every key that is left: by the table, or as unknown. `shown` ones are only for the eye.
    pub(super) fn lose_rest(
        &mut self,
        (file, prefix): (&str, &str),
        keys: &Map<String, Value>,
        taken: &[&str],
        shown: &[&str],
        table: &[(&str, &str)],
    ) {
        for key in keys.keys().filter(|key| !taken.contains(&key.as_str())) {
            let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            if shown.contains(&key.as_str()) {
                *self.shown.entry((file.to_owned(), without_numbers(&path))).or_default() += 1;
                continue;
            }
            let names: Vec<&str> = keys.get(key).map(names).unwrap_or_default();
            let names = if names.is_empty() { String::new() } else { format!("{}: ", names.join(", ")) };
            let why = table.iter().find_map(|(known, why)| (known == key).then_some(*why));
            let why = why.unwrap_or("a key that is not known here");
            self.lose_key(file, path, format!("{names}{why}"));
        }
    }

    /// Everything that is told once for many, when all files are through.
    pub(super) fn finish(&mut self) {
        for ((file, key), times) in std::mem::take(&mut self.shown) {
            let often = if times > 1 { format!(", {times} times") } else { String::new() };
            self.lose_key(&file, key, format!("only says how something looks{often}"));
        }
    }

    /// `url`, `file` and, where a copy is at hand, `hash`, `packageid` and `version` of some content.
    ///
    /// # Errors
    /// Why there is no address for it.
    pub(super) fn fetch(
        &mut self,
        (file, key): (&str, &str),
        phase: Phase,
        content: &Content<'_>,
    ) -> Result<Keys, String> {
        let (url, name) = self.address(phase, content.place)?;
        let mut keys = Keys::new();
        let copy = self.terms.files.as_ref().map(|folder| folder.join(&name)).filter(|copy| copy.is_file());
        let shown = |copy: &PathBuf, why: String| format!("{}: {why}", copy.display());
        match &copy {
            Some(copy) => {
                if let Some(expected) = content.md5 {
                    check_md5(copy, expected).map_err(|why| shown(copy, why))?;
                }
                let digest = digest_of_file(copy).map_err(|why| shown(copy, why.to_string()))?;
                keys.insert("hash", digest.to_string().into());
                let known = if content.is_package { identify(copy)? } else { Default::default() };
                keys.extend(known.id.map(|id| ("packageid", id.into())));
                keys.extend(known.version.map(|version| ("version", version.into())));
            }
            None => {
                let why = "no SHA-256 is known, so that HashCheckPolicy Strict refuses the download; \
                           give copies of the files with --copies DIR";
                self.note(file, key, why);
                if content.md5.is_some() {
                    self.lose_key(file, format!("{key} (MD5)"), "only SHA-256 counts here");
                }
            }
        }
        keys.insert("file", self.place(&name, &url).into());
        keys.insert("url", url.into());
        Ok(keys)
    }

    /// The address of content, and the name of its file.
    fn address(&self, phase: Phase, place: &str) -> Result<(String, String), String> {
        if place.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("http")) {
            let url = Url::parse(place).map_err(|why| format!("{place:?} is not a usable URL: {why}"))?;
            let name = url.path_segments().into_iter().flatten().rfind(|segment| !segment.is_empty());
            let name = name.ok_or_else(|| format!("{place:?} names no file"))?;
            return Ok((place.to_owned(), name.replace("%20", " ")));
        }
        let name = place.rsplit('/').find(|part| !part.is_empty()).ok_or("no file is named")?;
        match &self.terms.base {
            Some(base) => Ok((base.of(phase, name), name.to_owned())),
            None => Err(format!(
                "{place:?} lies on the Mac, brought there by something else; publish it and say where with --base-url URL"
            )),
        }
    }

    /// A path below `InstallPath` for the content at `url`: one of its own where names are the same.
    fn place(&mut self, name: &str, url: &str) -> String {
        let home = self.terms.install_path.as_str();
        let names = std::iter::once(name.to_owned()).chain((2..).map(|number| format!("{number}-{name}")));
        for name in names {
            let place = format!("{home}/{name}");
            if self.places.entry(place.to_lowercase()).or_insert_with(|| url.to_owned()) == url {
                return place;
            }
        }
        // The names above never end.
        format!("{home}/{name}")
    }

    /// A script in place of a command: it is written where that is allowed.
    ///
    /// # Errors
    /// What to ask for so that it is.
    pub(super) fn script(&mut self, phase: Phase, label: &str, body: &str) -> Result<Keys, String> {
        let Some(base) = self.terms.base.as_ref().filter(|_| self.terms.writes_scripts) else {
            return Err(
                "a command, no file; with --scripts DIR and --base-url URL it becomes a script".to_owned()
            );
        };
        let fit = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let words: String = label.chars().map(fit).collect();
        let words: Vec<&str> = words.split('-').filter(|word| !word.is_empty()).take(8).collect();
        let name = format!("{:02}-{}.sh", self.scripts.len() + 1, words.join("-"));
        let text = format!("#!/bin/sh\n{body}");
        let url = base.of(phase, &name);
        let mut keys = Keys::new();
        keys.insert("hash", Digest::of(text.as_bytes()).to_string().into());
        keys.insert("file", self.place(&name, &url).into());
        keys.insert("url", url.into());
        keys.insert("type", "rootscript".into());
        self.scripts.push(Script { phase, name, text });
        Ok(keys)
    }
}

fn check_md5(copy: &PathBuf, expected: &str) -> Result<(), String> {
    use md5::Digest as _;
    let bytes = std::fs::read(copy).map_err(|error| error.to_string())?;
    let found: String = md5::Md5::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    if found.eq_ignore_ascii_case(expected.trim()) {
        return Ok(());
    }
    Err(format!("has the MD5 {found}, but {expected} is wanted: it is another file"))
}

/// `Packages[3].Icon` as `Packages[].Icon`.
fn without_numbers(path: &str) -> String {
    let mut inside = false;
    let keep = |c: &char| {
        inside = if *c == '[' { true } else { inside && *c != ']' };
        !inside || *c == '['
    };
    path.chars().filter(keep).collect()
}

/// The texts in a list, which say what is lost with it.
fn names(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// A text in a shell script.
pub(super) fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A text with something in it.
pub(super) fn text<'v>(keys: &'v Map<String, Value>, key: &str) -> Option<&'v str> {
    keys.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
}

/// The elements of an array that are objects, with their places.
pub(super) fn objects<'v>(
    keys: &'v Map<String, Value>,
    key: &str,
) -> impl Iterator<Item = (String, &'v Map<String, Value>)> {
    let elements = keys.get(key).and_then(Value::as_array).into_iter().flatten().enumerate();
    elements.filter_map(move |(index, element)| Some((index, element.as_object()?))).map({
        let key = key.to_owned();
        move |(index, element)| (format!("{key}[{index}]"), element)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_without_numbers_are_the_same() {
        assert_eq!(without_numbers("steps[3].trigger_list[12].icon"), "steps[].trigger_list[].icon");
        assert_eq!(without_numbers("icon"), "icon");
    }

    #[test]
    fn names_that_are_taken_get_a_number() {
        let terms = Terms {
            base: None,
            files: None,
            writes_scripts: false,
            install_path: MacPath::new("/Library/ias").unwrap(),
        };
        let mut carried = Carried::new(&terms);
        assert_eq!(carried.place("a.sh", "https://x/a.sh"), "/Library/ias/a.sh");
        assert_eq!(carried.place("A.sh", "https://y/A.sh"), "/Library/ias/2-A.sh");
        assert_eq!(carried.place("a.sh", "https://x/a.sh"), "/Library/ias/a.sh");
        assert_eq!(shell_quoted("it's"), r"'it'\''s'");
    }
}
