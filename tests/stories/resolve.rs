//! A control file with titles for clients that know none, through the real `iasctl resolve` (T12).
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use std::{fs, path::PathBuf, process::Command};
use support::{
    program,
    server::{Authority, Reply, Server},
};
use tempfile::TempDir;

/// An admin's folder: a control file, and a repository.
struct Desk(TempDir);

/// What `iasctl` said.
struct Told {
    status: Option<i32>,
    text: String,
    diagnostics: String,
}

const HASH: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

impl Desk {
    fn new(control: &str, items: &[String]) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(desk.path("repo/catalogs")).unwrap();
        fs::write(desk.path("bootstrap.json"), control).unwrap();
        let catalog = format!("<plist><array>{}</array></plist>", items.concat());
        fs::write(desk.path("repo/catalogs/production"), catalog).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn resolve(&self, more: &[&str]) -> Told {
        let mut command = Command::new(program("iasctl"));
        command.current_dir(self.0.path()).args(["resolve", "bootstrap.json", "--repo", "repo"]);
        command
            .args(["--url", "https://repo.example/titles", "--arch", "arm64", "--os", "15.1.1"])
            .args(more);
        let output = command.output().unwrap();
        Told {
            status: output.status.code(),
            text: String::from_utf8(output.stdout).unwrap(),
            diagnostics: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

fn strings(pairs: &[(&str, &str)]) -> String {
    pairs.iter().map(|(key, text)| format!("<key>{key}</key><string>{text}</string>")).collect()
}

/// A package in a catalog, with a receipt.
fn package(name: &str, version: &str, more: &str) -> String {
    let location = format!("apps/{name} {version}.pkg");
    let id = format!("com.example.{}", name.to_lowercase());
    format!(
        "<dict>{}<key>receipts</key><array><dict>{}</dict></array>{more}</dict>",
        strings(&[
            ("name", name),
            ("version", version),
            ("installer_item_location", &location),
            ("installer_item_hash", HASH),
        ]),
        strings(&[("packageid", &id), ("version", version)])
    )
}

fn listed(key: &str, name: &str) -> String {
    format!("<key>{key}</key><array><string>{name}</string></array>")
}

#[test]
fn t12_a_title_becomes_a_package_and_every_other_byte_stays() {
    let before = "{\n  \"preflight\":[ ],\n  \"setupassistant\": [\n    {\"type\": \"rootscript\",   \"name\": \"S\", \"file\": \"/Library/s.sh\"},\n";
    let title = "    {\"type\": \"title\", \"title\": \"Tool\", \"name\": \"The tool\", \"fail_policy\": \"failable\",\n     \"parallel_group\": \"g\", \"retries\": 7, \"skip_if\": \"intel\", \"reinstall\": true}";
    let after =
        ",\n    {\"name\":\"é\\u00e9\",\"type\":\"rootscript\",\"file\":\"/Library/t.sh\"}\n  ]\n}\n\n";
    let items = [package("Tool", "1.9", ""), package("Tool", "1.10", "")];
    let desk = Desk::new(&format!("{before}{title}{after}"), &items);
    let told = desk.resolve(&[]);
    assert_eq!((told.status, told.diagnostics.as_str()), (Some(0), ""));
    let new = told.text.strip_prefix(before).unwrap().strip_suffix(after).unwrap();
    let expected = json!({
        "name": "The tool",
        "type": "package",
        "file": "/Library/installapplications/Tool 1.10.pkg",
        "url": "https://repo.example/titles/pkgs/apps/Tool%201.10.pkg",
        "hash": HASH,
        "packageid": "com.example.tool",
        "version": "1.10",
        "pkg_required": true,
        "skip_if": "intel",
        "retries": 7,
        "fail_policy": "failable",
        "parallel_group": "g",
    });
    assert_eq!(serde_json::from_str::<Value>(new).unwrap(), expected);
    assert!(new.lines().all(|line| line.starts_with("    ")), "{new}");
    fs::write(desk.path("new.json"), &told.text).unwrap();
    let checked = Command::new(program("iasctl")).arg("check").arg(desk.path("new.json")).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

#[test]
fn t12_what_comes_with_a_title_stands_around_it_and_what_a_package_cannot_do_is_told() {
    let control = json!({"userland": [{"type": "title", "title": "App", "parallel_group": "g"}]}).to_string();
    let restart = strings(&[("RestartAction", "RequireRestart")]);
    let scripts = strings(&[("postinstall_script", "#!/bin/sh")]);
    let items = [
        package(
            "App",
            "2",
            &(listed("requires", "Base") + &restart + &listed("blocking_applications", "App.app")),
        ),
        package("Base", "1", ""),
        package("Extra", "3", &listed("update_for", "App")),
        package("Other", "3", &(listed("update_for", "App") + &scripts)),
    ];
    let desk = Desk::new(&control, &items);
    let told = desk.resolve(&["--strict"]);
    let new: Value = serde_json::from_str(&told.text).unwrap();
    let key = |key: &str| {
        new["userland"].as_array().unwrap().iter().map(|item| item[key].clone()).collect::<Vec<_>>()
    };
    assert_eq!(key("name"), [json!("Base"), json!("App"), json!("Extra")]);
    assert_eq!(key("fail_policy"), [Value::Null, Value::Null, json!("failable")]);
    assert_eq!(key("parallel_group"), [Value::Null, Value::Null, Value::Null]);
    assert_eq!(told.status, Some(2));
    let lines: Vec<&str> = told.diagnostics.lines().collect();
    let expected = [
        "warning: userland[0] \"App\": parallel_group is dropped: what comes with the title must wait for its turn",
        "warning: userland[0] \"App\": App is installed also while App.app is open: a package item has no blocking_applications",
        "warning: userland[0] \"App\": App wants a restart, which a package item does not ask for",
        "warning: userland[0] \"App\": without Other: it has scripts beside its package",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn t12_what_is_no_package_stays_a_title_and_what_cannot_be_had_fails() {
    let titles = ["Image", "Copied", "Scripts", "Chrome", "Needy"];
    let entries: Vec<Value> = titles.iter().map(|title| json!({"type": "title", "title": title})).collect();
    let control = json!({ "setupassistant": entries }).to_string();
    let image = |name: &str, more: &str| package(name, "1", more).replace(".pkg", ".dmg");
    let copied = "<key>installer_type</key><string>copy_from_dmg</string><key>items_to_copy</key><array><dict>
        <key>source_item</key><string>A.app</string><key>destination_path</key><string>/Applications</string></dict></array>";
    let items = [
        image("Image", ""),
        image("Copied", copied),
        package(
            "Scripts",
            "1",
            &strings(&[("installer_type", "nopkg"), ("installcheck_script", "#!/bin/sh")]),
        ),
        package("chrome", "1", ""),
        package("Needy", "1", &listed("requires", "Image")),
    ];
    let desk = Desk::new(&control, &items);
    fs::write(desk.path("old.json"), "old").unwrap();
    assert_eq!(desk.resolve(&["--output", "old.json"]).status, Some(1));
    assert_eq!(fs::read_to_string(desk.path("old.json")).unwrap(), "old", "nothing is written by halves");
    let told = desk.resolve(&["--json"]);
    assert_eq!(told.status, Some(1));
    let lines: Vec<&str> = told.diagnostics.lines().collect();
    let expected = [
        "warning: setupassistant[0] \"Image\": stays a title: its package is in a disk image",
        "warning: setupassistant[1] \"Copied\": stays a title: it is copied from a disk image",
        "warning: setupassistant[2] \"Scripts\": stays a title: it has nothing but scripts",
        "error: setupassistant[3] \"Chrome\": not in catalog production; did you mean chrome?",
        "warning: setupassistant[4] \"Needy\": stays a title: something it needs is no package",
    ];
    assert_eq!(lines, expected);
    let document: Value = serde_json::from_str(&told.text).unwrap();
    assert_eq!(document["control_file"], control, "nothing was replaced");
    let became: Vec<&Value> =
        document["titles"].as_array().unwrap().iter().map(|title| &title["became"]).collect();
    assert_eq!(became, ["title", "title", "title", "refused", "title"]);
}

#[test]
fn t12_a_repository_on_a_server_gives_the_same_and_is_where_macs_load_from() {
    let control = json!({ "userland": [{ "type": "title", "title": "Tool", "name": "Tool" }] }).to_string();
    let item = package("Tool", "1.0", "");
    let desk = Desk::new(&control, std::slice::from_ref(&item));
    let authority = Authority::new("Acme Root").unwrap();
    authority.write_pem(&desk.path("root.pem")).unwrap();
    let server = Server::start_tls(authority.server(&["127.0.0.1"]).unwrap()).unwrap();
    let catalog = format!("<plist><array>{item}</array></plist>");
    server.serve("/titles/catalogs/production", [Reply::ok(catalog).basic("mac", "secret")]);
    fs::write(desk.path("auth"), "Basic bWFjOnNlY3JldA==\n").unwrap();
    let repo = server.url("/titles");
    let run = |more: &[&str]| {
        let mut command = Command::new(program("iasctl"));
        command.current_dir(desk.0.path()).args([
            "resolve",
            "bootstrap.json",
            "--arch",
            "arm64",
            "--os",
            "15.1.1",
        ]);
        command.args(["--repo", &repo, "--ca", "root.pem"]).args(more).output().unwrap()
    };
    let output = run(&["--repo-auth", "auth"]);
    let from_server = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let from_folder = desk.resolve(&[]).text;
    assert_eq!(from_server, from_folder.replace("https://repo.example/titles", &repo));
    let refused = run(&[]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && said.contains("the server answers 401: give --repo-auth"), "{said}");
}
