//! Command lines of all three dialects (R40, R41, R101).

use super::*;
use crate::{item::FollowRedirects, settings::ControlSource};
use proptest::prelude::*;

fn parsed(words: &[&str]) -> Result<Invocation, UsageError> {
    parse(std::iter::once("iasd").chain(words.iter().copied()).map(OsString::from))
}

fn run(words: &[&str]) -> Arguments {
    match parsed(words) {
        Ok(Invocation::Run(arguments)) => arguments,
        other => panic!("{words:?}: {other:?}"),
    }
}

fn settings(words: &[&str]) -> crate::settings::Settings {
    let merged = run(words).merged(Vec::new());
    let bad: Vec<_> = merged.findings.iter().filter(|finding| finding.severity > Severity::Info).collect();
    assert!(bad.is_empty(), "{words:?}: {bad:?}");
    merged.settings
}

fn refused(words: &[&str]) -> String {
    parsed(words).unwrap_err().to_string()
}

#[test]
fn r40_the_configuration_is_the_first_word_or_an_option_or_the_programs_name() {
    let config = |arguments: Arguments| arguments.config.unwrap().display().to_string();
    assert_eq!(config(run(&["a.plist"])), "a.plist");
    assert_eq!(config(run(&["--config", "b.plist"])), "b.plist");
    assert_eq!(config(run(&["--config=c=.plist"])), "c=.plist");
    let launchd = parse([OsString::from("/Library/ias/iasd.plist")]);
    let Ok(Invocation::Run(arguments)) = launchd else { panic!("{launchd:?}") };
    assert_eq!(config(arguments), "/Library/ias/iasd.plist");
    assert_eq!(run(&[]).config, None);
    assert!(refused(&["a.plist", "b.plist"]).contains("one word too many"));
}

#[test]
fn r41_installapplications_own_list_works_word_for_word() {
    let argv = [
        "/Library/installapplications/Python.framework/Versions/Current/bin/python3",
        "/Library/installapplications/installapplications.py",
        "--jsonurl",
        "https://a.example/bootstrap.json",
        "--headers",
        "Basic YTpi",
        "--follow-redirects",
        "--iapath",
        "/Library/Application Support/installapplications",
        "--laidentifier",
        "com.example.agent",
        "--ldidentifier",
        "com.example.daemon",
        "--reboot",
        "--skip-validation",
        "--dry-run",
    ];
    let Ok(Invocation::Run(arguments)) = parse(argv.map(OsString::from)) else { panic!() };
    let settings = arguments.merged(Vec::new()).settings;
    assert!(
        matches!(&settings.control, Some(ControlSource::Url(url)) if url.as_str() == "https://a.example/bootstrap.json")
    );
    assert_eq!(settings.http.headers[0].1.0, "Basic YTpi");
    assert_eq!(settings.http.follow_redirects, FollowRedirects::Https);
    assert_eq!(settings.install_path.as_str(), "/Library/Application Support/installapplications");
    assert_eq!(settings.identifiers.agent, "com.example.agent");
    assert_eq!(settings.identifiers.daemon, "com.example.daemon");
    assert!(settings.reboot && settings.use_local_control_file && settings.dry_run);
    assert_eq!(arguments.config, None);
}

#[test]
fn r41_prefixes_work_when_they_are_unambiguous() {
    assert_eq!(settings(&["--ia", "/Library/x/y"]).install_path.as_str(), "/Library/x/y");
    assert!(settings(&["--reb", "--skip"]).reboot);
    assert_eq!(settings(&["--max-r=7"]).redownloads, 7);
    assert!(settings(&["--re"]).reboot, "the only one among InstallApplications' own");
    assert!(refused(&["--h", "x"]).contains("--h is ambiguous (it could be --help, --headers)"));
    assert!(refused(&["--max"]).contains("--max-download-concurrency"));
}

#[test]
fn r41_userscript_and_agent_mode_are_the_agent() {
    for words in [&["--userscript"][..], &["--mode", "agent"], &["--mode=agent", "--debug"]] {
        assert!(matches!(parsed(words), Ok(Invocation::Agent(_))), "{words:?}");
    }
    assert_eq!(run(&["--mode", "standalone"]).mode, Mode::Standalone);
    assert!(refused(&["--mode", "x"]).contains("expected daemon, agent or standalone"));
}

#[test]
fn flags_take_a_word_for_true_or_false_as_go_installapplications_wants() {
    for words in
        [&["--reboot=false", "--debug"][..], &["--reboot", "false", "--debug"], &["-reboot", "0", "-debug"]]
    {
        let settings = settings(words);
        assert!(!settings.reboot && settings.debug, "{words:?}");
    }
    let settings =
        settings(&["--cleanup-on-success", "false", "a.plist", "--follow-redirects", "all", "--verbose"]);
    assert!(!settings.cleanup_on_success && settings.verbose);
    assert_eq!(settings.http.follow_redirects, FollowRedirects::All);
}

#[test]
fn install_paths_of_three_dialects_get_along() {
    assert_eq!(settings(&["--compat"]).install_path.as_str(), "/Library/installapplications");
    assert_eq!(settings(&["--installpath", "/Library/a/b"]).install_path.as_str(), "/Library/a/b");
    for words in [
        ["--iapath", "/Library/a", "--installpath", "/Library/b"],
        ["--installpath", "/Library/b", "--iapath", "/Library/a"],
    ] {
        assert_eq!(run(&words).merged(Vec::new()).settings.install_path.as_str(), "/Library/a");
    }
    assert!(refused(&["--compat", "--installpath", "/Library/b"]).contains("exclude each other"));
}

#[test]
fn r101_depnotify_takes_every_word_up_to_the_next_option() {
    let arguments =
        run(&["--depnotify", "DEPNotifySkipStatus", "Command: Quit: Bye", "-x", "--reboot", "a.plist"]);
    let settings = arguments.merged(Vec::new()).settings;
    assert_eq!(settings.depnotify.arguments, ["DEPNotifySkipStatus", "Command: Quit: Bye", "-x"]);
    assert!(settings.depnotify.enable && settings.reboot);
    assert_eq!(arguments.config, Some("a.plist".into()));
}

#[test]
fn r76_a_mistake_is_answered_with_what_was_probably_meant() {
    assert_eq!(refused(&["--jsonrul", "x"]), "unknown option --jsonrul (did you mean --jsonurl?)");
    assert_eq!(refused(&["--zebra"]), "unknown option --zebra (see --help)");
    assert!(refused(&["--jsonurl"]).contains("--jsonurl needs a value"));
    assert!(refused(&["--jsonurl", "--reboot"]).contains("--reboot follows"));
    assert!(refused(&["--profile-domain", "../x"]).contains("expected a domain"));
}

#[test]
fn r38_a_value_that_does_not_fit_costs_only_its_key() {
    let merged = run(&["--reboot=perhaps", "--max-retries", "4"]).merged(Vec::new());
    assert_eq!((merged.settings.reboot, merged.settings.redownloads), (false, 4));
    assert!(merged.findings[0].to_string().starts_with("error: command line: Reboot: expected a boolean"));
}

#[test]
fn secrets_on_the_command_line_are_warned_about() {
    let merged = run(&["--headers", "Basic s3cret"]).merged(Vec::new());
    let lines: Vec<_> = merged.findings.iter().map(ToString::to_string).collect();
    assert!(
        lines[0].contains("every process of the Mac can read this") && !lines[0].contains("s3cret"),
        "{lines:?}"
    );
}

#[test]
fn the_rest() {
    assert_eq!(parsed(&["--version"]), Ok(Invocation::Version));
    assert_eq!(parsed(&["-h"]), Ok(Invocation::Help));
    assert_eq!(run(&["--", "--odd.plist"]).config, Some("--odd.plist".into()));
    let here = run(&["--root", "/tmp/mac", "--scenario=s.json", "--reset-retries"]);
    assert_eq!((here.root, here.scenario), (Some("/tmp/mac".into()), Some("s.json".into())));
    for key in KEYS.iter().filter(|key| !key.option.is_empty()) {
        assert!(help().contains(&format!("--{} ", key.option)), "{}", key.name);
    }
}

proptest! {
    #[test]
    fn any_command_line_is_understood_or_refused(words in proptest::collection::vec("(--)?(jsonurl|reboot|depnotify|h|max|iapath|root|=|true|--|a\\.plist|\\PC{0,6}){1,2}", 0..8)) {
        if let Ok(Invocation::Run(arguments)) = parse(words.into_iter().map(OsString::from)) {
            let _ = arguments.merged(Vec::new());
        }
    }
}
