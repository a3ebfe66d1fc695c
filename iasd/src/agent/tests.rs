//! The daemon's end against agents of every kind: honest, second, impostors, mute and rude (P82).

use super::*;
use crate::engine::recorder::Message;
use shared::{
    event::EventKind,
    facts::ConsoleUser,
    ipc::{
        frame,
        message::{
            CheckIn, FromAgent, FromDaemon, FromStranger, PROTOCOL, Reply, Request, RequestId, from_bytes,
            to_bytes,
        },
    },
    item::Phase,
    sys::link::{Connection, socket},
};
use std::{io::Write, os::unix::fs::FileExt, os::unix::net::UnixStream as StdStream, path::PathBuf};

const ITEM: ItemId = ItemId { phase: Phase::Userland, index: 2 };

/// A daemon's end, and everything it records.
struct Daemon {
    agents: Agents,
    user: watch::Sender<Option<ConsoleUser>>,
    facts: mpsc::UnboundedReceiver<EventKind>,
    socket: PathBuf,
    folder: tempfile::TempDir,
}

fn ada() -> ConsoleUser {
    ConsoleUser { uid: 501, name: "ada".into() }
}

fn my_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

impl Daemon {
    fn start() -> Self {
        Self::expecting(my_uid())
    }

    fn expecting(uid: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("run/agent.sock");
        let user = watch::Sender::new(Some(ada()));
        let (recorder, mut messages) = Recorder::new();
        let (sender, facts) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(message) = messages.recv().await {
                if let Message::Fact(fact, kept) = message {
                    let _ = (sender.send(fact), kept.send(()));
                }
            }
        });
        let screen = Screen::seen_as(user.subscribe(), uid);
        let agents = Agents::listen(&socket, screen, recorder, None).unwrap();
        Self { agents, user, facts, socket, folder }
    }

    async fn fact(&mut self, wanted: impl Fn(&EventKind) -> bool) -> EventKind {
        let find = async {
            loop {
                let fact = self.facts.recv().await.unwrap();
                if wanted(&fact) {
                    return fact;
                }
            }
        };
        timeout(Duration::from_secs(20), find).await.expect("the fact was recorded")
    }

    async fn notice(&mut self, part: &str) {
        self.fact(|fact| matches!(fact, EventKind::Notice { text, .. } if text.contains(part))).await;
    }

    async fn checked_in(&mut self) {
        self.fact(|fact| matches!(fact, EventKind::AgentCheckedIn { .. })).await;
        let mut connected = self.agents.connected();
        connected.wait_for(Option::is_some).await.unwrap();
    }

    async fn lost(&mut self) {
        self.fact(|fact| *fact == EventKind::AgentLost { uid: 501 }).await;
    }
}

/// A hand-made agent.
struct Agent(Connection);

impl Agent {
    async fn connect(daemon: &Daemon) -> Self {
        Self(socket::connect(&daemon.socket).await.unwrap())
    }

    /// One that has checked in.
    async fn welcome(daemon: &mut Daemon) -> Self {
        let mut agent = Self::connect(daemon).await;
        assert_eq!(agent.check_in(my_uid()).await, Some(FromDaemon::Welcome { protocol: PROTOCOL }));
        daemon.checked_in().await;
        agent
    }

    async fn check_in(&mut self, uid: u32) -> Option<FromDaemon> {
        let claim = CheckIn { protocol: PROTOCOL, version: "0".into(), uid, pid: 1 };
        let bytes = to_bytes(&FromStranger::CheckIn(claim)).unwrap();
        self.0.sender.send(&bytes, None).await.ok()?;
        let received = self.0.receiver.receive().await.ok()??;
        Some(from_bytes(&received.body).unwrap())
    }

    async fn say(&self, message: &FromAgent) {
        self.0.sender.send(&to_bytes(message).unwrap(), None).await.unwrap();
    }

    /// The next request that is no ping, with its descriptor; pings are answered.
    async fn request(&mut self) -> (Request, Option<OwnedFd>) {
        loop {
            let received = self.0.receiver.receive().await.unwrap().expect("a request");
            let FromDaemon::Request(request) = from_bytes(&received.body).unwrap() else { continue };
            if request.command != Command::Ping {
                return (request, received.descriptor);
            }
            self.answer(request.id, Outcome::Done).await;
        }
    }

    async fn answer(&self, id: RequestId, outcome: Outcome) {
        self.say(&FromAgent::Reply(Reply::new(id, outcome))).await;
    }
}

fn file(text: &str) -> File {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    File::open(file.path()).unwrap()
}

fn content<'a>(file: &'a File, text: &str) -> Content<'a> {
    Content { file, digest: Digest::of(text.as_bytes()), bytes: text.len() as u64 }
}

const SCRIPT: UserScript<'static> =
    UserScript { id: ITEM, name: "Dock", donotwait: false, timeout: None, dry_run: false };

fn lines() -> (mpsc::Sender<Line>, mpsc::Receiver<Line>) {
    mpsc::channel(16)
}

#[tokio::test]
async fn r108_a_script_travels_as_a_descriptor_and_its_end_comes_back() {
    let mut daemon = Daemon::start();
    let mut agent = Agent::welcome(&mut daemon).await;
    assert_eq!(daemon.agents.connected().borrow().unwrap().pid, std::process::id());
    assert_eq!(daemon.agents.uids_seen(), BTreeSet::from([501]));
    let script = file("echo hello");
    let (sender, mut lines) = lines();
    let run = daemon.agents.run(content(&script, "echo hello"), SCRIPT, sender);
    let serve = async {
        let (request, descriptor) = agent.request().await;
        let Command::RunUserScript(wanted) = &request.command else { panic!("{request:?}") };
        assert_eq!((wanted.name.as_str(), wanted.item, wanted.bytes), ("Dock", ITEM, 10));
        let mut bytes = [0; 10];
        File::from(descriptor.unwrap()).read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!(Digest::of(&bytes), wanted.digest);
        agent.say(&FromAgent::Output { id: request.id, line: "hello".into() }).await;
        agent
            .say(&FromAgent::Output { id: RequestId { number: 999, ..request.id }, line: "alien".into() })
            .await;
        agent.answer(request.id, Outcome::ended(Ended::Exited(3), vec!["hello".into()])).await;
    };
    let (ran, ()) = tokio::join!(run, serve);
    assert_eq!(ran.unwrap(), Ran::Ended(Ended::Exited(3), vec!["hello".into()]));
    assert_eq!(lines.recv().await, Some(Line::Output("hello".into())));
    assert_eq!(lines.recv().await, None);
}

#[tokio::test]
async fn r64_what_was_sent_is_lost_with_the_agent_and_what_was_not_may_be_asked_again() {
    let mut daemon = Daemon::start();
    let script = file("x");
    let absent = daemon.agents.run(content(&script, "x"), SCRIPT, lines().0).await;
    assert!(matches!(absent, Err(AgentError::Absent)));
    let mut agent = Agent::welcome(&mut daemon).await;
    let run = daemon.agents.run(content(&script, "x"), SCRIPT, lines().0);
    let die = async {
        agent.request().await;
        drop(agent);
    };
    let (ran, ()) = tokio::join!(run, die);
    assert!(matches!(ran.unwrap(), Ran::Ended(Ended::Lost(_), _)));
    daemon.lost().await;
    assert!(daemon.agents.connected().borrow().is_none());
}

#[tokio::test]
async fn r109_a_second_living_agent_is_refused_and_the_next_one_replaces_a_dead_one() {
    let mut daemon = Daemon::start();
    let first = Agent::welcome(&mut daemon).await;
    let mut second = Agent::connect(&daemon).await;
    match second.check_in(my_uid()).await {
        Some(FromDaemon::Refused { reason }) => assert!(reason.contains("connected already"), "{reason}"),
        other => panic!("{other:?}"),
    }
    daemon.notice("connected already").await;
    drop(first);
    daemon.lost().await;
    Agent::welcome(&mut daemon).await;
}

#[tokio::test]
async fn r106_another_users_process_is_not_listened_to() {
    let mut daemon = Daemon::expecting(my_uid() + 1);
    let mut agent = Agent::connect(&daemon).await;
    assert_eq!(agent.check_in(my_uid()).await, None);
    daemon.notice("it runs as uid").await;
    let mut other = Agent::connect(&daemon).await;
    assert_eq!(other.check_in(my_uid()).await, None);
    assert!(daemon.facts.try_recv().is_err(), "one line is enough");
}

/// Where the process of another user is told the socket.
const IMPOSTOR_SOCKET: &str = "IAS_TEST_IMPOSTOR_SOCKET";

/// Not a test of its own: what another user's process does in the test below.
#[tokio::test]
async fn another_users_process() {
    let Some(socket) = std::env::var_os(IMPOSTOR_SOCKET) else { return };
    let mut agent = Agent(socket::connect(Path::new(&socket)).await.unwrap());
    assert_eq!(agent.check_in(501).await, None, "whatever it claims");
}

#[tokio::test]
async fn r106_a_real_process_of_another_user_is_turned_away() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can start another user's process");
        return;
    }
    let mut daemon = Daemon::start();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(daemon.folder.path(), open).unwrap();
    let mut impostor = tokio::process::Command::new(std::env::current_exe().unwrap());
    impostor.args(["--exact", "agent::tests::another_users_process"]).uid(4711).gid(4711);
    let output = impostor.env(IMPOSTOR_SOCKET, &daemon.socket).current_dir("/").output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    daemon.notice("it runs as uid 4711").await;
    Agent::welcome(&mut daemon).await;
}

#[tokio::test]
async fn r106_a_false_claim_is_refused() {
    let mut daemon = Daemon::start();
    let mut agent = Agent::connect(&daemon).await;
    let answer = agent.check_in(my_uid() + 7).await;
    assert!(matches!(answer, Some(FromDaemon::Refused { .. })), "{answer:?}");
    daemon.notice("claims uid").await;
}

#[tokio::test]
async fn r61_nobody_at_the_screen_means_no_agent() {
    let mut daemon = Daemon::start();
    daemon.user.send_replace(None);
    let mut agent = Agent::connect(&daemon).await;
    assert_eq!(agent.check_in(my_uid()).await, None);
    daemon.notice("nobody is logged in").await;
    daemon.user.send_replace(Some(ada()));
    Agent::welcome(&mut daemon).await;
}

#[tokio::test]
async fn r61_when_the_user_changes_what_runs_may_end_and_nothing_new_begins() {
    let mut daemon = Daemon::start();
    let mut agent = Agent::welcome(&mut daemon).await;
    let script = file("x");
    let run = daemon.agents.run(content(&script, "x"), SCRIPT, lines().0);
    let mut connected = daemon.agents.connected();
    let switch = async {
        let (request, _) = agent.request().await;
        daemon.user.send_replace(Some(ConsoleUser { uid: 502, name: "bob".into() }));
        connected.wait_for(Option::is_none).await.unwrap();
        let other = daemon.agents.run(content(&script, "x"), SCRIPT, lines().0).await;
        assert!(matches!(other, Err(AgentError::Absent)));
        agent.answer(request.id, Outcome::ended(Ended::Exited(0), Vec::new())).await;
        assert!(agent.0.receiver.receive().await.unwrap().is_none(), "then the connection ends");
    };
    let (ran, ()) = tokio::join!(run, switch);
    assert_eq!(ran.unwrap(), Ran::Ended(Ended::Exited(0), Vec::new()));
    daemon.lost().await;
}

#[tokio::test]
async fn r111_rude_peers_do_not_stop_the_daemon() {
    let mut daemon = Daemon::start();
    let rude: [&[u8]; 5] = [
        &[0, 0, 0, 9, 0, b'{'],
        &[0xff, 0xff, 0xff, 0xff, 0],
        b"GET / HTTP/1.1\r\n\r\n",
        &[0, 0, 0, 2, 0, b'{', b'}'],
        &[0, 0, 8, 0, 0],
    ];
    for bytes in rude {
        let mut peer = StdStream::connect(&daemon.socket).unwrap();
        peer.write_all(bytes).unwrap();
        peer.shutdown(std::net::Shutdown::Write).unwrap();
        daemon.notice("was refused as the agent").await;
    }
    let agent = Agent::welcome(&mut daemon).await;
    agent.0.sender.send(b"not a message", None).await.unwrap();
    daemon.lost().await;
    Agent::welcome(&mut daemon).await;
}

#[tokio::test]
async fn p81_a_silent_peer_does_not_keep_others_out() {
    let mut daemon = Daemon::start();
    let _silent: Vec<_> = (0..8).map(|_| StdStream::connect(&daemon.socket).unwrap()).collect();
    Agent::welcome(&mut daemon).await;
    daemon.notice("did not check in").await;
}

#[tokio::test]
async fn r110_an_agent_that_hangs_is_lost_within_five_seconds() {
    let mut daemon = Daemon::start();
    let _agent = Agent::welcome(&mut daemon).await;
    let began = std::time::Instant::now();
    daemon.lost().await;
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[tokio::test]
async fn r69_background_ends_are_recorded_as_they_come_and_given_once() {
    let mut daemon = Daemon::start();
    let mut agent = Agent::welcome(&mut daemon).await;
    let script = file("x");
    let background = UserScript { donotwait: true, ..SCRIPT };
    let run = daemon.agents.run(content(&script, "x"), background, lines().0);
    let other = UserScript { id: ItemId { index: 3, ..ITEM }, ..background };
    let run_other = daemon.agents.run(content(&script, "x"), other, lines().0);
    let serve = async {
        for _ in 0..2 {
            let (request, _) = agent.request().await;
            agent.answer(request.id, Outcome::Started).await;
        }
        agent.say(&FromAgent::BackgroundEnded { item: ITEM, ended: Ended::Exited(4) }).await;
    };
    let (first, second, ()) = tokio::join!(run, run_other, serve);
    assert_eq!((first.unwrap(), second.unwrap()), (Ran::Background, Ran::Background));
    daemon.fact(|fact| *fact == EventKind::BackgroundEnded { id: ITEM, ended: Ended::Exited(4) }).await;
    drop(agent);
    daemon.lost().await;
    let ends = daemon.agents.wait_for_background(Duration::from_secs(1)).await.unwrap();
    assert_eq!(ends[0], (ITEM, Ended::Exited(4)));
    assert!(matches!(&ends[1], (id, Ended::Lost(_)) if *id == other.id));
    assert!(daemon.agents.wait_for_background(Duration::from_secs(1)).await.unwrap().is_empty());
}

#[tokio::test]
async fn r81_shutdown_waits_until_the_agent_is_gone_but_not_for_ever() {
    let mut daemon = Daemon::start();
    daemon.agents.shutdown(Duration::from_secs(600)).await;
    let mut agent = Agent::welcome(&mut daemon).await;
    let obey = async {
        let (request, _) = agent.request().await;
        assert_eq!(request.command, Command::Shutdown);
        agent.answer(request.id, Outcome::Done).await;
        drop(agent);
    };
    tokio::join!(daemon.agents.shutdown(Duration::from_secs(600)), obey);
    assert!(daemon.agents.connected().borrow().is_none());
    let mut next = Agent::connect(&daemon).await;
    next.check_in(my_uid()).await;
    let coming_or_going =
        |fact: &EventKind| matches!(fact, EventKind::AgentCheckedIn { .. } | EventKind::AgentLost { .. });
    let fact = daemon.fact(coming_or_going).await;
    assert!(matches!(fact, EventKind::AgentCheckedIn { .. }), "that it left when it was told to is no news");
}

#[tokio::test]
async fn r108_a_file_open_for_writing_is_not_handed_over() {
    let daemon = Daemon::start();
    let writable = tempfile::tempfile().unwrap();
    let refused = daemon.agents.run(content(&writable, ""), SCRIPT, lines().0).await;
    assert!(matches!(refused, Err(AgentError::Content(_))));
}

#[tokio::test]
async fn r111_an_agent_may_send_the_longest_line() {
    let mut daemon = Daemon::start();
    let mut agent = Agent::welcome(&mut daemon).await;
    let script = file("x");
    let (sender, mut lines) = lines();
    let run = daemon.agents.run(content(&script, "x"), SCRIPT, sender);
    let long = "\u{1}".repeat(4096);
    let serve = async {
        let (request, _) = agent.request().await;
        let message = FromAgent::Output { id: request.id, line: long.clone() };
        assert!(to_bytes(&message).unwrap().len() <= frame::LIMIT);
        agent.say(&message).await;
        agent.answer(request.id, Outcome::DryRun).await;
    };
    let (ran, ()) = tokio::join!(run, serve);
    assert_eq!(ran.unwrap(), Ran::DryRun);
    assert_eq!(lines.recv().await, Some(Line::Output(long)));
}
