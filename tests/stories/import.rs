//! What other tools read becomes a control file, and what does not is told, through the real `iasctl import`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use std::{fs, path::PathBuf, process::Command};
use support::{
    crafted::{flat_package, package_info},
    program,
};
use tempfile::TempDir;

/// An admin's folder, with files of other tools.
struct Desk(TempDir);

/// What `iasctl import` said.
struct Told {
    status: Option<i32>,
    text: String,
    diagnostics: String,
}

impl Desk {
    fn new(files: &[(&str, &str)]) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        for (name, content) in files {
            fs::write(desk.path(name), content).unwrap();
        }
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Told {
        let output =
            Command::new(program("iasctl")).current_dir(self.0.path()).args(arguments).output().unwrap();
        Told {
            status: output.status.code(),
            text: String::from_utf8(output.stdout).unwrap(),
            diagnostics: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The control file, which `iasctl check` accepts, and what was said besides.
    fn imported(&self, arguments: &[&str]) -> (Value, String) {
        let told = self.run(&[&["import"], arguments, &["-o", "made.json"]].concat());
        assert_eq!((told.status, told.text.as_str()), (Some(0), ""), "{}", told.diagnostics);
        let check = self.run(&["check", "--hash-check-policy", "WarningRequireMatch", "made.json"]);
        assert_eq!(check.status, Some(0), "{}", check.text);
        (serde_json::from_slice(&fs::read(self.path("made.json")).unwrap()).unwrap(), told.diagnostics)
    }
}

fn names(control: &Value, phase: &str) -> Vec<String> {
    let items = control[phase].as_array().unwrap();
    items.iter().map(|item| item["name"].as_str().unwrap_or_default().to_owned()).collect()
}

fn says(diagnostics: &str, expected: &[&str]) {
    for expected in expected {
        assert!(diagnostics.contains(expected), "{expected} in {diagnostics}");
    }
}

/// A profile with one payload.
fn profile(domain: &str, keys: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><plist version=\"1.0\"><dict>\
         <key>PayloadType</key><string>Configuration</string><key>PayloadContent</key><array><dict>\
         <key>PayloadType</key><string>{domain}</string>{keys}</dict></array></dict></plist>"
    )
}

fn strings(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter().map(|(key, text)| format!("<key>{key}</key><string>{text}</string>"));
    format!("<dict>{}</dict>", pairs.collect::<String>())
}

fn array(key: &str, elements: &[String]) -> String {
    format!("<key>{key}</key><array>{}</array>", elements.concat())
}

fn list(key: &str, names: &[&str]) -> String {
    array(key, &names.iter().map(|name| format!("<string>{name}</string>")).collect::<Vec<_>>())
}

fn baseline() -> String {
    let script = [("DisplayName", "Hello"), ("ScriptPath", "https://x.example/hello.sh"), ("Subtitle", "s")];
    let with_arguments =
        [("DisplayName", "Args"), ("ScriptPath", "https://x.example/args.sh"), ("Arguments", "--a b")];
    let remote = [
        ("DisplayName", "Remote"),
        ("PackagePath", "https://x.example/pkgs/Remote%201.pkg"),
        ("TeamID", "ABCDE12345"),
        ("MD5", "e567257026d6032dd232df75fd3ba500"),
        ("Icon", "i"),
    ];
    let local = [("DisplayName", "Local"), ("PackagePath", "Local.pkg"), ("Arguments", "-verbose")];
    let label = [("DisplayName", "Firefox"), ("Label", "firefoxpkg")];
    let keys = [
        array("Packages", &[strings(&remote), strings(&local)]),
        array("InitialScripts", &[strings(&script), strings(&with_arguments)]),
        array("Installomator", &[strings(&label)]),
        array("WaitFor", &[strings(&[("DisplayName", "W"), ("Path", "/Applications/W.app")])]),
        "<key>Restart</key><false/><key>BlurScreen</key><false/>".to_owned(),
    ];
    profile("com.secondsonconsulting.baseline", &keys.concat())
}

#[test]
fn baseline_packages_and_scripts_come_over_and_labels_do_not() {
    let desk = Desk::new(&[("b.mobileconfig", &baseline())]);
    let (control, diagnostics) = desk.imported(&["auto", "b.mobileconfig"]);
    assert_eq!(names(&control, "userland"), ["Hello", "Remote"]);
    let remote = json!({
        "name": "Remote", "type": "package", "url": "https://x.example/pkgs/Remote%201.pkg",
        "file": "/Library/installapplications/Remote 1.pkg", "team_ids": ["ABCDE12345"], "fail_policy": "failable",
    });
    assert_eq!(control["userland"][1], remote);
    says(
        &diagnostics,
        &[
            "b.mobileconfig: InitialScripts[1].Arguments: not carried over: run with the arguments \"--a b\"",
            "Packages[0].PackagePath: no SHA-256 is known",
            "Packages[0].PackagePath (MD5): not carried over",
            "Packages[1].PackagePath: not carried over: \"Local.pkg\" lies on the Mac",
            "Installomator[0].Label: not carried over: firefoxpkg: ",
            "WaitFor[0].Path: not carried over: /Applications/W.app: ",
            "Restart: not carried over: a setting",
            "BlurScreen: not carried over: only says how something looks",
        ],
    );
    let strict = desk.run(&["import", "baseline", "b.mobileconfig", "--strict"]);
    assert_eq!(strict.status, Some(2));
    assert_eq!(serde_json::from_str::<Value>(&strict.text).unwrap(), control);
}

#[test]
fn baseline_copies_give_digests_and_a_base_url_gives_addresses() {
    let desk = Desk::new(&[("b.mobileconfig", &baseline())]);
    fs::create_dir(desk.path("copies")).unwrap();
    fs::write(desk.path("copies/hello.sh"), "#!/bin/sh\n").unwrap();
    let info = package_info("com.example.local", "", "");
    fs::write(desk.path("copies/Local.pkg"), flat_package(&[("PackageInfo", info.as_bytes())])).unwrap();
    let more = ["auto", "b.mobileconfig", "--copies", "copies", "--base-url", "https://mdm.example.com/ias/"];
    let (control, diagnostics) = desk.imported(&more);
    assert_eq!(names(&control, "userland"), ["Hello", "Remote", "Local"]);
    let local = &control["userland"][2];
    assert_eq!(local["url"], "https://mdm.example.com/ias/userland/Local.pkg");
    assert_eq!((&local["packageid"], &local["version"]), (&json!("com.example.local"), &json!("1.0")));
    assert_eq!(local["hash"].as_str().unwrap().len(), 64);
    assert!(control["userland"][0]["hash"].is_string());
    says(&diagnostics, &["Packages[1].Arguments: not carried over"]);
    // A copy that is another file than the one meant is not believed.
    fs::write(desk.path("copies/Remote 1.pkg"), "other").unwrap();
    let told = desk.run(&[&["import"], &more[..]].concat());
    says(&told.diagnostics, &["Packages[0].PackagePath: not carried over", "it is another file"]);
}

#[test]
fn setup_manager_commands_become_scripts_where_that_is_asked_for() {
    let shell = "<dict><key>label</key><dict><key>de</key><string>Zeit</string><key>en</key><string>Set Time Zone</string></dict>\
                 <key>shell</key><string>/usr/sbin/systemsetup</string>\
                 <key>arguments</key><array><string>-setTimeZone</string><string>It's</string></array>\
                 <key>requiresRoot</key><true/></dict>";
    let watch = "<dict><key>label</key><string>Protect</string><key>watchPath</key><string>/Applications/P.app</string>\
                 <key>timeout</key><integer>1</integer></dict>";
    let actions = [
        shell.to_owned(),
        strings(&[("label", "BBEdit"), ("policy", "install_bbedit"), ("icon", "i")]),
        strings(&[("label", "Chrome"), ("installomator", "googlechromepkg")]),
        watch.to_owned(),
        strings(&[("recon", "")]),
    ];
    let keys = array("enrollmentActions", &actions) + "<key>title</key><string>t</string>";
    let plist = format!("<plist version=\"1.0\"><dict>{keys}</dict></plist>");
    let desk = Desk::new(&[("s.plist", &plist)]);
    let told = desk.run(&["import", "auto", "s.plist"]);
    assert_eq!(told.status, Some(1), "nothing is left");
    says(
        &told.diagnostics,
        &[
            "enrollmentActions[0].shell: not carried over: a command, no file",
            "enrollmentActions[1].policy: not carried over: install_bbedit: a Jamf policy",
            "enrollmentActions[2].installomator: not carried over: googlechromepkg: ",
            "enrollmentActions[4].recon: not carried over",
            "error: nothing could be carried over",
        ],
    );
    let (control, _) =
        desk.imported(&["auto", "s.plist", "--scripts", "out", "--base-url", "https://mdm.example.com"]);
    assert_eq!(names(&control, "setupassistant"), ["Set Time Zone", "Protect"]);
    let url = "https://mdm.example.com/setupassistant/01-set-time-zone.sh";
    assert_eq!(control["setupassistant"][0]["url"], url);
    let script = fs::read_to_string(desk.path("out/setupassistant/01-set-time-zone.sh")).unwrap();
    assert_eq!(script, "#!/bin/sh\nexec '/usr/sbin/systemsetup' '-setTimeZone' 'It'\\''s'\n");
    let digest = shared::digest::Digest::of(script.as_bytes()).to_string();
    assert_eq!(control["setupassistant"][0]["hash"], digest.as_str());
    // The wait for a file ends: found at once, or after its time.
    let wait = desk.path("out/setupassistant/02-protect.sh");
    let text = fs::read_to_string(&wait).unwrap();
    for (path, code) in [("/Applications/P.app", 1), ("/", 0)] {
        fs::write(&wait, text.replace("'/Applications/P.app'", &format!("'{path}'"))).unwrap();
        let ended = Command::new("sh").arg(&wait).status().unwrap();
        assert_eq!(ended.code(), Some(code), "{text}");
    }
}

#[test]
fn setup_your_mac_policies_are_listed_with_what_they_bring() {
    let steps = json!({"steps": [{"listitem": "Sophos", "icon": "i", "progresstext": "p", "trigger_list": [
        {"trigger": "sophos", "validation": "/Applications/Sophos.app"}, {"trigger": "recon", "validation": "None"}]}]});
    let script = format!("#!/bin/bash\npolicyJSON=''\ncase x in\n  A ) policyJSON='{steps:#}' ;;\nesac\n");
    let desk = Desk::new(&[("p.json", &steps.to_string()), ("sym.bash", &script)]);
    for file in ["p.json", "sym.bash"] {
        let told = desk.run(&["import", "auto", file, "--json"]);
        assert_eq!(told.status, Some(1));
        let told: Value = serde_json::from_str(&told.text).unwrap();
        assert_eq!((&told["items"], &told["control_file"]), (&json!(0), &Value::Null));
        let first = json!({"file": file, "key": "steps[0].trigger_list[0].trigger", "lost": "item"});
        for (key, value) in first.as_object().unwrap() {
            assert_eq!(&told["not_carried"][0][key], value);
        }
        let why = told["not_carried"][0]["why"].as_str().unwrap();
        says(why, &["Sophos: the Jamf policy sophos (it brings /Applications/Sophos.app)"]);
        assert_eq!(told["files"], json!([{"file": file, "format": "Setup Your Mac"}]));
    }
}

#[test]
fn bootstrapmate_items_come_over_in_our_words() {
    let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let package = json!({
        "file": "/Library/x/t.pkg", "hash": hash, "url": "https://x.example/t.pkg", "displayname": "Tools", "type": "pkg",
        "packageid": "com.example.t", "version": "6.0", "retries": "3", "followRedirects": true, "skipIf": "arm64",
        "expectedTeamID": "ABCDE12345", "allowUnsigned": false, "arguments": [],
    });
    let windows = json!({"displayname": "W", "file": "w.msi", "hash": "sha256", "url": "https://x.example/w.msi", "type": "msi"});
    let args = json!({"file": "a.sh", "url": "https://x.example/a.sh", "hash": "sha256", "type": "rootscript", "arguments": ["-x"]});
    let script = json!({"file": "b.sh", "url": "https://x.example/b.sh", "hash": "sha256", "type": "userscript", "order": 3});
    let broken =
        json!({"file": "/Library/c.sh", "url": "ftp://x.example/c.sh", "type": "rootscript", "skipIf": 7});
    let manifest = json!({"setupassistant": [package, windows, args], "userland": [broken, script]});
    let yaml = "userland:\n  - name: B\n    file: /Library/b.sh\n    url: https://x.example/b.sh\n    type: userscript\n    followRedirects: true\n    version: \"6.0\"\n";
    let desk = Desk::new(&[("m.json", &manifest.to_string()), ("m.yaml", yaml)]);
    let (control, diagnostics) = desk.imported(&["auto", "m.json"]);
    let expected = json!({
        "file": "/Library/x/t.pkg", "hash": hash, "url": "https://x.example/t.pkg", "name": "Tools", "type": "package",
        "packageid": "com.example.t", "version": "6.0", "retries": 3, "follow_redirects": true, "skip_if": "arm64",
        "team_ids": ["ABCDE12345"], "fail_policy": "failable",
    });
    assert_eq!(control["setupassistant"], json!([expected]));
    assert_eq!(control["userland"][0]["file"], "/Library/installapplications/b.sh");
    says(
        &diagnostics,
        &[
            "setupassistant[1].type: not carried over: msi: for Windows",
            "setupassistant[2].arguments: not carried over",
            "userland[0]: not carried over: ",
            "url: unknown scheme \"ftp\"",
            "userland[1].hash: not carried over: no SHA-256",
            "userland[1].order: not carried over",
        ],
    );
    let (control, _) = desk.imported(&["auto", "m.yaml"]);
    assert_eq!(names(&control, "userland"), ["B"]);
}

#[test]
fn munki_manifests_become_titles_with_what_they_include() {
    let plist = |keys: &str| format!("<plist version=\"1.0\"><dict>{keys}</dict></plist>");
    let conditional = |condition: &str, name: &str| {
        format!(
            "<dict><key>condition</key><string>{condition}</string>{}</dict>",
            list("managed_installs", &[name])
        )
    };
    let site = [
        list("catalogs", &["pilot", "production"]),
        list("included_manifests", &["groups/base", "gone"]),
        list("managed_installs", &["Firefox-128.0", "Agent", "Nowhere"]),
        list("optional_installs", &["GIMP", "VLC"]),
        array(
            "conditional_items",
            &[conditional("arch == \"arm64\"", "Rosetta"), conditional("machine_type == \"laptop\"", "VPN")],
        ),
        list("managed_uninstalls", &[]),
    ];
    let item =
        |name: &str| strings(&[("name", name), ("version", "1"), ("installer_item_location", "x.pkg")]);
    let catalog = ["Firefox", "Agent", "Rosetta", "Base"].map(item).concat();
    let desk = Desk::new(&[
        ("site", &plist(&site.concat())),
        ("base", &plist(&list("managed_installs", &["Base", "Agent"]))),
        ("production", &format!("<plist version=\"1.0\"><array>{catalog}</array></plist>")),
    ]);
    let (control, diagnostics) = desk.imported(&["auto", "base", "site", "production"]);
    let titles = control["setupassistant"].as_array().unwrap();
    let of = |key: &str| titles.iter().map(|item| item[key].clone()).collect::<Vec<_>>();
    assert_eq!(of("title"), ["Base", "Agent", "Rosetta", "Firefox", "Nowhere"]);
    assert_eq!(of("skip_if")[2], "x86_64");
    assert_eq!(of("version")[3], "128.0");
    assert!(of("catalog").iter().all(|catalogs| *catalogs == json!(["pilot", "production"])));
    says(
        &diagnostics,
        &[
            "site: included_manifests[1]: not carried over: gone: that manifest is not among the files given",
            "site: conditional_items[1]: not carried over: under the condition \"machine_type",
            "site: optional_installs: not carried over: GIMP, VLC: ",
            "site: managed_installs[2]: Nowhere: in none of the catalogs given (production)",
        ],
    );
    assert!(!diagnostics.contains("managed_uninstalls"));
    // One that includes itself ends, too.
    let desk = Desk::new(&[(
        "loop",
        &plist(&(list("included_manifests", &["loop"]) + &list("managed_installs", &["A"]))),
    )]);
    let (control, diagnostics) = desk.imported(&["munki", "loop"]);
    assert_eq!(control["setupassistant"].as_array().unwrap().len(), 1);
    says(&diagnostics, &["it includes itself"]);
}

#[test]
fn what_is_for_none_of_the_tools_is_refused() {
    let control = r#"{"userland": [{"name": "A", "type": "rootscript", "file": "/Library/a.sh"}]}"#;
    let settings = "<plist version=\"1.0\"><dict><key>JSONURL</key><string>https://x</string></dict></plist>";
    let pkginfo = "<plist version=\"1.0\"><dict><key>name</key><string>A</string><key>version</key><string>1</string>\
                   <key>catalogs</key><array/></dict></plist>";
    let files =
        [("c.json", control), ("s.plist", settings), ("i.plist", pkginfo), ("t.txt", "text"), ("e", "")];
    let desk = Desk::new(&files);
    let vectors = [
        ("c.json", "a control file already"),
        ("s.plist", "written for none of the tools"),
        ("i.plist", "describes one title"),
        ("t.txt", "neither a property list, JSON nor YAML"),
        ("e", "neither a property list, JSON nor YAML"),
        ("gone", "cannot be read"),
    ];
    for (file, expected) in vectors {
        let told = desk.run(&["import", "auto", file]);
        assert_eq!((told.status, told.text.as_str()), (Some(1), ""), "{file}");
        says(&told.diagnostics, &[&format!("error: {file}: {expected}")]);
    }
    assert_eq!(desk.run(&["import", "automatic", "c.json"]).status, Some(2));
}

/// Every real file, where the corpus is: it ends, is never silent about what is lost, and what is written is accepted.
#[test]
fn real_files_are_carried_over_or_refused_with_a_reason() {
    let desk = Desk::new(&[]);
    let (mut seen, mut carried) = (0, 0);
    for kind in ["settings", "munki-manifest", "munki-catalog", "ia-json", "munki-pkginfo"] {
        for file in support::corpus::files(kind) {
            let name = file.to_string_lossy().into_owned();
            let told = desk.run(&["import", "auto", &name, "-o", "made.json"]);
            seen += 1;
            if told.status == Some(0) {
                let check = desk.run(&["check", "--hash-check-policy", "WarningRequireMatch", "made.json"]);
                assert_eq!(check.status, Some(0), "{name}: {}", check.text);
                carried += 1;
            } else {
                assert_eq!(told.status, Some(1), "{name}");
                says(&told.diagnostics, &["error: "]);
            }
        }
    }
    println!("{carried} of {seen} files of the corpus");
}
