//! One daemon per Mac (R45).

use serde_json::json;
use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::Duration,
};
use support::{World, program};

#[test]
fn r45_a_second_daemon_exits_75_and_disturbs_nothing() {
    let wait = "touch /Library/begun; while [ ! -e /Library/go ]; do sleep 0.1 || exit 9; done";
    let world = World::new().script("setupassistant", "Waits", wait, json!({"timeout": 60}));
    let first = world.start(&[]);
    let root = world.root();
    while !root.join("Library/begun").exists() {
        thread::sleep(Duration::from_millis(20));
    }
    let side = format!("{}.sim", root.display());
    let second = Command::new(program("iasd"))
        .arg("--root")
        .arg(&root)
        .args(["--scenario", &format!("{side}/scenario.json"), &format!("{side}/settings.plist")])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let quiet = Command::new(program("iasd"))
        .arg("--root")
        .arg(&root)
        .args(["--scenario", &format!("{side}/scenario.json"), &format!("{side}/settings.plist")])
        .arg("--no-restart-on-error")
        .output()
        .unwrap();
    assert_eq!(quiet.status.code(), Some(0), "R76: {}", String::from_utf8_lossy(&quiet.stderr));
    fs::write(root.join("Library/go"), "").unwrap();
    let first = first.wait_with_output().unwrap();
    assert_eq!(second.status.code(), Some(75), "{}", String::from_utf8_lossy(&second.stderr));
    assert_eq!(first.status.code(), Some(0), "{}", String::from_utf8_lossy(&first.stderr));
}
