//! `iasctl pack`, run as an admin runs it, on programs that do nothing.

use serde_json::Value as Json;
use shared::{
    facts::Arch,
    flat_package::{
        FlatPackage,
        bom::{self, Kind},
        cpio,
    },
};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Output},
};
use support::{
    macho::{ARM64, X86_64, program},
    program as built,
};
use tempfile::TempDir;

const MACOS_11: u32 = 0x000b_0000;
pub(crate) const SETTINGS: &str = "<plist><dict><key>JSONURL</key><string>https://mdm.example.com/bootstrap.json</string>\
    <key>DEPNotifyEnable</key><true/></dict></plist>";

/// A folder with settings and programs for both processors, and `iasctl pack` run there.
pub(crate) struct Admin(TempDir);

impl Admin {
    pub(crate) fn new(settings: &str) -> Self {
        let admin = Self(tempfile::tempdir().unwrap());
        fs::write(admin.at("settings.plist"), settings).unwrap();
        for (folder, cpu) in [("aarch64", ARM64), ("x86_64", X86_64)] {
            for name in ["iasd", "iasagent"] {
                admin.program(&format!("programs/{folder}/{name}"), &program(cpu, MACOS_11, name.as_bytes()));
            }
        }
        admin
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    pub(crate) fn program(&self, path: &str, content: &[u8]) {
        fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        fs::write(self.at(path), content).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(built("iasctl"));
        command.current_dir(&self.0).args(["pack", "--settings", "settings.plist", "--output", "out"]);
        command.args(arguments);
        command
    }

    pub(crate) fn packs(&self, arguments: &[&str]) -> (Output, String) {
        let arguments = [&["--programs", "programs"], arguments].concat();
        let output = self.command(&arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output, said)
    }

    /// The report of a successful `pack`.
    pub(crate) fn report(&self, arguments: &[&str]) -> Json {
        let (output, said) = self.packs(&[&["--json"], arguments].concat());
        assert!(output.status.success(), "{said}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What a refused `pack` said; nothing was made.
    pub(crate) fn refusal(&self, arguments: &[&str]) -> String {
        let (output, said) = self.packs(arguments);
        assert_eq!(output.status.code(), Some(1), "{said}");
        let made = fs::read_dir(self.at("out")).map_or(0, Iterator::count);
        assert_eq!(made, 0, "{said}");
        said
    }

    pub(crate) fn made(&self, name: &str) -> Vec<u8> {
        fs::read(self.at("out").join(name)).unwrap()
    }

    fn package(&self) -> FlatPackage<File> {
        FlatPackage::open(File::open(self.at("out/ias-0.1.0.pkg")).unwrap()).unwrap()
    }

    pub(crate) fn payload(&self) -> BTreeMap<String, (u32, u32, u32, u64)> {
        let mut package = self.package();
        let payload = package.components[0].payload.unwrap();
        listed(&mut package, payload)
    }

    fn plist(&self, name: &str) -> plist::Dictionary {
        plist::from_bytes(&self.made(name)).unwrap()
    }
}

/// Path to mode, owner, group and size of everything packed in `entry`.
fn listed(
    package: &mut FlatPackage<File>,
    entry: shared::flat_package::xar::EntryId,
) -> BTreeMap<String, (u32, u32, u32, u64)> {
    let mut files = package.files(entry).unwrap();
    let mut found = BTreeMap::new();
    while let Some(entry) = files.next_entry().unwrap() {
        let kind = if entry.kind == cpio::Kind::Directory { "/" } else { "" };
        let path = format!("{}{kind}", entry.relative().unwrap().display());
        found.insert(path, (entry.mode & 0o7777, entry.uid, entry.gid, entry.size));
    }
    found
}

#[test]
fn r140_files_belong_to_root_with_the_modes_of_the_rule() {
    let admin = Admin::new(SETTINGS);
    admin.report(&[]);
    let modes: Vec<(String, u32)> =
        admin.payload().iter().map(|(path, entry)| (path.clone(), entry.0)).collect();
    let expected = [
        ("/", 0o755),
        ("Library/", 0o755),
        ("Library/LaunchAgents/", 0o755),
        ("Library/LaunchAgents/cz.macadmin.iasagent.plist", 0o644),
        ("Library/LaunchDaemons/", 0o755),
        ("Library/LaunchDaemons/cz.macadmin.iasd.plist", 0o644),
        ("Library/installapplications/", 0o755),
        ("Library/installapplications/iasagent", 0o755),
        ("Library/installapplications/iasd", 0o755),
        ("Library/installapplications/iasd.plist", 0o600),
    ];
    assert_eq!(modes, expected.map(|(path, mode)| (path.to_owned(), mode)));
    assert!(admin.payload().values().all(|entry| (entry.1, entry.2) == (0, 0)));
}

#[test]
fn r136_p70_it_is_a_product_for_both_processors_from_macos_11_on() {
    let admin = Admin::new(SETTINGS);
    let report = admin.report(&[]);
    let package = admin.package();
    let distribution = package.distribution.as_ref().unwrap();
    assert_eq!(distribution.product_id.as_deref(), Some("cz.macadmin.ias"));
    assert_eq!(distribution.product_version.as_deref(), Some("0.1.0"));
    assert_eq!(distribution.architectures, [Arch::Arm64, Arch::X86_64].map(|arch| arch.as_str().to_owned()));
    assert_eq!(distribution.minimum_system(), Some("11.0"));
    let identity = package.identity().unwrap();
    assert_eq!((identity.identifier.as_str(), identity.version.as_str()), ("cz.macadmin.ias", "0.1.0"));
    let info = &package.components[0].info;
    assert_eq!((info.install_location.as_deref(), package.installs().len()), (Some("/"), 1));
    assert_eq!(report["package"]["architectures"], serde_json::json!(["arm64", "x86_64"]));
    assert_eq!(report["package"]["signed_by"], Json::Null);
    assert!(report["package"]["installs"].as_array().unwrap().len() < 10);
}

#[test]
fn p42_the_bill_of_materials_lists_what_the_payload_holds() {
    let admin = Admin::new(SETTINGS);
    admin.report(&["--compression", "pbzx"]);
    let mut package = admin.package();
    let bill = package.components[0].bom.unwrap();
    let bill = bom::read(&package.archive.read_whole(bill, 1 << 20).unwrap()).unwrap();
    let bill: BTreeMap<String, (u32, u32, u32, u64)> = bill
        .into_iter()
        .map(|entry| {
            let is_folder = matches!(entry.kind, Kind::Folder);
            let path = entry.path.trim_start_matches('.');
            let path = format!("{path}{}", if is_folder { "/" } else { "" });
            (path, (u32::from(entry.mode & 0o7777), entry.uid, entry.gid, entry.size.into()))
        })
        .collect();
    assert_eq!(bill, admin.payload());
}

#[test]
fn p40_pbzx_is_for_the_payload_scripts_stay_gzip_as_apples() {
    let admin = Admin::new(SETTINGS);
    admin.report(&["--compression", "pbzx"]);
    let mut package = admin.package();
    let component = package.components[0].clone();
    let mut begins = |entry| package.archive.read_whole(entry, 1 << 20).unwrap()[..4].to_vec();
    assert_eq!(begins(component.payload.unwrap()), b"pbzx");
    assert_eq!(begins(component.scripts.unwrap())[..2], [0x1f, 0x8b]);
}

#[test]
fn r139_its_scripts_are_those_of_the_repository() {
    let admin = Admin::new(SETTINGS);
    admin.report(&[]);
    let mut package = admin.package();
    let scripts = package.components[0].scripts.unwrap();
    let modes: Vec<(String, u32)> =
        listed(&mut package, scripts).into_iter().map(|(path, entry)| (path, entry.0)).collect();
    let expected =
        [("/", 0o755), ("jobs", 0o644), ("names", 0o644), ("postinstall", 0o755), ("preinstall", 0o755)];
    assert_eq!(modes, expected.map(|(path, mode)| (path.to_owned(), mode)));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../launchd/scripts");
    assert_eq!(fs::read_dir(folder).unwrap().count(), expected.len() - 1);
}

#[test]
fn p42_the_same_input_gives_the_same_bytes_wherever_whenever_and_under_every_umask() {
    for compression in ["gzip", "pbzx"] {
        let made = |umask: &str, year: &str| {
            let admin = Admin::new(SETTINGS);
            let script = format!(
                "umask {umask}; find . -exec touch -d {year}-01-01 {{}} +; chmod 0700 programs/*/*
                 exec \"$0\" pack --settings settings.plist --programs programs --output out \
                 --url https://cdn.example.com/mac --compression {compression}"
            );
            let mut shell = Command::new("sh");
            shell
                .arg("-c")
                .arg(script)
                .arg(built("iasctl"))
                .current_dir(&admin.0)
                .env("TZ", format!("Test{umask}"));
            let output = shell.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            ["pkg", "plist", "mobileconfig", "declaration.json"]
                .map(|end| admin.made(&format!("ias-0.1.0.{end}")))
        };
        assert!(made("000", "2001") == made("077", "2031"), "{compression}");
    }
}

#[test]
fn p42_other_programs_find_the_same_in_it() {
    let admin = Admin::new(SETTINGS);
    admin.report(&[]);
    for list in [&["bsdtar", "-tf"][..], &["7zz", "l", "-ba", "-slt"]] {
        let Ok(output) = Command::new(list[0]).args(&list[1..]).arg(admin.at("out/ias-0.1.0.pkg")).output()
        else {
            println!("skipped: {} is not installed", list[0]);
            continue;
        };
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}");
        for part in ["Payload", "Bom", "Scripts", "PackageInfo"] {
            assert!(text.contains(&format!("cz.macadmin.ias.pkg/{part}")), "{}: {text}", list[0]);
        }
        assert!(text.contains("Distribution"), "{text}");
    }
    let unpack = |archive: &Path, into: &str| {
        fs::create_dir_all(admin.at(into)).unwrap();
        Command::new("bsdtar").arg("-xpf").arg(archive).arg("-C").arg(admin.at(into)).status()
    };
    if unpack(&admin.at("out/ias-0.1.0.pkg"), "parts").is_ok_and(|status| status.success()) {
        assert!(unpack(&admin.at("parts/cz.macadmin.ias.pkg/Payload"), "payload").unwrap().success());
        let settings: plist::Dictionary =
            plist::from_file(admin.at("payload/Library/installapplications/iasd.plist")).unwrap();
        assert_eq!(settings.get("DEPNotifyEnable"), Some(&true.into()));
    }
}

#[test]
fn p69_p72_manifest_and_declaration_name_the_package_and_each_other() {
    let admin = Admin::new(SETTINGS);
    let report = admin.report(&[
        "--url",
        "https://cdn.example.com/mac",
        "--title",
        "Welcome",
        "--package-version",
        "2.0",
    ]);
    let manifest = admin.plist("ias-2.0.plist");
    let item = manifest.get("items").unwrap().as_array().unwrap()[0].as_dictionary().unwrap();
    let asset = item.get("assets").unwrap().as_array().unwrap()[0].as_dictionary().unwrap();
    let text = |from: &plist::Dictionary, key: &str| from.get(key).unwrap().as_string().unwrap().to_owned();
    assert_eq!(text(asset, "url"), "https://cdn.example.com/mac/ias-2.0.pkg");
    assert_eq!(report["package"]["url"], text(asset, "url"));
    assert_eq!(text(asset, "kind"), "software-package");
    let digests = asset.get("sha256s").unwrap().as_array().unwrap();
    assert_eq!(digests[0].as_string(), report["package"]["sha256"].as_str());
    assert_eq!(asset.get("sha256-size").unwrap().as_unsigned_integer(), report["package"]["bytes"].as_u64());
    let metadata = item.get("metadata").unwrap().as_dictionary().unwrap();
    assert_eq!(text(metadata, "bundle-identifier"), "cz.macadmin.ias");
    assert_eq!(text(metadata, "bundle-version"), "2.0");
    assert_eq!((text(metadata, "kind"), text(metadata, "title")), ("software".into(), "Welcome".into()));
    let declaration: Json = serde_json::from_slice(&admin.made("ias-2.0.declaration.json")).unwrap();
    assert_eq!(declaration["Type"], "com.apple.configuration.package");
    assert_eq!(declaration["Payload"]["ManifestURL"], "https://cdn.example.com/mac/ias-2.0.plist");
    assert_eq!(declaration["Payload"]["InstallBehavior"]["Install"], "Required");
}

#[test]
fn r136_all_names_follow_the_prefix() {
    let admin = Admin::new(SETTINGS);
    let report = admin.report(&["--identifier", "com.acme"]);
    assert_eq!(report["names"]["agent"], "com.acme.iasagent");
    let payload = admin.payload();
    assert!(payload.contains_key("Library/LaunchDaemons/com.acme.iasd.plist"), "{payload:?}");
    assert_eq!(admin.package().identity().unwrap().identifier, "com.acme.ias");
    let profile = String::from_utf8(admin.made("ias-0.1.0.mobileconfig")).unwrap();
    assert!(
        profile.contains("com.acme.ias.xpc") && profile.contains("<key>cz.macadmin.iasd</key>"),
        "{profile}"
    );
    // What the file says already must be the same.
    let other =
        SETTINGS.replace("<dict>", "<dict><key>LaunchDaemonIdentifier</key><string>com.acme.boot</string>");
    let admin = Admin::new(&other);
    assert!(admin.refusal(&["--identifier", "com.acme"]).contains("LaunchDaemonIdentifier is com.acme.boot"));
    assert!(admin.report(&[])["names"]["daemon"] == "com.acme.boot");
}

#[test]
fn r36_settings_may_stay_out_of_the_package_and_secrets_should() {
    let secret = SETTINGS.replace("<dict>", "<dict><key>HTTPAuthPassword</key><string>geheim</string>");
    let admin = Admin::new(&secret);
    let report = admin.report(&[]);
    let warnings = report["warnings"].to_string();
    assert!(
        warnings.contains("the package holds HTTPAuthPassword") && !warnings.contains("geheim"),
        "{warnings}"
    );
    let report = admin.report(&["--settings-in", "profile"]);
    assert!(!report["warnings"].to_string().contains("the package holds"));
    assert!(
        !admin
            .payload()
            .keys()
            .any(|path| path.ends_with("iasd.plist") && path.contains("installapplications"))
    );
    assert!(String::from_utf8(admin.made("ias-0.1.0.mobileconfig")).unwrap().contains("geheim"));
    assert!(!String::from_utf8_lossy(&admin.made("ias-0.1.0.pkg")).contains("geheim"));
}

#[test]
fn a_profile_serves_as_settings_too() {
    let admin = Admin::new(SETTINGS);
    admin.report(&[]);
    let first = admin.made("ias-0.1.0.pkg");
    fs::copy(admin.at("out/ias-0.1.0.mobileconfig"), admin.at("settings.plist")).unwrap();
    admin.report(&[]);
    assert!(first == admin.made("ias-0.1.0.pkg"));
}

#[test]
fn p46_the_newest_of_the_programs_minimum_systems_counts_and_one_processor_is_warned_about() {
    let admin = Admin::new(SETTINGS);
    admin.program("programs/aarch64/iasd", &program(ARM64, 0x000d_0200, b"new"));
    assert_eq!(admin.report(&[])["package"]["minimum_system"], "13.2");
    for name in ["iasd", "iasagent"] {
        fs::remove_file(admin.at("programs/x86_64").join(name)).unwrap();
    }
    let report = admin.report(&[]);
    assert_eq!(report["package"]["architectures"], serde_json::json!(["arm64"]));
    assert!(report["warnings"].to_string().contains("Macs with Intel refuse the package"), "{report}");
}

#[test]
fn what_cannot_be_packed_is_told_with_the_way_out() {
    let admin = Admin::new(SETTINGS);
    fs::remove_file(admin.at("programs/x86_64/iasagent")).unwrap();
    assert!(admin.refusal(&[]).contains("there is no iasagent beside it"));
    admin.program("programs/x86_64/iasagent", b"\x7fELF\x02\x01\x01");
    let said = admin.refusal(&[]);
    assert!(
        said.contains("it is a program for Linux") && said.contains("--target aarch64-apple-darwin"),
        "{said}"
    );
    fs::remove_dir_all(admin.at("programs")).unwrap();
    assert!(admin.refusal(&[]).contains("there is no iasd in programs"));
    let admin = Admin::new("<plist><dict><key>Reboot</key><true/></dict></plist>");
    assert!(admin.refusal(&[]).contains("neither JSONURL nor Bootstrap is set"));
    let admin = Admin::new("{\"JSONURL\": \"https://a.example\"}");
    assert!(admin.refusal(&[]).contains("this is JSON, not a plist"));
    let admin = Admin::new(&SETTINGS.replace("<true/>", "<string>perhaps</string>"));
    assert!(admin.refusal(&[]).contains("DEPNotifyEnable"));
    let temporary = "<dict><key>InstallPath</key><string>/private/var/tmp/ias</string>";
    let admin = Admin::new(&SETTINGS.replace("<dict>", temporary));
    assert!(admin.refusal(&[]).contains("InstallPath /private/var/tmp/ias lies below /private/var/tmp"));
    let admin = Admin::new(SETTINGS);
    assert!(admin.refusal(&["--url", "http://cdn.example.com/"]).contains("https only"));
}
