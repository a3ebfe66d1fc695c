//! Settings, profiles and launchd jobs as published: each is understood, or refused in words an admin can act on (R41).

use super::{
    ControlSource, Layer, Mode, Severity, Source,
    arguments::{self, Arguments, Invocation},
    document, merge,
    profile::Use,
};
use crate::corpus;
use std::{ffi::OsString, fs, path::PathBuf};

/// Every file of the collection with its name; none when it is not there.
fn files() -> Vec<(String, Vec<u8>)> {
    let read = |path: PathBuf| (path.file_name().unwrap().display().to_string(), fs::read(&path).unwrap());
    corpus::files("settings").into_iter().map(read).collect()
}

/// The published plists by use; those that cannot be read fail the test.
fn plists() -> Vec<(String, Use)> {
    let read = |(name, bytes): (String, Vec<u8>)| {
        let document =
            document::read(&bytes, &Source::File(name.clone())).unwrap_or_else(|finding| panic!("{finding}"));
        for finding in &document.findings {
            assert!(finding.place.is_some() && finding.hint.is_some(), "{finding}");
        }
        let purpose = Use::of(document.value).unwrap();
        (name, purpose)
    };
    files().into_iter().map(read).collect()
}

/// The published launchd jobs of InstallApplications, with the words they give it.
fn jobs() -> Vec<(String, Vec<String>)> {
    let of_job = |(name, purpose)| match purpose {
        Use::Job(words) if words.iter().any(|word| word.ends_with("installapplications.py")) => {
            Some((name, words))
        }
        _ => None,
    };
    plists().into_iter().filter_map(of_job).collect()
}

/// The word after `option`, as the author meant it.
fn after<'a>(words: &'a [String], option: &str) -> Option<&'a str> {
    words.iter().position(|word| word == option).map(|at| words[at + 1].as_str())
}

#[test]
fn r41_every_published_launchd_job_means_what_its_author_meant() {
    let jobs = jobs();
    for (name, words) in &jobs {
        let has = |option: &str| words.iter().any(|word| word == option);
        let parsed = arguments::parse(words.iter().map(OsString::from))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let run = match parsed {
            Invocation::Agent(_) => {
                assert!(has("--userscript"), "{name}");
                continue;
            }
            Invocation::Run(run) => run,
            other => panic!("{name}: {other:?}"),
        };
        assert!(!has("--userscript"), "{name}");
        assert_eq!(run.config, None, "{name}");
        assert_means(name, words, &run);
    }
    assert!(jobs.len() >= 25 || files().is_empty(), "{}", jobs.len());
}

fn assert_means(name: &str, words: &[String], run: &Arguments) {
    let has = |option: &str| words.iter().any(|word| word == option);
    let settings = run.merged(Vec::new()).settings;
    match (after(words, "--jsonurl"), &settings.control) {
        (Some(wanted), Some(ControlSource::Url(url))) => {
            assert_eq!(url.as_str().trim_end_matches('/'), wanted.trim_end_matches('/'), "{name}");
        }
        // A template that was never filled in is reported, not guessed at.
        (Some(wanted), None) => assert!(wanted.contains("{{"), "{name}: {wanted}"),
        other => panic!("{name}: {other:?}"),
    }
    let path = after(words, "--iapath").unwrap_or("/Library/installapplications");
    assert_eq!(settings.install_path.as_str(), path, "{name}");
    assert_eq!(settings.reboot, has("--reboot"), "{name}");
    assert_eq!(settings.use_local_control_file, has("--skip-validation"), "{name}");
    let lines: Vec<&String> = words
        .iter()
        .skip_while(|word| *word != "--depnotify")
        .skip(1)
        .take_while(|word| !word.starts_with("--"))
        .collect();
    assert_eq!(settings.depnotify.arguments.iter().collect::<Vec<_>>(), lines, "{name}");
    assert_eq!(settings.depnotify.enable, has("--depnotify"), "{name}");
}

#[test]
fn every_published_settings_file_is_used_without_errors() {
    let mut seen = 0;
    for (name, purpose) in plists() {
        let Use::Settings(values) = purpose else { continue };
        let merged = merge(vec![Layer::new(Source::File(name.clone()), values)], Mode::Daemon);
        let bad: Vec<_> =
            merged.findings.iter().filter(|finding| finding.severity >= Severity::Error).collect();
        assert!(bad.is_empty(), "{name}: {bad:?}");
        seen += 1;
    }
    assert!(seen >= 4 || files().is_empty(), "{seen}");
}

#[test]
fn every_published_profile_gives_its_domains_and_ours_is_used_without_errors() {
    let mut seen = Vec::new();
    for (name, purpose) in plists() {
        let Use::Profile(domains) = purpose else { continue };
        assert!(!domains.is_empty(), "{name}");
        for (domain, values) in domains {
            assert!(!values.is_empty(), "{name}: {domain}");
            if domain == "cz.macadmin.iasd" {
                let merged = merge(vec![Layer::new(Source::Managed(domain.clone()), values)], Mode::Daemon);
                let bad: Vec<_> =
                    merged.findings.iter().filter(|finding| finding.severity >= Severity::Error).collect();
                assert!(bad.is_empty() && merged.settings.control.is_some(), "{name}: {bad:?}");
            }
            seen.push(domain);
        }
    }
    assert!(seen.len() >= 4 || files().is_empty(), "{seen:?}");
}

#[test]
fn every_published_plist_is_read_and_damage_to_it_never_panics() {
    for (name, bytes) in files() {
        let source = Source::File(name);
        for cut in (0..bytes.len()).step_by(211) {
            let _ = document::read(&bytes[..cut], &source);
            let mut damaged = bytes.clone();
            damaged[cut] = b'<';
            let _ = document::read(&damaged, &source);
        }
    }
}
