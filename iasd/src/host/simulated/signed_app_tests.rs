//! Applications that are whole, and all the ways in which they are not.

use cap_std::{ambient_authority, fs::Dir};
use shared::{
    code_signature::CodeSignature, flat_package::signature::TrustRoots, item::SignerId,
    sys::signed_app::verify,
};
use std::{fs, os::unix::fs::symlink, path::Path};
use support::signed_app::{Developer, application, framework};

const TEAM: &str = "ABCDE12345";

/// Judges the application in `folder`, where the roots of these developers are trusted.
fn judge(folder: &Path, trusted: &[&Developer]) -> Result<CodeSignature, String> {
    let mut roots = TrustRoots::apple();
    trusted.iter().for_each(|developer| roots.add(&developer.root()).unwrap());
    let dir = Dir::open_ambient_dir(folder, ambient_authority()).unwrap();
    verify(&dir, Path::new("Acme.app"), &roots).map_err(|unsound| unsound.to_string())
}

#[test]
fn p62_an_application_is_its_developers_whatever_code_of_others_they_sealed_into_it() {
    let (acme, other) = (Developer::new(TEAM), Developer::new("FGHIJ67890"));
    for helper in [Some(&acme), Some(&other), None] {
        let folder = tempfile::tempdir().unwrap();
        application(folder.path(), Some(&acme), helper);
        let found = judge(folder.path(), &[&acme, &other]).unwrap();
        assert_eq!(found.signer(), Some(SignerId::Team(TEAM.parse().unwrap())));
        assert_eq!(found.signed_by().as_deref(), Some("Acme Software (ABCDE12345)"));
        assert_eq!(found.identifier, "com.acme.Acme");
    }
    let folder = tempfile::tempdir().unwrap();
    application(folder.path(), None, None);
    let found = judge(folder.path(), &[]).unwrap();
    assert_eq!((found.signer(), found.signed_by()), (None, None), "ad hoc: whole, but nobody's");
}

#[test]
fn p62_who_is_not_trusted_or_may_not_sign_programs_signed_nothing() {
    let (acme, web) = (Developer::new(TEAM), Developer::of_web_sites(TEAM));
    for (signer, trusted, words) in [
        (&acme, &[] as &[&Developer], "neither Apple's root nor one you trust"),
        (&web, &[&web], "web servers"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        application(folder.path(), Some(signer), None);
        let error = judge(folder.path(), trusted).unwrap_err();
        assert!(error.contains(words) && error.starts_with("Acme.app/Contents/MacOS/Acme: "), "{error}");
    }
}

/// What somebody did to the contents of the application, where that is seen, and what is said.
type Change = (fn(&Path), &'static str, &'static str);

const HELP: &str = "Frameworks/Help.framework/Versions/A/Help";

const CHANGES: [Change; 17] = [
    (
        |app| {
            fs::create_dir(app.join("CodeResources")).unwrap();
            fs::write(app.join("CodeResources/x"), "x").unwrap();
        },
        "CodeResources/x",
        "was added",
    ),
    (|app| fs::write(app.join("Frameworks/Help.framework/x"), "x").unwrap(), "Help.framework/x", "was added"),
    (
        |app| fs::create_dir(app.join("Frameworks/Help.framework/Versions/B")).unwrap(),
        "Help.framework/Versions/B",
        "was added",
    ),
    (|app| fs::write(app.join("Resources/a.txt"), "other").unwrap(), "Resources/a.txt", "was altered"),
    (|app| fs::remove_file(app.join("Resources/a.txt")).unwrap(), "Resources/a.txt", "No such file"),
    (|app| fs::write(app.join("Resources/de.lproj/b.strings"), "x").unwrap(), "b.strings", "was altered"),
    (|app| fs::write(app.join("Resources/new"), "x").unwrap(), "Resources/new", "was added"),
    (|app| fs::write(app.join("MacOS/second"), "x").unwrap(), "MacOS/second", "was added"),
    (|app| fs::write(app.join("../Icon"), "x").unwrap(), "Acme.app/Icon", "was added"),
    (
        |app| fs::write(app.join("Info.plist"), "<plist><dict/></plist>").unwrap(),
        "Acme.app",
        "its Info.plist",
    ),
    (
        |app| {
            let path = app.join("_CodeSignature/CodeResources");
            let seal = fs::read_to_string(&path).unwrap();
            fs::write(path, seal.replace("de.lproj", "fr.lproj")).unwrap();
        },
        "Acme.app",
        "the seal of its resources",
    ),
    (|app| fs::remove_dir_all(app.join("_CodeSignature")).unwrap(), "Acme.app", "the seal of its resources"),
    (
        |app| {
            fs::remove_file(app.join("Resources/link")).unwrap();
            symlink("/etc/passwd", app.join("Resources/link")).unwrap();
        },
        "Resources/link",
        "was altered",
    ),
    (
        |app| {
            fs::rename(app.join("MacOS/Acme"), app.join("MacOS/Real")).unwrap();
            symlink("Real", app.join("MacOS/Acme")).unwrap();
        },
        "MacOS/Acme",
        "is no file",
    ),
    (|app| fs::write(app.join(HELP), "#!/bin/sh").unwrap(), HELP, "no program for Macs"),
    (|app| fs::write(app.join("MacOS/Acme"), b"").unwrap(), "MacOS/Acme", "no program for Macs"),
    (
        |app| {
            // Whole and signed, but by somebody else, and not what was sealed.
            let elsewhere = tempfile::tempdir().unwrap();
            let other = application(elsewhere.path(), None, Some(&Developer::new("FGHIJ67890")));
            fs::copy(other.join("Contents").join(HELP), app.join(HELP)).unwrap();
        },
        "Help.framework",
        "neither Apple's root nor one you trust",
    ),
];

#[test]
fn p62_whatever_was_changed_added_or_taken_away_is_named() {
    let acme = Developer::new(TEAM);
    for (index, (change, place, words)) in CHANGES.iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        change(&application(folder.path(), Some(&acme), None).join("Contents"));
        let error = judge(folder.path(), &[&acme]).unwrap_err();
        assert!(error.contains(place) && error.contains(words), "{index}: {error}");
    }
}

#[test]
fn p62_every_part_of_a_program_counts_for_each_architecture() {
    let acme = Developer::new(TEAM);
    let folder = tempfile::tempdir().unwrap();
    let program = application(folder.path(), Some(&acme), None).join("Contents/MacOS/Acme");
    let whole = fs::read(&program).unwrap();
    let second = u32::from_be_bytes(whole[36..40].try_into().unwrap()) as usize;
    // Header, code, and the beginning of the signature.
    for at in [0x4010, 0x4400, 0x8010, second + 0x20, second + 0x400, second + 0x1010] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&program, bytes).unwrap();
        let judged = judge(folder.path(), &[&acme]).map(drop);
        assert!(judged.is_err(), "{at:#x} of {:#x}, the second begins at {second:#x}", whole.len());
    }
    fs::write(&program, &whole).unwrap();
    judge(folder.path(), &[&acme]).unwrap();
}

#[test]
fn p62_code_that_was_sealed_may_be_replaced_by_its_own_developer_only() {
    let (acme, other) = (Developer::new(TEAM), Developer::new("FGHIJ67890"));
    for (by, is_fine) in [(Some(&acme), true), (Some(&other), false), (None, false)] {
        let folder = tempfile::tempdir().unwrap();
        let app = application(folder.path(), Some(&acme), Some(&acme));
        framework(&app.join("Contents/Frameworks/Help.framework/Versions/A"), b"a new version", by);
        let judged = judge(folder.path(), &[&acme, &other]).map(drop);
        let refused = judged
            .as_ref()
            .is_err_and(|error| error.ends_with("other code than was sealed into the application"));
        assert_eq!((judged.is_ok(), refused), (is_fine, !is_fine), "{judged:?}");
    }
}

#[test]
fn real_programs_of_others_are_verified_up_to_apples_root() {
    // `IAS_SIGNED_APPS`: a file with the path of an application or program in each line, and behind a tab its team.
    let Some(list) = std::env::var_os("IAS_SIGNED_APPS") else {
        eprintln!("skipped: IAS_SIGNED_APPS names no list of signed programs");
        return;
    };
    for line in fs::read_to_string(list).unwrap().lines() {
        let (path, team) = line.split_once('\t').unwrap();
        let (folder, name) = (Path::new(path).parent().unwrap(), Path::new(path).file_name().unwrap());
        let dir = Dir::open_ambient_dir(folder, ambient_authority()).unwrap();
        let found =
            verify(&dir, Path::new(name), &TrustRoots::apple()).unwrap_or_else(|error| panic!("{error}"));
        let signer = found.signer().map(|signer| signer.to_string()).unwrap_or_default();
        assert_eq!(signer, team, "{path}");
    }
}
