//! Fifty titles in one run: downloads, copies out of disk images and the package lane go on beside each other.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use plist::{Dictionary, Value};
use serde_json::json;
use shared::{event::EventKind, sys::packing::build_image};
use std::fs;
use support::{Repository, World};

const PACKAGES: usize = 30;
const APPS: usize = 20;

/// A disk image with one application in it.
fn image(name: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let contents = folder.path().join(format!("{name}.app/Contents"));
    fs::create_dir_all(&contents).unwrap();
    let mut info = Dictionary::new();
    info.insert("CFBundleIdentifier".into(), format!("com.example.{name}").into());
    info.insert("CFBundleShortVersionString".into(), "1".into());
    Value::Dictionary(info).to_file_xml(contents.join("Info.plist")).unwrap();
    let image = tempfile::NamedTempFile::new().unwrap();
    build_image(folder.path(), name, image.path()).unwrap();
    fs::read(image.path()).unwrap()
}

fn dictionary(keys: &[(&str, &str)]) -> Value {
    Value::Dictionary(keys.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect())
}

fn repository() -> Repository {
    let mut repository = Repository::new();
    for index in 0..PACKAGES {
        // The first package keeps the lane until an application that stands behind it has been copied.
        let script = match index {
            0 => {
                "#!/bin/sh\nfor i in $(seq 200); do [ -d /Applications/App19.app ] && exit; sleep 0.05; done; exit 1"
            }
            _ => "#!/bin/sh\nexit 0",
        };
        repository = repository.package(
            &format!("Tool{index:02}"),
            "1",
            &[("preinstall_script", Value::from(script))],
        );
    }
    for index in 0..APPS {
        let name = format!("App{index:02}");
        let copied =
            dictionary(&[("source_item", &format!("{name}.app")), ("destination_path", "/Applications")]);
        let path = format!("/Applications/{name}.app");
        let there =
            dictionary(&[("type", "application"), ("path", &path), ("CFBundleShortVersionString", "1")]);
        let keys = [
            ("installer_type", Value::from("copy_from_dmg")),
            ("items_to_copy", Value::Array(vec![copied])),
            ("installs", Value::Array(vec![there])),
        ];
        repository = repository.file(&name, "1", ("dmg", &image(&name)), &keys);
    }
    repository
}

#[test]
fn fifty_titles_are_downloaded_copied_and_installed_beside_each_other() {
    let mut world = repository().in_world(World::new());
    let names: Vec<String> = (0..PACKAGES)
        .map(|index| format!("Tool{index:02}"))
        .chain((0..APPS).map(|index| format!("App{index:02}")))
        .collect();
    for name in &names {
        world =
            world.item("setupassistant", json!({"type": "title", "title": name, "parallel_group": "titles"}));
    }
    let outcome = world.run(&[]);
    outcome.exits(0);
    for name in &names {
        assert_eq!(outcome.end(name).to_string(), "done", "{name}\n{}", outcome.diagnostics);
    }
    let first = outcome.span("Tool00");
    let copied = (0..APPS).filter(|index| outcome.span(&format!("App{index:02}")).1 < first.1).count();
    assert!(copied > 0, "nothing was copied while a package was installed\n{}", outcome.diagnostics);
    let came_later = outcome
        .events
        .iter()
        .skip(first.0)
        .filter(|event| matches!(event.kind, EventKind::DownloadFinished { .. }));
    assert!(came_later.count() > PACKAGES, "downloads waited for nothing\n{}", outcome.diagnostics);
    // One package at a time (R59).
    let mut spans: Vec<_> = (0..PACKAGES).map(|index| outcome.span(&format!("Tool{index:02}"))).collect();
    spans.sort_unstable();
    assert!(spans.windows(2).all(|pair| pair[0].1 < pair[1].0), "{spans:?}");
}
