//! The launchd jobs this product installs say what the rules and the settings' defaults say (R137, R138).
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use plist::{Dictionary, Value};
use shared::settings::{Settings, Source, document};
use std::path::Path;

fn job(path: &str) -> Dictionary {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../launchd")).join(path);
    let bytes = std::fs::read(&path).unwrap();
    let document = document::read(&bytes, &Source::File(path.display().to_string())).unwrap();
    assert_eq!(document.findings, []);
    document.value.into_dictionary().unwrap()
}

fn expected(body: &str) -> Dictionary {
    let text = format!("<plist><dict>{body}</dict></plist>");
    plist::from_bytes::<Value>(text.as_bytes()).unwrap().into_dictionary().unwrap()
}

#[test]
fn r137_the_daemons_job_has_exactly_these_keys() {
    let names = Settings::default().identifiers;
    let program = Settings::default().install_path.join("iasd").unwrap();
    let (label, service) = (names.daemon, names.service);
    let keys = expected(&format!(
        "<key>Label</key><string>{label}</string><key>Program</key><string>{program}</string>
         <key>ProgramArguments</key><array><string>{program}</string></array><key>RunAtLoad</key><true/>
         <key>MachServices</key><dict><key>{service}</key><true/></dict>
         <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict><key>ThrottleInterval</key><integer>30</integer>
         <key>AbandonProcessGroup</key><true/><key>ProcessType</key><string>Interactive</string>"
    ));
    assert_eq!(job(&format!("LaunchDaemons/{label}.plist")), keys);
}

#[test]
fn r138_the_agents_job_has_exactly_these_keys() {
    let label = Settings::default().identifiers.agent;
    let program = Settings::default().install_path.join("iasagent").unwrap();
    let keys = expected(&format!(
        "<key>Label</key><string>{label}</string><key>Program</key><string>{program}</string>
         <key>LimitLoadToSessionType</key><array><string>Aqua</string></array><key>RunAtLoad</key><true/>
         <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict><key>ThrottleInterval</key><integer>10</integer>
         <key>AbandonProcessGroup</key><true/>"
    ));
    assert_eq!(job(&format!("LaunchAgents/{label}.plist")), keys);
}
