//! How long a plan takes on a line, as the real `iasctl plan` estimates it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};
use support::{
    program,
    server::{Reply, Server},
};

fn item(kind: &str, file: &str, url: &str) -> Value {
    json!({"name": file, "type": kind, "file": format!("/Library/ias/{file}"), "url": url})
}

fn plan(folder: &Path, control: &Value, more: &[&str]) -> Output {
    fs::write(folder.join("bootstrap.json"), control.to_string()).unwrap();
    let mut command = Command::new(program("iasctl"));
    command.current_dir(folder).args(["plan", "bootstrap.json", "--hash-check-policy", "Ignore"]);
    command.args(more).output().unwrap()
}

fn estimate(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice::<Value>(&output.stdout).unwrap()["estimate"].take()
}

#[test]
fn downloads_share_the_line_and_packages_wait_for_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let control = json!({
        "setupassistant": [item("package", "a.pkg", "https://x.example/a.pkg"), item("package", "b.pkg", "https://x.example/b.pkg")],
        "userland": [
            item("userscript", "c.sh", "https://x.example/c.sh"),
            {"type": "title", "title": "T"},
            {"name": "there", "type": "rootscript", "file": "/Library/there.sh"},
        ],
    });
    let sizes = json!({"https://x.example/a.pkg": 12_500_000, "setupassistant[1]": 25_000_000});
    fs::write(folder.path().join("sizes.json"), sizes.to_string()).unwrap();
    let more = ["--line", "100Mbit/s", "--sizes", "sizes.json"];
    let told = estimate(&plan(folder.path(), &control, &[&more[..], &["--json"]].concat()));
    assert_eq!(told["bytes"], 37_500_000);
    let times: Vec<(f64, f64)> = told["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["content_at"].as_f64().unwrap(), item["done_at"].as_f64().unwrap()))
        .collect();
    // 12.5 MB in a second; 2 s for each package, and 40 MB of it in a second.
    assert_eq!(times[..2], [(1.0, 3.3125), (3.0, 5.9375)]);
    assert_eq!(times[2], (3.0, 5.9375), "a script waits for what stands before it");
    let unknown: Vec<&Value> = told["unknown"].as_array().unwrap().iter().map(|item| &item["id"]).collect();
    assert_eq!(unknown, ["userland[0]", "userland[1]"]);
    let output = plan(folder.path(), &control, &more);
    let text = String::from_utf8(output.stdout).unwrap();
    for line in [
        "estimate for a line of 100 Mbit/s, a model and no measurement:\n",
        "  setupassistant[0] \"a.pkg\": 12.5 MB, there at 1.0 s, done at 3.3 s\n",
        "  in all at least 37.5 MB: ",
        "  not counted: userland[0]: its size is not known; ask the servers with --online, or give it with --sizes\n",
        "  not counted: userland[1]: a title: ",
        "  not counted: what 2 scripts need, ",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[test]
fn servers_are_asked_for_sizes_only_when_that_is_wanted_and_send_no_content() {
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::start().unwrap());
    server.serve("/a.pkg", [Reply::redirect("/real.pkg")]);
    server.serve("/real.pkg", [Reply::ok(vec![0; 5000])]);
    let control = json!({"userland": [
        item("package", "a.pkg", &server.url("/a.pkg")),
        item("package", "a.pkg", &server.url("/a.pkg")),
        item("userscript", "gone.sh", &server.url("/gone.sh")),
    ]});
    let offline = estimate(&plan(folder.path(), &control, &["--line", "1MB/s", "--json"]));
    assert_eq!((&offline["bytes"], server.seen().len()), (&json!(0), 0));
    let online = estimate(&plan(folder.path(), &control, &["--line", "1MB/s", "--json", "--online"]));
    assert_eq!(online["bytes"], 5000, "what two items share comes once: {online}");
    assert_eq!(online["unknown"], json!([{"id": "userland[2]", "why": "the server answers 404"}]));
    let seen = server.seen();
    assert_eq!(seen.len(), 3, "nothing is asked twice");
    assert!(seen.iter().all(|seen| seen.method == "HEAD"));
}

#[test]
fn what_is_no_rate_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for more in [&["--line", "fast"][..], &["--online"], &["--line", "1MB/s", "--sizes", "gone.json"]] {
        let refused = plan(folder.path(), &json!({}), more);
        assert!(!refused.status.success(), "{more:?}");
    }
}
