//! One daemon per Mac (R45).

use serde_json::json;
use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use support::{World, program};

#[test]
fn r45_a_second_daemon_exits_75_and_disturbs_nothing() {
    let wait = "touch /Library/begun; while [ ! -e /Library/go ]; do sleep 0.1 || exit 9; done";
    let world = World::new().script("setupassistant", "Waits", wait, json!({"timeout": 60}));
    let first = world.start(&[]);
    let root = world.root();
    let side = format!("{}.sim", root.display());
    let deadline = Instant::now() + Duration::from_secs(60);
    while !root.join("Library/begun").exists() {
        let log = || fs::read_to_string(format!("{side}/iasd.log")).unwrap_or_default();
        assert!(Instant::now() < deadline, "the first daemon did not begin\n{}", log());
        thread::sleep(Duration::from_millis(20));
    }
    let another = |arguments: &[&str]| {
        let mut iasd = Command::new(program("iasd"));
        iasd.arg("--root").arg(&root).args(["--scenario", &format!("{side}/scenario.json")]);
        iasd.arg(format!("{side}/settings.plist")).args(arguments).stdin(Stdio::null()).output().unwrap()
    };
    let second = another(&[]);
    let elsewhere = another(&["--iapath", "/Library/elsewhere"]);
    let quiet = another(&["--no-restart-on-error"]);
    assert_eq!(quiet.status.code(), Some(0), "R76: {}", String::from_utf8_lossy(&quiet.stderr));
    fs::write(root.join("Library/go"), "").unwrap();
    let first = first.wait_with_output().unwrap();
    assert_eq!(second.status.code(), Some(75), "{}", String::from_utf8_lossy(&second.stderr));
    let told = String::from_utf8_lossy(&elsewhere.stderr);
    assert_eq!(elsewhere.status.code(), Some(75), "one for the Mac, not for the folder: {told}");
    assert!(told.contains("another iasd holds"), "it looked at nothing before: {told}");
    assert_eq!(first.status.code(), Some(0), "{}", String::from_utf8_lossy(&first.stderr));
}
