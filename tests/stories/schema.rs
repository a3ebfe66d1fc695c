//! The schema of `iasctl schema` and `iasctl check` say the same of control files, of real ones, too.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Map, Value, json};
use shared::{
    control::{NOT_OF_TITLES, table::KEYS},
    item::ItemKind,
};
use std::{collections::BTreeSet, fs, path::PathBuf, process::Command};
use support::{corpus, program, schema::accepts};

fn schema() -> Value {
    let output = Command::new(program("iasctl")).arg("schema").output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The items of userland and the keys in them that `iasctl check` finds an error in, and the exit code.
fn checked(file: &PathBuf) -> (BTreeSet<(u64, String)>, Option<i32>) {
    let mut command = Command::new(program("iasctl"));
    let output =
        command.args(["check", "--json", "--hash-check-policy", "Ignore"]).arg(file).output().unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = told["files"][0]["findings"].as_array().unwrap().clone();
    let errors =
        findings.into_iter().filter(|finding| finding["severity"] == "error").filter_map(|finding| {
            let index = finding["item"]["index"].as_u64()?;
            Some((index, finding["key"].as_str()?.to_owned()))
        });
    (errors.collect(), output.status.code())
}

/// A digest, as it should not be written.
const HEX: &str = "0123456789abcdefABCDEF0123456789abcdefABCDEF01234567890123456789";
/// Texts of every shape, right and wrong.
const TEXTS: &[&str] = &[
    "",
    "true",
    " Yes ",
    "5",
    " 7.0 ",
    "-5",
    "0",
    "five",
    "https://e.x/a",
    "HTTP://e.x/a",
    "ftp://e.x/a",
    "file:///a/b",
    "e.x/a",
    "arm64",
    "/a/b",
    "/a/../b",
    "/a/",
    "Foo.app",
    "/a/Foo.APP",
    "failable",
    "FailureIsNotAnOption",
    "failure-is_not",
    "userfile",
    "RootScript",
    "all",
    "Https",
    "wait",
    "Skip",
    "ABCDE12345",
    "abcde12345",
    "apple",
    "-x",
    "latest",
    "a/b",
    "..",
];

/// Values of every shape, right and wrong.
fn values() -> Vec<Value> {
    let mut values: Vec<Value> = TEXTS.iter().map(|text| Value::from(*text)).collect();
    values.extend([HEX, &HEX[1..], &format!("sha256:{HEX}")].map(Value::from));
    values.extend([
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(1),
        json!(5),
        json!(-1),
        json!(2.5),
        json!(10),
        json!([]),
        json!(["arm64"]),
        json!([1]),
        json!(["ABCDE12345", "Apple"]),
        json!(["ABCDE1234"]),
        json!(["https://e.x/a", "https://f.x/a"]),
        json!(["e.x"]),
        json!(["a", "b"]),
        json!(vec!["https://e.x/a"; 17]),
        json!({}),
        json!({"A": "b"}),
        json!({"a b": "c"}),
        json!({"A": 1}),
    ]);
    values
}

/// An item of this kind with nothing wrong in it.
fn sound(kind: ItemKind, number: usize) -> Map<String, Value> {
    let file = format!("/Library/f/{number}");
    let keys = match kind {
        ItemKind::Title => json!({"name": "T", "type": "title", "title": "T", "version": "1"}),
        ItemKind::App => json!({"name": "A", "type": "app", "app": "A.app", "file": file}),
        kind => json!({"name": "I", "type": kind.key(), "file": file}),
    };
    keys.as_object().unwrap().clone()
}

#[test]
fn r8_schema_and_check_agree_about_every_key_and_every_shape() {
    let schema = schema();
    let mut cases: Vec<(&str, Map<String, Value>)> = Vec::new();
    for key in KEYS {
        let kind = key.kinds.first().copied().unwrap_or(ItemKind::Package);
        for value in values() {
            let mut item = sound(kind, cases.len());
            item.insert(key.name.to_owned(), value);
            cases.push((key.name, item));
        }
        let mut without = sound(kind, cases.len());
        without.remove(key.name);
        cases.push((key.name, without));
    }
    for (key, _) in NOT_OF_TITLES {
        for value in [json!("https://e.x/a"), json!(true), json!(null)] {
            let mut item = sound(ItemKind::Title, cases.len());
            item.insert(key.to_owned(), value);
            cases.push((key, item));
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bootstrap.json");
    let items: Vec<&Map<String, Value>> = cases.iter().map(|(_, item)| item).collect();
    fs::write(&file, json!({ "userland": items }).to_string()).unwrap();
    let (errors, _) = checked(&file);
    let mut differences = Vec::new();
    for (index, (key, item)) in (0..).zip(&cases) {
        let check = !errors.contains(&(index, (*key).to_owned()));
        let item = Value::Object(item.clone());
        if accepts(&schema, &schema["$defs"]["item"], &item) != check {
            differences.push(format!("{key}: check {check}: {item}"));
        }
    }
    assert!(differences.is_empty(), "{} of {}:\n{}", differences.len(), cases.len(), differences.join("\n"));
}

#[test]
fn r8_every_key_is_described_and_phases_say_what_they_hold() {
    let schema = schema();
    for key in KEYS {
        let described = &schema["$defs"]["item"]["properties"][key.name]["description"];
        assert!(described.as_str().is_some_and(|text| text.starts_with(key.doc)), "{}", key.name);
    }
    let of = |phase: &str, kind: &str| {
        let item = json!({"name": "I", "type": kind, "file": "/Library/f"});
        accepts(&schema, &schema, &json!({ phase: [item] }))
    };
    assert!(of("preflight", "rootscript") && !of("preflight", "package"));
    assert!(of("setupassistant", "package") && !of("setupassistant", "userscript"));
    assert!(of("userland", "userfile") && !of("userland", "msi"));
}

#[test]
fn r8_examples_and_real_control_files_that_check_accepts_fit_the_schema() {
    let schema = schema();
    let examples = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples"));
    let mut files = vec![examples.join("onboarding/bootstrap.json"), examples.join("titles/bootstrap.json")];
    files.extend(corpus::files("ia-json"));
    for file in files {
        let (_, code) = checked(&file);
        let bytes = fs::read(&file).unwrap();
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let control: Value = match serde_json::from_slice(bytes) {
            Ok(control) => control,
            Err(_) => {
                assert_eq!(code, Some(1));
                continue;
            }
        };
        // Not the other way round: which items contradict each other is nothing that a schema can say.
        if code == Some(0) {
            assert!(accepts(&schema, &schema, &control), "{}", file.display());
        }
    }
}

/// Somebody else's validator says the same, where there is one.
#[test]
fn the_schema_is_one_for_other_validators_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("schema.json");
    fs::write(&path, schema().to_string()).unwrap();
    let script = "import json, sys\ntry:\n    import jsonschema\nexcept ImportError:\n    sys.exit(77)\n\
                  schema = json.load(open(sys.argv[1]))\nvalidator = jsonschema.Draft202012Validator\n\
                  validator.check_schema(schema)\nvalidator(schema).validate(json.load(open(sys.argv[2])))\n";
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/onboarding/bootstrap.json");
    let output = Command::new("python3").args(["-c", script]).arg(&path).arg(example).output();
    match output.map(|output| (output.status.code(), output.stderr)) {
        Ok((Some(0), _)) => {}
        Ok((Some(77), _)) | Err(_) => println!("skipped: no python3 with jsonschema"),
        Ok((_, diagnostics)) => panic!("{}", String::from_utf8_lossy(&diagnostics)),
    }
}
