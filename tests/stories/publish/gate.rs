//! Titles through the gate, against a stand-in of VirusTotal's API, version 3.

use super::{Publisher, Told, trust::with_override, words};
use plist::Value;
use serde_json::json;
use shared::{
    archive::write::write_zip,
    digest::Digest,
    flat_package::write::Source,
    sys::packing::{build_image, list},
};
use std::{
    fs,
    sync::OnceLock,
    time::{SystemTime, UNIX_EPOCH},
};
use support::{
    server::{Reply, Server},
    signed,
    signed_app::{Developer, application},
};

const KEY: &str = "0123456789-the-api-key";

/// Made once: it takes a while.
pub(super) fn package() -> &'static [u8] {
    static PACKAGE: OnceLock<Vec<u8>> = OnceLock::new();
    PACKAGE.get_or_init(signed::package)
}

pub(super) fn digest() -> String {
    Digest::of(package()).to_string()
}

pub(super) fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// What VirusTotal knows of the package.
pub(super) fn report(malicious: u64, days: i64) -> Reply {
    let attributes = json!({
        "last_analysis_date": now() - days * 86_400,
        "last_analysis_stats": {"malicious": malicious, "undetected": 60},
        "last_analysis_results": {"Acme": {"category": if malicious > 0 { "malicious" } else { "undetected" }, "result": "PUA"}},
    });
    Reply::ok(json!({"data": {"type": "file", "id": digest(), "attributes": attributes}}).to_string())
}

fn refusal(status: u16, code: &str) -> Reply {
    let body = json!({"error": {"code": code, "message": "as the stand-in says"}}).to_string();
    Reply::ok(body).with_status(status)
}

/// A publisher with one trusted title, whose package is on a server, and VirusTotal beside it.
pub(super) struct Gate {
    pub(super) publisher: Publisher,
    pub(super) server: Server,
}

impl Gate {
    pub(super) fn new() -> Self {
        let (publisher, server) = (with_override(), Server::start().unwrap());
        server.serve("/ias-0.1.0.pkg", [Reply::ok(package())]);
        let gate = Self { publisher, server };
        gate.settings(json!({}));
        gate.publisher.write("vt.key", format!("{KEY}\n"));
        gate.source("A", "1.0");
        gate.title("A", json!({}));
        gate
    }

    pub(super) fn settings(&self, virustotal: serde_json::Value) {
        let mut all = json!({"vt_api": self.server.url("/api/v3"), "vt_key_file": "vt.key", "vt_requests_per_minute": 60_000});
        all.as_object_mut().unwrap().extend(virustotal.as_object().unwrap().clone());
        let settings = json!({
            "repository": "repo", "override_dirs": ["overrides"], "search_dirs": ["recipes"],
            "trust_roots": [signed::ROOT], "virustotal": all,
        });
        self.publisher.write("publish.json", settings.to_string());
    }

    /// The pkginfo that a title is made with.
    pub(super) fn source(&self, name: &str, version: &str) {
        let keys = [
            ("name", Value::from(name)),
            ("version", Value::from(version)),
            ("catalogs", words(&["production"])),
            ("OnDemand", true.into()),
        ];
        self.publisher.pkginfo(&format!("../../sources/{name}.plist"), &keys);
    }

    pub(super) fn title(&self, name: &str, changes: serde_json::Value) {
        let mut title = json!({
            "override": "local.munki.A", "url": self.server.url("/ias-0.1.0.pkg"),
            "pkginfo": format!("sources/{name}.plist"), "folder": "apps", "team_id": signed::TEAM,
        });
        for (key, value) in changes.as_object().unwrap() {
            title[key] = value.clone();
        }
        self.publisher.write(&format!("titles/{name}.json"), title.to_string());
    }

    fn virustotal(&self, place: &str, replies: impl IntoIterator<Item = Reply>) {
        self.server.serve(&format!("/api/v3/{place}"), replies);
    }

    pub(super) fn knows(&self, report: Reply) {
        self.virustotal(&format!("files/{}", digest()), [report]);
    }

    pub(super) fn run(&self) -> Told {
        let told = self.publisher.publish(&["run", "--json"]);
        assert!(!told.out.contains(KEY) && !told.err.contains(KEY), "the key is nobody's business");
        told
    }

    pub(super) fn incidents(&self) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.publisher.path("incidents.ndjson")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The title is stopped at `step` and nothing is published.
    pub(super) fn stops(&self, step: &str, verdict: &str, detail: &str) {
        let told = self.run();
        assert_eq!(told.code, 1, "{step}: {}", told.out);
        let incident = self.incidents().pop().unwrap();
        assert_eq!((&incident["step"], &incident["verdict"]), (&json!(step), &json!(verdict)), "{incident}");
        assert!(incident["detail"].as_str().unwrap().contains(detail), "{incident}");
        assert!(incident["time"].is_string() && incident["run"].is_string() && incident["title"] == "A");
        assert_eq!(incident["version"], "1.0");
        for kind in ["pkgs", "pkgsinfo", "catalogs"] {
            let left = fs::read_dir(self.publisher.path("repo").join(kind)).unwrap().count();
            assert_eq!(left, 0, "{step}: {kind}");
        }
    }
}

#[test]
fn t87_a_title_that_passes_every_step_is_published_to_testing_and_then_promoted() {
    let gate = Gate::new();
    gate.knows(report(0, 1));
    gate.publisher.write("art/A.png", "icon");
    gate.title("A", json!({"icon": "art/A.png", "sha256": digest()}));
    let told = gate.run();
    assert_eq!(told.code, 0, "{} {}", told.out, told.err);
    let steps = told.json()["titles"][0]["steps"].clone();
    let steps: Vec<_> =
        steps.as_array().unwrap().iter().map(|taken| taken["step"].as_str().unwrap()).collect();
    let order = [
        "trust",
        "download",
        "signature",
        "notarisation",
        "digest",
        "virustotal",
        "pkginfo",
        "pkgs",
        "pkgsinfo",
        "icons",
        "catalogs",
    ];
    assert_eq!(steps, order);
    assert_eq!(fs::read(gate.publisher.path("repo/pkgs/apps/A-1.0.pkg")).unwrap(), package());
    let pkginfo = gate.publisher.read("repo/pkgsinfo/apps/A-1.0.plist");
    assert!(pkginfo.contains(&digest()) && pkginfo.contains("<string>testing</string>"), "{pkginfo}");
    assert!(!pkginfo.contains("production"), "only promotion leads there (T93)");
    assert!(gate.publisher.read("repo/catalogs/testing").contains("apps/A-1.0.pkg"));
    assert!(gate.publisher.read("repo/icons/_icon_hashes.plist").contains("A.png"));
    let seen = gate.server.seen_at(&format!("/api/v3/files/{}", digest()));
    assert_eq!(seen[0].header("x-apikey"), Some(KEY));

    let again = gate.run().json();
    assert_eq!(again["titles"][0]["outcome"], "unchanged", "no change is a success (T94): {again}");
    assert!(!gate.publisher.path("repo/pkgs/apps/A-1.0__1.pkg").exists());

    let told = gate.publisher.publish(&["promote", "A", "1.0", "production", "--out-of", "testing"]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert_eq!(gate.publisher.publish(&["check"]).code, 1, "the catalogs are not current");
    assert_eq!(gate.publisher.publish(&["catalogs", "repo"]).code, 0);
    assert!(!gate.publisher.path("repo/catalogs/testing").exists());
    let told = gate.publisher.publish(&["check"]);
    assert_eq!((told.code, told.out.as_str()), (0, "1 published, 0 that the gate would stop\n"));
}

#[test]
fn t87_what_is_not_trusted_not_signed_or_not_the_vendors_goes_no_further() {
    let gate = Gate::new();
    gate.title("A", json!({"team_id": "STRANGER01"}));
    gate.stops("signature", "failed", "signed by ACME012345, not by STRANGER01");
    gate.title("A", json!({"team_id": null}));
    gate.stops("signature", "failed", "neither team_id nor expected_authority_names");
    gate.title("A", json!({"sha256": Digest::of(b"other").to_string()}));
    gate.stops("download", "failed", "the vendor's");
    gate.title("A", json!({"url": "http://example.com/a.pkg"}));
    gate.stops("download", "failed", "only https is used");
    gate.title("A", json!({"url": gate.server.url("/missing.pkg")}));
    gate.stops("download", "failed", "status 404");
    gate.title("A", json!({"skip": {"download": "why not"}}));
    gate.stops("trust", "failed", "download is no step that can be left out");
    gate.title("A", json!({"skip": {"trust": " "}}));
    gate.stops("trust", "failed", "left out without a reason");
    gate.title("A", json!({}));
    gate.publisher.write("recipes/A/Own.py", "print('changed')");
    gate.stops("trust", "failed", "processor Own is not what was trusted");
    let settings = gate.publisher.read("publish.json");
    gate.publisher.write("publish.json", settings.replace("\"recipes\"", "\"recipies\""));
    gate.stops("trust", "failed", "recipies: no such folder");
    assert_eq!(gate.server.seen_at(&format!("/api/v3/files/{}", digest())).len(), 0);
}

#[test]
fn t79_applications_in_archives_and_images_are_verified_like_packages() {
    let (gate, folder) = (Gate::new(), tempfile::tempdir().unwrap());
    let (acme, content) = (Developer::new("ABCDE12345"), folder.path().join("content"));
    fs::write(folder.path().join("root.pem"), acme.root_pem()).unwrap();
    let settings = gate.publisher.read("publish.json");
    let roots = format!("\"trust_roots\":[{:?},", folder.path().join("root.pem"));
    gate.publisher.write("publish.json", settings.replace("\"trust_roots\":[", &roots));
    let app = application(&content.join("Acme 1.0"), Some(&acme), None);
    let serve = |change: &str| {
        let (packed, mut zip) = (list(&content, 1_600_000_000).unwrap(), Vec::new());
        write_zip(Source { tree: &packed.tree, contents: &packed.contents }, &mut zip).unwrap();
        let image = folder.path().join("a.dmg");
        build_image(&content, "Acme", &image).unwrap();
        for (name, bytes) in [("zip", zip), ("dmg", fs::read(image).unwrap())] {
            gate.server.serve(&format!("/{change}.{name}"), [Reply::ok(bytes)]);
        }
    };
    serve("whole");
    for kind in ["zip", "dmg"] {
        let url = gate.server.url(&format!("/whole.{kind}"));
        gate.title("A", json!({"url": url, "team_id": "STRANGER01"}));
        gate.stops("signature", "failed", "Acme 1.0/Acme.app: signed by ABCDE12345, not by STRANGER01");
        gate.title(
            "A",
            json!({"url": url, "team_id": null, "expected_authority_names": ["Acme Software (ABCDE12345)"]}),
        );
        gate.stops("signature", "failed", "signed with Acme Software (ABCDE12345) / Acme Root, not with");
        gate.title("A", json!({"url": url, "team_id": "ABCDE12345"}));
        gate.stops("virustotal", "failed", "404");
    }
    fs::write(app.join("Contents/Resources/a.txt"), "altered").unwrap();
    serve("altered");
    for kind in ["zip", "dmg"] {
        gate.title(
            "A",
            json!({"url": gate.server.url(&format!("/altered.{kind}")), "team_id": "ABCDE12345"}),
        );
        gate.stops("signature", "failed", "Resources/a.txt: it was altered after it was signed");
    }
    // However deep, and hidden.
    let deep = content.join("Acme 1.0/Extras/.more");
    fs::create_dir_all(&deep).unwrap();
    fs::rename(&app, deep.join("Acme.app")).unwrap();
    application(&content.join("Acme 1.0"), Some(&acme), None);
    serve("deep");
    gate.title("A", json!({"url": gate.server.url("/deep.zip"), "team_id": "ABCDE12345"}));
    gate.stops(
        "signature",
        "failed",
        "Acme 1.0/Extras/.more/Acme.app/Contents/Resources/a.txt: it was altered",
    );
}

#[test]
fn t79_a_publisher_with_verification_switched_off_publishes_nothing() {
    let gate = Gate::new();
    let mut command = std::process::Command::new(support::program("iasctl"));
    command.current_dir(gate.publisher.path("")).env("AUTOPKG_DISABLE_CODE_SIGNATURE_VERIFICATION", "1");
    let output = command.args(["publish", "run"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("the environment sets AUTOPKG_DISABLE_CODE"));
}

#[test]
fn t79_a_recipe_anywhere_above_that_switches_verification_off_stops_the_title_also_without_trust() {
    let gate = Gate::new();
    gate.title("A", json!({"skip": {"trust": "read by hand"}}));
    let recipe = gate.publisher.read("recipes/A/A.munki.recipe.yaml");
    let off = recipe.replace("Input: {}", "Input:\n  DISABLE_CODE_SIGNATURE_VERIFICATION: 1");
    gate.publisher.write("recipes/A/A.munki.recipe.yaml", off);
    gate.stops("trust", "failed", "sets DISABLE_CODE_SIGNATURE_VERIFICATION");
    let argument = "  Arguments:\n    DISABLE_CODE_SIGNATURE_VERIFICATION: 1\n";
    gate.publisher.write("recipes/A/A.munki.recipe.yaml", recipe + argument);
    gate.stops("trust", "failed", "sets DISABLE_CODE_SIGNATURE_VERIFICATION");
}

#[test]
fn t75_a_folder_of_overrides_may_be_below_the_home() {
    let gate = Gate::new();
    gate.knows(report(0, 1));
    let settings = gate.publisher.read("publish.json");
    gate.publisher.write("publish.json", settings.replace("\"overrides\"", "\"~/overrides\""));
    let mut command = std::process::Command::new(support::program("iasctl"));
    command.current_dir(gate.publisher.path("")).env("HOME", gate.publisher.path(""));
    let output = command.args(["publish", "run"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn t85_virustotal_stops_what_it_dislikes_does_not_know_or_does_not_answer_for() {
    let gate = Gate::new();
    gate.knows(report(1, 1));
    gate.stops("virustotal", "failed", "1 malicious, 0 suspicious of 61 engines (Acme: PUA)");
    gate.knows(refusal(404, "NotFoundError"));
    gate.stops("virustotal", "held", "has never seen it, and vt_unknown = hold");
    for (status, code) in
        [(401, "WrongCredentialsError"), (429, "QuotaExceededError"), (503, "TransientError")]
    {
        gate.knows(refusal(status, code));
        gate.stops("virustotal", "failed", code);
    }
    gate.knows(Reply::ok("<html>"));
    gate.stops("virustotal", "failed", "cannot be understood");
    gate.settings(json!({"vt_key_file": null}));
    gate.stops("virustotal", "held", "no vt_key_file");
}

#[test]
fn t85_an_old_analysis_is_made_anew_and_waited_for() {
    let gate = Gate::new();
    let file = format!("files/{}", digest());
    gate.virustotal(&file, [report(0, 31), report(0, 0)]);
    let analysis = |status: &str| {
        Reply::ok(
            json!({"data": {"type": "analysis", "id": "a1", "attributes": {"status": status}}}).to_string(),
        )
    };
    gate.virustotal(&format!("{file}/analyse"), [analysis("queued")]);
    gate.virustotal("analyses/a1", [analysis("queued"), analysis("in-progress"), analysis("completed")]);
    let told = gate.run();
    assert_eq!(told.code, 0, "{}", told.out);
    assert_eq!(gate.server.seen_at(&format!("/api/v3/{file}/analyse"))[0].method, "POST");
    assert_eq!(gate.server.seen_at("/api/v3/analyses/a1").len(), 3);
}

#[test]
fn t82_a_file_is_handed_over_only_where_the_publisher_says_so_and_never_a_private_one() {
    let gate = Gate::new();
    gate.settings(json!({"vt_unknown": "submit"}));
    gate.title("A", json!({"private": true}));
    gate.knows(refusal(404, "NotFoundError"));
    gate.stops("virustotal", "held", "it is not handed over");
    assert_eq!(gate.server.seen_at("/api/v3/files").len(), 0);

    gate.title("A", json!({}));
    gate.virustotal(&format!("files/{}", digest()), [refusal(404, "NotFoundError"), report(0, 0)]);
    gate.virustotal("files", [Reply::ok(json!({"data": {"type": "analysis", "id": "a1"}}).to_string())]);
    let done = json!({"data": {"type": "analysis", "id": "a1", "attributes": {"status": "completed"}}});
    gate.virustotal("analyses/a1", [Reply::ok(done.to_string())]);
    let told = gate.run();
    assert_eq!(told.code, 0, "{}", told.out);
    let sent = gate.server.seen_at("/api/v3/files").remove(0);
    assert!(sent.header("content-type").unwrap().starts_with("multipart/form-data; boundary="));
    assert!(sent.body.windows(package().len()).any(|window| window == package()), "the file as it is");
}

#[test]
fn t88_a_title_that_is_stopped_stops_no_other_and_an_older_version_is_refused() {
    let gate = Gate::new();
    gate.knows(report(0, 1));
    gate.source("B", "1.0");
    gate.title("B", json!({"team_id": "STRANGER01"}));
    let told = gate.run();
    assert_eq!(told.code, 1);
    let outcomes = told.json();
    assert_eq!(
        (&outcomes["titles"][0]["outcome"], &outcomes["titles"][1]["outcome"]),
        (&json!("published"), &json!("halted"))
    );
    let incidents = gate.incidents();
    assert_eq!((incidents.len(), &incidents[0]["title"]), (1, &json!("B")));
    assert!(gate.publisher.path("repo/catalogs/testing").exists());

    fs::remove_file(gate.publisher.path("titles/B.json")).unwrap();
    gate.source("A", "0.9");
    assert_eq!(gate.run().code, 1);
    let told = gate.incidents().pop().unwrap();
    assert_eq!(told["step"], "pkginfo");
    assert_eq!(told["detail"], "version: 0.9 is not newer than the published 1.0");
    assert!(!gate.publisher.path("repo/pkgs/apps/A-0.9.pkg").exists(), "the published version stays alone");
}

#[test]
fn t90_a_file_that_is_there_is_never_replaced_and_what_a_run_cut_off_has_left_is_used() {
    let gate = Gate::new();
    gate.knows(report(0, 1));
    gate.publisher.write("repo/pkgs/apps/A-1.0.pkg", "somebody else's");
    gate.publisher.write("repo/pkgs/apps/A-1.0__1.pkg", package());
    let told = gate.run();
    assert_eq!(told.code, 0, "{}", told.out);
    assert_eq!(gate.publisher.read("repo/pkgs/apps/A-1.0.pkg"), "somebody else's");
    assert!(gate.publisher.read("repo/pkgsinfo/apps/A-1.0.plist").contains("apps/A-1.0__1.pkg"));
    assert!(!gate.publisher.path("repo/pkgs/apps/A-1.0__2.pkg").exists());
}
