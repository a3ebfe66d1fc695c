//! Whoever takes a place that is not theirs during a whole run: the daemon's socket, the line to the agent, a folder above a
//! file of root's (R106, R107, R111, R115).
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a story that cannot be set up has failed")]

use crate::wire::{Line, listen_as};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use shared::{
    event::{Event, EventKind, ItemEnd},
    exit::Ended,
    layout::AGENT_SOCKET,
};
use std::{
    fs,
    io::{self, BufRead as _, BufReader, Read as _},
    os::unix::{
        fs::{PermissionsExt as _, chown},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    process::Child,
    sync::mpsc,
    thread,
    time::Duration,
};
use support::World;

/// A user of this computer who is neither root nor the user of the Mac.
const SOMEBODY: u32 = 4711;
/// Nothing here may take longer.
const PATIENCE: Duration = Duration::from_secs(60);

fn socket(world: &World) -> PathBuf {
    world.root().join(AGENT_SOCKET.trim_start_matches('/'))
}

fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        println!("skipped: only root can be somebody else");
    }
    is_root
}

/// A folder of the Mac, made before its first run.
fn folder(world: &World, path: &str) -> PathBuf {
    let mut folder = world.root();
    if !folder.exists() {
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(".ias-simulated-mac"), "").unwrap();
    }
    for part in Path::new(path.trim_start_matches('/')) {
        folder.push(part);
        fs::create_dir_all(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

#[test]
fn r107_an_impostor_that_owns_the_daemons_socket_is_neither_joined_nor_replaced_and_the_run_waits_for_it_to_go()
 {
    let world = World::new()
        .script("setupassistant", "Root", "echo root >> /Library/done", json!({}))
        .script("userland", "User", "echo ran >> \"$HOME/done\"", json!({"type": "userscript"}));
    folder(&world, "/private/var/run/ias");
    let impostor = UnixListener::bind(socket(&world)).unwrap();
    impostor.set_nonblocking(true).unwrap();
    let first = world.again(&[]);
    first.exits(75);
    assert!(first.diagnostics.contains("another daemon listens there"), "{}", first.diagnostics);
    assert!(!first.exists("/Library/done"), "nothing ran beside it");
    while let Ok((mut stream, _)) = impostor.accept() {
        let mut heard = Vec::new();
        stream.set_nonblocking(false).unwrap();
        stream.read_to_end(&mut heard).unwrap();
        assert_eq!(heard, b"", "it was told nothing");
    }
    drop(impostor);
    let second = world.again(&[]);
    second.exits(0);
    assert_eq!(second.read("/Library/done").as_deref(), Some("root\n"));
    assert_eq!(second.read("/Users/ada/done").as_deref(), Some("ran\n"));
}

/// A run that has an agent and waits, so that somebody can step in between.
struct Running {
    run: Child,
    events: Box<dyn Iterator<Item = EventKind>>,
    agent: Pid,
}

const WAITS: &str = "while [ ! -e /Library/go ]; do sleep 0.1 || exit 9; done";

impl Running {
    fn start(world: &World) -> Self {
        let mut run = world.start(&[]);
        let lines = BufReader::new(run.stdout.take().unwrap()).lines();
        let event = |line: io::Result<String>| serde_json::from_str::<Event>(&line.unwrap()).unwrap().kind;
        let mut events = Box::new(lines.map(event));
        let (mut waits, mut agent) = (false, None);
        while !waits || agent.is_none() {
            match events.next().expect("the run ended early") {
                EventKind::ItemRunning { .. } => waits = true,
                EventKind::AgentCheckedIn { pid, .. } => agent = Pid::from_raw(pid.cast_signed()),
                _ => {}
            }
        }
        Self { run, events, agent: agent.unwrap() }
    }

    /// Puts the socket `theirs` in the place of the daemon's, which goes to `aside`, and takes the agent's connection away.
    fn step_in(&self, world: &World, theirs: &Path, aside: &Path) {
        fs::rename(socket(world), aside).unwrap();
        fs::rename(theirs, socket(world)).unwrap();
        kill_process(self.agent, Signal::KILL).unwrap();
    }

    fn end(mut self, world: &World) -> Vec<EventKind> {
        fs::write(world.root().join("Library/go"), "").unwrap();
        let events: Vec<EventKind> = self.events.collect();
        let status = self.run.wait().unwrap();
        assert!(status.success(), "{status}: {events:#?}");
        events
    }
}

#[test]
fn r107_an_agent_says_nothing_to_a_daemon_that_cannot_prove_itself_and_finds_the_true_one_again() {
    if !is_root() {
        return;
    }
    let world = World::new().script("setupassistant", "Waits", WAITS, json!({})).script(
        "userland",
        "User",
        "echo ran >> \"$HOME/done\"",
        json!({"type": "userscript"}),
    );
    let running = Running::start(&world);
    let theirs = tempfile::tempdir().unwrap();
    fs::set_permissions(theirs.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let impostor = listen_as(SOMEBODY, theirs.path().join("sock"));
    let aside = socket(&world).with_extension("aside");
    running.step_in(&world, &theirs.path().join("sock"), &aside);
    let (tell, heard) = mpsc::channel();
    thread::spawn(move || {
        let (mut stream, _) = impostor.accept().unwrap();
        let mut said = Vec::new();
        let ended = stream.read_to_end(&mut said);
        tell.send((ended.is_ok(), said)).unwrap();
    });
    let heard = heard.recv_timeout(PATIENCE).expect("the agent comes to whoever listens, and goes");
    assert_eq!(heard, (true, Vec::new()), "not a word");
    fs::rename(&aside, socket(&world)).unwrap();
    running.end(&world);
    assert_eq!(fs::read_to_string(world.root().join("Users/ada/done")).unwrap(), "ran\n");
}

#[test]
fn r111_on_a_line_that_breaks_in_a_frame_splits_all_and_says_it_twice_nothing_runs_twice() {
    let keys = json!({"type": "userscript", "fail_policy": "failable"});
    let world = World::new()
        .script("setupassistant", "Waits", WAITS, json!({}))
        .script("userland", "Cut", "echo cut >> \"$HOME/done\"", keys.clone())
        .script(
            "userland",
            "Twice",
            "echo begun >> \"$HOME/done\"; echo said; echo ended >> \"$HOME/done\"",
            keys,
        );
    let running = Running::start(&world);
    let theirs = tempfile::tempdir().unwrap();
    fs::set_permissions(theirs.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let listener = UnixListener::bind(theirs.path().join("sock")).unwrap();
    fs::set_permissions(theirs.path().join("sock"), fs::Permissions::from_mode(0o666)).unwrap();
    let aside = socket(&world).with_extension("aside");
    running.step_in(&world, &theirs.path().join("sock"), &aside);
    // The daemon wants the user of the Mac at the other end, where processes have users of their own.
    let user = rustix::process::geteuid().is_root().then_some(501);
    let line = Line::between(listener, aside, user);
    let events = running.end(&world);
    let ends: Vec<&ItemEnd> = events
        .iter()
        .filter_map(|kind| match kind {
            EventKind::ItemFinished { end, .. } => Some(end),
            _ => None,
        })
        .collect();
    assert!(
        matches!(ends[..], [&ItemEnd::Done, ItemEnd::ExecutionFailed(Ended::Lost(_)), &ItemEnd::Done]),
        "{ends:#?}"
    );
    assert_eq!(line.told(), (1, 1), "one request was cut in the middle, one was said twice");
    assert_eq!(fs::read_to_string(world.root().join("Users/ada/done")).unwrap(), "begun\nended\n");
}

#[test]
fn r115_nothing_of_roots_is_put_below_a_folder_that_somebody_else_can_change() {
    let owned = if rustix::process::geteuid().is_root() {
        "chown 501 /Library/Theirs"
    } else {
        "chmod 777 /Library/Theirs"
    };
    let failable = || json!({"fail_policy": "failable"});
    let outcome = World::new()
        .script("preflight", "Give", &format!("mkdir -p /Library/Theirs/below; {owned}; exit 1"), json!({}))
        .served_file("setupassistant", "Inside", "/Library/Theirs/file", failable())
        .served_file("setupassistant", "Below", "/Library/Theirs/below/file", failable())
        .script("setupassistant", "Script", "echo ran > /Library/ran", {
            let mut keys = failable();
            keys["file"] = json!("/Library/Theirs/below/script");
            keys
        })
        .script("setupassistant", "Work", "echo work > /Library/done", json!({}))
        .run(&[]);
    outcome.exits(0);
    for name in ["Inside", "Below", "Script"] {
        assert!(outcome.end(name).is_failure(), "{name}: {}", outcome.diagnostics);
    }
    for path in
        ["/Library/Theirs/file", "/Library/Theirs/below/file", "/Library/Theirs/below/script", "/Library/ran"]
    {
        assert!(!outcome.exists(path), "{path}");
    }
    assert!(outcome.exists("/Library/done"));
}

#[test]
fn r115_a_run_does_not_begin_where_somebody_else_owns_a_folder_above_its_records_or_its_programs() {
    if !is_root() {
        return;
    }
    for path in ["/Library/Application Support", "/Library"] {
        let world =
            World::new().script("setupassistant", "Work", "echo work > /Users/Shared/done", json!({}));
        chown(folder(&world, path), Some(SOMEBODY), None).unwrap();
        let outcome = world.again(&[]);
        outcome.exits(78);
        assert!(outcome.diagnostics.contains("not safe to use"), "{path}: {}", outcome.diagnostics);
        assert!(!outcome.exists("/Users/Shared/done"), "{path}");
        chown(world.root().join(&path[1..]), Some(0), None).unwrap();
        world.again(&[]).exits(0);
    }
}
