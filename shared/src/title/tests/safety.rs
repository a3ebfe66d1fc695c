//! What catalogs may not make us do (T16, T17, T31, T34–T36), and what a step says of the rest (T33, T45, T46).

use super::*;
use crate::layout::MacPath;

#[test]
fn t17_a_location_stays_below_pkgs() {
    let vectors =
        ["/etc/passwd.pkg", "../a.pkg", "a/../../b.pkg", "./a.pkg", "a//b.pkg", "a\\b.pkg", "a\nb.pkg"];
    for location in vectors {
        let told = refused(&[("installer_item_location", text(location))]);
        let place = format!("`{}` is no name of a file below the repository", location.escape_debug());
        assert_eq!(told, format!("refused: its installer_item_location: {place}"));
    }
    assert_eq!(
        refused(&[("installer_item_location", text(""))]),
        "refused: it has no installer_item_location"
    );
    let odd = "apps/..Foo 100%25;#?.pkg";
    let step = step_with(&[("installer_item_location", text(odd))]);
    assert_eq!(step.download.unwrap().place, Place::Below(odd.to_owned()));
}

#[test]
fn t17_what_a_download_is_called_ends_as_the_name_of_the_file_does() {
    let beside = MacPath::new("/Library/ias/control.json").unwrap();
    for (url, end) in [("a.pkg?sig=x.y", ".pkg"), ("A%20b.DMG?v=1.2", ".dmg")] {
        let step = step_with(&[("PackageCompleteURL", text(&format!("https://repo.example/{url}")))]);
        let id = ItemId::new(Phase::Userland, 0);
        let part = Part { id, title: "A".into(), role: Role::Asked, needs: Vec::new(), outcome: Ok(step) };
        assert_eq!(part.file(&beside).as_str(), format!("/Library/ias/{DIGITS}{end}"));
    }
}

#[test]
fn t31_a_digest_is_64_hexadecimal_digits_in_either_case_or_nothing_is_done() {
    let step = step_with(&[
        ("installer_item_hash", text(&DIGITS.to_uppercase())),
        ("installer_item_size", 12.into()),
    ]);
    let download = step.download.unwrap();
    assert_eq!((download.digest.to_string(), download.kib), (DIGITS.to_owned(), Some(12)));
    assert_eq!(refused(&[("installer_item_hash", text(""))]), "refused: it has no installer_item_hash");
    for bad in ["N/A", &DIGITS[1..], "zz"] {
        let told = refused(&[("installer_item_hash", text(bad))]);
        assert!(told.starts_with("refused: its installer_item_hash is not a SHA-256 digest"), "{told}");
    }
}

#[test]
fn t16_a_file_elsewhere_is_at_https_on_a_host_that_is_allowed() {
    let place = |keys: &[(&str, Value)]| step_with(keys).download.unwrap().place;
    let whole = "https://repo.example/a%20b.pkg";
    assert_eq!(place(&[("PackageCompleteURL", text(whole))]), Place::At(whole.to_owned()));
    let base =
        [("PackageURL", text("https://REPO.example/x/y")), ("installer_item_location", text("a b.pkg"))];
    assert_eq!(place(&base), Place::At("https://repo.example/x/y/a%20b.pkg".to_owned()));
    let vectors = [
        ("http://repo.example/a.pkg", ": it is not an https URL"),
        ("file://host/etc/a.pkg", ": it is not an https URL"),
        ("https://evil.example/a.pkg", " leads to evil.example, which is none of TitleHosts"),
        ("https://repo.example@evil.example/a.pkg", ": it is no URL without user, password and fragment"),
        ("a.pkg", ": it is no URL without user, password and fragment"),
    ];
    for (url, why) in vectors {
        for key in ["PackageCompleteURL", "PackageURL"] {
            assert_eq!(refused(&[(key, text(url))]), format!("refused: its {key}{why}"));
        }
    }
}

#[test]
fn t34_what_we_do_not_install_is_refused_with_its_reason() {
    for (kind, why) in [
        ("stage_os_installer", "upgrades macOS, which is not done here"),
        ("startosinstall", "is no longer supported"),
        ("profile", "is no longer supported"),
        ("appdmg", "is no longer supported"),
        ("apple_update_metadata", "is no longer supported"),
        ("AdobeCS5Installer", "is no longer supported"),
        ("magic", "is unknown"),
    ] {
        assert_eq!(
            refused(&[("installer_type", text(kind))]),
            format!("refused: installer_type {kind} {why}")
        );
    }
    let told = refused(&[("installer_item_location", text("a.zip"))]);
    assert_eq!(told, "refused: a.zip is neither a package nor a disk image");
}

#[test]
fn t34_the_name_of_the_file_says_what_it_is() {
    let method = |location: &str| step_with(&[("installer_item_location", text(location))]).method;
    for location in ["a.pkg", "A.MPKG"] {
        assert_eq!(method(location), Method::Package(PackageOptions::default()));
    }
    for location in ["a.dmg", "A.ISO"] {
        assert_eq!(
            method(location),
            Method::PackageInImage { path: None, options: PackageOptions::default() }
        );
    }
    let nothing = [("installer_type", text("nopkg")), ("installer_item_location", text(""))];
    let step = step_with(&nothing);
    assert_eq!((step.method, step.download), (Method::ScriptsOnly, None));
}

#[test]
fn t35_options_of_a_package() {
    let choices =
        Value::Array(vec![dictionary(&[("choiceIdentifier", text("x")), ("attributeSetting", 1.into())])]);
    let more = [
        ("installer_item_location", text("a.dmg")),
        ("package_path", text("Packages/A & B.pkg")),
        ("installer_choices_xml", choices),
        ("installer_environment", dictionary(&[("USER", text("CURRENT_CONSOLE_USER"))])),
        ("allow_untrusted", true.into()),
    ];
    let catalogs = production(vec![package("A", "1", &more)]);
    let Method::PackageInImage { path, options } = step("A", &catalogs).method else { panic!("in an image") };
    assert_eq!(path.as_deref(), Some("Packages/A & B.pkg"));
    assert!(options.choices.unwrap().contains("<key>choiceIdentifier</key>"));
    assert_eq!(options.environment["USER"], "CURRENT_CONSOLE_USER");
    assert!(!options.allow_untrusted, "only with TitleAllowUntrusted");
    let lenient = Terms { allow_untrusted: true, ..terms() };
    let parts = resolve(&[(id(0), wish("A"))], &catalogs, &mac(), &lenient).parts;
    let Method::PackageInImage { options, .. } = &parts[0].outcome.as_ref().unwrap().method else {
        panic!("in an image")
    };
    assert!(options.allow_untrusted);
    let told = refused(&[("installer_item_location", text("a.dmg")), ("package_path", text("../../x.pkg"))]);
    assert_eq!(told, "refused: its package_path leaves the image: ../../x.pkg");
    let told = refused(&[("installer_choices_xml", dictionary(&[]))]);
    assert_eq!(told, "refused: installer_choices_xml is a dictionary, not an array");
}

fn copied(entries: &[&[(&str, Value)]]) -> Result<Vec<CopyItem>, String> {
    let entries = Value::Array(entries.iter().map(|keys| dictionary(keys)).collect());
    let more = [
        ("installer_type", text("copy_from_dmg")),
        ("installer_item_location", text("a.dmg")),
        ("items_to_copy", entries),
    ];
    match outcome(wish("A"), &production(vec![package("A", "1", &more)])) {
        Ok(Step { method: Method::CopyFromImage(items), .. }) => Ok(items),
        Ok(step) => panic!("{step:?}"),
        Err(refusal) => Err(refusal.to_string()),
    }
}

#[test]
fn t36_entries_to_copy_get_their_defaults_and_whole_paths_are_split() {
    let items = copied(&[
        &[("source_item", text("Foo.app")), ("destination_path", text("/Applications/"))],
        &[("source_item", text("/x/Bar.app/")), ("destination_item", text("/Applications/Sub/Baz.app"))],
        &[
            ("source_item", text("a")),
            ("destination_path", text("/usr/local//bin")),
            ("destination_item", text("b")),
            ("user", text("501")),
            ("group", text("wheel")),
            ("mode", text("0755")),
        ],
    ]);
    let told: Vec<String> = items.unwrap().iter().map(|it| format!("{it:?}").replace('"', "")).collect();
    let expected = [
        "CopyItem { source: Foo.app, folder: /Applications, name: Foo.app, user: root, group: admin, mode: o-w,go+rX }",
        "CopyItem { source: x/Bar.app, folder: /Applications/Sub, name: Baz.app, user: root, group: admin, mode: o-w,go+rX }",
        "CopyItem { source: a, folder: /usr/local/bin, name: b, user: 501, group: wheel, mode: 0755 }",
    ];
    assert_eq!(told, expected);
}

#[test]
fn t36_nothing_leaves_the_image_and_nothing_replaces_the_mac() {
    assert_eq!(copied(&[]), Err("refused: it has no items_to_copy".into()), "Munki calls this a success");
    let one = |source: &str, folder: &str, name: &str| {
        let keys = [("source_item", source), ("destination_path", folder), ("destination_item", name)];
        let keys: Vec<(&str, Value)> =
            keys.into_iter().filter(|(_, it)| !it.is_empty()).map(|(key, it)| (key, text(it))).collect();
        copied(&[&keys]).unwrap_err().replace("refused: items_to_copy[0]: ", "")
    };
    let vectors = [
        (("", "/Applications", ""), "there is no source_item"),
        (("../x", "/Applications", ""), "source_item leaves the image: ../x"),
        (("a/./x", "/Applications", ""), "source_item leaves the image: a/./x"),
        (("/", "/Applications", ""), "source_item is the whole image: /"),
        (("a\u{1b}", "/Applications", ""), "source_item contains a control character: a\\u{1b}"),
        (("a", "", ""), "there is neither destination_path nor destination_item"),
        (("a", "", "b"), "the destination b: the path is relative"),
        (("a", "Applications", ""), "the destination Applications/a: the path is relative"),
        (("a", "/Applications/..", ""), "the destination /Applications/../a: the path contains `..`"),
        (("a", "/Applications", "../b"), "destination_item is ../b, not a name"),
        (("a", "/Applications", ".."), "destination_item is .., not a name"),
        (("a", "/", "Applications"), "/Applications would replace a folder of macOS itself"),
        (("a", "", "/System"), "/System would replace a folder of macOS itself"),
        (("a", "/system/Library", ""), "/system/Library/a belongs to macOS"),
        (("a", "/Volumes", "Data"), "/Volumes/Data is a volume"),
    ];
    for ((source, folder, name), why) in vectors {
        assert_eq!(one(source, folder, name), why);
    }
    let with = |key: &str, value: &str| {
        let keys =
            [("source_item", text("a")), ("destination_path", text("/Applications")), (key, text(value))];
        copied(&[&keys]).unwrap_err().replace("refused: items_to_copy[0]: ", "")
    };
    assert_eq!(with("user", "root:wheel"), "user is root:wheel");
    assert_eq!(with("group", "-R"), "group is -R");
    assert_eq!(with("mode", "-v"), "mode is -v");
    assert_eq!(with("mode", "u+x /"), "mode is u+x /");
}

#[test]
fn t45_open_applications_are_those_listed_else_those_installed() {
    let app = |path: &str| {
        dictionary(&[
            ("type", text("application")),
            ("path", text(path)),
            ("CFBundleShortVersionString", text("1")),
        ])
    };
    let file = dictionary(&[("type", text("file")), ("path", text("/usr/local/x"))]);
    let installs = Value::Array(vec![app("/Applications/Foo.app"), file, app("/Applications/Bar.app/")]);
    let blocking = |listed: Option<Value>| {
        let mut more = vec![("installs", installs.clone())];
        more.extend(listed.map(|listed| ("blocking_applications", listed)));
        step_with(&more).blocking_applications
    };
    assert_eq!(blocking(None), ["Foo.app", "Bar.app"]);
    assert_eq!(blocking(Some(texts(&["X"]))), ["X"]);
    assert!(blocking(Some(texts(&[]))).is_empty());
}

#[test]
fn t46_a_restart_is_the_macs_and_a_logout_is_told() {
    for (word, expected) in [
        ("RequireRestart", Restart::Mac),
        ("RecommendRestart", Restart::Mac),
        ("RequireLogout", Restart::Logout),
        ("None", Restart::Nothing),
    ] {
        assert_eq!(step_with(&[("RestartAction", text(word))]).restart, expected);
    }
}

#[test]
fn t33_the_room_a_title_takes_is_that_of_its_download_where_nothing_is_said() {
    let room = |more: &[(&str, Value)]| step_with(more).installed_kib;
    assert_eq!(room(&[]), 0);
    assert_eq!(room(&[("installer_item_size", 7.into())]), 7);
    assert_eq!(room(&[("installer_item_size", 7.into()), ("installed_size", 9.into())]), 9);
}
