//! Catalogs and lint of a repository.

use super::{Publisher, words};
use plist::Value;
use shared::digest::Digest;
use std::fs;
use support::corpus;

#[test]
fn t91_the_pkginfos_of_real_catalogs_make_the_same_catalogs_again() {
    for file in corpus::files("munki-catalog") {
        let publisher = Publisher::new();
        let found = fs::read_to_string(&file).unwrap();
        let items = Value::from_file(&file).unwrap().into_array().unwrap();
        for (number, item) in items.into_iter().enumerate() {
            let mut item = item.into_dictionary().unwrap();
            item.insert("_metadata".to_owned(), Value::from("made by hand"));
            let path = publisher.path(&format!("repo/pkgsinfo/{number:03}"));
            // Some in the binary form, which Munki reads as well.
            let item = Value::Dictionary(item);
            if number % 2 == 0 { item.to_file_xml(path) } else { item.to_file_binary(path) }.unwrap();
        }
        let told = publisher.publish(&["catalogs", "repo", "--sorted", "--skip-pkg-check"]);
        assert_eq!(told.code, 0, "{}: {}", file.display(), told.err);
        // Written in 2013 with Python 2, which had this form of its own.
        let found = found.replace("<array>\n\t\t</array>", "<array/>");
        assert_eq!(publisher.read("repo/catalogs/all").len(), found.len(), "{}", file.display());
        assert!(publisher.read("repo/catalogs/all") == found, "{}", file.display());
    }
}

#[test]
fn t91_catalogs_are_made_anew_and_what_is_wrong_is_told() {
    let publisher = Publisher::new();
    let nopkg = |name: &str, catalogs: &[&str]| {
        let keys = [("name", name.into()), ("installer_type", "nopkg".into()), ("catalogs", words(catalogs))];
        keys.to_vec()
    };
    publisher.pkginfo("apps/a.plist", &nopkg("A", &["testing", "production"]));
    publisher.pkginfo("b.plist", &nopkg("B", &["testing"]));
    publisher.pkginfo("c.plist", &[("name", "C".into()), ("installer_item_location", "c.pkg".into())]);
    publisher.write("repo/pkgsinfo/.hidden.plist", "nonsense");
    publisher.write("repo/pkgsinfo/broken.plist", "<plist><dict>");
    publisher.write("repo/catalogs/retired", "old");
    publisher.write("repo/icons/A.png", "icon");

    let told = publisher.publish(&["catalogs", "repo", "--json", "--dry-run"]);
    assert_eq!(told.code, 1);
    assert_eq!(publisher.read("repo/catalogs/retired"), "old", "nothing is touched");
    assert!(!publisher.path("repo/catalogs/all").exists());

    let told = publisher.publish(&["catalogs", "repo", "--json"]);
    assert_eq!(told.code, 1, "one file cannot be read");
    assert!(told.err.contains("WARNING: pkgsinfo/c.plist refers to missing installer item: c.pkg\n"));
    assert!(told.err.contains("error: Unexpected error reading pkgsinfo/broken.plist: "), "{}", told.err);
    assert!(!told.err.contains("hidden"));
    let report = told.json();
    let sizes: Vec<_> = report["catalogs"].as_array().unwrap().iter().collect();
    assert_eq!(sizes.iter().map(|made| made["items"].as_u64().unwrap()).collect::<Vec<_>>(), [2, 1, 2]);
    assert_eq!(report["removed"], serde_json::json!(["retired"]));
    assert!(!publisher.path("repo/catalogs/retired").exists());
    let hashes = publisher.read("repo/icons/_icon_hashes.plist");
    assert!(hashes.contains(&format!("<string>{}</string>", Digest::of(b"icon"))), "{hashes}");

    fs::remove_file(publisher.path("repo/pkgsinfo/broken.plist")).unwrap();
    let told = publisher.publish(&["catalogs", "repo"]);
    assert_eq!((told.code, told.out.matches("unchanged").count()), (0, 4), "{}", told.out);
}

#[test]
fn t91_6_without_any_pkginfo_there_is_an_empty_catalog_instead_of_an_old_one() {
    let publisher = Publisher::new();
    publisher.write("repo/catalogs/all", "old");
    assert_eq!(publisher.publish(&["catalogs", "repo"]).code, 0);
    assert!(publisher.read("repo/catalogs/all").contains("<array/>"));
    let told = publisher.publish(&["catalogs", "elsewhere"]);
    assert_eq!(told.code, 1);
    assert!(told.err.contains("elsewhere: no repository: there is no folder `pkgsinfo` in it"));
}

#[test]
fn t89_lint_names_file_and_key_and_fails_the_title() {
    let publisher = Publisher::new();
    publisher.write("repo/pkgs/A.pkg", "x".repeat(5000));
    let whole = |name: &str, hash: &str| {
        vec![
            ("name", name.into()),
            ("version", "1.0".into()),
            ("catalogs", words(&["testing"])),
            ("installer_item_location", "A.pkg".into()),
            ("installer_item_hash", hash.into()),
            ("installer_item_size", 4_u64.into()),
            ("OnDemand", true.into()),
        ]
    };
    publisher.pkginfo("apps/A.plist", &whole("A", &Digest::of(b"x").to_string()));
    let told = publisher.publish(&["lint", "repo"]);
    assert_eq!((told.code, told.out.as_str()), (0, "1 pkginfo: 0 errors, 0 warnings\n"));

    publisher.pkginfo("apps/Office.plist", &whole("Office-2019", "none"));
    let told = publisher.publish(&["lint", "repo", "--json"]);
    assert_eq!(told.code, 1);
    let report = told.json();
    let keys: Vec<_> = report["findings"].as_array().unwrap().iter().map(|found| &found["key"]).collect();
    assert_eq!(keys, ["name", "installer_item_hash"]);
    assert_eq!(report["findings"][0]["file"], "pkgsinfo/apps/Office.plist");
    assert_eq!(publisher.publish(&["lint", "repo", "--title", "A"]).code, 0);
}
