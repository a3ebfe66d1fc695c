//! `examples`: what an admin sees first must work.

use shared::{
    digest::Digest,
    event::{ItemEnd, SkipReason},
    exit::Ended,
    sys::packing,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use support::{program, rehearse, simulate};

fn titles() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/titles")
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/onboarding")
}

#[test]
fn every_hash_in_the_example_is_that_of_its_content() {
    let built = tempfile::tempdir().unwrap();
    let control = fs::read_to_string(example().join("bootstrap.json")).unwrap();
    let control: serde_json::Value = serde_json::from_str(&control).unwrap();
    let items = control.as_object().unwrap().values().flat_map(|phase| phase.as_array().unwrap());
    for item in items {
        let url = item["url"].as_str().unwrap();
        let path = url.strip_prefix("https://bootstrap.acme.example/").unwrap();
        let file = match path.strip_prefix("packages/").and_then(|path| path.strip_suffix(".pkg")) {
            Some(name) => {
                let package = built.path().join(name);
                packing::build_component(&example().join("packages").join(name), &package).unwrap();
                package
            }
            None => example().join(path),
        };
        let digest = Digest::of(&fs::read(file).unwrap()).to_string();
        assert_eq!(
            item["hash"], digest,
            "{path} has changed; refresh with: cargo run -p iasctl -- simulate examples/onboarding --update-hashes"
        );
    }
}

#[test]
fn the_example_ends_green_and_a_second_run_repeats_only_what_failed() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("mac");
    let first = rehearse(&example(), &root, &["--login-after", "1"]);
    first.exits(0);
    assert_eq!(first.end("Is this Mac set up already?"), &ItemEnd::ExecutionFailed(Ended::Exited(1)));
    assert_eq!(first.end("Printers of the old office"), &ItemEnd::ExecutionFailed(Ended::Exited(3)));
    assert_eq!(first.state.failures().count(), 1);
    assert!(first.exists("/Applications/Acme Connect.app/Contents/Info.plist"));
    assert!(first.exists("/Users/wile/Documents/Welcome to Acme"));
    assert!(first.read("/Library/Acme/support.json").unwrap().contains("it@acme.example"));
    assert!(first.exists("/Users/Shared/Acme/signature.html"));
    let depnotify = first.read("/private/var/tmp/depnotify.log").unwrap();
    assert!(depnotify.starts_with("Command: DeterminateManual: 14\n"), "{depnotify}");
    assert!(depnotify.ends_with("Command: DeterminateOffReset:\n"), "{depnotify}");

    let second = rehearse(&example(), &root, &["--login-after", "1"]);
    second.exits(0);
    for done in ["Is this Mac set up already?", "Acme Tools", "Whom to call", "Welcome", "Mail signature"] {
        assert_eq!(second.end(done), &ItemEnd::Skipped(SkipReason::AlreadyDone), "{done}");
    }
    assert_eq!(second.end("Printers of the old office"), &ItemEnd::ExecutionFailed(Ended::Exited(3)));
    let depnotify = second.read("/private/var/tmp/depnotify.log").unwrap();
    assert!(depnotify.contains("\nCommand: DeterminateManual: 1\n"), "only what is repaired: {depnotify}");
}

#[test]
fn the_example_needs_no_root() {
    if !rustix::process::geteuid().is_root() {
        // Then the story above has shown it.
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("of-somebody");
    fs::create_dir(&home).unwrap();
    std::os::unix::fs::chown(&home, Some(1234), Some(1234)).unwrap();
    std::os::unix::fs::chown(folder.path(), Some(1234), Some(1234)).unwrap();
    let as_somebody = |program: &Path| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=1234", "--regid=1234", "--clear-groups"]).arg(program);
        command
    };
    let may_run = as_somebody(&program("iasctl")).arg("--version").output();
    if !may_run.is_ok_and(|output| output.status.success()) {
        println!("skipped: no setpriv here, or nobody else may run our programs");
        return;
    }
    let root = home.join("mac");
    let simulate = simulate(&example(), &root, &["--login-after", "1"]);
    let output = as_somebody(Path::new(simulate.get_program())).args(simulate.get_args()).output().unwrap();
    let log = fs::read_to_string(home.join("mac.sim/iasd.log")).unwrap_or_default();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}\n{log}");
    assert!(root.join("Applications/Acme Connect.app").exists());
}

#[test]
fn the_example_of_titles_ends_green_and_a_second_run_finds_them_there() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("mac");
    let first = rehearse(&titles(), &root, &[]);
    first.exits(0);
    for name in ["Rocket Console", "Desktop defaults", "Rocket Skates"] {
        // Where content has changed, its new digest belongs into `pkgsinfo`, and the catalogs are made anew.
        assert_eq!(first.end(name), &ItemEnd::Done, "{name}\n{}", first.diagnostics);
    }
    for id in ["com.acme.rocket-runtime", "com.acme.rocket-console", "com.acme.rocket-manual"] {
        assert!(first.exists(&format!("/private/var/db/receipts/{id}.plist")), "{id}");
    }
    assert!(first.exists("/Applications/Rocket Skates.app/Contents/MacOS/RocketSkates"));
    assert!(first.exists("/Library/Preferences/com.acme.desktop.plist"));
    let asked = first.read_beside("requests.ndjson").unwrap();
    let line =
        r#"{"method":"POST","host":"titles.acme.example","path":"/v1","status":200,"authorization":false}"#;
    assert_eq!(asked.lines().filter(|asked| *asked == line).count(), 1, "one grant for everything\n{asked}");

    let second = rehearse(&titles(), &root, &[]);
    second.exits(0);
    for name in ["Rocket Console", "Desktop defaults", "Rocket Skates"] {
        assert!(matches!(second.end(name), ItemEnd::Skipped(_)), "{name}: {}", second.end(name));
    }
}

#[test]
fn the_catalogs_of_the_example_are_made_of_its_pkginfos_and_fit_macs() {
    let repository = titles().join("repo");
    let iasctl = |arguments: &[&str]| {
        let output = Command::new(program("iasctl")).args(arguments).arg(&repository).output().unwrap();
        let told = String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {told}");
    };
    iasctl(&["publish", "catalogs", "--skip-pkg-check", "--sorted", "--dry-run"]);
    iasctl(&["doctor", "--strict", "--repo"]);
}
