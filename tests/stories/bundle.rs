//! What a help desk gets of a run has everything in it but secrets, through the real `iasctl bundle`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::json;
use std::{collections::BTreeMap, fs, io::Read as _, process::Command};
use support::{Fleet, fleet::url, program, server::Reply};

/// What no stranger may read, as the settings have it.
const SECRETS: [&str; 4] = ["hunter2-password", "c0ffee11-token", "s3cr3t-collector", "k3y-of-the-hook"];

/// The files in a .tar.gz.
fn unpacked(archive: &[u8]) -> BTreeMap<String, String> {
    let mut tar = Vec::new();
    flate2::read::GzDecoder::new(archive).read_to_end(&mut tar).unwrap();
    let mut files = BTreeMap::new();
    let mut rest = &tar[..];
    while rest.len() > 512 && rest[0] != 0 {
        let field = |from: usize, to: usize| {
            String::from_utf8_lossy(&rest[from..to]).trim_matches(['\0', ' ']).to_owned()
        };
        let size = usize::from_str_radix(&field(124, 136), 8).unwrap();
        let text = String::from_utf8(rest[512..512 + size].to_vec()).unwrap();
        if rest[156] == b'0' {
            files.insert(field(0, 100), text);
        }
        rest = &rest[512 + size.next_multiple_of(512)..];
    }
    files
}

#[test]
fn a_bundle_tells_what_happened_and_nothing_secret() {
    let fleet = Fleet::new(json!({}));
    // A script that knows a secret, and tells it as it fails.
    let hash =
        fleet.script("/leak.sh", "echo 'Authorization: Bearer c0ffee11-token' 'hunter2-password'; exit 3");
    let item = json!({
        "name": "Leak", "type": "rootscript", "file": "/Library/installapplications/leak.sh",
        "url": format!("{}?token=k3y-of-the-hook", url("/leak.sh")), "hash": hash.to_string(), "fail_policy": "failable",
    });
    let document = json!({ "preflight": [], "setupassistant": [item], "userland": [] });
    fleet.server.serve("/bootstrap.json", [Reply::ok(document.to_string())]);
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("iasd.plist");
    let [password, token, collector, hook] = SECRETS;
    let text = format!(
        "<plist><dict><key>JSONURL</key><string>{}</string><key>HTTPAuthUser</key><string>ada</string>\
         <key>HTTPAuthPassword</key><string>{password}</string><key>HeaderAuthorization</key><string>Bearer {token}</string>\
         <key>OTLPEndpoint</key><string>{}</string><key>OTLPHeaders</key><dict><key>X</key><string>{collector}</string></dict>\
         <key>WebhookURL</key><string>{}</string><key>KeepInstalled</key><true/>\
         <key>LogFilePath</key><string>/var/log/ias/iasd.log</string></dict></plist>",
        url("/bootstrap.json"),
        url("/otel"),
        url(&format!("/{hook}")),
    );
    fs::write(&settings, text).unwrap();
    let outcome = fleet.run(&[settings.to_str().unwrap()]);
    outcome.exits(0);
    let record = outcome.read("/Library/Application Support/ias/last-run.ndjson").unwrap();
    assert!(record.contains(token), "the script has told its secret to the record");

    let mut command = Command::new(program("iasctl"));
    command
        .current_dir(folder.path())
        .arg("bundle")
        .arg(outcome.on_disk("/"))
        .args(["--settings", "iasd.plist"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let archive = folder.path().join("ias-bundle.tar.gz");
    let files = unpacked(&fs::read(&archive).unwrap());
    for (name, text) in &files {
        for secret in SECRETS {
            assert!(!text.contains(secret), "{secret} in {name}:\n{text}");
        }
    }
    let promised = [
        "contents.txt",
        "records/last-run.ndjson",
        "records/status.txt",
        "settings/iasd.plist.txt",
        "run.html",
        "run.txt",
    ];
    assert!(promised.iter().all(|name| files.contains_key(*name)), "{:?}", files.keys());
    assert!(files["run.txt"].contains("Leak") && files["run.html"].contains("exit status 3"));
    assert!(files["settings/iasd.plist.txt"].contains("<redacted>"), "{}", files["settings/iasd.plist.txt"]);
    assert!(files["contents.txt"].contains("run.html"), "{}", files["contents.txt"]);
    if let Ok(listed) = Command::new("bsdtar").arg("tf").arg(&archive).output() {
        let listed = String::from_utf8(listed.stdout).unwrap();
        assert!(listed.contains("records/last-run.ndjson"), "{listed}");
    } else {
        println!("skipped: bsdtar is not installed");
    }
}

#[test]
fn where_there_was_no_run_there_is_nothing_to_gather() {
    let folder = tempfile::tempdir().unwrap();
    let nothing = Command::new(program("iasctl")).arg("bundle").arg(folder.path()).output().unwrap();
    assert_eq!(nothing.status.code(), Some(1));
}

#[test]
fn a_link_in_the_place_of_a_record_is_not_followed() {
    let fleet = Fleet::new(json!({}));
    fleet.server.serve("/bootstrap.json", [Reply::ok("{}")]);
    let outcome = fleet.run(&["--jsonurl", &url("/bootstrap.json"), "--keep-installed", "true"]);
    outcome.exits(0);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("victim"), "not for others").unwrap();
    let status = outcome.on_disk("/Library/Application Support/ias/status.txt");
    fs::remove_file(&status).unwrap();
    std::os::unix::fs::symlink(folder.path().join("victim"), &status).unwrap();
    let mut command = Command::new(program("iasctl"));
    let output = command.current_dir(folder.path()).arg("bundle").arg(outcome.on_disk("/")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let files = unpacked(&fs::read(folder.path().join("ias-bundle.tar.gz")).unwrap());
    assert!(files.values().all(|text| !text.contains("not for others")), "{files:?}");
    assert!(files["contents.txt"].contains("status.txt: "), "{}", files["contents.txt"]);
}
