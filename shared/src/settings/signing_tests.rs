//! `ControlFileKeys`: once somebody has named keys, nothing but other keys takes their place.

use super::*;
use plist::{Dictionary, Value};

const ONE: &str = "RWQ2joOrEAlvfT8oU7zb01NM2mFSKmDduhsTQlfr8UY0qOCeBC999FyI";
const TWO: &str = "RWQBAQEBAQEBAYqI493yQXR1/VJTIaW2/apFe0AjcsAHkKTVzzL/iBJK";

fn layer(source: Source, values: &[(&str, Value)]) -> Layer {
    let values: Dictionary = values.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    Layer::new(source, values)
}

fn keys(values: &[&str]) -> Value {
    Value::Array(values.iter().map(|key| Value::from(*key)).collect())
}

fn merged(from_managed: Value, from_file: Option<Value>) -> Merged {
    let managed = layer(Source::Managed(DOMAIN.to_owned()), &[("ControlFileKeys", from_managed)]);
    let file =
        from_file.map(|value| layer(Source::File("iasd.plist".to_owned()), &[("ControlFileKeys", value)]));
    merge(std::iter::once(managed).chain(file).collect(), Mode::Daemon)
}

fn in_force(merged: &Merged) -> Vec<String> {
    merged.settings.control_keys.iter().map(ToString::to_string).collect()
}

#[test]
fn keys_are_an_array_or_a_text_with_commas() {
    assert_eq!(in_force(&merged(keys(&[ONE, TWO]), None)), [ONE, TWO]);
    let text = merged(Value::from(format!("{ONE}, {TWO}")), None);
    assert_eq!(in_force(&text), [ONE, TWO]);
    assert_eq!(text.findings[0].severity, Severity::Warning);
    let origin = text.origins.iter().find(|origin| origin.key == "ControlFileKeys").unwrap();
    assert_eq!(origin.value, "7D6F0910AB838E36, 0101010101010101", "as minisign names keys");
    assert_eq!(in_force(&merged(keys(&[ONE]), Some(keys(&[TWO])))), [TWO]);
}

#[test]
fn a_list_that_cannot_be_used_as_a_whole_ends_it_instead_of_allowing_everybody() {
    let unusable = [
        (keys(&[]), "there is no key in it"),
        (keys(&[ONE, "RWQ2"]), "key 2 of 2"),
        (Value::from(""), "key 1 of 1"),
        (Value::from(true), "found a boolean"),
        (Value::Array(vec![1.into()]), "not every entry is a string"),
    ];
    for (value, word) in unusable {
        for merged in [merged(value.clone(), None), merged(keys(&[ONE]), Some(value))] {
            let fatal = merged.fatal().unwrap_or_else(|| panic!("{word}: {:?}", merged.findings)).to_string();
            assert!(fatal.contains(word) && fatal.contains("ControlFileKeys"), "{fatal}");
        }
    }
    assert_eq!(merged(keys(&["RWQ2"]), Some(keys(&[TWO]))).fatal(), None, "mended by a stronger source");
}

#[test]
fn an_embedded_control_file_comes_from_where_the_keys_come_from_or_a_stronger_source() {
    let bootstrap = ("Bootstrap", Value::Dictionary(Dictionary::new()));
    let keys = ("ControlFileKeys", keys(&[ONE]));
    let weak = || Source::Preferences(DOMAIN.to_owned());
    let strong = || Source::Managed(DOMAIN.to_owned());
    let together = merge(vec![layer(strong(), &[bootstrap.clone(), keys.clone()])], Mode::Daemon);
    let stronger =
        vec![layer(strong(), std::slice::from_ref(&bootstrap)), layer(weak(), std::slice::from_ref(&keys))];
    for merged in [together, merge(stronger, Mode::Daemon)] {
        assert_eq!(merged.fatal(), None);
    }
    let weaker = merge(vec![layer(weak(), &[bootstrap]), layer(strong(), &[keys])], Mode::Daemon);
    let fatal = weaker.fatal().unwrap().to_string();
    assert!(fatal.contains("Bootstrap: not usable: it is not signed"), "{fatal}");
}

#[test]
fn r90_a_signed_control_file_may_come_over_http() {
    let url = ("JSONURL", Value::from("http://a.example/x"));
    let source = || Source::File("iasd.plist".to_owned());
    assert_eq!(merge(vec![layer(source(), std::slice::from_ref(&url))], Mode::Daemon).findings.len(), 1);
    assert_eq!(
        merge(vec![layer(source(), &[url, ("ControlFileKeys", keys(&[ONE]))])], Mode::Daemon).findings,
        []
    );
}
