//! The daemon's end and hand-made agents, for the tests of both the door and what is asked (P82).

mod door;
mod farewell;
mod questions;

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
    sys::link::{Address, Connection, socket},
};
use std::{
    io::Write,
    os::unix::{fs::FileExt, net::UnixStream as StdStream},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

const ITEM: ItemId = ItemId::new(Phase::Userland, 2);
/// An item that an earlier daemon of the run left in the background.
const EARLIER: ItemId = ItemId::new(Phase::Userland, 1);

/// A daemon's end, and everything it records.
struct Daemon {
    agents: Agents,
    user: watch::Sender<Option<ConsoleUser>>,
    /// As whom the kernel shows the user's processes.
    seen_as: Arc<AtomicU32>,
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
    async fn start() -> Self {
        Self::expecting(my_uid()).await
    }

    async fn expecting(uid: u32) -> Self {
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
        let seen_as = Arc::new(AtomicU32::new(uid));
        let screen = Screen::seen_as(user.subscribe(), seen_as.clone());
        let address = Address::Socket(socket.clone());
        let of_run = OfRun { earlier: BTreeSet::from([EARLIER]), ..OfRun::default() };
        let agents = Agents::listen(&address, screen, recorder, None, of_run).await.unwrap();
        Self { agents, user, seen_as, facts, socket, folder }
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
