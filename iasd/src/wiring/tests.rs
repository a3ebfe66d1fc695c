//! A whole run on the real Mac's host, with stand-ins for the tools: what is called, in which order, and what is left.

use super::*;
use crate::{
    disk::Disk,
    download::Network,
    host::mac::MacHost,
    settings::{PreferenceDomain, Reading},
};
use shared::{
    digest::Digest,
    flat_package::signature::TrustRoots,
    settings::arguments::{self, Invocation},
    sys::packing::build_component,
};
use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

/// Preferences nobody set.
struct Unset;

impl PreferenceDomain for Unset {
    fn read(&self, _: &str) -> Vec<Reading> {
        Vec::new()
    }
}

/// A Mac with a control file, a package and a script, and the tools a run needs.
fn furnish(root: &Path) {
    furnish_with(root, "");
}

/// The same, with further keys of the package.
fn furnish_with(root: &Path, keys: &str) {
    let put = |path: &str, content: &str| {
        let mut folder = root.to_owned();
        for part in Path::new(path).parent().unwrap() {
            folder.push(part);
            fs::create_dir_all(&folder).unwrap();
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::write(root.join(path), content).unwrap();
        fs::set_permissions(root.join(path), fs::Permissions::from_mode(0o755)).unwrap();
    };
    let tool = |path: &str, script: &str| {
        let here = root.display();
        put(
            path,
            &format!("#!/bin/sh\nroot='{here}'\necho \"${{0##*/}} $*\" >> \"$root/calls\"\n{script}\n"),
        );
    };
    tool("usr/bin/sw_vers", "echo 'ProductVersion: 15.1'");
    tool("usr/sbin/sysctl", "[ $2 = hw.optional.arm64 ] && echo 1");
    tool(
        "usr/sbin/installer",
        "[ $1 = -verboseR ] && echo 'installer: The install was successful.' && touch \"$root/installed\"",
    );
    let receipt = "<plist version=\"1.0\"><dict><key>pkg-version</key><string>2.4.1</string></dict></plist>";
    tool(
        "usr/sbin/pkgutil",
        &format!("[ -e \"$root/installed\" ] && [ $1 = --pkg-info-plist ] && echo '{receipt}'"),
    );
    tool("bin/launchctl", "exit 113");
    tool("bin/sh", "");
    put("Library/LaunchDaemons/cz.macadmin.iasd.plist", "");

    put("build/package.json", r#"{"identifier": "com.acme.tools", "version": "2.4.1"}"#);
    put("build/payload/tool", "tool");
    put("Library/seed/tools.pkg", "");
    build_component(&root.join("build"), &root.join("Library/seed/tools.pkg")).unwrap();
    put("Library/seed/name.sh", &format!("#!/bin/sh\necho \"script $HOME\" >> '{}/calls'\n", root.display()));
    let digest = |name: &str| Digest::of(&fs::read(root.join("Library/seed").join(name)).unwrap());
    let item = |name: &str, more: &str| {
        format!(
            r#"{{"name": "{name}", "file": "/Library/installapplications/{name}", "url": "file:///Library/seed/{name}",
                "hash": "{}", {more}}}"#,
            digest(name)
        )
    };
    let package = format!(r#""type": "package", "packageid": "com.acme.tools", "version": "2.4.1"{keys}"#);
    let package = item("tools.pkg", &package);
    let script = item("name.sh", r#""type": "rootscript""#);
    put(
        "Library/seed/bootstrap.json",
        &format!(r#"{{"setupassistant": [{package}, {script}], "userland": []}}"#),
    );
}

/// One run; its exit code, and the calls of tools.
async fn run(root: &Path) -> (ExitCode, Vec<String>) {
    let words = ["iasd", "--jsonurl", "file:///Library/seed/bootstrap.json", "--reboot"];
    let Invocation::Run(arguments) = arguments::parse(words.map(Into::into)).unwrap() else {
        panic!("no run")
    };
    let (host, notices) = MacHost::below(root).unwrap();
    let host = Arc::new(host);
    let starting = Arc::clone(&host);
    let world = World {
        host,
        notices,
        network: Network::default(),
        preferences: Box::new(Unset),
        own_log: |_| None,
        checkpoint: None,
        disk: Disk::default(),
        cache: None,
        boot: Box::new(move |settings: &Settings| starting.boot(settings)),
    };
    let loaded = load(&arguments, &*world.host, &*world.preferences).await.unwrap();
    let exit = prepare(&arguments, world, loaded).await.unwrap().carry_out().await;
    let calls = fs::read_to_string(root.join("calls")).unwrap();
    let here = format!("{}/", root.display());
    (exit, calls.lines().map(|line| line.replace(&here, "/")).collect())
}

#[tokio::test]
async fn r70_r81_r83_a_run_on_a_mac_installs_cleans_up_and_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    furnish(&root);
    let (exit, calls) = run(&root).await;
    assert_eq!(exit, ExitCode::Finished, "{calls:#?}");
    let at = |call: &str| {
        calls.iter().position(|found| found == call).unwrap_or_else(|| panic!("{call}: {calls:#?}"))
    };
    let installed = at("installer -verboseR -pkg /Library/installapplications/tools.pkg -target /");
    let script = at("script /var/root");
    let sent_away = at("launchctl print system/cz.macadmin.iasd");
    assert!(installed < script && script < sent_away, "{calls:#?}");
    assert_eq!(sent_away, calls.iter().rposition(|call| call.starts_with("launchctl")).unwrap());
    assert!(calls.iter().any(|call| call.starts_with("sh -c /bin/sleep 5; exec")));
    assert!(!root.join("Library/installapplications").exists());
    assert!(!root.join("Library/LaunchDaemons/cz.macadmin.iasd.plist").exists());
}

#[tokio::test]
async fn p62_a_package_without_the_wanted_signature_never_reaches_the_installer_of_a_mac() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    furnish_with(&root, r#", "team_ids": ["ABCDE12345"]"#);
    let (exit, calls) = run(&root).await;
    assert_eq!(exit, ExitCode::Aborted, "{calls:#?}");
    assert!(
        !calls.iter().any(|call| call.starts_with("installer") || call.starts_with("script")),
        "{calls:#?}"
    );
    let status = fs::read_to_string(root.join("Library/Application Support/ias/status.txt")).unwrap();
    assert!(status.contains(" aborted tools.pkg signature refused"), "{status}");
}

#[test]
fn p39_a_mac_knows_no_other_root_for_packages_than_apples() {
    let folder = tempfile::tempdir().unwrap();
    let (host, _) = MacHost::below(folder.path()).unwrap();
    assert_eq!(format!("{:?}", host.package_roots()), format!("{:?}", TrustRoots::apple()));
}

#[tokio::test]
async fn r21_a_second_run_on_a_mac_finds_the_receipt() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    furnish(&root);
    fs::write(root.join("installed"), "").unwrap();
    let (exit, calls) = run(&root).await;
    assert_eq!(exit, ExitCode::Finished, "{calls:#?}");
    assert!(!calls.iter().any(|call| call.starts_with("installer")), "{calls:#?}");
}
