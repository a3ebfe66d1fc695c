//! The packed package, installed into a simulated Mac by the real `iasd`.

use super::pack::Admin;
use serde_json::json;
use std::os::unix::fs::PermissionsExt as _;
use support::World;

#[test]
fn r139_r140_a_simulated_mac_installs_it_and_starts_its_jobs() {
    let settings = "<plist><dict><key>JSONURL</key><string>https://mdm.example.com/bootstrap.json</string>\
        <key>InstallPath</key><string>/Library/acme</string></dict></plist>";
    let admin = Admin::new(settings);
    admin.report(&["--identifier", "com.acme", "--compression", "pbzx"]);
    let content = admin.made("ias-0.1.0.pkg");
    let look = "launchctl print system/com.acme.iasd >/dev/null && touch /Library/daemon-is-loaded
        launchctl print gui/501/com.acme.iasagent >/dev/null && touch /Library/agent-is-loaded
        exit 0";
    let outcome = World::new()
        .packed("userland", "The package", ("com.acme.ias", "0.1.0"), &content, json!({}))
        .script("userland", "Look", look, json!({"type": "rootscript"}))
        .run(&[]);
    outcome.exits(0);
    let modes = [
        ("/Library/acme", 0o40755),
        ("/Library/acme/iasd", 0o100755),
        ("/Library/acme/iasagent", 0o100755),
        ("/Library/acme/iasd.plist", 0o100600),
        ("/Library/LaunchDaemons/com.acme.iasd.plist", 0o100644),
        ("/Library/LaunchAgents/com.acme.iasagent.plist", 0o100644),
    ];
    for (path, mode) in modes {
        let found = std::fs::symlink_metadata(outcome.on_disk(path)).unwrap();
        assert_eq!(found.permissions().mode(), mode, "{path}");
    }
    for loaded in ["/Library/daemon-is-loaded", "/Library/agent-is-loaded"] {
        assert!(outcome.exists(loaded), "{loaded}");
    }
}
