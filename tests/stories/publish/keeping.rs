//! What is published, kept in order: runs that were cut off, promotion, checks, pruning.

use super::{
    gate::{Gate, digest, now, package, report},
    words,
};
use serde_json::json;
use std::{collections::BTreeMap, fs, process::Command};

#[test]
fn t87_what_a_run_cut_off_behind_the_pkginfo_has_left_undone_is_done_by_the_next() {
    let gate = Gate::new();
    gate.knows(report(0, 1));
    gate.publisher.write("art/A.png", "icon");
    gate.title("A", json!({"icon": "art/A.png"}));
    assert_eq!(gate.run().code, 0);
    let undone = ["icons/A.png", "icons/_icon_hashes.plist", "catalogs/all", "catalogs/testing"];
    for place in undone {
        fs::remove_file(gate.publisher.path("repo").join(place)).unwrap();
    }
    fs::remove_dir_all(gate.publisher.path("records")).unwrap();
    let told = gate.run();
    assert_eq!((told.code, &told.json()["titles"][0]["outcome"]), (0, &json!("unchanged")), "{}", told.out);
    for place in undone {
        assert!(gate.publisher.path("repo").join(place).exists(), "{place}");
    }
    assert!(gate.publisher.path("records/A-1.0.json").exists());
    let steps = told.json()["titles"][0]["steps"].clone();
    assert_eq!(steps.as_array().unwrap().last().unwrap()["detail"], "made anew");
    let steps = gate.run().json()["titles"][0]["steps"].clone();
    assert_eq!(steps.as_array().unwrap().last().unwrap()["detail"], "as they were");
}

#[test]
fn t87_a_record_that_cannot_be_written_stops_its_title_and_no_other() {
    let gate = Gate::new();
    gate.knows(report(0, 1));
    gate.source("B", "1.0");
    gate.title("B", json!({}));
    fs::create_dir_all(gate.publisher.path("records/A-1.0.json/in the way")).unwrap();
    let told = gate.run();
    assert_eq!(told.code, 1);
    let titles = told.json()["titles"].clone();
    assert_eq!((&titles[0]["outcome"], &titles[1]["outcome"]), (&json!("halted"), &json!("published")));
    let incident = gate.incidents().pop().unwrap();
    assert_eq!((&incident["step"], &incident["version"]), (&json!("record"), &json!("1.0")), "{incident}");
    assert!(gate.publisher.read("repo/catalogs/testing").contains("B-1.0.pkg"));
    fs::remove_dir_all(gate.publisher.path("records/A-1.0.json")).unwrap();
    assert_eq!(gate.run().code, 0, "the next run goes on");
}

#[test]
fn t93_a_published_file_that_was_changed_gets_no_new_record() {
    let gate = Gate::new();
    gate.knows(report(0, 1));
    assert_eq!(gate.run().code, 0);
    let record = gate.publisher.read("records/A-1.0.json");
    gate.publisher.write("repo/pkgs/apps/A-1.0.pkg", "forged");
    assert_eq!(gate.run().code, 1);
    let incident = gate.incidents().pop().unwrap();
    assert!(incident["step"] == "pkginfo" && incident["detail"].as_str().unwrap().contains("was changed"));
    gate.publisher.write("repo/pkgs/apps/A-1.0.pkg", package());
    let pkginfo = gate.publisher.read("repo/pkgsinfo/apps/A-1.0.plist");
    gate.publisher.write("repo/pkgsinfo/apps/A-1.0.plist", pkginfo.replace("OnDemand", "OnRequest"));
    assert_eq!(gate.run().code, 1, "lint looks at what is published");
    assert_eq!(gate.publisher.read("records/A-1.0.json"), record);
}

#[test]
fn t89_a_newer_version_for_other_macs_stops_nothing() {
    let gate = Gate::new();
    gate.knows(report(0, 1));
    let intel = [("name", "A".into()), ("version", "2.0".into()), ("catalogs", words(&["testing"]))];
    gate.publisher
        .pkginfo("intel.plist", &[&intel[..], &[("supported_architectures", words(&["x86_64"]))]].concat());
    let told = gate.run();
    assert_eq!(told.code, 0, "{}", told.out);
}

#[test]
fn the_record_names_the_commit_of_the_override_and_whether_it_is_what_was_committed() {
    let gate = Gate::new();
    gate.knows(report(0, 1));
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.arg("-C").arg(gate.publisher.path("overrides")).args(["-c", "user.name=Kim"]);
        command.args(["-c", "user.email=kim@example.com"]).args(arguments).output()
    };
    if git(&["init", "--quiet"]).is_err() {
        println!("skipped: there is no git");
        return;
    }
    let commit = || {
        assert_eq!(gate.run().code, 0);
        let record = gate.publisher.read("records/A-1.0.json");
        serde_json::from_str::<serde_json::Value>(&record).unwrap()["override_commit"].clone()
    };
    git(&["add", "A.munki.recipe"]).unwrap();
    git(&["commit", "--quiet", "--message", "A"]).unwrap();
    let head = String::from_utf8(git(&["rev-parse", "HEAD"]).unwrap().stdout).unwrap().trim().to_owned();
    assert_eq!(commit(), json!(head));
    let own = gate.publisher.read("overrides/A.munki.recipe");
    gate.publisher.write("overrides/A.munki.recipe", own + "\n");
    assert_eq!(commit(), json!(format!("{head}-dirty")));
}

#[test]
fn t90_days_without_a_name_begin_anew_when_a_run_has_named_it_meanwhile() {
    let gate = Gate::new();
    gate.knows(report(0, 1));
    gate.publisher.write("unnamed.json", json!({"pkgs/apps/A-1.0.pkg": 0, "pkgs/gone.pkg": 0}).to_string());
    gate.publisher.write("repo/pkgs/orphan.pkg", "nobody's");
    assert_eq!(gate.run().code, 0);
    assert_eq!(gate.publisher.read("unnamed.json"), "{}\n");
}

#[test]
fn t90_a_file_whose_name_differs_in_case_from_the_location_is_not_pruned() {
    let gate = Gate::new();
    gate.knows(report(0, 1));
    assert_eq!(gate.run().code, 0);
    fs::rename(gate.publisher.path("repo/pkgs/apps"), gate.publisher.path("repo/pkgs/APPS")).unwrap();
    assert_eq!(gate.publisher.publish(&["catalogs", "repo"]).code, 0);
    assert!(gate.publisher.read("repo/catalogs/testing").contains("apps/A-1.0.pkg"), "the item is kept");
    gate.publisher.write("unnamed.json", json!({"pkgs/APPS/A-1.0.pkg": 0}).to_string());
    assert_eq!(gate.publisher.publish(&["prune"]).out, "every file is in a catalog\n");
}

#[test]
fn t91_what_cannot_be_listed_stops_everything_instead_of_being_left_out() {
    let gate = Gate::new();
    gate.knows(report(0, 1));
    assert_eq!(gate.run().code, 0);
    let before = gate.publisher.read("repo/catalogs/testing");
    fs::rename(gate.publisher.path("repo/pkgs"), gate.publisher.path("elsewhere")).unwrap();
    gate.publisher.write("repo/pkgs", "a file where a folder belongs");
    for verb in [&["catalogs", "repo"][..], &["prune"], &["lint", "repo"], &["check", "--offline"]] {
        let told = gate.publisher.publish(verb);
        assert_eq!(told.code, 1, "{verb:?}");
        assert!(
            told.err.contains("repo/pkgs: ") || told.out.contains("repo/pkgs: "),
            "{verb:?} {}",
            told.err
        );
    }
    assert_eq!(gate.publisher.read("repo/catalogs/testing"), before);
}

#[test]
fn check_says_of_whom_it_cannot_ask_everything_and_takes_no_broken_title_for_none() {
    let gate = Gate::new();
    gate.knows(report(0, 1));
    assert_eq!(gate.run().code, 0);
    let title = gate.publisher.read("titles/A.json");
    let check = || gate.publisher.publish(&["check"]);
    for (broken, why) in [
        ("{".to_owned(), "error: A 1.0: trust: "),
        (
            title.replacen('{', r#"{"skip": {"digest": "why not"},"#, 1),
            "digest is no step that can be left out",
        ),
        (title.replacen('{', r#"{"skip": {"trust": " "},"#, 1), "trust is left out without a reason"),
    ] {
        gate.publisher.write("titles/A.json", broken);
        let told = check();
        assert!(told.code == 1 && told.out.contains(why), "{}", told.out);
    }
    fs::remove_file(gate.publisher.path("titles/A.json")).unwrap();
    let told = check();
    assert_eq!(told.code, 0);
    assert!(
        told.out.contains("1 published, 0 that the gate would stop, 1 without a file in titles"),
        "{}",
        told.out
    );
}

#[test]
fn t85_check_only_warns_of_an_analysis_that_has_grown_old() {
    let gate = Gate::new();
    gate.knows(report(0, 1));
    assert_eq!(gate.run().code, 0);
    gate.knows(report(0, 31));
    let told = gate.publisher.publish(&["check"]);
    assert_eq!(told.code, 0, "{}", told.out);
    assert!(told.out.contains("warning: A 1.0: virustotal: its analysis is 31 days old"), "{}", told.out);
    assert!(gate.server.seen_at(&format!("/api/v3/files/{}/analyse", digest())).is_empty());
}

#[test]
fn a_title_that_nobody_has_is_an_error_with_the_nearest_name() {
    let gate = Gate::new();
    gate.knows(report(0, 1));
    gate.source("Tool", "1.0");
    gate.title("Tool", json!({}));
    assert_eq!(gate.run().code, 0);
    for verb in [&["lint", "repo", "--title", "Tol"][..], &["check", "--offline", "Tol"]] {
        let told = gate.publisher.publish(verb);
        assert_eq!(told.code, 1, "{verb:?}");
        assert!(told.err.contains("Tol: no pkginfo has this name: did you mean Tool?"), "{}", told.err);
    }
}

#[test]
fn t93_without_a_gate_record_of_this_file_nothing_is_promoted() {
    let gate = Gate::new();
    gate.knows(report(0, 1));
    assert_eq!(gate.run().code, 0);
    let promote = || gate.publisher.publish(&["promote", "A", "1.0", "production"]);
    let record = gate.publisher.read("records/A-1.0.json");
    let mut old: serde_json::Value = serde_json::from_str(&record).unwrap();
    old["time"] = json!(now() - 31 * 86_400);
    gate.publisher.write("records/A-1.0.json", old.to_string());
    assert!(promote().err.contains("its gate record is 31 days old"));
    fs::remove_file(gate.publisher.path("records/A-1.0.json")).unwrap();
    let told = promote();
    assert!(told.code == 1 && told.err.contains("it has no gate record"), "{}", told.err);
    assert!(!gate.publisher.read("repo/pkgsinfo/apps/A-1.0.plist").contains("production"));
    gate.publisher.write("records/A-1.0.json", record);
    let told = gate.publisher.publish(&["promote", "A", "1.0", "production", "--out-of", "tseting"]);
    assert!(told.err.contains("--out-of tseting: pkgsinfo/apps/A-1.0.plist is in testing"), "{}", told.err);
    assert!(!gate.publisher.read("repo/pkgsinfo/apps/A-1.0.plist").contains("production"));
    gate.publisher.write("unnamed.json", json!({"pkgs/apps/A-1.0.pkg": 0}).to_string());
    assert_eq!(promote().code, 0);
    assert_eq!(gate.publisher.read("unnamed.json"), "{}\n", "its days begin anew (T90)");
    assert!(gate.publisher.publish(&["promote", "A", "2.0", "production"]).err.contains("no such pkginfo"));
}

#[test]
fn check_finds_a_published_file_that_was_changed_and_changes_nothing() {
    let gate = Gate::new();
    gate.knows(report(0, 1));
    assert_eq!(gate.run().code, 0);
    assert_eq!(gate.publisher.publish(&["check"]).code, 0);
    gate.knows(report(2, 1));
    let told = gate.publisher.publish(&["check"]);
    assert!(told.code == 1 && told.out.contains("error: A 1.0: virustotal: 2 malicious"), "{}", told.out);
    gate.publisher.write("repo/pkgs/apps/A-1.0.pkg", "forged");
    let told = gate.publisher.publish(&["check", "--offline"]);
    assert!(told.code == 1 && told.out.contains("it was changed"), "{}", told.out);
    assert!(told.out.contains("error: A 1.0: signature: "), "{}", told.out);
    assert_eq!(gate.incidents().len(), 0);
}

#[test]
fn t90_what_no_catalog_has_named_for_14_days_is_pruned() {
    let gate = Gate::new();
    gate.knows(report(0, 1));
    assert_eq!(gate.run().code, 0);
    gate.publisher.write("repo/pkgs/orphan.pkg", "nobody's");
    let told = gate.publisher.publish(&["prune"]);
    assert_eq!(
        (told.code, told.out.as_str()),
        (0, "pkgs/orphan.pkg: in no catalog, stays for another 14 days\n")
    );
    let long_ago =
        json!({"pkgs/orphan.pkg": now() - 15 * 86_400, "pkgs/apps/A-1.0.pkg": now() - 15 * 86_400});
    gate.publisher.write("unnamed.json", long_ago.to_string());
    let told = gate.publisher.publish(&["prune", "--dry-run"]);
    assert_eq!(told.out, "pkgs/orphan.pkg: would be removed\n", "what a catalog names stays");
    assert_eq!(gate.publisher.publish(&["prune", "--json"]).json()["removed"], json!(["pkgs/orphan.pkg"]));
    assert!(!gate.publisher.path("repo/pkgs/orphan.pkg").exists());
    assert!(gate.publisher.path("repo/pkgs/apps/A-1.0.pkg").exists());

    let old =
        [("name", "Old".into()), ("version", "1".into()), ("installer_item_location", "old.pkg".into())];
    gate.publisher.pkginfo("old.plist", &[&old[..], &[("catalogs", words(&[]))]].concat());
    gate.publisher.write("repo/pkgs/old.pkg", "old");
    assert_eq!(gate.publisher.publish(&["catalogs", "repo"]).code, 0);
    let places = ["pkgsinfo/old.plist", "pkgs/old.pkg"];
    gate.publisher.write(
        "unnamed.json",
        json!(places.map(|place| (place, 0)).into_iter().collect::<BTreeMap<_, _>>()).to_string(),
    );
    assert_eq!(gate.publisher.publish(&["prune", "--json"]).json()["removed"], json!(places));
    let all = gate.publisher.read("repo/catalogs/all");
    assert!(!all.contains("old.pkg") && all.contains("A-1.0.pkg"), "no catalog leads to what is gone");
}
