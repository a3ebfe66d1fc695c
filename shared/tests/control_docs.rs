//! The documented list of keys of an item is what the table of keys says; `UPDATE_DOCS=1` writes it anew.

use shared::{
    control::table::{KEYS, Shape},
    item::ItemKind,
};
use std::{fmt::Write as _, fs, path::PathBuf};

const BEGIN: &str = "<!-- made from shared/src/control/table.rs; do not edit -->\n";
const END: &str = "<!-- end of the table -->\n";

/// What a value must be, in a word or two.
fn value(shape: Shape) -> &'static str {
    match shape {
        Shape::Anything => "anything",
        Shape::Reserved => "reserved",
        Shape::Text | Shape::Version | Shape::PackageId | Shape::Title => "text",
        Shape::Boolean => "boolean",
        Shape::WholeNumber => "whole number",
        Shape::Seconds => "seconds",
        Shape::Kind | Shape::FailPolicy | Shape::Blocking => "word",
        Shape::SkipIf | Shape::Catalogs => "text or array of texts",
        Shape::Redirects => "boolean or word",
        Shape::File | Shape::App => "path",
        Shape::Address => "URL",
        Shape::Addresses => "array of URLs",
        Shape::Digest => "SHA-256",
        Shape::Headers => "object of texts",
        Shape::TeamIds => "array of texts",
    }
}

fn kinds(kinds: &[ItemKind]) -> String {
    match kinds.len() {
        0 => return "none".to_owned(),
        all if all == ItemKind::ALL.len() => return "all".to_owned(),
        _ => {}
    }
    kinds.iter().map(|kind| format!("`{}`", kind.key())).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_documented_keys_are_those_that_are_read() {
    let mut table = String::from("| key | value | of | meaning |\n|---|---|---|---|\n");
    for key in KEYS {
        let (name, value, kinds) = (key.name, value(key.shape), kinds(key.kinds));
        writeln!(table, "| `{name}` | {value} | {kinds} | {} |", key.doc.replace('|', "\\|")).unwrap();
    }
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/control-file.md"));
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let expected = format!("{before}{BEGIN}{table}{END}{after}");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, expected).unwrap();
    } else {
        assert!(text == expected, "{} is out of date; run the test with UPDATE_DOCS=1", path.display());
    }
    // What is said at length elsewhere in the file is said of keys there are.
    for key in KEYS.iter().filter(|key| key.shape != Shape::Reserved) {
        let elsewhere = before.matches(&format!("`{}`", key.name)).count()
            + after.matches(&format!("`{}`", key.name)).count();
        assert!(elsewhere > 0, "{} is told nowhere at length", key.name);
    }
}
