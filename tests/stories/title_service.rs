//! A service lends the credential of a repository of titles, well or badly, and the server tells what it was asked.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use plist::Value;
use serde_json::json;
use shared::event::ItemEnd;
use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::Output,
};
use support::{Outcome, Repository, SERVICE_AUTH, SERVICE_KEY, World};

/// An editor of this version, what it requires, and what comes with it.
fn editor(version: &str) -> Repository {
    let requires = [("requires", Value::Array(vec![Value::from("Runtime")]))];
    let update = [("update_for", Value::Array(vec![Value::from("Editor")]))];
    let repository = Repository::new().package("Runtime", "11.0.2", &[]);
    repository.package("Editor", version, &requires).package("Editor Plugin", "3", &update)
}

/// A title whose failure ends nothing.
fn title(title: &str) -> serde_json::Value {
    json!({"type": "title", "title": title, "fail_policy": "failable"})
}

/// Every request, as `METHOD host/path status`.
fn requests(outcome: &Outcome) -> Vec<String> {
    let lines = outcome.read_beside("requests.ndjson").unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    lines
        .map(|line| {
            let (method, host, path) = (text(&line["method"]), text(&line["host"]), text(&line["path"]));
            format!("{method} {host}{path} {}", line["status"])
        })
        .collect()
}

/// How many of the requests begin so.
fn count(requests: &[String], begin: &str) -> usize {
    requests.iter().filter(|request| request.starts_with(begin)).count()
}

/// Whether a token, the key or a credential is in a file of the Mac, a log beside it, or what was told.
fn assert_discreet(outcome: &Outcome) {
    // The first words of every token: `{"alg":` and `{"typ":`.
    let secrets = [SERVICE_KEY, SERVICE_AUTH, "eyJhbGciOi", "eyJ0eXAiOi"];
    let told = format!("{}\n{:?}", outcome.diagnostics, outcome.events);
    for secret in secrets {
        assert!(!told.contains(secret), "{secret} was told\n{told}");
    }
    let mut files = 0;
    let mut look = |file: &Path| {
        let content = fs::read(file).unwrap();
        files += 1;
        for secret in secrets {
            let found = content.windows(secret.len()).any(|bytes| bytes == secret.as_bytes());
            assert!(!found, "{secret} is in {}", file.display());
        }
    };
    let mut folders = vec![outcome.on_disk("/")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                look(&entry.path());
            }
        }
    }
    for log in ["iasd.log", "requests.ndjson", "inside/calls.ndjson"] {
        let log = outcome.beside(log);
        if log.exists() {
            look(&log);
        }
    }
    assert!(files > 5, "nothing was looked at");
}

#[test]
fn t52_t66_a_credential_is_lent_used_and_kept_nowhere() {
    let world = editor("1.10").lent(World::new(), json!({"catalogs": ["production"]}));
    let outcome = world.item("setupassistant", title("Editor")).run(&[]);
    outcome.exits(0);
    assert_eq!(*outcome.end("Editor"), ItemEnd::Done, "{}", outcome.diagnostics);
    for id in ["Runtime", "Editor", "Editor Plugin"] {
        assert!(outcome.exists(&format!("/private/var/db/receipts/{id}.plist")), "{id}");
    }
    let asked = requests(&outcome);
    assert_eq!(count(&asked, "POST titles.example.com/v1 200"), 1, "{asked:#?}");
    assert_eq!(count(&asked, "GET cdn.example.com/repo/catalogs/production 200"), 1, "{asked:#?}");
    assert_eq!(count(&asked, "GET cdn.example.com/repo/pkgs/"), 3, "{asked:#?}");
    assert_discreet(&outcome);
}

#[test]
fn t63_t64_after_a_grant_that_is_not_believed_nothing_is_asked_any_more() {
    for (misbehaviour, word) in [
        ("forged", "grant: bad signature"),
        ("changed", "grant: bad signature"),
        ("expired", "grant: expired"),
        ("not-yet", "grant: not valid yet"),
        ("too-long", "grant: lifetime too long"),
        ("other-mac", "grant: not for this Mac"),
        ("other-request", "grant: not an answer to our request"),
        ("reflected", "grant: wrong type"),
        ("none-algorithm", "grant: algorithm not allowed"),
        ("unknown-key", "grant: unknown key"),
        ("malformed", "grant: malformed"),
        ("no-expiry", "grant: missing claim exp"),
        ("refuses", "not entitled"),
    ] {
        let world = editor("1.10").lent(World::new(), json!({"misbehave": misbehaviour}));
        let world = world.item("setupassistant", title("Editor")).item("userland", title("Runtime"));
        let outcome = world.script("setupassistant", "Other", "touch /Library/other", json!({})).run(&[]);
        outcome.exits(0);
        for name in ["Editor", "Runtime"] {
            let end = outcome.end(name);
            let told = matches!(end, ItemEnd::DownloadFailed(why) if why.contains(word));
            assert!(told, "{misbehaviour}: {name}: {end}");
        }
        assert!(outcome.exists("/Library/other"), "{misbehaviour}");
        assert!(!outcome.exists("/private/var/db/receipts/Runtime.plist"), "{misbehaviour}");
        let asked = requests(&outcome);
        assert_eq!(count(&asked, "POST titles.example.com/v1 "), 1, "{misbehaviour}: {asked:#?}");
        assert_eq!(count(&asked, "GET cdn.example.com"), 0, "{misbehaviour}: {asked:#?}");
        assert_discreet(&outcome);
    }
}

#[test]
fn t52_a_mac_whose_key_the_service_does_not_know_is_lent_nothing() {
    let key = json!({"kid": "other", "alg": "HS256", "key": "b3RoZXIgYnl0ZXMgdGhhbiB0aGUgTWFjIGhhcyBnb3Q"});
    let world = editor("1.10").lent(World::new(), json!({"key": key}));
    let outcome = world.item("setupassistant", title("Editor")).run(&[]);
    outcome.exits(0);
    let end = outcome.end("Editor").to_string();
    assert!(end.contains("not entitled") && end.contains("401"), "{end}");
    let asked = requests(&outcome);
    assert_eq!(count(&asked, "POST titles.example.com/v1 401"), 1, "{asked:#?}");
    assert_eq!(count(&asked, "GET cdn.example.com"), 0, "{asked:#?}");
}

#[test]
fn t54_a_catalog_that_the_grant_does_not_name_is_not_asked_for() {
    let world = editor("1.10").lent(World::new(), json!({"catalogs": ["testing"]}));
    let outcome = world.item("setupassistant", title("Editor")).run(&[]);
    outcome.exits(0);
    let end = outcome.end("Editor").to_string();
    assert!(end.contains("not entitled to the catalog production"), "{end}");
    assert_eq!(count(&requests(&outcome), "GET cdn.example.com"), 0);
}

#[test]
fn t65_a_credential_that_runs_out_in_the_run_is_renewed_once() {
    // The catalog uses it up; whatever package is refused first has it renewed for all of them.
    let world = editor("1.10").lent(World::new(), json!({"lasts": 1}));
    let outcome = world.item("setupassistant", title("Editor")).run(&[]);
    outcome.exits(0);
    assert_eq!(*outcome.end("Editor"), ItemEnd::Done, "{}", outcome.diagnostics);
    let asked = requests(&outcome);
    let packages = |status: &str| {
        let of_package = |asked: &&String| asked.contains("/repo/pkgs/") && asked.ends_with(status);
        asked.iter().filter(of_package).count()
    };
    assert!(packages(" 401") > 0 && packages(" 200") == 3, "{asked:#?}");
    assert_eq!(count(&asked, "POST titles.example.com/v1 200"), 2, "{asked:#?}");
    for id in ["Runtime", "Editor", "Editor Plugin"] {
        assert!(outcome.exists(&format!("/private/var/db/receipts/{id}.plist")), "{id}");
    }
    assert_discreet(&outcome);
}

#[test]
fn t52_a_service_that_is_busy_is_asked_again() {
    let world = editor("1.10").lent(World::new(), json!({}));
    let world = world.item("setupassistant", title("Runtime"));
    let outcome = world.run(&["--fault", "status=503@/v1", "--no-compare"]);
    outcome.exits(0);
    assert_eq!(*outcome.end("Runtime"), ItemEnd::Done, "{}", outcome.diagnostics);
    let posts: Vec<_> = requests(&outcome).into_iter().filter(|asked| asked.starts_with("POST")).collect();
    assert_eq!(posts, ["POST titles.example.com/v1 503", "POST titles.example.com/v1 200"]);
}

#[test]
fn t13_a_run_that_was_killed_goes_on_with_what_was_resolved_though_the_catalog_has_changed() {
    // The first item ends when the catalog has changed, and then iasd is killed.
    let wait = "until [ -e /Library/changed ]; do sleep 0.1; done";
    let world = editor("1.9").lent(World::new(), json!({}));
    let world = world.script("setupassistant", "Wait", wait, json!({"timeout": 120}));
    let world = world.item("setupassistant", title("Editor"));
    let faults = ["--fault", "kill-iasd@item_finished setupassistant[0]", "--no-compare"];
    let mut child = world.start(&faults);
    let mut events = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut told: Vec<String> = Vec::new();
    while !told.last().is_some_and(|line| line.contains("titles_resolved")) {
        told.push(events.next().unwrap());
    }
    let world = editor("1.10").hosted_by(world);
    fs::write(world.root().join("Library/changed"), "").unwrap();
    told.extend(events);
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    let output = Output { status, stdout: told.join("\n").into_bytes(), stderr };
    let outcome = Outcome::of(&output, &world.root(), None);
    outcome.exits(0);
    assert_eq!(outcome.verdict.as_ref().unwrap()["faults"][0]["happened"], 1, "{}", outcome.diagnostics);
    assert_eq!(*outcome.end("Editor"), ItemEnd::Done, "{}", outcome.diagnostics);
    let receipt = Value::from_file(outcome.on_disk("/private/var/db/receipts/Editor.plist")).unwrap();
    let version = receipt.as_dictionary().unwrap().get("PackageVersion").unwrap();
    assert_eq!(version.as_string(), Some("1.9"), "what was resolved before");
    let asked = requests(&outcome);
    assert_eq!(count(&asked, "GET cdn.example.com/repo/catalogs/"), 1, "{asked:#?}");
    assert_discreet(&outcome);
}
