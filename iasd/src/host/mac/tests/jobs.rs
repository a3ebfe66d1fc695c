//! What becomes of launchd's jobs, and of the Mac itself.

use super::*;
use crate::host::Plists;
use nix::{sys::stat::Mode, unistd::mkfifo};
use shared::settings::Identifiers;
use std::time::Duration;

fn jobs() -> Identifiers {
    Settings::default().identifiers
}

#[tokio::test]
async fn r81_plists_go_and_the_agent_leaves_the_session_it_is_in() {
    let bench = Bench::new();
    // Nobody knows the job in the session of 502; in that of 501 it takes a while to go.
    let launchctl = "case $2 in gui/502*) echo 'Could not find domain' >&2; exit 113;; esac\n\
        case $1 in bootout) echo 'Boot-out failed: 36: Operation now in progress' >&2; exit 36;; esac\n\
        [ $(grep -c 'print gui/501' \"$root/calls\") -lt 3 ] || exit 113";
    bench.tool("/bin/launchctl", launchctl);
    bench.put("/Library/LaunchAgents/cz.macadmin.iasagent.plist", b"", 0o644);
    let retired = bench.host.retire_jobs(&jobs(), &[501, 502], Plists::Removed).await;
    let told: Vec<_> =
        retired.iter().map(|retired| (retired.what.as_str(), retired.error.as_deref())).collect();
    assert_eq!(
        told,
        [
            ("/Library/LaunchAgents/cz.macadmin.iasagent.plist", None),
            ("/Library/LaunchDaemons/cz.macadmin.iasd.plist", None),
            ("gui/501/cz.macadmin.iasagent", None),
            ("gui/502/cz.macadmin.iasagent", None),
        ]
    );
    assert!(!bench.at("/Library/LaunchAgents/cz.macadmin.iasagent.plist").exists());
    let agent = |verb, uid| format!("launchctl {verb} gui/{uid}/cz.macadmin.iasagent");
    let watched = [
        agent("print", 501),
        agent("bootout", 501),
        agent("print", 501),
        agent("print", 501),
        agent("print", 502),
    ];
    assert_eq!(bench.calls(), watched);
}

#[tokio::test]
async fn plists_that_stay_start_nothing_by_themselves() {
    let bench = Bench::new();
    bench.tool("/bin/launchctl", "exit 113");
    let shipped = include_bytes!("../../../../../launchd/LaunchDaemons/cz.macadmin.iasd.plist");
    bench.put("/Library/LaunchDaemons/cz.macadmin.iasd.plist", shipped, 0o644);
    bench.put("/Library/LaunchAgents/cz.macadmin.iasagent.plist", b"no plist", 0o644);
    let retired = bench.host.retire_jobs(&jobs(), &[], Plists::AtRest).await;
    let told: Vec<_> =
        retired.iter().map(|retired| (retired.what.as_str(), retired.error.is_some())).collect();
    assert_eq!(
        told,
        [
            ("put /Library/LaunchAgents/cz.macadmin.iasagent.plist to rest", true),
            ("put /Library/LaunchDaemons/cz.macadmin.iasd.plist to rest", false),
        ]
    );
    let path = bench.at("/Library/LaunchDaemons/cz.macadmin.iasd.plist");
    let job: plist::Dictionary = plist::from_file(&path).unwrap();
    assert!(shared::job::is_at_rest(&job) && job.contains_key("MachServices"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o644);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

#[tokio::test]
async fn r81_a_job_that_cannot_be_sent_away_is_told() {
    let bench = Bench::new();
    bench.tool(
        "/bin/launchctl",
        "[ $1 = print ] || { echo 'Boot-out failed: 5: Input/output error' >&2; exit 5; }",
    );
    let retired = bench.host.retire_jobs(&jobs(), &[501], Plists::Removed).await;
    let error = retired.last().unwrap().error.as_deref();
    assert_eq!(error, Some("Boot-out failed: 5: Input/output error (exit status 5)"));
}

#[tokio::test]
async fn r81_the_daemon_ends_when_launchd_says_so_and_does_not_wait_for_launchctl() {
    let bench = Bench::new();
    bench.tool("/bin/launchctl", "[ $1 = print ] && exit 0\nkill -TERM $PPID\nexec sleep 5");
    let retired = bench.host.retire_daemon(&jobs()).await;
    assert_eq!((retired.what.as_str(), retired.error), ("system/cz.macadmin.iasd", None));
    assert_eq!(
        bench.calls(),
        ["launchctl print system/cz.macadmin.iasd", "launchctl bootout system/cz.macadmin.iasd"]
    );
}

#[tokio::test]
async fn r81_a_daemon_that_is_no_job_has_nothing_to_be_sent_away_from() {
    let bench = Bench::new();
    bench.tool("/bin/launchctl", "exit 113");
    assert!(bench.host.retire_daemon(&jobs()).await.error.is_none());
    assert_eq!(bench.calls(), ["launchctl print system/cz.macadmin.iasd"]);
}

#[tokio::test]
async fn r83_a_restart_is_left_to_a_process_of_its_own() {
    let bench = Bench::new();
    let called = bench.at("restart");
    mkfifo(&called, Mode::S_IRWXU).unwrap();
    bench.tool("/bin/sh", "echo \"$1 $2 $3\" > \"$root/restart\"");
    bench.host.schedule_reboot().await.unwrap();
    let text = tokio::task::spawn_blocking(move || fs::read_to_string(called).unwrap()).await.unwrap();
    let shutdown = bench.at("/sbin/shutdown").display().to_string();
    assert_eq!(text, format!("-c /bin/sleep 5; exec \"$0\" -r now {shutdown}\n"));
}

#[tokio::test]
async fn the_agent_is_brought_into_a_session_that_lacks_it() {
    let mut bench = Bench::new();
    bench.tool("/bin/launchctl", "[ $1 = bootstrap ]");
    bench.put("/Library/LaunchAgents/a.plist", b"", 0o644);
    let (tell, users) = watch::channel(Some(ConsoleUser { uid: 248, name: "_mbsetupuser".into() }));
    let job = agent::Job { label: "a".into(), plist: bench.at("/Library/LaunchAgents/a.plist") };
    let notices = bench.host.notices.clone();
    tokio::spawn(agent::keep(bench.host.tools.clone(), job, users, Duration::from_millis(20), notices));
    tell.send_replace(Some(ConsoleUser { uid: 501, name: "ada".into() }));
    assert_eq!(bench.notices.recv().await.unwrap(), "brought a into the session of user 501");
    assert_eq!(
        bench.calls(),
        [
            "launchctl print gui/501/a",
            "launchctl bootstrap gui/501 /Library/LaunchAgents/a.plist",
            "launchctl kickstart gui/501/a"
        ]
    );
}

#[tokio::test]
async fn p64_a_started_run_keeps_the_mac_awake_and_introduces_it() {
    let mut bench = Bench::new();
    let awake = bench.at("awake");
    mkfifo(&awake, Mode::S_IRWXU).unwrap();
    bench.tool("/usr/bin/caffeinate", "echo \"$*\" > \"$root/awake\"");
    bench.tool("/usr/bin/sw_vers", "echo 'ProductVersion: 15.1'; echo 'BuildVersion: 24B83'");
    bench.tool("/usr/sbin/sysctl", "case $2 in hw.model) echo Mac15,6;; *) echo 0;; esac");
    bench.host.boot(&Settings::default());
    let text = tokio::task::spawn_blocking(move || fs::read_to_string(awake).unwrap()).await.unwrap();
    assert_eq!(text, format!("-i -w {}\n", std::process::id()));
    let line = loop {
        let line = bench.notices.recv().await.unwrap();
        if line.contains("Mac15,6") {
            break line;
        }
    };
    assert!(line.starts_with("macOS 15.1 (24B83) on Mac15,6, ") && line.ends_with(" free"), "{line}");
}

#[tokio::test]
async fn r47_a_network_that_is_gone_is_told() {
    let bench = Bench::new();
    let nothing = "echo 'IPv4 network interface information'; echo '   No IPv4 states found'; echo '   No IPv6 states found'";
    bench.tool("/usr/sbin/scutil", nothing);
    let mut online = bench.host.online();
    assert!(*online.borrow(), "until the system says otherwise");
    bench.host.boot(&Settings { dry_run: true, ..Settings::default() });
    online.wait_for(|up| !*up).await.unwrap();
    assert!(bench.calls().contains(&"scutil --nwi".to_owned()));
}
