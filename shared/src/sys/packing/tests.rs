//! Packages made from folders, compared with what other programs find in them.

use super::*;
use crate::{
    facts::Arch,
    flat_package::{
        bom,
        cpio::{Cpio, Kind},
        payload::Payload,
        write::{Choice, ProductSpec, write_product},
        xar::Xar,
    },
    sys::on_disk::{installed, on_disk, unpack_with},
};
use std::{
    collections::BTreeMap,
    io::{Cursor, Read as _},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::PathBuf,
};
use tempfile::TempDir;

/// A package folder with everything in it that a payload can hold.
fn package_folder(compression: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    let description = format!(
        r#"{{"identifier": "com.example.tool", "version": "1.2", "install_location": "/opt", "compression": "{compression}"}}"#
    );
    fs::write(at("package.json"), description).unwrap();
    fs::create_dir_all(at("payload/Žluťoučký kůň.app/Contents")).unwrap();
    fs::create_dir_all(at("payload/empty")).unwrap();
    fs::create_dir_all(at("scripts")).unwrap();
    fs::write(at("payload/nothing"), "").unwrap();
    fs::write(at("payload/.DS_Store"), "left out").unwrap();
    // xz is slow in debug builds.
    let size = if compression == "none" { 3_000_000_u32 } else { 200_000 };
    let large: Vec<u8> = (0..size).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::write(at("payload/Žluťoučký kůň.app/Contents/large"), large).unwrap();
    fs::write(at("payload/Žluťoučký kůň.app/run"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(at("payload/Žluťoučký kůň.app/run"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::hard_link(at("payload/Žluťoučký kůň.app/run"), at("payload/another name")).unwrap();
    symlink("Contents/large", at("payload/Žluťoučký kůň.app/link")).unwrap();
    symlink("../nowhere", at("payload/dangling")).unwrap();
    fs::write(at("scripts/preinstall"), "#!/bin/sh\nexit 0\n").unwrap();
    fs::write(at("scripts/helper.txt"), "help").unwrap();
    folder
}

fn built(compression: &str) -> (TempDir, Vec<u8>) {
    let folder = package_folder(compression);
    let out = folder.path().join("out.pkg");
    build_component(folder.path(), &out).unwrap();
    let bytes = fs::read(&out).unwrap();
    (folder, bytes)
}

fn part(xar: &mut Xar<Cursor<&Vec<u8>>>, name: &str) -> Vec<u8> {
    let id = xar.find(name).unwrap_or_else(|| panic!("no {name}"));
    let mut bytes = Vec::new();
    xar.read(id).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

/// What the payload folder should become: normalised modes, without what is left out.
fn expected(folder: &TempDir) -> BTreeMap<String, (u32, Vec<u8>)> {
    let mut expected = on_disk(&folder.path().join("payload"));
    expected.remove(".DS_Store");
    for (mode, _) in expected.values_mut() {
        *mode = match *mode & 0o170_000 {
            0o120_000 => 0o120_000,
            0o040_000 => 0o040_755,
            kind if *mode & 0o111 == 0 => kind | 0o644,
            kind => kind | 0o755,
        };
    }
    expected
}

#[test]
fn p42_our_own_reader_finds_what_was_packed() {
    for compression in ["none", "gzip", "xz"] {
        let (folder, package) = built(compression);
        let mut xar = Xar::open(Cursor::new(&package)).unwrap();
        let mut found = BTreeMap::new();
        let payload = part(&mut xar, "Payload");
        let mut cpio = Cpio::new(Payload::new(payload.as_slice()).unwrap());
        let mut other_names = Vec::new();
        while let Some(entry) = cpio.next_entry().unwrap() {
            let mut content = Vec::new();
            cpio.body().read_to_end(&mut content).unwrap();
            let mut mode = entry.mode;
            if let Kind::Symlink { target } = &entry.kind {
                (mode, content) = (0o120_000, target.as_os_str().as_encoded_bytes().to_vec());
            }
            let path = entry.relative().unwrap().to_str().unwrap().to_owned();
            other_names.extend(entry.link_to.map(|first| (path.clone(), first)));
            found.insert(path, (mode, content));
        }
        assert_eq!(found, expected(&folder), "{compression}");
        let first = PathBuf::from("./another name");
        assert_eq!(other_names, [("Žluťoučký kůň.app/run".to_owned(), first)]);
    }
}

#[test]
fn p42_the_bill_lists_exactly_the_payload() {
    let (folder, package) = built("gzip");
    let mut xar = Xar::open(Cursor::new(&package)).unwrap();
    let bill = bom::read(&part(&mut xar, "Bom")).unwrap();
    let expected = expected(&folder);
    assert_eq!(bill.len(), expected.len());
    for entry in bill {
        let path = if entry.path == bom::ROOT { "" } else { &entry.path };
        let (mode, content) = &expected[path];
        assert_eq!(u32::from(entry.mode) & 0o170_000, mode & 0o170_000);
        assert_eq!(entry.size as usize, content.len());
        match entry.kind {
            bom::Kind::File(checksum) | bom::Kind::Link { checksum, .. } => {
                assert_eq!(checksum, bom::Cksum::of(content));
            }
            bom::Kind::Folder | bom::Kind::Device(_) => {}
        }
    }
}

#[test]
fn p42_other_programs_unpack_the_same_files() {
    for (program, compression) in [("bsdtar", "none"), ("bsdtar", "gzip"), ("7zz", "gzip"), ("7zz", "none")] {
        if !installed(program) {
            continue;
        }
        let (folder, _) = built(compression);
        let parts = folder.path().join("parts");
        unpack_with("bsdtar", &folder.path().join("out.pkg"), &parts);
        let files = folder.path().join("files");
        if program == "bsdtar" {
            unpack_with(program, &parts.join("Payload"), &files);
            assert_eq!(on_disk(&files), expected(&folder), "{compression}");
        } else {
            // 7zz unpacks xar, but takes one layer at a time and names the inner archive after the outer.
            let whole = folder.path().join("whole");
            unpack_with(program, &folder.path().join("out.pkg"), &whole);
            assert!(fs::read_dir(&whole).unwrap().count() > 0);
        }
        let scripts = folder.path().join("scripts-found");
        unpack_with("bsdtar", &parts.join("Scripts"), &scripts);
        assert_eq!(on_disk(&scripts)["preinstall"].0, 0o100_755);
        assert_eq!(on_disk(&scripts)["helper.txt"], (0o100_644, b"help".to_vec()));
    }
}

#[test]
fn p42_the_same_input_gives_the_same_bytes() {
    for compression in ["gzip", "xz"] {
        assert!(built(compression).1 == built(compression).1, "{compression}");
    }
}

#[test]
fn a_description_with_a_typo_is_refused_and_nothing_is_left_behind() {
    let folder = package_folder("gzip");
    fs::write(folder.path().join("package.json"), r#"{"identifer": "a", "version": "1"}"#).unwrap();
    let before = fs::read_dir(folder.path()).unwrap().count();
    let error = build_component(folder.path(), &folder.path().join("out.pkg")).unwrap_err();
    assert!(matches!(error, PackError::Description { .. }), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), before);
}

#[test]
fn a_package_of_scripts_alone_has_no_payload() {
    let folder = package_folder("gzip");
    fs::remove_dir_all(folder.path().join("payload")).unwrap();
    let out = folder.path().join("out.pkg");
    build_component(folder.path(), &out).unwrap();
    let bytes = fs::read(&out).unwrap();
    let mut xar = Xar::open(Cursor::new(&bytes)).unwrap();
    assert!(xar.find("Payload").is_none() && xar.find("Bom").is_none());
    let info = String::from_utf8(part(&mut xar, "PackageInfo")).unwrap();
    assert!(info.contains(r#"<preinstall file="./preinstall"/>"#) && !info.contains("postinstall file"));
}

#[test]
fn p70_a_product_holds_its_components_and_offers_them_as_choices() {
    let spec = |identifier: &str| ComponentSpec {
        identifier: identifier.to_owned(),
        version: "1".to_owned(),
        install_location: "/".to_owned(),
        min_os: None,
        compression: Compression::Gzip,
        time: DEFAULT_TIME,
    };
    let (one, two) = (spec("com.example.one&only"), spec("com.example.two"));
    let choice = |spec, file_name, selected| Choice {
        title: "A <choice>",
        selected,
        file_name,
        component: Component { spec, payload: None, scripts: None },
    };
    let product = ProductSpec {
        title: "Tools & more".to_owned(),
        identifier: "com.example.tools".to_owned(),
        version: "3".to_owned(),
        min_os: Some("13.0".to_owned()),
        architectures: vec![Arch::Arm64, Arch::X86_64],
        time: DEFAULT_TIME,
    };
    let choices = [choice(&one, "one", true), choice(&two, "two", false)];
    let mut package = Vec::new();
    write_product(&product, &choices, None, Cursor::new(Vec::new()), &mut package).unwrap();
    let mut xar = Xar::open(Cursor::new(&package)).unwrap();
    let paths: Vec<&str> = xar.entries().iter().map(|entry| entry.path.as_str()).collect();
    assert_eq!(paths, ["Distribution", "one.pkg", "one.pkg/PackageInfo", "two.pkg", "two.pkg/PackageInfo"]);
    let distribution = String::from_utf8(part(&mut xar, "Distribution")).unwrap();
    for promised in [
        "<title>Tools &amp; more</title>",
        r#"hostArchitectures="arm64,x86_64""#,
        r#"<os-version min="13.0"/>"#,
        r#"<choice id="com.example.two" title="A &lt;choice&gt;" visible="true" start_selected="false">"#,
        ">#two.pkg</pkg-ref>",
    ] {
        assert!(distribution.contains(promised), "{promised} in {distribution}");
    }
}
