//! What Macs will have to reach, looked at before Macs do, through the real `iasctl doctor` against local servers.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use std::{fs, path::Path, process::Command};
use support::{
    program,
    server::{Authority, Reply, Server},
};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc2822};

/// What `doctor` says: exit status and document.
fn doctor(folder: &Path, arguments: &[&str]) -> (i32, Value) {
    let mut command = Command::new(program("iasctl"));
    let output = command.current_dir(folder).args(["doctor", "--json"]).args(arguments).output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap(), serde_json::from_slice(&output.stdout).unwrap())
}

/// Lines and hosts as `VERDICT about: text`.
fn told(document: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |key: &str| document[key].as_array().unwrap().clone();
    let lines = list("lines").into_iter().map(|line| (text(&line["about"]), line));
    let hosts = list("hosts").into_iter().flat_map(|host| {
        let verdicts = host["verdicts"].as_array().unwrap().clone();
        verdicts.into_iter().map(move |verdict| (text(&host["host"]), verdict))
    });
    lines
        .chain(hosts)
        .map(|(about, line)| format!("{} {about}: {}", text(&line["verdict"]), text(&line["text"])))
        .collect()
}

fn settings(folder: &Path, keys: &[(&str, &str)]) {
    let keys: String =
        keys.iter().map(|(key, value)| format!("<key>{key}</key><string>{value}</string>")).collect();
    fs::write(folder.join("iasd.plist"), format!("<plist><dict>{keys}</dict></plist>")).unwrap();
}

fn control_file(url: &str) -> Vec<u8> {
    let item = json!({
        "name": "Tools", "type": "package", "file": "/Library/ias/tools.pkg", "url": url, "hash": "0".repeat(64),
        "packageid": "com.example.tools", "version": "1",
    });
    json!({ "setupassistant": [item] }).to_string().into_bytes()
}

/// The time as servers say it.
fn date(offset: Duration) -> String {
    let date = (OffsetDateTime::now_utc() + offset).format(&Rfc2822).unwrap();
    date.replace("+0000", "GMT")
}

#[test]
fn t120_settings_lead_to_the_control_file_and_that_to_the_hosts_of_its_items() {
    let (authority, folder) = (Authority::new("Acme Root").unwrap(), tempfile::tempdir().unwrap());
    authority.write_pem(&folder.path().join("root.pem")).unwrap();
    let main = Server::start_tls(authority.server(&["127.0.0.1"]).unwrap()).unwrap();
    let files = Server::start_tls(authority.server(&["127.0.0.1"]).unwrap()).unwrap();
    main.serve(
        "/bootstrap.json",
        [Reply::ok(control_file(&files.url("/tools.pkg")))
            .basic("mac", "secret")
            .header("date", &date(Duration::ZERO))],
    );
    files.serve("/tools.pkg", [Reply::ok("x").header("date", &date(Duration::ZERO))]);
    let url = main.url("/bootstrap.json");
    settings(folder.path(), &[("JSONURL", &url), ("HTTPAuthUser", "mac"), ("HTTPAuthPassword", "secret")]);
    let (code, document) = doctor(folder.path(), &["iasd.plist", "--ca", "root.pem"]);
    let told = told(&document).join("\n");
    assert_eq!(code, 0, "{told}");
    for promised in [
        "OK iasd.plist: settings, nothing wrong",
        &format!("OK {url}: a control file, nothing wrong"),
        "OK clock: this computer's agrees with 2 servers",
        &format!("NOTE {}: issued by a CA that is not shipped with macOS", files.address()),
    ] {
        assert!(told.contains(promised), "{promised} in\n{told}");
    }
    let purposes: Vec<&Value> =
        document["hosts"].as_array().unwrap().iter().map(|host| &host["for"]).collect();
    assert!(
        purposes.contains(&&json!(["the control file"])) && purposes.contains(&&json!(["Tools"])),
        "{purposes:?}"
    );
    assert_eq!(files.seen_at("/tools.pkg").len(), 1, "the head, once");
    assert!(!document.to_string().contains("secret"));
}

#[test]
fn t120_what_no_mac_will_connect_to_is_an_error_with_its_reason() {
    let (authority, folder) = (Authority::new("Acme Root").unwrap(), tempfile::tempdir().unwrap());
    authority.write_pem(&folder.path().join("root.pem")).unwrap();
    let expired = Server::start_tls(authority.expired_server(&["127.0.0.1"]).unwrap()).unwrap();
    let lasting = Server::start_tls(authority.lasting(&["127.0.0.1"], 1096).unwrap()).unwrap();
    lasting.serve("/b", [Reply::ok("x")]);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = format!("https://{closed}/c");
    for (file, url) in [("a", expired.url("/a")), ("b", lasting.url("/b")), ("c", nobody)] {
        fs::write(folder.path().join(format!("{file}.json")), control_file(&url)).unwrap();
    }
    let (code, document) = doctor(folder.path(), &["a.json", "b.json", "c.json", "--ca", "root.pem"]);
    let told = told(&document);
    assert_eq!(code, 1);
    let of = |host: &str, word: &str| {
        told.iter().any(|line| line.starts_with("FAIL") && line.contains(host) && line.contains(word))
    };
    assert!(of(&expired.address().to_string(), "expired on 2002-01-01"), "{told:#?}");
    assert!(of(&lasting.address().to_string(), "valid 1096 days; macOS refuses more than 825"), "{told:#?}");
    assert!(of(&closed.to_string(), "Connection refused"), "{told:#?}");
    // In words, the worst comes first.
    let output = Command::new(program("iasctl"))
        .current_dir(folder.path())
        .args(["doctor", "c.json", "b.json"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let words: Vec<&str> = text.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    let weight = |word: &&str| ["FAIL", "WARN", "NOTE", "OK"].iter().position(|known| known == word);
    assert!(words.is_sorted_by_key(weight) && words[0] == "FAIL", "{text}");
}

#[test]
fn a_clock_that_is_wrong_here_is_told_by_what_the_servers_say() {
    let (server, folder) = (Server::start().unwrap(), tempfile::tempdir().unwrap());
    server.serve("/tools.pkg", [Reply::ok("x").header("date", &date(Duration::hours(3)))]);
    fs::write(folder.path().join("bootstrap.json"), control_file(&server.url("/tools.pkg"))).unwrap();
    let (code, document) = doctor(folder.path(), &["bootstrap.json"]);
    let told = told(&document).join("\n");
    assert_eq!(code, 0, "{told}");
    assert!(
        told.contains("WARN clock: this computer's is 2 hours behind") || told.contains("is 3 hours behind"),
        "{told}"
    );
    assert_eq!(doctor(folder.path(), &["bootstrap.json", "--strict"]).0, 2);
}

#[test]
fn where_a_server_sends_macs_to_is_looked_at_as_well() {
    let (first, second) = (Server::start().unwrap(), Server::start().unwrap());
    let folder = tempfile::tempdir().unwrap();
    first.serve("/tools.pkg", [Reply::redirect(&second.url("/there.pkg"))]);
    second.serve("/there.pkg", [Reply::status(404)]);
    fs::write(folder.path().join("bootstrap.json"), control_file(&first.url("/tools.pkg"))).unwrap();
    let (_, document) = doctor(folder.path(), &["bootstrap.json"]);
    let told = told(&document).join("\n");
    assert!(told.contains(&format!("WARN {}: answers 404", second.address())), "{told}");
    let hosts = document["hosts"].to_string();
    assert!(hosts.contains("where 127.0.0.1 leads"), "{hosts}");
}

#[test]
fn what_is_wrong_with_settings_and_the_control_file_they_load_is_told_with_its_place() {
    let (server, folder) = (Server::start().unwrap(), tempfile::tempdir().unwrap());
    server.serve("/bootstrap.json", [Reply::ok(r#"{"setupassistant": [{"name": "x", "type": "package"}]}"#)]);
    settings(folder.path(), &[("JSONURL", &server.url("/bootstrap.json")), ("Rebot", "x")]);
    let (code, document) = doctor(folder.path(), &["iasd.plist"]);
    let told = told(&document).join("\n");
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("WARN iasd.plist:1:") && told.contains("did you mean Reboot?"), "{told}");
    assert!(told.contains(&format!("FAIL {}:1:", server.url("/bootstrap.json"))), "{told}");
}

#[test]
fn t15_a_repository_on_a_server_is_looked_over_with_what_is_to_be_shown_to_it() {
    let (authority, folder) = (Authority::new("Acme Root").unwrap(), tempfile::tempdir().unwrap());
    authority.write_pem(&folder.path().join("root.pem")).unwrap();
    let server = Server::start_tls(authority.server(&["127.0.0.1"]).unwrap()).unwrap();
    let item = "<plist><array><dict><key>name</key><string>Bad</string><key>version</key><string>1.0</string>\
                <key>installer_item_location</key><string>Bad.pkg</string><key>installer_item_hash</key><string>N/A</string>\
                </dict></array></plist>";
    server.serve("/repo/catalogs/production", [Reply::ok(item).basic("mac", "secret")]);
    fs::write(folder.path().join("auth"), "Basic bWFjOnNlY3JldA==\n").unwrap();
    let repo = server.url("/repo");
    let (code, document) =
        doctor(folder.path(), &["--repo", &repo, "--repo-auth", "auth", "--ca", "root.pem"]);
    assert_eq!((code, &document["remarks"][0]["title"]), (1, &"Bad".into()), "{document:#}");
    let mut command = Command::new(program("iasctl"));
    let output = command
        .current_dir(folder.path())
        .args(["doctor", "--repo", &repo, "--ca", "root.pem"])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("the server answers 401: give --repo-auth"), "{said}");
}
