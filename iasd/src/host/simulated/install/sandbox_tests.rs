//! Packages installed on a whole simulated Mac: real scripts in the real sandbox, with `iasd` as its helper.

use crate::host::{
    Launch, Line, Output, Running,
    simulated::{SimulatedHost, install, receipt},
};
use shared::{exit::Ended, layout::MacPath, sys::packing::build_component};
use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;
use tokio::sync::mpsc;

/// A simulated Mac in a temporary folder; `None`, with a line that says so, where it cannot be.
fn mac() -> Option<(SimulatedHost, TempDir)> {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let iasd = std::env::current_exe().unwrap().parent()?.parent()?.join("iasd");
    if !iasd.exists() {
        println!("skipped: {} is not built; run the tests of the whole crate", iasd.display());
        return None;
    }
    let scenario = serde_json::from_str("{}").unwrap();
    match SimulatedHost::with_helper(&folder.path().join("mac"), scenario, &iasd) {
        Ok((host, _)) => match host.runner.ready_now() {
            Ok(()) => Some((host, folder)),
            Err(error) => {
                println!("skipped: {error}");
                None
            }
        },
        Err(error) => panic!("{error}"),
    }
}

/// Builds a package whose only script is `postinstall`, at `out`.
fn package(folder: &Path, name: &str, postinstall: &str, out: &Path) {
    let source = folder.join(name);
    fs::create_dir_all(source.join("payload")).unwrap();
    fs::create_dir_all(source.join("scripts")).unwrap();
    fs::write(source.join("payload").join(name), name).unwrap();
    fs::write(source.join("scripts/postinstall"), postinstall).unwrap();
    let description = format!(
        r#"{{"identifier": "com.example.{name}", "version": "1", "install_location": "/usr/local/share"}}"#
    );
    fs::write(source.join("package.json"), description).unwrap();
    build_component(&source, out).unwrap();
}

fn start(mac: &SimulatedHost, package: &Path, timeout: Option<Duration>) -> (Running, mpsc::Receiver<Line>) {
    let (lines, said) = mpsc::channel(1 << 10);
    let computer = install::Computer {
        root: mac.dir.clone(),
        arch: mac.scenario.arch,
        os_version: mac.scenario.os_version.clone(),
        name: mac.scenario.computer.name.clone(),
        disk: mac.disk(),
    };
    let launch = Launch { timeout, output: Output::Lines(lines) };
    let path = MacPath::new("/Library/Outer.pkg").unwrap();
    let file = File::open(package).unwrap();
    let running = install::launch(
        (file, path),
        computer,
        install::Wish::default(),
        Arc::new(mac.runner.clone()),
        launch,
    )
    .unwrap();
    (running, said)
}

fn outer(folder: &TempDir, postinstall: &str) -> PathBuf {
    let out = folder.path().join("Outer.pkg");
    package(folder.path(), "outer", postinstall, &out);
    out
}

#[tokio::test]
async fn r70_a_postinstall_sees_its_mac_and_installs_another_package_with_installer() {
    let Some((mac, folder)) = mac() else { return };
    let inner = folder.path().join("mac/private/tmp/Inner.pkg");
    package(folder.path(), "inner", "#!/bin/sh\necho inner > /usr/local/share/ran\n", &inner);
    let outer = outer(
        &folder,
        "#!/bin/sh\ncat /usr/local/share/outer\necho; echo \"$2 $3 $4 $SCRIPT_NAME\"\n\
         exec /usr/sbin/installer -pkg /tmp/Inner.pkg -target /\n",
    );
    let (running, mut said) = start(&mac, &outer, None);
    let ended = running.ended.await.ended;
    let mut lines = Vec::new();
    while let Some(line) = said.recv().await {
        if let Line::Output(line) = line {
            lines.push(line);
        }
    }
    assert_eq!(ended, Ended::Exited(0), "{lines:#?}");
    for promised in [
        "./postinstall: outer",
        "./postinstall: /usr/local/share / / postinstall",
        "./postinstall: installer: The install was successful.",
    ] {
        assert!(lines.iter().any(|line| line == promised), "{promised} in {lines:#?}");
    }
    assert_eq!(mac.dir.read_to_string("usr/local/share/ran").unwrap(), "inner\n");
    assert_eq!(receipt::ids(&mac.dir).unwrap(), ["com.example.inner", "com.example.outer"]);
}

#[tokio::test]
async fn r73_an_installation_whose_script_hangs_is_ended_when_its_time_is_over() {
    let Some((mac, folder)) = mac() else { return };
    let outer = outer(&folder, "#!/bin/sh\nexec sleep 600\n");
    let (running, said) = start(&mac, &outer, Some(Duration::from_millis(500)));
    assert_eq!(running.ended.await.ended, Ended::TimedOut);
    assert_eq!(receipt::ids(&mac.dir).unwrap(), Vec::<String>::new());
    drop(said);
}
