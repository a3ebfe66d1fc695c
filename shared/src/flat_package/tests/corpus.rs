//! The reader against packages from the wild, compared with what libarchive makes of them.

use crate::corpus;
use crate::flat_package::cpio::{Cpio, Kind};
use crate::flat_package::payload::Payload;
use crate::flat_package::selection::Target;
use crate::flat_package::signature::{Flaw, TrustRoots};
use crate::flat_package::xar::{EntryId, Stored, Xar, XarError};
use crate::flat_package::{FlatPackage, PackageError};
use std::fs::File;
use std::io::{Cursor, Read, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use time::macros::datetime;

/// Runs bsdtar on `input`; `None`, with a line that says so, where it is not installed.
fn bsdtar(options: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let started = Command::new("bsdtar")
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = started else {
        println!("skipped: bsdtar is not installed");
        return None;
    };
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feeder = std::thread::spawn(move || stdin.write_all(&input).ok());
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    Some(output.stdout)
}

/// One line per entry, in a form both can write: mode, size, path.
fn listing(archive: &[u8]) -> Vec<String> {
    let mut cpio = Cpio::new(Payload::new(archive).unwrap());
    let mut lines = Vec::new();
    while let Some(entry) = cpio.next_entry().unwrap() {
        let mut body = Vec::new();
        cpio.body().read_to_end(&mut body).unwrap();
        let size = if entry.kind == Kind::File { entry.size } else { 0 };
        assert!(entry.kind != Kind::File || body.len() as u64 == size);
        lines.push(format!("{:o} {size} {}", entry.mode & 0o7777, entry.path.display()));
    }
    lines.sort();
    lines
}

/// The same from bsdtar, by way of its mtree output.
fn listing_of_bsdtar(archive: &[u8]) -> Option<Vec<String>> {
    let options = ["-cf", "-", "--format=mtree", "--options=!all,mode,size,type", "@-"];
    let text = String::from_utf8(bsdtar(&options, archive)?).unwrap();
    let mut lines = Vec::new();
    for line in text.lines().filter(|line| line.starts_with('.')) {
        let mut words = line.split_whitespace();
        let path = words.next().unwrap();
        let value = |key: &str| line.split_whitespace().find_map(|word| word.strip_prefix(key));
        let (mode, size) = (value("mode=").unwrap(), value("size=").unwrap_or("0"));
        let size = if value("type=") == Some("link") { "0" } else { size };
        lines.push(format!("{:o} {size} {path}", u32::from_str_radix(mode, 8).unwrap()));
    }
    lines.sort();
    Some(lines)
}

/// One line per entry of a xar archive from 7-Zip: path, decoded and stored size.
fn listing_of_7zip(path: &Path) -> Option<Vec<String>> {
    let Ok(output) = Command::new("7zz").args(["l", "-slt", "-tXar"]).arg(path).output() else {
        println!("skipped: 7zz is not installed");
        return None;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    // After the entries it lists the table of contents itself, then a summary.
    let is_entry =
        |entry: &&str| entry.trim_start().starts_with("Path = ") && !entry.contains("Path = [TOC].xml");
    let entries = text.split_once("----------\n").unwrap().1.split("\n\n").filter(is_entry);
    let line = |entry: &str| {
        let value =
            |key: &str| entry.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default().to_owned();
        let number = |key: &str| value(key).parse::<u64>().unwrap_or(0);
        format!("{} {} {}", value("Path = "), number("Size = "), number("Packed Size = "))
    };
    let mut lines: Vec<String> = entries.map(line).collect();
    lines.sort();
    Some(lines)
}

fn open(path: &Path) -> Xar<File> {
    Xar::open(File::open(path).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn p38_every_package_of_the_corpus_opens_and_every_entry_passes_its_checksums() {
    for path in corpus::files("pkg") {
        let mut archive = open(&path);
        assert!(archive.digest().is_some(), "{}", path.display());
        for index in 0..archive.entries().len() {
            let entry = archive.entries()[index].clone();
            if let Some(stored) = entry.data {
                let bytes = archive.read_whole(EntryId(index), 1 << 20).unwrap();
                assert_eq!(bytes.len() as u64, stored.size);
            }
        }
    }
}

#[test]
fn p38_archives_list_as_7_zip_lists_them() {
    for path in corpus::files("pkg") {
        let archive = open(&path);
        let stored =
            |data: &Option<Stored>| data.as_ref().map_or((0, 0), |stored| (stored.size, stored.length));
        let entries = archive.entries().iter().map(|entry| (&entry.path, stored(&entry.data)));
        let mut ours: Vec<String> =
            entries.map(|(path, (size, length))| format!("{path} {size} {length}")).collect();
        ours.sort();
        if let Some(theirs) = listing_of_7zip(&path) {
            assert_eq!(ours, theirs, "{}", path.display());
        }
    }
}

/// What the corpus says about one of its files.
fn expected(path: &Path) -> serde_json::Value {
    let manifest = path.parent().unwrap().parent().unwrap().join("MANIFEST.json");
    let manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(manifest).unwrap()).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let files = manifest["files"].as_array().unwrap();
    let file = files.iter().find(|file| file["file"].as_str().unwrap() == format!("pkg/{name}"));
    file.unwrap()["expected"].clone()
}

#[test]
fn r133_p2_every_package_of_the_corpus_says_what_the_corpus_knows_about_it() {
    for path in corpus::files("pkg") {
        let expected = expected(&path);
        let mut package = match FlatPackage::open(File::open(&path).unwrap()) {
            Ok(package) => package,
            Err(PackageError::NoDescription) => {
                assert_eq!(expected["kind"], "xar-other");
                continue;
            }
            Err(error) => panic!("{}: {error}", path.display()),
        };
        assert_eq!(package.distribution.is_some(), expected["kind"] == "distribution");
        assert_eq!(package.archive.digest().unwrap().to_string(), expected["toc_checksum"]);
        let known = expected["packages"].as_array().unwrap();
        assert_eq!(package.components.len(), known.len());
        for (component, known) in package.components.iter().zip(known) {
            assert_eq!(component.info.identifier, known["identifier"]);
            assert_eq!(component.info.version, known["version"]);
            assert_eq!(component.info.install_location.as_deref(), known["install-location"].as_str());
            assert_eq!(component.info.auth.as_deref(), known["auth"].as_str());
            assert!(component.payload.is_some() && component.bom.is_some());
        }
        assert_eq!(package.installs().len(), known.len(), "all of them install everything by default");
        assert!(package.installs().iter().all(|target| matches!(target, Target::Component(_))));
        let verdict = package.verify(&TrustRoots::apple(), datetime!(2026-11-01 00:00 UTC));
        assert_eq!(verdict.outcome != Err(Flaw::Unsigned), expected["signed"], "{}", path.display());
        assert_eq!(verdict.styles.contains(&"CMS".to_owned()), expected["x_signature"]);
    }
}

#[test]
fn p40_payloads_and_scripts_list_as_libarchive_lists_them() {
    for path in corpus::files("pkg") {
        let mut archive = open(&path);
        for index in 0..archive.entries().len() {
            let name = archive.entries()[index].path.clone();
            if !name.ends_with("Payload") && !name.ends_with("Scripts") {
                continue;
            }
            let bytes = archive.read_whole(EntryId(index), 1 << 20).unwrap();
            let ours = listing(&bytes);
            assert!(!ours.is_empty());
            if let Some(theirs) = listing_of_bsdtar(&bytes) {
                assert_eq!(ours, theirs, "{} {name}", path.display());
            }
        }
    }
}

#[test]
fn p38_malformed_archives_and_impostors_are_refused_or_read_but_never_harm() {
    for path in corpus::files("not-a-pkg") {
        let error = Xar::open(File::open(&path).unwrap()).unwrap_err();
        assert!(matches!(error, XarError::NotXar(_)), "{error}");
        assert!(error.to_string().contains("it looks like"), "{error}");
    }
    for path in corpus::files("xar-malformed") {
        let bytes = uudecoded(&std::fs::read_to_string(&path).unwrap());
        match Xar::open(Cursor::new(bytes)) {
            Ok(mut archive) => {
                for index in 0..archive.entries().len() {
                    let outcome = archive.read_whole(EntryId(index), 1 << 20).map(|bytes| bytes.len());
                    println!("{}: {:?} {outcome:?}", path.display(), archive.entries()[index]);
                }
            }
            Err(error) => println!("{}: {error}", path.display()),
        }
    }
}

fn uudecoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in text.lines().skip(1).take_while(|line| !matches!(line.trim(), "end" | "`" | "")) {
        let values: Vec<u8> = line.bytes().map(|byte| byte.wrapping_sub(32) & 63).collect();
        let (length, values) = values.split_first().unwrap();
        let groups = values.chunks(4).flat_map(|group| {
            let word =
                (0..4).fold(0u32, |word, place| word << 6 | u32::from(*group.get(place).unwrap_or(&0)));
            [(word >> 16) as u8, (word >> 8) as u8, word as u8]
        });
        bytes.extend(groups.take(usize::from(*length)));
    }
    bytes
}
