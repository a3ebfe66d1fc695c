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
