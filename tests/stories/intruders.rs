//! Whoever else speaks to the daemon while a run is on (R106, R109, R111, P81, P82).

use serde_json::json;
use shared::{
    event::{Event, EventKind},
    ipc::{
        frame,
        message::{CheckIn, FromStranger, PROTOCOL, to_bytes},
    },
    layout::AGENT_SOCKET,
};
use std::{
    fs,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};
use support::World;

/// One who should not be there.
fn intruder(socket: &Path) -> io::Result<UnixStream> {
    let stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    Ok(stream)
}

/// What the daemon does with `bytes`: everything it says until it hangs up; an error when it does not.
fn answer(socket: &Path, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let (mut stream, mut said) = (intruder(socket)?, Vec::new());
    // A daemon that has hung up already has given its answer.
    let _ = stream.write_all(bytes);
    match stream.read_to_end(&mut said) {
        Err(error) if error.kind() != io::ErrorKind::ConnectionReset => Err(error),
        _ => Ok(said),
    }
}

fn check_in(uid: u32) -> Vec<u8> {
    let claim = CheckIn { protocol: PROTOCOL, version: "0.0.0".into(), uid, pid: std::process::id() };
    let body = to_bytes(&FromStranger::CheckIn(claim)).unwrap_or_default();
    frame::encode(&body, false).unwrap_or_default()
}

/// Reads events until all `wanted` have come; tells whether they did.
fn came(events: &mut impl Iterator<Item = Event>, mut wanted: Vec<fn(&EventKind) -> bool>) -> bool {
    for event in events {
        wanted.retain(|is_it| !is_it(&event.kind));
        if wanted.is_empty() {
            return true;
        }
    }
    false
}

#[test]
fn r106_a_run_is_not_disturbed_by_strangers_at_the_agents_door() {
    let waits = "while [ ! -e /Library/go ]; do sleep 0.1 || exit 9; done";
    let world = World::new().script("setupassistant", "Waits", waits, json!({})).script(
        "userland",
        "User",
        "id -un > /Users/ada/who",
        json!({"type": "userscript"}),
    );
    let mut run = world.start(&[]);
    let lines = BufReader::new(run.stdout.take().expect("its events")).lines();
    let mut events = lines.map(|line| serde_json::from_str::<Event>(&line.unwrap()).unwrap());
    let begun: [fn(&EventKind) -> bool; 2] = [
        |kind| matches!(kind, EventKind::ItemRunning { .. }),
        |kind| matches!(kind, EventKind::AgentCheckedIn { .. }),
    ];
    assert!(came(&mut events, begun.to_vec()), "the run ended early");

    let socket: PathBuf = world.root().join(AGENT_SOCKET.trim_start_matches('/'));
    assert!(answer(&socket, &[0xff; 64]).unwrap().is_empty(), "four gigabytes are announced");
    assert!(answer(&socket, b"GET / HTTP/1.1\r\n\r\n").unwrap().is_empty());
    for uid in [0, 501, 502, rustix::process::geteuid().as_raw()] {
        let said = String::from_utf8_lossy(&answer(&socket, &check_in(uid)).unwrap()).into_owned();
        assert!(!said.contains("welcome"), "uid {uid}: {said}");
    }
    let silent: Vec<UnixStream> = (0..40).map(|_| intruder(&socket).unwrap()).collect();
    for mut stream in silent {
        let half = check_in(501);
        let _ = stream.write_all(&half[..half.len() / 2]);
    }

    fs::write(world.root().join("Library/go"), "").unwrap();
    let rest: Vec<EventKind> = events.map(|event| event.kind).collect();
    let status = run.wait().unwrap();
    assert!(status.success(), "{status}: {rest:?}");
    let served = fs::read_to_string(world.root().join("Users/ada/who")).ok();
    assert_eq!(served.as_deref(), Some("ada\n"), "its own agent served it: {rest:#?}");
}

/// The folders root writes into, and what in them a script of the run turns into links to a folder outside the Mac.
const WRITTEN: [&str; 8] = [
    "/Library/installapplications",
    "/Library/installapplications/.work",
    "/Library/installapplications/userscripts",
    "/Library/Application Support/ias",
    "/Library/Seed",
    "/private/var/log/ias",
    "/private/var/db/receipts",
    "/private/var/tmp/depnotify.log",
];

#[test]
fn r115_a_script_that_turns_places_of_the_run_into_links_leads_nothing_outside() {
    for place in WRITTEN {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("precious"), "as it was").unwrap();
        let aim =
            if place.ends_with(".log") { outside.path().join("precious") } else { outside.path().into() };
        let swap = format!(
            "mkdir -p '{place}' 2>/dev/null; mv '{place}' '{place}.away'; ln -s '{}' '{place}' || exit 9",
            aim.display()
        );
        let failable = || json!({"fail_policy": "failable"});
        let outcome = World::new()
            .script("preflight", "Swap", &format!("{swap}; exit 1"), failable())
            .script("setupassistant", "Root", "echo hello", failable())
            .script(
                "setupassistant",
                "Alone",
                "echo hello",
                json!({"donotwait": true, "fail_policy": "failable"}),
            )
            .package("setupassistant", "Package", "com.acme.tool", "true", failable())
            .served_file("setupassistant", "File", "/Library/Seed/file", failable())
            .script(
                "userland",
                "User",
                "echo hello",
                json!({"type": "userscript", "fail_policy": "failable"}),
            )
            .setting("DEPNotifyEnable", true)
            .setting("CleanupOnSuccess", false)
            .run(&[]);
        assert!(outcome.exists(place), "{place} is the link: {}", outcome.diagnostics);
        let found: Vec<_> =
            fs::read_dir(outside.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(found, ["precious"], "{place}");
        assert_eq!(fs::read_to_string(outside.path().join("precious")).unwrap(), "as it was", "{place}");
    }
}
