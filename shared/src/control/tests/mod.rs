//! The rules of the control file, as promises about [`read`](super::read).

mod content;
mod corpus;
mod document;
mod item;
mod properties;
mod title;

use super::*;
use crate::item::ItemKind;

const HASH: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn context() -> Context {
    Context {
        install_path: MacPath::new("/Library/installapplications").unwrap(),
        hash_check: HashCheckPolicy::Strict,
    }
}

fn read(text: &str) -> Reading {
    crate::control::read(text.as_bytes(), "bootstrap.json", &context())
}

fn lines(reading: &Reading) -> Vec<String> {
    reading.findings.iter().map(ToString::to_string).collect()
}

/// One userland item: the usual keys of a script, changed and completed by `keys`.
fn item(keys: &str) -> Reading {
    item_in("userland", keys)
}

fn item_in(phase: &str, keys: &str) -> Reading {
    let all = [
        ("name", r#""name": "A""#.to_owned()),
        ("type", r#""type": "rootscript""#.to_owned()),
        ("file", r#""file": "/Library/ias/a""#.to_owned()),
        ("url", r#""url": "https://example.com/a""#.to_owned()),
        ("hash", format!(r#""hash": "{HASH}""#)),
    ];
    let usual: Vec<_> = all
        .iter()
        .filter(|(key, _)| !keys.contains(&format!("\"{key}\"")))
        .map(|(_, text)| text.as_str())
        .collect();
    let separator = if keys.is_empty() || usual.is_empty() { "" } else { ", " };
    read(&format!(r#"{{"{phase}": [{{{}{separator}{keys}}}]}}"#, usual.join(", ")))
}

/// An item of this kind with all it needs, completed by `keys`.
fn of_kind(phase: &str, kind: ItemKind, keys: &str) -> Reading {
    match kind {
        ItemKind::Title => read(&format!(
            r#"{{"{phase}": [{{"type": "title", "title": "GoogleChrome", "name": "A", {keys}}}]}}"#
        )),
        ItemKind::App => item_in(phase, &format!(r#""type": "app", "app": "A.app", {keys}"#)),
        _ => item_in(phase, &format!(r#""type": "{kind}", {keys}"#)),
    }
}

/// The one entry of [`item`].
fn entry(reading: &Reading) -> &Entry {
    reading.control.as_ref().unwrap().entries().next().unwrap()
}

fn checked(reading: &Reading) -> &Item {
    match entry(reading) {
        Entry::Item(item) => item,
        other => panic!("{other:?}\n{}", lines(reading).join("\n")),
    }
}

fn severities(reading: &Reading) -> Vec<Severity> {
    reading.findings.iter().map(|finding| finding.severity).collect()
}

fn assert_clean(reading: &Reading) {
    assert_eq!(lines(reading), [""; 0]);
}

fn assert_warned(reading: &Reading, words: &str) {
    checked(reading);
    assert!(
        lines(reading).iter().any(|l| l.starts_with("warning: ") && l.contains(words)),
        "{words}: {:?}",
        lines(reading)
    );
    assert!(!severities(reading).contains(&Severity::Error), "{:?}", lines(reading));
}

fn assert_malformed(reading: &Reading, words: &str) {
    assert!(matches!(entry(reading), Entry::Malformed(..)), "{:?} {:?}", entry(reading), lines(reading));
    assert!(
        lines(reading).iter().any(|l| l.starts_with("error: ") && l.contains(words)),
        "{words}: {:?}",
        lines(reading)
    );
}
