//! Packages built from folders, installed on simulated Macs.

use super::*;
use crate::host::simulated::receipt::Receipt;
use cap_std::ambient_authority;
use shared::{
    flat_package::write::{
        Choice, Component, ComponentSpec, Compression, Node, NodeKind, ProductSpec, Source, Tree,
        write_product,
    },
    sys::packing::build_component,
    title::PackageOptions,
};
use std::{
    collections::BTreeMap,
    fs,
    io::Cursor,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// Stands for the sandbox: remembers the scripts, and lets the test say how they end.
#[derive(Default)]
struct Stage {
    root: PathBuf,
    said: Vec<Report>,
    ran: Vec<Script>,
    /// What was in the root when a script ran: whether the payload was there.
    payload_was_there: Vec<bool>,
    failing: Option<&'static str>,
    stopped_after: Option<usize>,
}

impl Surroundings for Stage {
    fn say(&mut self, report: Report) {
        self.said.push(report);
    }

    fn run(&mut self, script: Script, line: &mut dyn FnMut(&str)) -> Ended {
        line("a line of the script");
        assert!(script.program.under(&self.root).exists(), "{}", script.program);
        self.payload_was_there.push(self.root.join("opt/tool").exists());
        let fails = self.failing.is_some_and(|name| script.program.file_name() == name);
        self.ran.push(script);
        Ended::Exited(if fails { 3 } else { 0 })
    }

    fn is_stopped(&self) -> bool {
        self.stopped_after.is_some_and(|scripts| self.ran.len() >= scripts)
    }
}

struct Trial {
    folder: TempDir,
    dir: Dir,
    wish: Wish,
    stage: Stage,
}

impl Trial {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("mac");
        fs::create_dir_all(root.join("private/var/log")).unwrap();
        let dir = Dir::open_ambient_dir(&root, ambient_authority()).unwrap();
        Self { folder, dir, wish: Wish::default(), stage: Stage { root, ..Stage::default() } }
    }

    /// A component package with a file, a tool and both scripts.
    fn package(&self, version: &str) -> PathBuf {
        let source = self.folder.path().join("source");
        fs::create_dir_all(source.join("payload/empty")).unwrap();
        fs::create_dir_all(source.join("scripts")).unwrap();
        fs::write(source.join("payload/tool"), format!("version {version}")).unwrap();
        fs::write(source.join("scripts/preinstall"), "#!/bin/sh\n").unwrap();
        fs::write(source.join("scripts/postinstall"), "#!/bin/sh\n").unwrap();
        let description = format!(
            r#"{{"identifier": "com.example.tool", "version": "{version}", "install_location": "/opt"}}"#
        );
        fs::write(source.join("package.json"), description).unwrap();
        let out = self.folder.path().join("Tool.pkg");
        build_component(&source, &out).unwrap();
        out
    }

    fn install(&mut self, package: &Path) -> Ended {
        self.install_on(package, Arch::Arm64, "15.5")
    }

    fn install_on(&mut self, package: &Path, arch: Arch, os_version: &str) -> Ended {
        let mac = Mac { root: &self.dir, arch, os_version, name: "Mac" };
        let path = MacPath::new("/Library/ias/Tool.pkg").unwrap();
        install(File::open(package).unwrap(), &path, mac, &self.wish, &mut self.stage)
    }

    fn lines(&self) -> Vec<String> {
        self.stage.said.iter().map(Report::to_string).collect()
    }

    fn read(&self, path: &str) -> String {
        self.dir.read_to_string(path).unwrap()
    }

    fn receipt(&self) -> Option<Receipt> {
        receipt::read(&self.dir, "com.example.tool").unwrap()
    }
}

#[test]
fn r70_a_package_puts_its_files_runs_its_scripts_and_leaves_its_traces() {
    let mut trial = Trial::new();
    let package = trial.package("1.0");
    assert_eq!(trial.install(&package), Ended::Exited(0));
    assert_eq!(trial.read("opt/tool"), "version 1.0");
    assert!(trial.dir.metadata("opt/empty").unwrap().is_dir());
    assert_eq!(trial.stage.payload_was_there, [false, true]);
    let receipt = trial.receipt().unwrap();
    assert_eq!((&*receipt.version, &*receipt.location, &*receipt.file_name), ("1.0", "opt", "Tool.pkg"));
    let bill = receipt::bill(&trial.dir, "com.example.tool").unwrap().unwrap();
    let paths: Vec<String> =
        shared::flat_package::bom::read(&bill).unwrap().into_iter().map(|entry| entry.path).collect();
    assert_eq!(paths, [".", "empty", "tool"]);
    let history = trial.read("Library/Receipts/InstallHistory.plist");
    assert!(history.contains("<string>com.example.tool</string>"), "{history}");
    let log = trial.read("private/var/log/install.log");
    assert!(log.contains("./postinstall: a line of the script"), "{log}");
    assert_eq!(
        fs::read_dir(trial.stage.root.join("private/tmp")).unwrap().count(),
        0,
        "nothing temporary stays"
    );
}

#[test]
fn p55_the_lines_are_those_of_installer() {
    let mut trial = Trial::new();
    let package = trial.package("1.0");
    trial.install(&package);
    let lines = trial.lines();
    assert_eq!(
        lines[..3],
        [
            "installer: Package name is Tool",
            "installer: Installing at base path /",
            "installer:PHASE:Preparing for installation…",
        ]
    );
    let last = lines.len() - 3;
    assert_eq!(
        lines[last..],
        [
            "installer:%100.000000",
            "installer:PHASE:The software was successfully installed.",
            "installer: The install was successful.",
        ]
    );
    let percents: Vec<f32> = trial
        .stage
        .said
        .iter()
        .filter_map(|report| match report {
            Report::Percent(percent) => Some(*percent),
            _ => None,
        })
        .collect();
    assert!(percents.is_sorted() && percents.len() > 3, "{percents:?}");
    trial.stage.said.clear();
    let package = trial.package("2.0");
    assert_eq!(trial.install(&package), Ended::Exited(0));
    assert_eq!(trial.read("opt/tool"), "version 2.0");
    assert_eq!(trial.receipt().unwrap().version, "2.0");
    let lines = trial.lines();
    assert!(lines.contains(&"installer: Upgrading at base path /".to_owned()), "{lines:?}");
    assert_eq!(lines.last().unwrap(), "installer: The upgrade was successful.");
}

#[test]
fn p41_scripts_get_the_arguments_and_the_environment_of_installer() {
    let mut trial = Trial::new();
    let package = trial.package("1.0");
    trial.install(&package);
    let [before, after] = &trial.stage.ran[..] else { panic!("{:?}", trial.stage.ran) };
    assert_eq!(before.program.file_name(), "preinstall");
    assert_eq!(after.arguments, ["/Library/ias/Tool.pkg", "/opt", "/", "/"]);
    assert_eq!(before.program.parent().as_ref(), Some(&before.folder));
    let environment: BTreeMap<_, _> = after.environment.iter().cloned().collect();
    assert_eq!(environment["SCRIPT_NAME"], "postinstall");
    assert_eq!(environment["PACKAGE_PATH"], "/Library/ias/Tool.pkg");
    assert_eq!(environment["INSTALL_PKG_SESSION_ID"], "com.example.tool");
    assert!(environment["INSTALLER_TEMP"].starts_with("/private/tmp/PKInstallSandbox."));
}

#[test]
fn p41_a_failing_preinstall_stops_before_the_payload() {
    let mut trial = Trial::new();
    let package = trial.package("1.0");
    trial.stage.failing = Some("preinstall");
    assert_eq!(trial.install(&package), Ended::Exited(1));
    assert!(!trial.stage.root.join("opt/tool").exists() && trial.receipt().is_none());
    let last = trial.lines().pop().unwrap();
    assert_eq!(
        last,
        "installer: The install failed. (The Installer encountered an error that caused the installation to fail. \
         Contact the software manufacturer for assistance. An error occurred while running scripts from the package \
         “Tool.pkg”.)"
    );
}

#[test]
fn a_failing_postinstall_leaves_the_files_but_no_receipt() {
    let mut trial = Trial::new();
    let package = trial.package("1.0");
    trial.stage.failing = Some("postinstall");
    assert_eq!(trial.install(&package), Ended::Exited(1));
    assert!(trial.stage.root.join("opt/tool").exists() && trial.receipt().is_none());
    assert!(trial.dir.open("Library/Receipts/InstallHistory.plist").is_err());
}

#[test]
fn r73_a_stopped_installation_goes_no_further_than_the_step_it_is_in() {
    let mut trial = Trial::new();
    let package = trial.package("1.0");
    trial.stage.stopped_after = Some(1);
    assert_eq!(trial.install(&package), Ended::Signalled(15));
    assert!(!trial.stage.root.join("opt/tool").exists() && trial.receipt().is_none());
}

#[test]
fn what_is_no_package_is_refused_as_installer_refuses_it() {
    let mut trial = Trial::new();
    let path = trial.folder.path().join("page.pkg");
    fs::write(&path, "<html>404</html>").unwrap();
    assert_eq!(trial.install(&path), Ended::Exited(1));
    assert_eq!(
        trial.lines()[0],
        "installer: Error - the package path specified was invalid: '/Library/ias/Tool.pkg'."
    );
}

/// A product of two components; each installs a file with its name into `/opt`.
fn product(trial: &Trial, min_os: Option<&str>, architectures: &[Arch]) -> PathBuf {
    let spec = |name: &str| ComponentSpec {
        identifier: format!("com.example.{name}"),
        version: "1".into(),
        install_location: "/opt".into(),
        min_os: None,
        compression: Compression::None,
        time: 0,
    };
    let node = |path: &str, kind| Node { path: path.into(), kind, mode: 0o755, uid: 0, gid: 0, mtime: 0 };
    let tree = |name: &str| {
        let file = NodeKind::File { size: name.len() as u64, identity: None };
        Tree::new(vec![node(".", NodeKind::Folder), node(name, file)]).unwrap()
    };
    let files: BTreeMap<String, Vec<u8>> =
        ["one", "two"].into_iter().map(|name| (name.to_owned(), name.as_bytes().to_vec())).collect();
    let (one, two, tree_of_one, tree_of_two) = (spec("one"), spec("two"), tree("one"), tree("two"));
    let choice = |spec, tree, file_name, selected| Choice {
        title: "Choice",
        selected,
        file_name,
        component: Component { spec, payload: Some(Source { tree, contents: &files }), scripts: None },
    };
    let product = ProductSpec {
        title: "Two tools".into(),
        identifier: "com.example.tools".into(),
        version: "7".into(),
        min_os: min_os.map(str::to_owned),
        architectures: architectures.to_vec(),
        time: 0,
    };
    let choices = [choice(&one, &tree_of_one, "one", true), choice(&two, &tree_of_two, "two", false)];
    let path = trial.folder.path().join("Tools.pkg");
    write_product(&product, &choices, None, Cursor::new(Vec::new()), &mut File::create(&path).unwrap())
        .unwrap();
    path
}

#[test]
fn p57_a_product_installs_the_choices_that_are_selected_by_default() {
    let mut trial = Trial::new();
    let package = product(&trial, Some("13.0"), &[Arch::Arm64]);
    assert_eq!(trial.install(&package), Ended::Exited(0));
    assert_eq!(trial.read("opt/one"), "one");
    assert!(!trial.stage.root.join("opt/two").exists());
    assert_eq!(receipt::ids(&trial.dir).unwrap(), ["com.example.one"]);
    let history = trial.read("Library/Receipts/InstallHistory.plist");
    assert!(
        history.contains("<string>Two tools</string>") && history.contains("<string>7</string>"),
        "{history}"
    );
    assert_eq!(trial.lines()[0], "installer: Package name is Two tools");
}

#[test]
fn t35_a_title_chooses_otherwise() {
    let mut trial = Trial::new();
    let package = product(&trial, None, &[Arch::Arm64]);
    let choice = |id: &str, attribute: &str, setting: &str| {
        format!(
            "<dict><key>choiceIdentifier</key><string>{id}</string><key>choiceAttribute</key>\
             <string>{attribute}</string><key>attributeSetting</key>{setting}</dict>"
        )
    };
    let ids: Vec<String> = FlatPackage::open(File::open(&package).unwrap())
        .unwrap()
        .selections
        .iter()
        .filter_map(|selection| selection.choice.clone())
        .collect();
    let choices = format!(
        "<plist version=\"1.0\"><array>{}{}{}</array></plist>",
        choice(&ids[0], "selected", "<false/>"),
        choice(&ids[1], "selected", "<integer>1</integer>"),
        choice(&ids[0], "visible", "<integer>1</integer>"),
    );
    let options = PackageOptions { choices: Some(choices), ..PackageOptions::default() };
    trial.wish = Wish::of(&options, Vec::new()).unwrap();
    assert_eq!(trial.install(&package), Ended::Exited(0));
    assert_eq!(receipt::ids(&trial.dir).unwrap(), ["com.example.two"]);
    for bad in ["", "<plist version=\"1.0\"><dict/></plist>"] {
        let options = PackageOptions { choices: Some(bad.into()), ..PackageOptions::default() };
        assert!(Wish::of(&options, Vec::new()).unwrap_err().contains("installer_choices_xml"));
    }
}

#[test]
fn a_mac_that_is_too_old_or_of_another_kind_gets_nothing() {
    let disabled = "installer: Cannot install on volume / because it is disabled.";
    for (arch, os, min, architectures, reason) in [
        (Arch::Arm64, "12.7", Some("13.0"), vec![Arch::Arm64], "macOS version 13.0 or later is required."),
        (Arch::X86_64, "15.5", None, vec![Arch::Arm64], "not supported on the processor of this computer."),
        (Arch::Arm64, "15.5", None, vec![Arch::X86_64], "Rosetta 2 is required to install this package."),
    ] {
        let mut trial = Trial::new();
        let package = product(&trial, min, &architectures);
        assert_eq!(trial.install_on(&package, arch, os), Ended::Exited(1));
        let lines = trial.lines();
        assert_eq!(lines[0], disabled);
        assert!(lines[1].ends_with(reason), "{lines:?}");
        assert!(!trial.stage.root.join("opt").exists());
    }
    let mut trial = Trial::new();
    trial.dir.create_dir_all("Library/Apple/usr/share/rosetta").unwrap();
    trial.dir.write("Library/Apple/usr/share/rosetta/rosetta", "").unwrap();
    let package = product(&trial, None, &[Arch::X86_64]);
    assert_eq!(trial.install(&package), Ended::Exited(0), "with Rosetta it may");
}

#[test]
fn real_packages_install_or_say_why_not() {
    let corpus = std::env::var("IAS_CORPUS")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus").to_owned());
    let Ok(listing) = fs::read_dir(Path::new(&corpus).join("pkg")) else {
        println!("skipped: no corpus at {corpus}");
        return;
    };
    let mut installed = 0;
    for file in listing {
        let path = file.unwrap().path();
        let mut trial = Trial::new();
        let ended = trial.install(&path);
        let lines = trial.lines();
        if ended == Ended::Exited(0) {
            installed += 1;
        } else {
            let last = lines.last().unwrap();
            assert!(last.starts_with("installer: "), "{} {lines:?}", path.display());
            println!("{}: {last}", path.display());
        }
    }
    assert!(installed >= 8, "only {installed}");
}
