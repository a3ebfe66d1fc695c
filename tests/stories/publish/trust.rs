//! Overrides of AutoPkg recipes, and what they trust.

use super::{Publisher, Told};
use shared::digest::Digest;
use std::fs;

/// A recipe, as XML.
fn recipe(entries: &str) -> String {
    format!("<plist version=\"1.0\"><dict>{entries}</dict></plist>")
}

/// An override in `overrides`, of a recipe in `recipes` with a parent and two processors that are no part of AutoPkg, trusted as they are.
pub(super) fn with_override() -> Publisher {
    let publisher = Publisher::new();
    publisher.write("recipes/A/A.download.recipe", recipe("<key>Identifier</key><string>com.x.download</string><key>Input</key><dict/><key>Process</key><array><dict><key>Processor</key><string>URLDownloader</string></dict><dict><key>Processor</key><string>Own</string></dict></array>"));
    publisher.write("recipes/A/Own.py", "print('own')");
    publisher.write(
        "recipes/A/A.munki.recipe.yaml",
        "Identifier: com.x.munki\nParentRecipe: com.x.download\nInput: {}\nProcess:\n- Processor: com.shared/Shared\n",
    );
    publisher.write("recipes/S/Shared.recipe", recipe("<key>Identifier</key><string>com.shared</string><key>Input</key><dict/><key>Process</key><array/>"));
    publisher.write("recipes/S/Shared.py", "print('shared')");
    let digest = |place: &str| Digest::of(&fs::read(publisher.path(place)).unwrap()).to_string();
    let entry = |name: &str, place: &str| {
        format!(
            "<key>{name}</key><dict><key>git_hash</key><string>0</string><key>path</key><string>~/elsewhere</string><key>sha256_hash</key><string>{}</string></dict>",
            digest(place)
        )
    };
    let trust = format!(
        "<key>ParentRecipeTrustInfo</key><dict><key>non_core_processors</key><dict>{}{}</dict><key>parent_recipes</key><dict>{}{}</dict></dict>",
        entry("Own", "recipes/A/Own.py"),
        entry("com.shared/Shared", "recipes/S/Shared.py"),
        entry("com.x.munki", "recipes/A/A.munki.recipe.yaml"),
        entry("com.x.download", "recipes/A/A.download.recipe"),
    );
    let own = "<key>Identifier</key><string>local.munki.A</string><key>Input</key><dict/><key>ParentRecipe</key><string>com.x.munki</string>";
    publisher.write("overrides/A.munki.recipe", recipe(&format!("{own}{trust}")));
    publisher
}

fn trust(publisher: &Publisher, more: &[&str]) -> Told {
    let folders = ["--override-dir", "overrides", "--search-dir", "recipes"];
    publisher.publish(&[&["trust", "local.munki.A"], &folders[..], more].concat())
}

#[test]
fn t75_an_override_is_trusted_while_its_parents_and_processors_are_as_they_were_read() {
    let publisher = with_override();
    let told = trust(&publisher, &[]);
    assert_eq!(
        (told.code, told.out.as_str()),
        (0, "local.munki.A: OK\n"),
        "paths and git hashes do not count"
    );

    for (place, told_of) in [
        ("recipes/A/Own.py", "processor Own is not what was trusted"),
        ("recipes/S/Shared.py", "processor com.shared/Shared is not what was trusted"),
        ("recipes/A/A.download.recipe", "parent recipe com.x.download is not what was trusted"),
        ("recipes/A/A.munki.recipe.yaml", "parent recipe com.x.munki is not what was trusted"),
    ] {
        let publisher = with_override();
        let changed = publisher.read(place) + "\n";
        publisher.write(place, changed);
        let told = trust(&publisher, &[]);
        assert_eq!(told.code, 1, "{place}");
        assert!(
            told.out.starts_with("local.munki.A: FAILED\n") && told.out.contains(told_of),
            "{}",
            told.out
        );
    }
}

#[test]
fn t75_what_is_gone_new_or_somebody_elses_is_not_trusted() {
    let publisher = with_override();
    fs::remove_file(publisher.path("recipes/S/Shared.py")).unwrap();
    assert!(trust(&publisher, &[]).out.contains("processor com.shared/Shared cannot be found"));

    let publisher = with_override();
    let step = "- Processor: Another\n";
    publisher.write("recipes/A/A.munki.recipe.yaml", publisher.read("recipes/A/A.munki.recipe.yaml") + step);
    assert!(trust(&publisher, &[]).out.contains("processor Another is new and was never trusted"));

    let publisher = with_override();
    let told = trust(&publisher, &["--recipe-repo", "overrides"]);
    assert!(told.code == 1 && told.out.contains("in a repository of somebody else"), "{}", told.out);

    fs::remove_file(publisher.path("recipes/A/A.download.recipe")).unwrap();
    let told = trust(&publisher, &["--json"]);
    assert!(told.json()[0]["reasons"][0].as_str().unwrap().contains("no recipe com.x.download is found"));

    publisher.write("overrides/A.munki.recipe", recipe("<key>Identifier</key><string>local.munki.A</string><key>Input</key><dict/><key>Process</key><array/>"));
    assert!(trust(&publisher, &[]).out.contains("no trust information"));
}
