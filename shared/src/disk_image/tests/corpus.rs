//! Images from the wild; what is in them was found out with another program.

use super::*;
use crate::corpus::files;
use serde_json::Value;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

fn image(file: &Path) -> DiskImage<BufReader<File>> {
    DiskImage::open(BufReader::new(File::open(file).unwrap())).unwrap()
}

/// What the manifest of the corpus says of a file.
fn expected(file: &Path) -> Value {
    let manifest = file.parent().unwrap().join("../MANIFEST.json");
    let manifest: Value = serde_json::from_slice(&fs::read(manifest).unwrap()).unwrap();
    let entries = manifest.as_array().or_else(|| manifest["files"].as_array()).unwrap();
    let name = format!("dmg/{}", file.file_name().unwrap().to_str().unwrap());
    entries.iter().find(|entry| entry["file"] == *name).unwrap()["expected"].clone()
}

#[test]
fn p51_format_parts_and_file_systems_are_those_of_the_manifest() {
    for file in files("dmg") {
        let (image, expected) = (image(&file), expected(&file));
        assert_eq!(image.format(), expected["format"], "{}", file.display());
        let parts: Vec<&str> = image.tables().iter().map(|table| table.name.as_str()).collect();
        assert_eq!(serde_json::to_value(parts).unwrap(), expected["parts"], "{}", file.display());
        let systems: Vec<&str> =
            expected["fs"].as_object().unwrap().values().filter_map(Value::as_str).collect();
        let found: Vec<&str> = image.volumes().iter().map(|volume| system(volume.file_system)).collect();
        assert_eq!(found, systems, "{}", file.display());
    }
}

fn system(kind: FileSystemKind) -> &'static str {
    match kind {
        FileSystemKind::HfsPlus => "H+",
        FileSystemKind::Apfs => "APFS",
    }
}

#[test]
fn every_part_matches_its_checksum() {
    for file in files("dmg") {
        let mut image = image(&file);
        assert!(!image.tables().is_empty());
        assert_eq!(image.verify().unwrap(), Vec::<String>::new(), "{}", file.display());
    }
}

/// How many files and links there are, and one of them, with the digest that 7-Zip's copy has, too.
const LISTINGS: [(&str, usize, &str); 6] = [
    ("Homebrew__brew__0630aa11__container-apfs.dmg", 1, "f 755 container 17 306c6ca7"),
    ("autopkg__autopkg__8d0d9800__Test.dmg", 1, "f 644 Test.app/Contents/Info.plist 430 b2973b9e"),
    ("log2timeline__dfvfs__5a21d445__hfsplus_zlib.dmg", 5, "l 755 a_link -> a_directory/another_file"),
    ("log2timeline__plaso__d5931df3__spotlight.10.13.dmg", 59, "f 644 LICENSE 18652 cce5d01f"),
    ("onekey-sec__unblob__1eed98d5__fruits.dmg", 2, "f 664 cherry.txt 7 86baf352"),
    ("sassoftware__relic__501f1f55__dummy.dmg", 4, "f 755 dummy.app/Contents/MacOS/dummy 172608 d73aad51"),
];

#[test]
fn what_is_on_a_volume_is_what_another_program_finds_there() {
    for file in files("dmg") {
        let mut image = image(&file);
        let found: Vec<String> = listing(&mut image, 0, "").unwrap().iter().map(line).collect();
        let others = found.iter().filter(|line| !line.starts_with('d'));
        let name = file.file_name().unwrap().to_str().unwrap();
        let (_, count, sample) = LISTINGS.iter().find(|(known, ..)| *known == name).unwrap();
        assert_eq!(others.count(), *count, "{name}: {found:#?}");
        assert!(found.iter().any(|line| line == sample), "{name}: {found:#?}");
    }
}
