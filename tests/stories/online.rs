//! A control file and what its servers really give, as the real `iasctl check --online` compares them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use shared::{
    digest::Digest,
    facts::Arch,
    flat_package::write::{Choice, Component, ComponentSpec, Compression, ProductSpec, write_product},
};
use std::{fs, io::Cursor, path::Path, process::Command};
use support::{
    component, program,
    server::{Authority, Reply, Server},
};

/// What `check` says of items that are served: exit status and document.
fn check(folder: &Path, items: &[Value], more: &[&str]) -> (i32, Value) {
    let file = folder.join("bootstrap.json");
    fs::write(&file, serde_json::to_vec_pretty(&json!({ "setupassistant": items })).unwrap()).unwrap();
    let mut command = Command::new(program("iasctl"));
    command.current_dir(folder).args([
        "check",
        "bootstrap.json",
        "--online",
        "--json",
        "--hash-check-policy",
        "Warning",
    ]);
    let output = command.args(more).output().unwrap();
    (output.status.code().unwrap(), serde_json::from_slice(&output.stdout).unwrap())
}

/// The findings as `key: problem`, with their hint behind a bar.
fn told(document: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    document["files"][0]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            format!("{}: {} | {}", text(&finding["key"]), text(&finding["problem"]), text(&finding["hint"]))
        })
        .collect()
}

fn package(server: &Server, path: &str, content: &[u8], keys: Value) -> Value {
    server.serve(path, [Reply::ok(content).etag("\"1\"")]);
    let mut item = json!({
        "name": path, "type": "package", "file": format!("/Library/ias{path}"), "url": server.url(path),
        "hash": Digest::of(content).to_string(),
    });
    item.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    item
}

#[test]
fn a_package_that_is_what_its_item_says_earns_no_word() {
    let (server, folder) = (Server::start().unwrap(), tempfile::tempdir().unwrap());
    let content = component(("com.example.tools", "1.2"), &[]);
    let item = package(
        &server,
        "/tools.pkg",
        &content,
        json!({ "packageid": "com.example.tools", "version": "1.2" }),
    );
    let (code, document) = check(folder.path(), &[item], &[]);
    assert_eq!((code, told(&document)), (0, vec![]));
    let seen = &document["files"][0]["online"][0];
    assert_eq!(seen["bytes"], content.len());
    assert_eq!(seen["package"]["identifiers"], json!([["com.example.tools", "1.2"]]));
    assert_eq!(seen["package"]["signed"], false);
}

#[test]
fn what_is_served_is_compared_with_hash_receipt_and_signer() {
    let (server, folder) = (Server::start().unwrap(), tempfile::tempdir().unwrap());
    let content = component(("com.example.tools", "1.2"), &[]);
    let wrong = package(&server, "/wrong.pkg", &content, json!({ "hash": "0".repeat(64) }));
    let named = package(
        &server,
        "/named.pkg",
        &content,
        json!({ "packageid": "com.exmaple.tools", "version": "1.2" }),
    );
    let old = package(
        &server,
        "/old.pkg",
        &content,
        json!({ "packageid": "com.example.tools", "version": "1.10" }),
    );
    let signed = package(&server, "/signed.pkg", &content, json!({ "team_ids": ["ABCDE12345"] }));
    let broken = package(&server, "/broken.pkg", &content[..content.len() - 30], json!({}));
    let (code, document) = check(folder.path(), &[wrong, named, old, signed, broken], &[]);
    let told = told(&document);
    assert_eq!(code, 1);
    let expected = [
        ("hash: what is served has another one", format!("\"hash\": \"{}\"", Digest::of(&content))),
        (
            "packageid: the package leaves no receipt of that name",
            "did you mean \"com.example.tools\"?".into(),
        ),
        ("version: the package is version 1.2", "every run would install it again".into()),
        ("team_ids: it is not signed", String::new()),
        ("url: no package that installer takes", String::new()),
    ];
    for (finding, hint) in &expected {
        assert!(
            told.iter().any(|said| said.starts_with(finding) && said.contains(hint.as_str())),
            "{finding}: {told:#?}"
        );
    }
    // Each at its key: the hash of the first item stands in line 5.
    let first = &document["files"][0]["findings"][0];
    assert_eq!((&first["line"], &first["item"]["index"]), (&json!(5), &json!(0)), "{first}");
}

#[test]
fn addresses_that_give_something_else_are_told_with_where_they_led() {
    let (server, folder) = (Server::start().unwrap(), tempfile::tempdir().unwrap());
    server.serve("/moved.sh", [Reply::redirect(&server.url("/new.sh?token=hidden"))]);
    server.serve("/new.sh", [Reply::ok("#!/bin/sh\n")]);
    server.serve("/page.sh", [Reply::ok("\n<!DOCTYPE html><p>Please log in")]);
    server.serve("/mine.sh", [Reply::ok("x").basic("me", "secret")]);
    let script = |path: &str| json!({ "name": path, "type": "rootscript", "file": format!("/Library/ias{path}"), "url": server.url(path) });
    let mut private = script("/mine.sh");
    private["additional_headers"] = json!({ "Authorization": "Basic x" });
    let (code, document) =
        check(folder.path(), &[script("/moved.sh"), script("/page.sh"), script("/gone.sh"), private], &[]);
    let told = told(&document).join("\n");
    assert_eq!(code, 1, "{told}");
    for expected in [
        "url: it redirects to http",
        "url: the answer is a web page",
        "url: the server answers 404",
        "without ETag and ranges",
    ] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    let addresses = document["files"][0]["online"][0]["addresses"].as_array().unwrap();
    assert_eq!(addresses.len(), 2);
    assert!(!document.to_string().contains("hidden"), "what stands behind a question mark may be a secret");
}

#[test]
fn a_server_must_prove_itself_and_an_authority_of_the_house_can_be_given() {
    let authority = Authority::new("House").unwrap();
    let server = Server::start_tls(authority.server(&["127.0.0.1"]).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let item = package(&server, "/tools.pkg", &component(("com.example.tools", "1.2"), &[]), json!({}));
    let (code, document) = check(folder.path(), std::slice::from_ref(&item), &[]);
    assert_eq!(code, 1);
    assert!(told(&document)[0].contains("no connection"), "{document}");
    authority.write_pem(&folder.path().join("house.pem")).unwrap();
    let (code, document) = check(folder.path(), &[item], &["--ca", "house.pem"]);
    assert_eq!(code, 0, "{document}");
}

#[test]
fn findings_can_be_shown_where_the_change_is_reviewed() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("bootstrap.json"),
        "{\"userland\": [{\"name\": \"A, b: c\", \"type\": \"packge\"}]}\n",
    )
    .unwrap();
    let run = |format: &str| {
        let mut command = Command::new(program("iasctl"));
        let output = command
            .current_dir(folder.path())
            .args(["check", "bootstrap.json", "--format", format])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stdout).unwrap()
    };
    let annotations = run("github");
    assert!(annotations.starts_with("::error file=bootstrap.json,line=1,col="), "{annotations}");
    assert!(annotations.contains("A, b: c: "), "{annotations}");
    assert_eq!(annotations.lines().filter(|line| !line.starts_with("::")).count(), 0);
    let sarif: Value = serde_json::from_str(&run("sarif")).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert!(
        results.iter().all(|result| result["locations"][0]["physicalLocation"]["region"]["startLine"] == 1),
        "{sarif}"
    );
}

#[test]
fn t119_a_certificate_that_macs_refuse_is_told_although_the_connection_succeeds() {
    let authority = Authority::new("House").unwrap();
    let server = Server::start_tls(authority.lasting(&["127.0.0.1"], 1096).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    authority.write_pem(&folder.path().join("house.pem")).unwrap();
    let item = package(&server, "/tools.pkg", &component(("com.example.tools", "1.2"), &[]), json!({}));
    // Another port of the same name, whose certificate is fine.
    let good = Server::start_tls(authority.lasting(&["127.0.0.1"], 800).unwrap()).unwrap();
    let first = package(&good, "/first.pkg", &component(("com.example.first", "1.2"), &[]), json!({}));
    let (code, document) = check(folder.path(), &[first, item.clone(), item], &["--ca", "house.pem"]);
    let told = told(&document).join("\n");
    assert_eq!(code, 1, "{told}");
    assert!(
        told.contains(
            "127.0.0.1: its certificate is valid 1096 days; macOS refuses more than 825 from an added CA"
        ),
        "{told}"
    );
    assert_eq!(told.matches("1096 days").count(), 1, "each host once: {told}");
}

/// A product that is declared for these processors.
fn product(architectures: &[Arch]) -> Vec<u8> {
    let (identifier, version) = ("com.example.tools".to_owned(), "1.2".to_owned());
    let spec = ComponentSpec {
        identifier: identifier.clone(),
        version: version.clone(),
        install_location: "/".into(),
        min_os: None,
        compression: Compression::Gzip,
        time: 0,
    };
    let component = Component { spec: &spec, payload: None, scripts: None };
    let choice = Choice { title: "", selected: true, file_name: "tools", component };
    let (title, architectures) = ("Tools".to_owned(), architectures.to_vec());
    let spec = ProductSpec { title, identifier, version, min_os: None, architectures, time: 0 };
    let mut written = Vec::new();
    write_product(&spec, &[choice], None, Cursor::new(Vec::new()), &mut written).unwrap();
    written
}

#[test]
fn a_package_for_other_processors_than_its_item_is_told() {
    let (server, folder) = (Server::start().unwrap(), tempfile::tempdir().unwrap());
    let intel = package(&server, "/intel.pkg", &product(&[Arch::X86_64]), json!({}));
    let apple = package(&server, "/apple.pkg", &product(&[Arch::Arm64]), json!({}));
    let both = package(&server, "/both.pkg", &product(&[Arch::X86_64, Arch::Arm64]), json!({}));
    let meant = package(&server, "/meant.pkg", &product(&[Arch::X86_64]), json!({ "skip_if": "arm64" }));
    let silent = package(&server, "/silent.pkg", &product(&[]), json!({}));
    let (_, document) = check(folder.path(), &[intel, apple, both, meant, silent], &[]);
    let told: Vec<String> = told(&document).into_iter().filter(|told| told.contains("declared")).collect();
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[0].contains("Intel only") && told[0].contains("\"skip_if\": \"arm64\""), "{told:#?}");
    assert!(told[1].contains("Apple silicon only"), "{told:#?}");
}
