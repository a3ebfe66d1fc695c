//! `iasctl inspect`, run as an admin runs it, on packages built here and on files that are none.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use shared::flat_package::write::{
    Component, ComponentSpec, Compression, Node, NodeKind, Source, Tree, write_component,
};
use shared::sys::packing::build_component;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

/// A folder with files in it, and `iasctl inspect` run there.
struct Admin(tempfile::TempDir);

struct Told {
    code: i32,
    out: String,
    err: String,
}

impl Admin {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, content: &[u8]) {
        fs::write(self.0.path().join(name), content).unwrap();
    }

    /// Builds `tool.pkg`: a file, a link and a postinstall script with this text.
    fn package(&self, compression: &str, script: &str) -> PathBuf {
        let folder = self.0.path().join("source");
        fs::create_dir_all(folder.join("payload/usr/local/bin")).unwrap();
        fs::create_dir_all(folder.join("scripts")).unwrap();
        let description = format!(
            r#"{{"identifier": "com.example.tool", "version": "1.2", "min_os": "13.0", "compression": "{compression}"}}"#
        );
        fs::write(folder.join("package.json"), description).unwrap();
        fs::write(folder.join("payload/usr/local/bin/tool"), "#!/bin/sh\necho tool\n").unwrap();
        symlink("tool", folder.join("payload/usr/local/bin/alias")).unwrap();
        fs::write(folder.join("scripts/postinstall"), script).unwrap();
        let package = self.0.path().join("tool.pkg");
        build_component(&folder, &package).unwrap();
        package
    }

    fn inspects(&self, arguments: &[&str]) -> Told {
        let mut inspect = Command::new(env!("CARGO_BIN_EXE_iasctl"));
        let output = inspect.current_dir(&self.0).arg("inspect").args(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Told { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    fn reports(&self, arguments: &[&str]) -> (i32, Vec<Value>) {
        let told = self.inspects(&[&["--json"], arguments].concat());
        (told.code, serde_json::from_str(&told.out).unwrap())
    }
}

const SCRIPT: &str = "#!/bin/sh\nexit 0\n";

#[test]
fn a_package_is_described_with_what_a_control_file_needs() {
    for compression in ["none", "gzip", "xz"] {
        let admin = Admin::new();
        let package = admin.package(compression, SCRIPT);
        let (code, reports) = admin.reports(&["--files", "--scripts", "tool.pkg"]);
        let (report, package) = (&reports[0], fs::read(package).unwrap());
        assert_eq!((code, &report["ok"], &report["errors"]), (0, &true.into(), &Value::Array(Vec::new())));
        assert_eq!(report["sha256"], shared::digest::Digest::of(&package).to_string());
        let package = &report["package"];
        assert_eq!(
            (&package["identifier"], &package["version"]),
            (&"com.example.tool".into(), &"1.2".into())
        );
        assert_eq!(package["minimum_system"], "13.0");
        assert_eq!(
            (&package["signature"], &package["integrity"]["entries_without_checksum"]),
            (&Value::Null, &0.into())
        );
        let component = &package["components"][0];
        let files = component["payload"]["files"].as_array().unwrap();
        let link = files.iter().find(|file| file["path"] == "./usr/local/bin/alias").unwrap();
        assert_eq!(link["target"], "tool");
        assert_eq!(
            component["payload"]["compression"],
            if compression == "xz" { "pbzx" } else { compression }
        );
        assert_eq!(
            (&component["scripts"][0]["runs"], &component["scripts"][0]["text"]),
            (&true.into(), &SCRIPT.into())
        );
    }
}

#[test]
fn the_text_says_the_same_to_people() {
    let admin = Admin::new();
    admin.package("gzip", SCRIPT);
    let told = admin.inspects(&["--files", "tool.pkg"]);
    assert_eq!(told.code, 0);
    for part in [
        "Identifier     com.example.tool\n",
        "Signature      none\n",
        "entries match theirs",
        "Runs script    postinstall (-rwxr-xr-x 17 bytes)",
        "./usr/local/bin/alias -> tool",
        "Warning        a component package",
    ] {
        assert!(told.out.contains(part), "{part} is not in\n{}", told.out);
    }
}

#[test]
fn a_script_that_cannot_run_is_warned_about_and_changes_no_exit_code() {
    let admin = Admin::new();
    admin.package("gzip", "#!/bin/sh\r\nexit 0\r\n");
    let (code, reports) = admin.reports(&["tool.pkg"]);
    let warnings = reports[0]["warnings"].to_string();
    assert!(code == 0 && warnings.contains("postinstall has Windows line ends"), "{warnings}");
}

#[test]
fn an_altered_package_is_refused_and_not_expanded() {
    let admin = Admin::new();
    let package = admin.package("none", SCRIPT);
    let mut bytes = fs::read(&package).unwrap();
    let at = bytes.windows(9).position(|window| window == b"echo tool").unwrap();
    bytes[at] = b'E';
    fs::write(&package, bytes).unwrap();
    let told = admin.inspects(&["--expand", "out", "tool.pkg"]);
    assert_eq!(told.code, 1);
    assert!(
        told.out.contains("Payload does not match its archived checksum: the package was damaged or altered")
    );
    assert!(told.out.contains("not expanded") && !admin.0.path().join("out").exists());
}

#[test]
fn a_package_is_taken_apart_into_a_new_folder() {
    let admin = Admin::new();
    admin.package("xz", SCRIPT);
    assert_eq!(admin.inspects(&["--expand", "out", "tool.pkg"]).code, 0);
    let out = admin.0.path().join("out");
    assert_eq!(fs::read_to_string(out.join("Payload/usr/local/bin/tool")).unwrap(), "#!/bin/sh\necho tool\n");
    assert_eq!(fs::read_link(out.join("Payload/usr/local/bin/alias")).unwrap(), PathBuf::from("tool"));
    assert_eq!(fs::read_to_string(out.join("Scripts/postinstall")).unwrap(), SCRIPT);
    assert!(fs::read_to_string(out.join("PackageInfo")).unwrap().contains("com.example.tool"));
    let again = admin.inspects(&["--expand", "out", "tool.pkg"]);
    assert!(again.code == 1 && again.out.contains("out is not empty"));
}

#[test]
fn a_file_that_is_no_package_is_named_for_what_it_is() {
    let admin = Admin::new();
    admin.file("empty.pkg", b"");
    admin.file("login.pkg", b"<!DOCTYPE html><html><title>Sign in</title>");
    admin.file("lfs.pkg", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n");
    admin.file("old.pkg", b"PK\x03\x04");
    let mut image = vec![0; 2048];
    image[1536..1540].copy_from_slice(b"koly");
    admin.file("image.pkg", &image);
    fs::create_dir(admin.0.path().join("bundle.pkg")).unwrap();
    let cases = [
        ("empty.pkg", "an empty file"),
        ("login.pkg", "a web page"),
        ("lfs.pkg", "git lfs pull"),
        ("old.pkg", "a zip archive"),
        ("image.pkg", "a disk image"),
    ];
    for (name, verdict) in cases {
        let told = admin.inspects(&[name]);
        assert!(told.code == 1 && told.out.contains(verdict), "{name}: {}", told.out);
    }
    let (code, reports) = admin.reports(&["empty.pkg", "absent.pkg"]);
    assert_eq!((code, reports.len(), &reports[1]["ok"]), (1, 2, &false.into()));
}

#[test]
fn what_cannot_be_read_is_no_result_but_a_diagnostic() {
    let admin = Admin::new();
    fs::create_dir(admin.0.path().join("bundle.pkg")).unwrap();
    admin.package("gzip", SCRIPT);
    for (name, why) in [("absent.pkg", "No such file"), ("bundle.pkg", "bundle-style")] {
        let told = admin.inspects(&[name, "tool.pkg"]);
        let error = format!("error: {name}: cannot be read: ");
        assert!(told.err.starts_with(&error) && told.err.contains(why), "{}", told.err);
        assert!(
            told.code == 1 && !told.out.contains(name) && told.out.starts_with("tool.pkg\n"),
            "{}",
            told.out
        );
        let told = admin.inspects(&["--json", name]);
        assert!(
            told.err.starts_with(&error) && told.out.contains("\"ok\": false"),
            "{}{}",
            told.err,
            told.out
        );
    }
}

#[test]
fn p41_a_program_that_runs_as_somebody_else_is_pointed_out() {
    let admin = Admin::new();
    let node = |path: &str, kind, mode| Node { path: path.into(), kind, mode, uid: 0, gid: 80, mtime: 0 };
    let file = || NodeKind::File { size: 4, identity: None };
    let nodes = vec![
        node(".", NodeKind::Folder, 0o755),
        node("as-root", file(), 0o4755),
        node("as-group", file(), 0o2755),
        node("as-oneself", file(), 0o755),
    ];
    let tree = Tree::new(nodes).unwrap();
    let contents = ["as-root", "as-group", "as-oneself"].map(|name| (name.to_owned(), b"tool".to_vec()));
    let contents = std::collections::BTreeMap::from(contents);
    let spec = ComponentSpec {
        identifier: "com.example.tool".into(),
        version: "1".into(),
        install_location: "/".into(),
        min_os: None,
        compression: Compression::Gzip,
        time: 0,
    };
    let payload = Some(Source { tree: &tree, contents: &contents });
    let component = Component { spec: &spec, payload, scripts: None };
    let mut package = Vec::new();
    write_component(&component, None, std::io::Cursor::new(Vec::new()), &mut package).unwrap();
    admin.file("tool.pkg", &package);
    let told = admin.inspects(&["tool.pkg"]);
    assert_eq!(told.code, 0, "{}", told.out);
    for text in
        ["./as-root runs as user 0 whoever starts it", "./as-group runs as group 80 whoever starts it"]
    {
        assert!(told.out.contains(text), "{}", told.out);
    }
    assert!(!told.out.contains("as-oneself"), "{}", told.out);
}

#[test]
fn a_hostile_description_is_shown_harmlessly_and_warned_about() {
    let admin = Admin::new();
    let folder = admin.0.path().join("source");
    fs::create_dir_all(folder.join("payload")).unwrap();
    fs::write(folder.join("payload/f"), "").unwrap();
    let description = r#"{"identifier": "x\nCommand: Quit", "version": "1", "install_location": "/../etc"}"#;
    fs::write(folder.join("package.json"), description).unwrap();
    build_component(&folder, &admin.0.path().join("odd.pkg")).unwrap();
    let told = admin.inspects(&["odd.pkg"]);
    assert!(!told.out.contains("\nCommand: Quit"), "{}", told.out);
    assert!(told.out.contains("\"/../etc\", which climbs with `..`"), "{}", told.out);
}

/// What `inspect` says about the signatures of a package of the corpus, and its exit code.
fn of_corpus(part: &str) -> Option<(i32, Value)> {
    let corpus = std::env::var("IAS_CORPUS")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus").to_owned());
    let Ok(folder) = fs::read_dir(PathBuf::from(&corpus).join("pkg")) else {
        println!("skipped: no corpus at {corpus}");
        return None;
    };
    let mut paths = folder.map(|entry| entry.unwrap().path());
    let path = paths.find(|path| path.to_string_lossy().contains(part)).unwrap();
    let (code, mut reports) = Admin::new().reports(&[path.to_str().unwrap()]);
    Some((code, reports.remove(0)))
}

#[test]
fn p39_a_genuine_signature_is_told_with_chain_team_and_time() {
    let Some((code, report)) = of_corpus("goxar__2ca02807") else { return };
    let signature = &report["package"]["signature"];
    assert_eq!((code, &signature["verified"], &signature["flaw"]), (0, &true.into(), &Value::Null));
    assert_eq!(
        (&signature["purpose"], &signature["team_id"]),
        (&"developer_id".into(), &"T4SK8ZXCXG".into())
    );
    assert_eq!(signature["signed_at"]["at"], "2024-01-03T15:48:26Z");
    assert_eq!(signature["signed_at"]["proof"], "timestamp");
    assert_eq!(
        signature["certificates"][2]["sha256"],
        "b0b1730ecbc7ff4505142c49f1295e6eda6bcaed7e2c68c5be91b5a11001f024"
    );
}

#[test]
fn p39_a_damaged_signature_is_an_error_and_a_strangers_a_warning() {
    let Some((code, report)) = of_corpus("bad_signature") else { return };
    let signature = &report["package"]["signature"];
    assert_eq!((code, &signature["verified"], &signature["team_id"]), (1, &false.into(), &Value::Null));
    assert!(report["errors"][0].as_str().unwrap().contains("its RSA signature was not made with the key of"));
    let Some((code, report)) = of_corpus("goxar__98c9b4ae") else { return };
    assert_eq!(code, 0);
    assert!(report["warnings"][0].as_str().unwrap().contains("--trust-root"), "{report}");
}
