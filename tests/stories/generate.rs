//! Control files out of packages and scripts, through the real `iasctl generate` (R128–R135).
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use shared::flat_package::write::{
    Choice, Component, ComponentSpec, Compression, ProductSpec, write_product,
};
use std::{
    fs,
    io::Cursor,
    path::{Path, PathBuf},
    process::Command,
};
use support::{
    crafted::{flat_package, package_info},
    program,
};
use tempfile::TempDir;

/// An admin's folder, with things to generate from.
struct Desk(TempDir);

/// What a program said.
struct Told {
    status: Option<i32>,
    text: String,
    diagnostics: String,
}

const SCRIPT: &[u8] = b"#!/bin/sh\nexit 0\n";
/// Its SHA-256.
const HASH: &str = "306c6ca7407560340797866e077e053627ad409277d1b9da58106fce4cf717cb";

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        desk.put("a.sh", SCRIPT);
        let info = package_info("com.example.tool", "", "");
        desk.put("Tool 1.pkg", &flat_package(&[("PackageInfo", info.as_bytes())]));
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, content: &[u8]) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), content).unwrap();
    }

    fn told(&self, command: &mut Command) -> Told {
        let output = command.current_dir(self.0.path()).output().unwrap();
        Told {
            status: output.status.code(),
            text: String::from_utf8(output.stdout).unwrap(),
            diagnostics: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn generate(&self, arguments: &[&str]) -> Told {
        self.told(Command::new(program("iasctl")).arg("generate").args(arguments))
    }

    /// The items of a phase, of a file that had to be made.
    fn items(&self, phase: &str, arguments: &[&str]) -> Value {
        let told = self.generate(&[arguments, &["--output", "-"]].concat());
        assert_eq!(told.status, Some(0), "{}", told.diagnostics);
        serde_json::from_str::<Value>(&told.text).unwrap()[phase].take()
    }
}

/// A product package with empty components of these ids, all at version 1.0.
fn product(ids: &[&str]) -> Vec<u8> {
    let specs = ids.iter().map(|id| ComponentSpec {
        identifier: (*id).to_owned(),
        version: "1.0".to_owned(),
        install_location: "/".to_owned(),
        min_os: None,
        compression: Compression::Gzip,
        time: 0,
    });
    let specs: Vec<ComponentSpec> = specs.collect();
    let choices: Vec<Choice<'_>> = specs
        .iter()
        .map(|spec| {
            let component = Component { spec, payload: None, scripts: None };
            Choice { title: "", selected: true, file_name: &spec.identifier, component }
        })
        .collect();
    let spec = ProductSpec {
        title: "Two".to_owned(),
        identifier: "com.example.product".to_owned(),
        version: "9".to_owned(),
        min_os: None,
        architectures: Vec::new(),
        time: 0,
    };
    let mut package = Vec::new();
    write_product(&spec, &choices, None, Cursor::new(Vec::new()), &mut package).unwrap();
    package
}

const V5: [&str; 9] = [
    "item-name=",
    "item-path=a.sh",
    "item-stage=userland",
    "item-type=userscript",
    "script-do-not-wait=false",
    "pkg-skip-if=false",
    "retries=5",
    "retrywait=10",
    "required=false",
];

#[test]
fn r129_v5_is_made_byte_for_byte() {
    let desk = Desk::new();
    let expected = |url: &str| {
        format!(
            "{{\n  \"preflight\": [],\n  \"setupassistant\": [],\n  \"userland\": [\n    {{\n      \
             \"file\": \"/Library/installapplications/userscripts/a.sh\",\n      \"hash\": \"{HASH}\",\n      \
             \"name\": \"a.sh\",\n      \"retries\": 5,\n      \"retrywait\": 10,\n      \
             \"type\": \"userscript\",\n      \"url\": \"{url}\"\n    }}\n  ]\n}}"
        )
    };
    let base = ["--base-url", "https://b", "--output", ".", "--item"];
    let told = desk.generate(&[&base[..], &V5, &["item-url=https://x/a.sh?x=1"]].concat());
    assert_eq!(
        (told.status, told.text.as_str()),
        (Some(0), "./bootstrap.json: 1 item\n"),
        "{}",
        told.diagnostics
    );
    assert_eq!(fs::read_to_string(desk.path("bootstrap.json")).unwrap(), expected("https://x/a.sh?x=1"));
    let told = desk.generate(&[&["--output", "new.json"], &base[..2], &["--item"], &V5].concat());
    assert_eq!((told.status, told.diagnostics.as_str()), (Some(0), ""));
    assert_eq!(fs::read_to_string(desk.path("new.json")).unwrap(), expected("https://b/userland/a.sh"));
    // The spelling of go-installapplications.
    let one = format!("{} item-url=https://x/a.sh?x=1", V5.join(" "));
    let told = desk.generate(&["--output", "-", "--item", &one]);
    assert_eq!(told.text, expected("https://x/a.sh?x=1"));
}

#[test]
fn r129_absent_words_write_false_and_false_words_write_nothing() {
    let desk = Desk::new();
    let base = ["--base-url", "https://b/"];
    let items = desk.items(
        "setupassistant",
        &[&base[..], &["--item", "item-path=Tool 1.pkg", "item-stage=setupassistant", "item-type="]].concat(),
    );
    let hash = items[0]["hash"].as_str().unwrap().to_owned();
    let package = json!([{
        "file": "/Library/installapplications/Tool 1.pkg", "hash": hash, "name": "Tool 1.pkg",
        "packageid": "com.example.tool", "required": false, "type": "package",
        "url": "https://b/setupassistant/Tool%201.pkg", "version": "1.0",
    }]);
    assert_eq!(items, package);
    let items = desk.items("userland", &[&base[..], &["--item", "item-path=a.sh"]].concat());
    assert_eq!((&items[0]["donotwait"], &items[0]["type"]), (&json!(false), &json!("rootscript")));
    let words = ["required=0", "pkg-skip-if=intel", "retries=0", "version=2"];
    let items = desk.items("userland", &[&base[..], &["--item", "item-path=Tool 1.pkg"], &words].concat());
    assert_eq!(items[0]["required"], Value::Null);
    assert_eq!(
        (&items[0]["skip_if"], &items[0]["retries"], &items[0]["version"]),
        (&json!("intel"), &json!(0), &json!("2"))
    );
}

#[test]
fn r132_each_dialect_says_required_its_way() {
    let desk = Desk::new();
    let words = ["--item", "item-path=Tool 1.pkg", "required=true", "fail-policy=failable", "timeout=60"];
    let of =
        |dialect: &[&str]| desk.items("userland", &[&["--base-url", "https://b"], dialect, &words].concat());
    let required = |items: &Value| (items[0]["required"].clone(), items[0]["pkg_required"].clone());
    assert_eq!(required(&of(&[])), (json!(true), Value::Null));
    assert_eq!(required(&of(&["--dialect", "ias"])), (json!(true), json!(true)));
    let go = of(&["--dialect", "go"]);
    assert_eq!(required(&go), (Value::Null, json!(true)));
    assert_eq!(go[0]["file"], json!("/Library/go-installapplications/Tool 1.pkg"));
    assert_eq!((&go[0]["fail_policy"], &go[0]["timeout"]), (&json!("failable"), &json!(60)));
    assert_eq!(
        of(&["--dialect", "go", "--compat"])[0]["file"],
        json!("/Library/installapplications/Tool 1.pkg")
    );
    let elsewhere = of(&["--install-path", "/Library/ias"]);
    assert_eq!(elsewhere[0]["file"], json!("/Library/ias/Tool 1.pkg"));
}

#[test]
fn r131_what_is_wrong_is_said_of_every_item_and_nothing_is_written() {
    let desk = Desk::new();
    desk.put("what.txt", b"text");
    desk.put("no.pkg", b"<html>");
    let vectors: [(&[&str], &str); 12] = [
        (&["item-path=gone.sh"], "item 1: item-path: gone.sh: cannot be read"),
        (&["item-nam=x", "item-path=a.sh"], "item 1: item-nam: unknown word; did you mean item-name?"),
        (
            &["item-path=a.sh", "required=perhaps"],
            "item 1: required: expected true or false, found \"perhaps\"",
        ),
        (
            &["item-path=a.sh", "retries=-1"],
            "item 1: retries: expected a whole number of 0 or more, found \"-1\"",
        ),
        (&["item-path=a.sh", "item-stage=stage1"], "item 1: item-stage: unknown stage \"stage1\""),
        (&["item-path=a.sh", "item-type=bash"], "item 1: item-type: unknown type \"bash\""),
        (&["item-path=what.txt"], "item 1: item-type: missing"),
        (&["item-path=no.pkg"], "item 1: item-path: no.pkg: "),
        (&["item-path=a.sh", "hash=12"], "item 1: hash: expected a SHA-256"),
        (&["item-name=x"], "item 1: item-path: missing"),
        (&["item-path=what.txt", "item-type=rootfile"], "item 1: file: missing"),
        // R135: what no client would carry out is not written either.
        (&["item-path=Tool 1.pkg", "item-stage=preflight"], "package is not allowed in preflight"),
    ];
    for (words, expected) in vectors {
        let told = desk.generate(&[&["--base-url", "https://b", "--output", ".", "--item"], words].concat());
        assert_eq!((told.status, told.text.as_str()), (Some(1), ""), "{words:?}");
        assert!(told.diagnostics.contains(expected), "{words:?}: {}", told.diagnostics);
        assert!(!desk.path("bootstrap.json").exists());
    }
    let told = desk.generate(&["--output", ".", "--item", "item-path=a.sh", "--item", "item-path=b.sh"]);
    assert!(told.diagnostics.contains("item 1: item-url: missing, and without --base-url none"));
    assert!(told.diagnostics.contains("item 2: item-path: b.sh: cannot be read"));
}

#[test]
fn r133_several_components_are_named_when_only_the_first_is_looked_for() {
    let desk = Desk::new();
    desk.put("two.pkg", &product(&["com.example.first", "com.example.second"]));
    let told = desk.generate(&["--output", "-", "--base-url", "https://b", "--item", "item-path=two.pkg"]);
    assert_eq!(told.status, Some(0), "{}", told.diagnostics);
    assert!(told.text.contains("\"packageid\": \"com.example.first\""));
    assert!(told.diagnostics.contains("nothing looks for com.example.second 1.0"), "{}", told.diagnostics);
}

#[test]
fn r134_a_folder_of_phases_becomes_a_control_file_in_it() {
    let desk = Desk::new();
    for name in ["preflight/check.sh", "userland/2.sh", "userland/1.py", "userland/.DS_Store"] {
        desk.put(&format!("root/{name}"), SCRIPT);
    }
    let package = fs::read(desk.path("Tool 1.pkg")).unwrap();
    desk.put("root/setupassistant/Tool.pkg", &package);
    let told = desk.generate(&["--rootdir", "root", "--base-url", "https://b"]);
    assert_eq!((told.status, told.diagnostics.as_str()), (Some(0), ""));
    let made = fs::read(desk.path("root/bootstrap.json")).unwrap();
    let made: Value = serde_json::from_slice(&made).unwrap();
    let of = |phase: &str, key: &str| -> Vec<Value> {
        made[phase].as_array().unwrap().iter().map(|item| item[key].clone()).collect()
    };
    assert_eq!(of("userland", "url"), ["https://b/userland/1.py", "https://b/userland/2.sh"]);
    assert_eq!(of("setupassistant", "packageid"), ["com.example.tool"]);
    assert_eq!(of("preflight", "type"), ["rootscript"]);
    desk.put("root/userland/notes.txt", b"");
    let told = desk.generate(&["--rootdir", "root", "--base-url", "https://b"]);
    assert_eq!(told.status, Some(1));
    assert!(told.diagnostics.contains("userland/notes.txt: item-type: missing"), "{}", told.diagnostics);
}

/// The original, where whoever runs the tests has one: it is not part of this repository.
#[test]
fn r129_the_original_makes_the_same_bytes() {
    let original = std::env::var_os("IAS_GENERATEJSON").map(PathBuf::from);
    let Some(original) = original.filter(|path| path.is_file()) else {
        println!("skipped: IAS_GENERATEJSON names no generatejson.py");
        return;
    };
    let desk = Desk::new();
    for name in ["Größe & 2.py", "b.sh", "c.rb"] {
        desk.put(name, SCRIPT);
    }
    // As many words as the original wants: six, or ten.
    let ten = fs::read_to_string(&original).unwrap().contains("nargs=10");
    let rest: &[&str] =
        if ten { &["pkg-skip-if=false", "retries=5", "retrywait=10", "required=false"] } else { &[] };
    let vectors: [[&str; 6]; 4] = [
        [
            "item-name=",
            "item-path=a.sh",
            "item-stage=userland",
            "item-type=userscript",
            "item-url=https://x/?a=1",
            "script-do-not-wait=false",
        ],
        [
            "item-name=É \u{1f600} \"q\"",
            "item-path=./b.sh",
            "item-stage=preflight",
            "item-type=rootscript",
            "item-url=https://x/<b>",
            "script-do-not-wait=True",
        ],
        [
            "item-name=no wait said",
            "item-path=Größe & 2.py",
            "item-stage=userland",
            "item-type=userscript",
            "item-url=https://x/2",
            "script-do-not-wait=0",
        ],
        [
            "script-do-not-wait=1",
            "item-path=c.rb",
            "item-url=https://x/?a=1",
            "item-stage=setupassistant",
            "item-name=x",
            "item-type=rootscript",
        ],
    ];
    let items: Vec<&str> = vectors
        .iter()
        .flat_map(|words| ["--item"].into_iter().chain(*words).chain(rest.iter().copied()))
        .collect();
    let run = |command: &mut Command, folder: &str| {
        fs::create_dir(desk.path(folder)).unwrap();
        let told = desk.told(command.args(["--base-url", "https://b", "--output", folder]).args(&items));
        assert_eq!(told.status, Some(0), "{folder}: {}{}", told.text, told.diagnostics);
        fs::read_to_string(desk.path(folder).join("bootstrap.json")).unwrap()
    };
    let theirs = run(Command::new("python3").arg(Path::new(&original)), "theirs");
    let ours = run(Command::new(program("iasctl")).arg("generate"), "ours");
    assert_eq!(ours, theirs);
}
