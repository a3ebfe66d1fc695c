//! Every rule with an item that keeps it, and one that does not.

use super::*;
use plist::Value;

const DIGEST: &str = "ade95e82829e603c80e84e3d6a1327327803e7f79435a3a6250f43747a54557b";

/// An item that keeps every rule, as XML, with changes: a key and its new value as XML, or nothing to take it out.
fn item(changes: &[(&str, &str)]) -> Dictionary {
    let mut content: Dictionary = [
        ("name", Value::from("Firefox")),
        ("version", Value::from("140.0")),
        ("catalogs", Value::Array(vec!["testing".into()])),
        ("installer_item_location", Value::from("apps/Firefox-140.0.dmg")),
        ("installer_item_hash", Value::from(DIGEST)),
        ("installer_item_size", Value::from(2_u64)),
        ("receipts", xml("<array><dict><key>packageid</key><string>a</string><key>version</key><string>1</string></dict></array>")),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect();
    for (key, value) in changes {
        content.remove(key);
        if !value.is_empty() {
            content.insert((*key).to_owned(), xml(value));
        }
    }
    content
}

fn xml(value: &str) -> Value {
    let document = format!("<plist version=\"1.0\">{value}</plist>");
    super::super::property_list::read(document.as_bytes()).unwrap()
}

fn found(items: &[Dictionary]) -> Vec<String> {
    let pkgs = Sizes::from([("apps/Firefox-140.0.dmg".to_owned(), 3000), ("u.pkg".to_owned(), 1)]);
    let pkgsinfo: Vec<Pkginfo> = items
        .iter()
        .enumerate()
        .map(|(number, content)| Pkginfo { file: number.to_string(), content: Ok(content.clone()) })
        .collect();
    lint(&pkgsinfo, &pkgs, &BTreeSet::new()).iter().map(Finding::to_string).collect()
}

/// The one finding about an item with these changes.
fn one(changes: &[(&str, &str)]) -> String {
    let mut found = found(&[item(changes)]);
    assert_eq!(found.len(), 1, "{changes:?}: {found:?}");
    found.remove(0)
}

fn says(changes: &[(&str, &str)], what: &str) {
    let found = one(changes);
    assert!(found.contains(what), "{changes:?}: {found}");
}

#[test]
fn t89_an_item_that_keeps_every_rule_is_not_spoken_of() {
    assert_eq!(found(&[item(&[])]), Vec::<String>::new());
}

#[test]
fn t89_name_version_and_catalogs_are_strings() {
    says(&[("name", "")], "error: 0: name: must be a string");
    says(&[("version", "<real>1.0</real>")], "error: 0: version: must be a string");
    says(&[("version", "<string>latest</string>")], "version: `latest` means");
    says(&[("catalogs", "")], "error: 0: catalogs: must be a list of strings");
    says(&[("catalogs", "<array><integer>1</integer></array>")], "catalogs: must be a list");
    says(&[("catalogs", "<array/>")], "warning: 0: catalogs: is empty");
}

#[test]
fn t21_a_name_must_not_end_like_a_version() {
    says(&[("name", "<string>Office-2019</string>")], "Munki takes it for version 2019 of `Office`");
    says(&[("name", "<string>Office--2019</string>")], "version 2019 of `Office`");
    for name in ["Google-Chrome", "A2", "A--b"] {
        let name = format!("<string>{name}</string>");
        assert_eq!(found(&[item(&[("name", &name)])]), Vec::<String>::new());
    }
}

#[test]
fn t89_the_digest_is_64_small_hexadecimal_digits() {
    says(&[("installer_item_hash", "")], "installer_item_hash: is missing");
    says(&[("installer_item_hash", "<string>N/A</string>")], "\"N/A\" is no SHA-256");
    let capitals = format!("<string>{}</string>", DIGEST.to_uppercase());
    says(&[("installer_item_hash", &capitals)], "has capital letters");
}

#[test]
fn t89_the_file_is_there_with_this_name_and_size() {
    says(&[("installer_item_size", "<integer>3</integer>")], "is 3, but the file has 2 KiB (3000 bytes)");
    says(&[("installer_item_size", "")], "installer_item_size: is missing; the file has 2 KiB");
    says(&[("installer_item_size", "<string>2</string>")], "installer_item_size");
}

#[test]
fn t34_what_no_mac_can_install_is_told_by_its_name() {
    let says = |changes: &[(&str, &str)], told: &str| {
        let found = found(&[item(changes)]);
        assert!(found.iter().any(|found| found.contains(told)), "{found:?}");
    };
    let zip = ("installer_item_location", "<string>a.zip</string>");
    says(&[zip], "installer_item_location: a.zip does not end in one of .pkg, .mpkg, .dmg, .iso");
    let copied = ("installer_type", "<string>copy_from_dmg</string>");
    let package = ("installer_item_location", "<string>a.pkg</string>");
    says(&[copied, package], "a.pkg does not end in one of .dmg, .iso");
    assert!(found(&[item(&[("installer_type", "<string>nopkg</string>"), zip])]).is_empty());
}

#[test]
fn t17_the_location_stays_in_pkgs() {
    says(
        &[("installer_item_location", "<string>../x.pkg</string>")],
        "\"../x.pkg\" has an empty, `.` or `..` part",
    );
    says(&[("installer_item_location", "<string>/x.pkg</string>")], "is an absolute path");
    says(&[("installer_item_location", "")], "installer_item_location: is missing");
    says(&[("installer_item_location", "<string>x.PKG</string>")], "x.PKG is not in pkgs");
    says(
        &[("installer_item_location", "<string>apps/firefox-140.0.dmg</string>")],
        "is apps/Firefox-140.0.dmg in pkgs",
    );
    says(
        &[("uninstaller_item_location", "<string>v.pkg</string>")],
        "uninstaller_item_location: v.pkg is not in pkgs",
    );
    let elsewhere = ("PackageCompleteURL", "<string>http://example.com/x</string>");
    says(&[elsewhere, ("installer_item_location", "")], "PackageCompleteURL: must begin with https://");
}

#[test]
fn t37_7_without_a_way_to_tell_it_never_runs() {
    says(&[("receipts", "")], "it counts as installed everywhere and never runs");
    let script = ("postinstall_script", "<string>#!/bin/sh</string>");
    let nopkg = ("installer_type", "<string>nopkg</string>");
    says(&[("receipts", ""), script, nopkg], "never runs");
    for decides in [("OnDemand", "<true/>"), ("installcheck_script", "<string>#!/bin/sh</string>")] {
        assert_eq!(found(&[item(&[("receipts", ""), decides])]), Vec::<String>::new());
    }
}

#[test]
fn t39_entries_of_installs_are_complete() {
    let entry = |inner: &str| format!("<array><dict>{inner}</dict></array>");
    let kind = |kind: &str| format!("<key>type</key><string>{kind}</string>");
    let path = "<key>path</key><string>/Applications/A.app</string>";
    let version = "<key>CFBundleShortVersionString</key><string>1</string>";
    for (inner, what) in [
        (path.to_owned(), "installs[0].type: is missing"),
        (kind("folder") + path, "folder is none of"),
        (kind("application") + path, "installs[0].CFBundleShortVersionString: is missing"),
        (kind("application") + version, "needs a path"),
        (kind("bundle") + version, "installs[0].path: is missing"),
        (
            kind("plist") + path + version + "<key>version_comparison_key</key><string>V</string>",
            "installs[0].V: is missing",
        ),
        (
            kind("file") + path + "<key>md5checksum</key><string>1</string>",
            "installs[0].md5checksum: must be 32",
        ),
        (kind("file") + "<key>path</key><string>a</string>", "installs[0].path: a must begin with"),
    ] {
        says(&[("installs", &entry(&inner))], what);
    }
    let whole = entry(&(kind("application") + path + version));
    assert_eq!(found(&[item(&[("installs", &whole)])]), Vec::<String>::new());
}

#[test]
fn t40_receipts_have_an_identifier_and_a_version() {
    says(
        &[("receipts", "<array><dict><key>packageid</key><string>a</string></dict></array>")],
        "receipts[0].version",
    );
    says(
        &[("receipts", "<array><dict><key>version</key><string>1</string></dict></array>")],
        "receipts[0].packageid",
    );
    let optional = "<array><dict><key>optional</key><true/></dict></array>";
    assert_eq!(found(&[item(&[("receipts", optional)])]), Vec::<String>::new());
}

#[test]
fn t36_copying_says_what_and_where_to() {
    let copy = ("installer_type", "<string>copy_from_dmg</string>");
    says(&[copy], "items_to_copy: is missing");
    let entry = |inner: &str| format!("<array><dict>{inner}</dict></array>");
    let source = "<key>source_item</key><string>A.app</string>";
    says(&[copy, ("items_to_copy", &entry(source))], "items_to_copy[0].destination_path: is missing");
    let whole = source.to_owned() + "<key>destination_item</key><string>/Applications/B.app</string>";
    assert_eq!(found(&[item(&[copy, ("items_to_copy", &entry(&whole))])]), Vec::<String>::new());
    let root = source.to_owned() + "<key>destination_path</key><string>/</string>";
    says(&[copy, ("items_to_copy", &entry(&root))], "`/` is no folder");
    let destination = "<key>destination_path</key><string>/Applications</string>";
    says(&[copy, ("items_to_copy", &entry(destination))], "items_to_copy[0].source_item: is missing");
}

#[test]
fn t34_kinds_of_installers_that_nothing_supports() {
    says(&[("installer_type", "<string>profile</string>")], "no longer supported");
    says(&[("installer_type", "<string>AdobeUberInstaller</string>")], "no longer supported");
    says(&[("installer_type", "<string>stage_os_installer</string>")], "does not upgrade macOS");
    says(&[("installer_type", "<string>msi</string>")], "msi is unknown");
}

#[test]
fn t24_a_maximum_has_a_minor_part() {
    says(
        &[("maximum_os_version", "<string>14</string>")],
        "14 excludes 14.1 and everything above it; write 14.99",
    );
    says(&[("maximum_os_version", "<real>14.9</real>")], "maximum_os_version: must be a string");
}

#[test]
fn t89_scripts_can_be_started() {
    says(
        &[("postinstall_script", "<string>echo hello</string>")],
        "postinstall_script: does not begin with `#!`",
    );
    says(&[("preinstall_script", "<string>\n#!/bin/sh</string>")], "preinstall_script: does not begin");
}

#[test]
fn t25_conditions_are_warned_of() {
    says(
        &[("installable_condition", "<string>x == 1</string>")],
        "warning: 0: installable_condition: iasd cannot",
    );
    says(
        &[("supported_architectures", "<array><string>i386</string></array>")],
        "warning: 0: supported_architectures",
    );
}

#[test]
fn t43_what_is_required_is_there_and_leads_to_no_circle() {
    let named = |name: &str, requires: &str| {
        item(&[
            ("name", &format!("<string>{name}</string>")),
            ("requires", &format!("<array><string>{requires}</string></array>")),
        ])
    };
    says(
        &[("requires", "<array><string>google chrome</string></array>")],
        "google chrome: there is no such item",
    );
    assert_eq!(
        found(&[named("A", "B"), named("B", "A")]),
        [
            "error: 0: requires: it requires itself by way of A → B → A",
            "error: 1: requires: it requires itself by way of B → A → B",
        ]
    );
    let close = found(&[named("A", "fire fox"), item(&[])]);
    assert!(close[0].ends_with("fire fox: there is no such item; did you mean Firefox?"), "{close:?}");
    for known in ["Firefox", "Firefox-140.0", "Firefox--140.0.0"] {
        assert_eq!(found(&[named("A", known), item(&[])]), Vec::<String>::new(), "{known}");
    }
    let patch =
        item(&[("version", "<string>140.1</string>"), ("requires", "<string>Firefox-140.0</string>")]);
    assert_eq!(found(&[patch, item(&[])]), Vec::<String>::new(), "an older version of itself");
    assert!(found(&[named("A", "Firefox-139"), item(&[])])[0].contains("Firefox-139: there is no such item"));
}

#[test]
fn t89_the_same_version_twice_for_the_same_macs_is_warned_of() {
    let again = item(&[("version", "<string>140.0.0</string>")]);
    let found = found(&[item(&[]), again, item(&[("minimum_os_version", "<string>15.0</string>")])]);
    assert_eq!(found, ["warning: 1: version: Firefox 140.0.0 for the same Macs is in 0, too"]);
}

#[test]
fn t89_a_file_that_cannot_be_read_is_an_error() {
    let broken = Pkginfo { file: "x".to_owned(), content: Err("no property list".to_owned()) };
    let found = lint(&[broken], &Sizes::new(), &BTreeSet::new());
    assert_eq!(found[0].to_string(), "error: x: (file): cannot be read: no property list");
}
