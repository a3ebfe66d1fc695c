//! Titles resolved and judged as the rules say.

mod choice;
mod corpus;
mod judgement;
mod relations;
mod safety;
mod survey;

use super::*;
use crate::{
    digest::Digest,
    facts::Arch,
    item::{Blocking, ItemId, Phase, Wanted, Wish},
};
use plist::{Dictionary, Value};

/// The digest of every download.
const DIGITS: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn texts(texts: &[&str]) -> Value {
    Value::Array(texts.iter().copied().map(text).collect())
}

fn dictionary(keys: &[(&str, Value)]) -> Value {
    Value::Dictionary(keys.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
}

/// A package of a title, with more keys, or others; an empty text takes a key away.
fn package(name: &str, version: &str, more: &[(&str, Value)]) -> Value {
    let mut keys = Dictionary::new();
    let usual = [
        ("name", text(name)),
        ("version", text(version)),
        ("installer_item_location", text(&format!("apps/{name}-{version}.pkg"))),
        ("installer_item_hash", text(DIGITS)),
    ];
    for (key, value) in usual.iter().chain(more) {
        match value {
            Value::String(nothing) if nothing.is_empty() => drop(keys.remove(key)),
            value => drop(keys.insert((*key).to_owned(), value.clone())),
        }
    }
    Value::Dictionary(keys)
}

fn catalog(name: &str, items: Vec<Value>) -> Catalog {
    Catalog::of(name, Digest::of(name.as_bytes()), items)
}

fn catalogs(list: impl IntoIterator<Item = Catalog>) -> Catalogs {
    Catalogs(list.into_iter().map(|catalog| (catalog.name.clone(), catalog)).collect())
}

fn production(items: Vec<Value>) -> Catalogs {
    catalogs([catalog("production", items)])
}

fn mac() -> Mac {
    Mac { arch: Arch::Arm64, os_version: "14.4.1".to_owned() }
}

fn terms() -> Terms {
    Terms {
        catalogs: vec!["production".to_owned()],
        hosts: vec!["repo.example".to_owned()],
        allow_untrusted: false,
    }
}

fn wish(title: &str) -> Wish {
    Wish {
        title: title.to_owned(),
        catalogs: Vec::new(),
        version: Wanted::Latest,
        hash: None,
        reinstall: false,
        updates: true,
        confirm: true,
        blocking: Blocking::Wait,
    }
}

fn pinned(title: &str, version: &str) -> Wish {
    Wish { version: Wanted::Exactly(version.to_owned()), ..wish(title) }
}

fn id(index: u32) -> ItemId {
    ItemId::new(Phase::SetupAssistant, index)
}

fn resolved(wishes: &[Wish], catalogs: &Catalogs) -> Vec<Part> {
    let wishes: Vec<(ItemId, Wish)> = (0..).map(id).zip(wishes.iter().cloned()).collect();
    resolve(&wishes, catalogs, &mac(), &terms()).parts
}

/// Resolves one wish that brings nothing along.
fn outcome(wish: Wish, catalogs: &Catalogs) -> Result<Step, Refusal> {
    let mut parts = resolved(&[wish], catalogs);
    assert_eq!(parts.len(), 1, "{parts:?}");
    parts.remove(0).outcome
}

fn step(title: &str, catalogs: &Catalogs) -> Step {
    outcome(wish(title), catalogs).unwrap()
}

/// Why a title cannot be had.
fn refusal(wish: Wish, catalogs: &Catalogs) -> String {
    outcome(wish, catalogs).unwrap_err().to_string()
}

/// Why a package with these keys cannot be had.
fn refused(more: &[(&str, Value)]) -> String {
    refusal(wish("A"), &production(vec![package("A", "1", more)]))
}

/// What an item of a package with these keys becomes.
fn step_with(more: &[(&str, Value)]) -> Step {
    step("A", &production(vec![package("A", "1", more)]))
}
