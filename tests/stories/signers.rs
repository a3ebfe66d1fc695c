//! Nobody else may speak: packages that must be signed by somebody their item names (`team_ids`).
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::json;
use shared::{
    archive::write::write_zip,
    event::ItemEnd,
    flat_package::{FlatPackage, checksum::Hasher, write::Source},
    sys::packing::list,
};
use std::{fs, io::Cursor};
use support::{
    Outcome, World, signed,
    signed_app::{Developer, application},
};

const STRANGER: &str = "FGHIJ67890";
const UNSIGNED: &str = "com.example.unsigned";

/// A rehearsal that knows the root of the company which signed.
fn world() -> World {
    World::new().scenario("package_roots", json!(signed::ROOT))
}

/// Where the table of contents of a package ends, and its heap begins.
fn heap(package: &[u8]) -> usize {
    28 + u64::from_be_bytes(package[8..16].try_into().unwrap()) as usize
}

/// Another payload under the old table of contents.
fn with_another_payload(package: &[u8]) -> Vec<u8> {
    let opened = FlatPackage::open(Cursor::new(package)).unwrap();
    let payload = opened.archive.entry(opened.components[0].payload.unwrap()).unwrap().data.clone().unwrap();
    let mut altered = package.to_vec();
    altered[heap(package) + usize::try_from(payload.offset + payload.length / 2).unwrap()] ^= 1;
    altered
}

/// Other bytes as table of contents, with the right checksum of them, under the old signature.
fn with_another_table(package: &[u8]) -> Vec<u8> {
    let style = FlatPackage::open(Cursor::new(package)).unwrap().archive.digest().unwrap();
    // It decompresses to the same: what is signed are the compressed bytes.
    let table = [&package[28..heap(package)], &[0]].concat();
    let mut hasher = Hasher::new(style);
    hasher.update(&table);
    let length = (table.len() as u64).to_be_bytes();
    let behind = &package[heap(package) + style.bytes()..];
    [&package[..8], &length, &package[16..28], &table, &hasher.finish(), behind].concat()
}

/// The item's package was refused for a reason that holds these words.
fn refused(outcome: &Outcome, name: &str, words: &[&str]) {
    let end = outcome.end(name);
    assert!(matches!(end, ItemEnd::SignatureRefused(_)), "{name}: {end:?}\n{}", outcome.diagnostics);
    let why = end.to_string();
    for word in words {
        assert!(why.contains(word), "{name}: {word}: {why}");
    }
}

/// Nothing of a package was installed, and `installer` was not even started.
fn untouched(outcome: &Outcome) {
    for id in [signed::ID.0, UNSIGNED] {
        assert!(!outcome.exists(&format!("/private/var/db/receipts/{id}.plist")), "{id}");
    }
    for path in [signed::FILE, "/usr/local/share/com.example.unsigned", "/Library/ran"] {
        assert!(!outcome.exists(path), "{path}");
    }
    assert_eq!(outcome.read("/private/var/log/install.log").unwrap_or_default(), "");
    assert!(!outcome.diagnostics.contains(": installing"), "{}", outcome.diagnostics);
}

#[test]
fn p39_a_package_by_the_right_team_is_installed_whatever_else_its_control_file_says() {
    let outcome = world()
        .packed(
            "setupassistant",
            "Signed",
            signed::ID,
            &signed::package(),
            json!({"team_ids": [STRANGER, signed::TEAM]}),
        )
        .package("setupassistant", "Any", UNSIGNED, "touch /Library/ran", json!({}))
        .run(&[]);
    outcome.exits(0);
    assert_eq!((outcome.end("Signed"), outcome.end("Any")), (&ItemEnd::Done, &ItemEnd::Done));
    assert!(outcome.exists(signed::FILE) && outcome.exists("/private/var/db/receipts/com.acme.ias.plist"));
    assert!(outcome.exists("/Library/ran"), "without team_ids nobody asks");
}

#[test]
fn p39_nothing_of_a_package_by_anybody_else_runs_and_where_that_is_tolerated_the_run_goes_on() {
    let package = signed::package();
    let keys = |who: &str| json!({"team_ids": [who], "fail_policy": "failable"});
    let ours = || keys(signed::TEAM);
    // Each with the right `hash` of what is served: nothing but the signature can tell.
    let outcome = world()
        .package("setupassistant", "Unsigned", UNSIGNED, "touch /Library/ran", ours())
        .packed("setupassistant", "Stranger", signed::ID, &package, keys(STRANGER))
        .packed("setupassistant", "Not Apple", signed::ID, &package, keys("Apple"))
        .packed("setupassistant", "Table", signed::ID, &with_another_table(&package), ours())
        .packed("setupassistant", "Payload", signed::ID, &with_another_payload(&package), ours())
        .packed("setupassistant", "Text", signed::ID, b"no package at all", ours())
        .script("setupassistant", "Next", "touch /Library/next", json!({}))
        .run(&[]);
    outcome.exits(0);
    refused(&outcome, "Unsigned", &["it is not signed; team_ids accepts ACME012345"]);
    let signer = "it is signed by Acme Installer (FAKE567890), team ACME012345";
    refused(&outcome, "Stranger", &[signer, "; team_ids accepts FGHIJ67890"]);
    refused(&outcome, "Not Apple", &[signer, "; team_ids accepts Apple"]);
    refused(&outcome, "Table", &["its RSA signature was not made with the key of Acme Installer"]);
    refused(&outcome, "Payload", &["is not what was signed", "Payload does not match its archived checksum"]);
    refused(&outcome, "Text", &["its signature cannot be read", "; team_ids accepts ACME012345"]);
    untouched(&outcome);
    assert!(outcome.exists("/Library/next"));
    let told = "Stranger: not installed, signature refused: it is signed by Acme Installer";
    assert!(outcome.diagnostics.contains(told), "{}", outcome.diagnostics);
}

#[test]
fn r92_a_wrong_signer_ends_the_run_as_wrong_content_does() {
    let outcome = world()
        .package("setupassistant", "Unsigned", UNSIGNED, "touch /Library/ran", json!({"team_ids": ["Apple"]}))
        .script("setupassistant", "Next", "touch /Library/next", json!({}))
        .run(&[]);
    outcome.exits(1);
    refused(&outcome, "Unsigned", &["signature refused: it is not signed; team_ids accepts Apple"]);
    untouched(&outcome);
    assert!(outcome.is_not_begun("Next") && !outcome.exists("/Library/next"));
    let status = outcome.read("/Library/Application Support/ias/status.txt").unwrap();
    assert!(status.contains(" aborted Unsigned signature refused"), "{status}");
}

#[test]
fn p39_a_team_below_a_root_that_nobody_named_is_nobodys() {
    let keys = json!({"team_ids": [signed::TEAM]});
    let outcome = World::new().packed("userland", "Signed", signed::ID, &signed::package(), keys).run(&[]);
    outcome.exits(1);
    refused(&outcome, "Signed", &["the chain ends at Acme Root", "neither Apple's root nor one you trust"]);
    untouched(&outcome);
}

#[test]
fn p62_an_application_gets_into_its_place_only_whole_and_by_the_right_team() {
    let (acme, other) = (Developer::new("ABCDE12345"), Developer::new(STRANGER));
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    fs::write(&roots, acme.root_pem() + &other.root_pem()).unwrap();
    let archive = |name: &str, by: Option<&Developer>, change: &dyn Fn(&std::path::Path)| {
        let home = folder.path().join(name);
        let app = application(&home, by, None);
        change(&app);
        fs::rename(app, home.join(format!("{name}.app"))).unwrap();
        let (packed, mut zip) = (list(&home, 1_600_000_000).unwrap(), Vec::new());
        write_zip(Source { tree: &packed.tree, contents: &packed.contents }, &mut zip).unwrap();
        zip
    };
    let keys = || json!({"team_ids": ["ABCDE12345"], "fail_policy": "failable"});
    let app = |world: World, name: &str, archive: &[u8]| {
        world.app("setupassistant", &format!("{name}.app"), archive, keys())
    };
    let add = |app: &std::path::Path| fs::write(app.join("Contents/Resources/new"), "x").unwrap();
    let mut world = World::new().scenario("package_roots", json!(roots));
    world = app(world, "Good", &archive("Good", Some(&acme), &|_| ()));
    world = app(world, "Stranger", &archive("Stranger", Some(&other), &|_| ()));
    world = app(world, "Nobody", &archive("Nobody", None, &|_| ()));
    world = app(world, "Changed", &archive("Changed", Some(&acme), &add));
    let outcome = world.run(&[]);
    outcome.exits(0);
    assert!(outcome.exists("/Applications/Good.app/Contents/Frameworks/Help.framework/Help"));
    for (name, why) in [
        (
            "Stranger",
            "it is signed by Acme Software (FGHIJ67890), team FGHIJ67890; team_ids accepts ABCDE12345",
        ),
        ("Nobody", "it is signed ad hoc, by nobody; team_ids accepts ABCDE12345"),
        ("Changed", "Changed.app/Contents/Resources/new: it was added after the application was signed"),
    ] {
        let end = outcome.end(name).to_string();
        assert!(end.contains(&format!("check who signed {name}.app")) && end.contains(why), "{end}");
        assert!(!outcome.exists(&format!("/Applications/{name}.app")), "{name}");
    }
}
