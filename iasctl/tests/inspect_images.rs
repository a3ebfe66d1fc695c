//! `iasctl inspect` on disk images and archives, built here or from the corpus.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use shared::archive::write::{write_tar, write_zip};
use shared::flat_package::payload::Compression;
use shared::flat_package::write::Source;
use shared::sys::packing::{build_component, build_image, list};
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

const INFO: &str = r#"<?xml version="1.0"?><plist version="1.0"><dict>
    <key>CFBundleIdentifier</key><string>com.example.acme</string>
    <key>CFBundleShortVersionString</key><string>3.1</string>
    <key>CFBundleVersion</key><string>3100</string>
    <key>LSMinimumSystemVersion</key><string>12.0</string></dict></plist>"#;

/// A folder with an application in it, and `iasctl inspect` run there.
struct Admin(tempfile::TempDir);

impl Admin {
    fn new() -> Self {
        let admin = Self(tempfile::tempdir().unwrap());
        admin.file("content/Acme.app/Contents/Info.plist", INFO);
        admin.file("content/Acme.app/Contents/MacOS/acme", "#!/bin/sh\n");
        admin.file("content/Acme.app/Contents/Helper.app/Contents/Info.plist", "<plist/>");
        symlink("/Applications", admin.at("content/Applications")).unwrap();
        admin
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn file(&self, path: &str, content: &str) {
        fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        fs::write(self.at(path), content).unwrap();
    }

    fn package(&self, place: &str) {
        self.file("tool/package.json", r#"{"identifier": "com.example.tool", "version": "1.2"}"#);
        self.file("tool/payload/usr/local/bin/tool", "tool");
        build_component(&self.at("tool"), &self.at(place)).unwrap();
    }

    fn image(&self, place: &str) {
        build_image(&self.at("content"), "Acme 3", &self.at(place)).unwrap();
    }

    fn inspects(&self, arguments: &[&str]) -> (i32, String, Value) {
        let run = |arguments: &[&str]| {
            let mut inspect = Command::new(env!("CARGO_BIN_EXE_iasctl"));
            inspect.current_dir(&self.0).arg("inspect").args(arguments).output().unwrap()
        };
        let text = run(arguments);
        // Told again as JSON, but not expanded again.
        let files: Vec<&str> = arguments.iter().take_while(|word| **word != "--expand").copied().collect();
        let told = run(&[&["--json"], &*files].concat());
        let json: Value = serde_json::from_slice(&told.stdout).unwrap();
        (text.status.code().unwrap(), String::from_utf8(text.stdout).unwrap(), json[0].clone())
    }
}

#[test]
fn t36_a_disk_image_is_described_with_the_applications_and_packages_in_it() {
    let admin = Admin::new();
    admin.package("content/Tool.pkg");
    admin.image("Acme.dmg");
    let (code, text, report) = admin.inspects(&["--files", "Acme.dmg"]);
    assert_eq!(
        (code, &report["ok"], &report["errors"], &report["warnings"]),
        (0, &json!(true), &json!([]), &json!([]))
    );
    let image = &report["image"];
    assert_eq!((&image["format"], &image["licence"]), (&json!("UDZO"), &json!(false)));
    let volume = &image["volumes"][0];
    assert_eq!((&volume["name"], &volume["file_system"]), (&json!("Acme 3"), &json!("HFS+")));
    let app = json!({"path": "Acme.app", "identifier": "com.example.acme", "version": "3.1", "build": "3100",
        "minimum_system": "12.0"});
    assert_eq!(volume["apps"], json!([app]), "the helper belongs to it");
    let package = &volume["packages"][0];
    assert_eq!(
        (&package["file"], &package["package"]["identifier"]),
        (&json!("Tool.pkg"), &json!("com.example.tool"))
    );
    let files = volume["files"].as_array().unwrap();
    let link = files.iter().find(|file| file["path"] == "Applications").unwrap();
    assert_eq!((&link["target"], &link["mode"]), (&json!("/Applications"), &json!("lrwxr-xr-x")));
    for part in [
        "disk image, UDZO",
        "all 1 parts match theirs",
        "Volume Acme 3",
        "com.example.acme 3.1 (3100)",
        "com.example.tool 1.2",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn what_is_only_named_like_a_package_in_an_image_is_told_by_its_beginning() {
    let admin = Admin::new();
    admin.file("content/page.pkg", &format!("<!DOCTYPE html><html>{}", "Sign in ".repeat(100_000)));
    admin.file("content/empty.pkg", "");
    admin.image("Acme.dmg");
    let (code, text, report) = admin.inspects(&["Acme.dmg"]);
    assert_eq!((code, &report["ok"]), (1, &json!(false)), "{text}");
    let packages = report["image"]["volumes"][0]["packages"].as_array().unwrap();
    assert_eq!(packages.len(), 2);
    assert_eq!((&packages[1]["file"], &packages[1]["size"]), (&json!("page.pkg"), &json!(800_021)));
    assert!(text.contains("page.pkg: "), "{text}");
}

#[test]
fn a_disk_image_that_was_altered_is_an_error() {
    let admin = Admin::new();
    // Several blocks that do not shrink: one of those at the end is altered, so that the volume itself can be read.
    let noise =
        (0..1u32 << 20).map(|number| number.wrapping_mul(2_654_435_761).rotate_left(number % 31) as u8);
    fs::write(admin.at("content/noise"), noise.collect::<Vec<u8>>()).unwrap();
    admin.image("Acme.dmg");
    let mut image = fs::read(admin.at("Acme.dmg")).unwrap();
    let list = image.windows(5).rposition(|window| window == b"<?xml").unwrap();
    image[list - 2000] ^= 1;
    fs::write(admin.at("Acme.dmg"), image).unwrap();
    let (code, text, report) = admin.inspects(&["Acme.dmg"]);
    assert_eq!((code, &report["ok"]), (1, &json!(false)));
    assert!(text.contains("Volume Acme 3"), "{text}");
    let error = report["errors"][0].as_str().unwrap();
    assert!(error.contains("whole disk (Apple_HFSX : 0)"), "{text}");
}

#[test]
fn archives_that_hold_an_application_are_described_and_expanded() {
    let admin = Admin::new();
    let listed = list(&admin.at("content"), 0).unwrap();
    let source = Source { tree: &listed.tree, contents: &listed.contents };
    write_zip(source, &mut File::create(admin.at("Acme.zip")).unwrap()).unwrap();
    write_tar(source, Compression::Bzip2, &mut File::create(admin.at("Acme.tbz")).unwrap()).unwrap();
    write_tar(source, Compression::None, &mut File::create(admin.at("Acme.tar")).unwrap()).unwrap();
    admin.image("Acme.dmg");
    for (file, kind) in
        [("Acme.zip", "zip"), ("Acme.tbz", "tar, bzip2"), ("Acme.tar", "tar"), ("Acme.dmg", "")]
    {
        let folder = format!("{file}.out");
        let (code, text, report) = admin.inspects(&[file, "--expand", &folder]);
        assert_eq!((code, &report["ok"]), (0, &json!(true)), "{file}: {text}");
        assert!(text.contains("com.example.acme 3.1 (3100)"), "{text}");
        if !kind.is_empty() {
            assert_eq!(report["archive"]["kind"], kind);
        }
        let out = admin.at(&folder);
        assert_eq!(fs::read_to_string(out.join("Acme.app/Contents/Info.plist")).unwrap(), INFO, "{file}");
        assert_eq!(fs::read_link(out.join("Applications")).unwrap(), Path::new("/Applications"), "{file}");
    }
}

#[test]
fn an_image_with_nothing_to_install_is_said_to_be_one() {
    let admin = Admin::new();
    fs::remove_dir_all(admin.at("content/Acme.app")).unwrap();
    admin.image("Acme.dmg");
    let (code, text, _) = admin.inspects(&["Acme.dmg"]);
    assert!(code == 0 && text.contains("neither an application nor a package"), "{text}");
}
