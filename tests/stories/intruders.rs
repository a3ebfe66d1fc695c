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

#[test]
fn r115_a_script_that_turns_the_records_folder_into_a_link_leads_nothing_outside() {
    let outside = tempfile::tempdir().unwrap();
    let swap = format!(
        "cd '/Library/Application Support' && mv ias away && ln -s '{}' ias",
        outside.path().display()
    );
    let outcome = World::new()
        .script("setupassistant", "Swap", &swap, json!({}))
        .script("setupassistant", "After", "sleep 1", json!({}))
        .setting("CleanupOnSuccess", false)
        .run(&[]);
    outcome.exits(0);
    let found: Vec<_> = fs::read_dir(outside.path()).unwrap().collect();
    assert!(found.is_empty(), "{found:?}");
    assert!(
        outcome.diagnostics.contains("ias is not safe to use: it is a symbolic link"),
        "{}",
        outcome.diagnostics
    );
}
