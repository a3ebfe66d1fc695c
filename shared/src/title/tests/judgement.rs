//! Whether a title is there already (T37–T40).

use super::*;
use crate::exit::Ended;
use std::collections::BTreeMap;

fn app(version: &str, more: &[(&str, Value)]) -> Value {
    let mut keys = vec![
        ("type", text("application")),
        ("path", text("/Applications/A.app")),
        ("CFBundleShortVersionString", text(version)),
    ];
    keys.extend_from_slice(more);
    dictionary(&keys)
}

fn installs(entries: &[Value]) -> Step {
    step_with(&[("installs", Value::Array(entries.to_vec()))])
}

fn keys(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Judges a step whose every trace is found in this way.
fn judged(step: &Step, found: Found) -> Verdict {
    let Presence::Installs(entries) = &step.presence else { panic!("{:?}", step.presence) };
    let found = entries.iter().map(|entry| (entry.what.clone(), found.clone())).collect();
    judge(step, &found, &BTreeMap::new())
}

fn judged_at(step: &Step, version: &str) -> Verdict {
    judged(step, Found::Plists(vec![keys(&[("CFBundleShortVersionString", version)])]))
}

#[test]
fn t37_the_first_test_that_applies_decides_and_the_others_are_ignored() {
    let receipts = Value::Array(vec![dictionary(&[("packageid", text("a")), ("version", text("1"))])]);
    let broken = Value::Array(vec![dictionary(&[("type", text("nonsense"))])]);
    let mut more = vec![
        ("OnDemand", true.into()),
        ("installcheck_script", text("#!/bin/sh")),
        ("version_script", text("#!/bin/zsh")),
        ("installs", Value::Array(vec![app("1", &[])])),
        ("receipts", receipts),
    ];
    let nothing = BTreeMap::new();
    let mut verdicts = Vec::new();
    while !more.is_empty() {
        // Behind the test that applies, nothing is even read.
        let mut with = more.clone();
        if with.len() > 2 {
            let at = with.len() - 2;
            with[at].1 = broken.clone();
        }
        let step = step_with(&with);
        verdicts.push(match &step.presence {
            Presence::Installs(_) => judged_at(&step, "1"),
            _ => judge(&step, &BTreeMap::new(), &nothing),
        });
        more.remove(0);
    }
    verdicts.push(judge(&step_with(&[]), &BTreeMap::new(), &nothing));
    let expected = [
        Verdict::Missing,
        Verdict::AskInstallCheck("#!/bin/sh".into()),
        Verdict::AskVersion("#!/bin/zsh".into()),
        Verdict::Already("1".into()),
        Verdict::Missing,
        Verdict::Already("1".into()),
    ];
    assert_eq!(verdicts, expected);
}

#[test]
fn t38_a_malformed_test_fails_the_title_instead_of_counting_as_installed() {
    let entry = |keys: &[(&str, Value)]| refused(&[("installs", Value::Array(vec![dictionary(keys)]))]);
    let application = ("type", text("application"));
    let vectors: [(&[(&str, Value)], &str); 7] = [
        (&[], "there is no type"),
        (&[("type", text("folder"))], "type folder is unknown"),
        (&[("type", text("file"))], "there is no path"),
        (&[("type", text("bundle"))], "there is no path"),
        (std::slice::from_ref(&application), "there is neither path nor CFBundleIdentifier nor CFBundleName"),
        (&[application.clone(), ("path", text("/A.app"))], "there is no CFBundleShortVersionString"),
        (&[application.clone(), ("path", text("A.app"))], "path is A.app"),
    ];
    for (keys, why) in vectors {
        assert_eq!(entry(keys), format!("refused: installs[0]: {why}"));
    }
    let receipt = Value::Array(vec![dictionary(&[("version", text("1"))])]);
    assert_eq!(refused(&[("receipts", receipt)]), "refused: receipts[0]: there is no packageid");
    for (id, shown) in [("-x", "-x"), ("a\0b", "a\\0b"), (&"a".repeat(256), &"a".repeat(255))] {
        let receipt = Value::Array(vec![dictionary(&[("packageid", text(id)), ("version", text("1"))])]);
        let told = refused(&[("receipts", receipt)]);
        assert_eq!(told, format!("refused: receipts[0]: {shown} is no packageid"), "{id:?}");
    }
    assert_eq!(
        refused(&[("receipts", text("a"))]),
        "refused: receipts is a string, not an array of dictionaries"
    );
}

#[test]
fn t39_versions_are_compared_and_newer_ones_are_named() {
    let step = installs(&[app("1.5", &[])]);
    assert_eq!(judged(&step, Found::Nothing), Verdict::Missing);
    assert_eq!(judged_at(&step, "1.4"), Verdict::Missing);
    assert_eq!(judged_at(&step, "1.5.0"), Verdict::Already("1".into()));
    assert_eq!(judged_at(&step, "1.10"), Verdict::Newer("1.10".into()));
    assert_eq!(judged_at(&step, ""), Verdict::Missing);
    let at = |pairs| judged(&step, Found::Plists(vec![keys(pairs)]));
    assert_eq!(at(&[("CFBundleVersion", "1.5")]), Verdict::Already("1".into()));
    assert_eq!(at(&[("CFBundleVersion", "9"), ("CFBundleShortVersionString", "1")]), Verdict::Missing);
    assert_eq!(at(&[("Other", "9")]), Verdict::Missing);
}

#[test]
fn t39_a_key_that_is_named_is_the_only_one_looked_at() {
    let step = installs(&[app("9", &[("version_comparison_key", text("Build")), ("Build", text("100"))])]);
    let at = |pairs| judged(&step, Found::Plists(vec![keys(pairs)]));
    assert_eq!(at(&[("CFBundleShortVersionString", "9")]), Verdict::Missing);
    assert_eq!(at(&[("Build", "100"), ("CFBundleShortVersionString", "1")]), Verdict::Already("1".into()));
}

#[test]
fn t39_something_too_old_to_be_updated_is_not_there() {
    let step = installs(&[app("2", &[("minimum_update_version", text("3"))])]);
    assert_eq!(judged_at(&step, "2.5"), Verdict::Missing);
    assert_eq!(judged_at(&step, "3"), Verdict::Newer("3".into()));
}

#[test]
fn t39_of_several_applications_of_a_name_the_best_one_counts() {
    let named = dictionary(&[
        ("type", text("application")),
        ("CFBundleIdentifier", text("com.example.a")),
        ("CFBundleShortVersionString", text("2")),
    ]);
    let step = installs(&[named]);
    let among = |versions: &[&str]| {
        let plists = versions.iter().map(|version| keys(&[("CFBundleShortVersionString", version)]));
        judged(&step, Found::Plists(plists.collect()))
    };
    assert_eq!(among(&[]), Verdict::Missing);
    assert_eq!(among(&["1", "2", ""]), Verdict::Already("1".into()));
    assert_eq!(among(&["1", "3", "2"]), Verdict::Newer("3".into()));
    assert_eq!(among(&["1"]), Verdict::Missing);
}

#[test]
fn t39_a_file_is_there_or_another_one() {
    let file = [("type", text("file")), ("path", text("/usr/local/a")), ("md5checksum", text("D41D"))];
    let step = installs(&[dictionary(&file)]);
    let Presence::Installs(entries) = &step.presence else { panic!("installs") };
    assert_eq!(entries[0].what, Trace::FileAt { path: "/usr/local/a".into(), md5: Some("d41d".into()) });
    assert_eq!(judged(&step, Found::Same), Verdict::Already("1".into()));
    assert_eq!(judged(&step, Found::Different), Verdict::Missing);
    assert_eq!(judged(&step, Found::Nothing), Verdict::Missing);
}

#[test]
fn t37_all_entries_must_be_there_and_what_was_not_looked_at_is_no_answer() {
    let other = app("1", &[("path", text("/Applications/B.app"))]);
    let step = installs(&[app("1", &[]), other]);
    let at = |path: &str| Trace::AppAt(path.to_owned());
    let plist = |version: &str| Found::Plists(vec![keys(&[("CFBundleShortVersionString", version)])]);
    let both = |second: Found| {
        let found = [(at("/Applications/A.app"), plist("2")), (at("/Applications/B.app"), second)];
        judge(&step, &found.into_iter().collect(), &BTreeMap::new())
    };
    assert_eq!(both(plist("1")), Verdict::Newer("2".into()));
    assert_eq!(both(Found::Nothing), Verdict::Missing);
    let none = judge(&step, &BTreeMap::new(), &BTreeMap::new());
    assert_eq!(none, Verdict::Malformed("/Applications/A.app: was not looked at".into()));
}

#[test]
fn t40_receipts_count_in_at_least_their_version_and_optional_ones_always() {
    let receipt = |id: &str, more: &[(&str, Value)]| {
        let mut keys = vec![("packageid", text(id)), ("version", text("1.5"))];
        keys.extend_from_slice(more);
        dictionary(&keys)
    };
    let with = |entries: Vec<Value>, found: &[(&str, &str)]| {
        judge(&step_with(&[("receipts", Value::Array(entries))]), &BTreeMap::new(), &keys(found))
    };
    let one = || vec![receipt("a", &[]), receipt("b", &[("optional", true.into())])];
    assert_eq!(with(one(), &[]), Verdict::Missing);
    assert_eq!(with(one(), &[("a", "1.4")]), Verdict::Missing);
    assert_eq!(with(one(), &[("a", "1.5")]), Verdict::Already("1".into()));
    assert_eq!(with(one(), &[("a", "1.6")]), Verdict::Newer("1.6".into()));
    let optional = vec![dictionary(&[("optional", true.into())])];
    assert_eq!(with(optional, &[]), Verdict::Already("1".into()));
}

#[test]
fn t37_t38_the_end_of_an_installcheck_script() {
    let step = step_with(&[]);
    assert_eq!(after_install_check(&step, &Ended::Exited(0)), Verdict::Missing);
    assert_eq!(after_install_check(&step, &Ended::Exited(1)), Verdict::Already("1".into()));
    for broken in
        [Ended::Signalled(9), Ended::TimedOut, Ended::NotStarted("no".into()), Ended::Lost("gone".into())]
    {
        let told = Verdict::Malformed(format!("installcheck_script: {broken}"));
        assert_eq!(after_install_check(&step, &broken), told);
        assert!(matches!(after_version_script(&step, &broken, "1"), Verdict::Malformed(_)));
    }
}

#[test]
fn t37_what_a_version_script_prints() {
    let step = step_with(&[]);
    let printed = |output: &str| after_version_script(&step, &Ended::Exited(0), output);
    assert_eq!(printed(" 1.0\n"), Verdict::Already("1.0".into()));
    assert_eq!(printed("0.9"), Verdict::Missing);
    assert_eq!(printed("2\n"), Verdict::Newer("2".into()));
    assert_eq!(printed(" \n"), Verdict::Missing);
    assert_eq!(after_version_script(&step, &Ended::Exited(3), "1"), Verdict::Missing);
}
