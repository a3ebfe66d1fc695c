//! Completions and manual pages of the real `iasctl`: every command is in them, and shells and `man` take them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    process::{Command, Stdio},
};
use support::program;

/// Standard output of `iasctl`, which must succeed.
fn iasctl(arguments: &[&str]) -> String {
    let output = Command::new(program("iasctl")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The commands that `--help` lists.
fn commands() -> Vec<String> {
    let help = iasctl(&["--help"]);
    let listed =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let words = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let words: Vec<String> =
        words.filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect();
    assert!(words.len() > 12 && words.contains(&"check".to_owned()), "{words:?}");
    words
}

/// How a tool that may not be there ends.
fn ends(program: &str, arguments: &[&str]) -> Option<bool> {
    let mut command = Command::new(program);
    let ended = command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).status();
    let code = ended.ok().map(|status| status.success());
    if code.is_none() {
        println!("skipped: no {program}");
    }
    code
}

#[test]
fn every_shell_knows_every_command() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let script = iasctl(&["completions", shell]);
        for command in commands() {
            assert!(script.contains(&command), "{shell}: {command}");
        }
        assert!(script.contains("hash-check-policy"), "{shell}: options, too");
        let path = folder.path().join(shell);
        fs::write(&path, script).unwrap();
        assert_ne!(ends(shell, &["-n", path.to_str().unwrap()]), Some(false), "{shell}");
    }
    let refused = Command::new(program("iasctl")).args(["completions", "sh"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("share/man1");
    iasctl(&["man", pages.to_str().unwrap()]);
    let page = |name: &str| fs::read_to_string(pages.join(name)).unwrap_or_else(|_| panic!("no {name}"));
    let whole = page("iasctl.1");
    for command in commands().iter().filter(|command| *command != "help") {
        assert!(whole.contains(&format!("iasctl\\-{command}(1)")), "{command}");
        assert!(page(&format!("iasctl-{command}.1")).contains(".TH"), "{command}");
    }
    assert!(page("iasctl-publish-run.1").contains(".TH"), "commands of commands, too");
    let check = pages.join("iasctl-check.1");
    assert_ne!(ends("man", &["-l", check.to_str().unwrap()]), Some(false));
    let refused = Command::new(program("iasctl")).args(["man", check.to_str().unwrap()]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
}

/// What is between the words of a line of documentation and its comment.
fn commands_of(document: &str) -> Vec<Vec<String>> {
    let line = |line: &str| {
        let line = line.split(" #").next().unwrap_or_default().trim().trim_start_matches("$ ").to_owned();
        let words = line.strip_prefix("target/release/").unwrap_or(&line).strip_prefix("iasctl ")?.to_owned();
        Some(words.split_whitespace().map(str::to_owned).collect())
    };
    let in_blocks = document.lines().filter(|line| line.starts_with("    "));
    let in_text = document.split('`').skip(1).step_by(2);
    in_blocks.chain(in_text).filter_map(line).collect()
}

#[test]
fn every_command_of_the_guide_and_the_readme_is_there_with_its_options() {
    let repository = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let known = commands();
    let mut seen = 0;
    for name in ["docs/guide.md", "README.md", "docs/report.md", "docs/minos.md"] {
        let text = fs::read_to_string(repository.join(name)).unwrap();
        for words in commands_of(&text) {
            let verb = &words[0];
            assert!(known.contains(verb), "{name}: iasctl {verb}");
            let help = iasctl(&[verb, "--help"]);
            for option in words.iter().filter(|word| word.starts_with("--")) {
                let option = option.split('=').next().unwrap();
                // A command of a command has options of its own.
                let own = words.get(1).filter(|word| word.chars().all(|c| c.is_ascii_lowercase()));
                let found = help.contains(option)
                    || own.is_some_and(|own| iasctl(&[verb, own, "--help"]).contains(option));
                assert!(found, "{name}: iasctl {} has no {option}", words.join(" "));
            }
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}
