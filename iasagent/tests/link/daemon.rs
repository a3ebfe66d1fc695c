//! A daemon of the simplest kind, and the real agent beside it.

use shared::{
    digest::Digest,
    exit::Ended,
    ipc::{
        frame,
        message::{
            Command, FromAgent, FromDaemon, FromStranger, Outcome, PROTOCOL, Reply, Request, RequestId,
            RunUserScript, from_bytes, to_bytes,
        },
    },
    item::{ItemId, Phase},
    sys::link::{Arrival, Connection, Listener, socket::SocketListener},
};
use std::{
    fs::{self, File},
    os::{
        fd::AsFd,
        unix::{fs::PermissionsExt, process::CommandExt},
    },
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tokio::{process::Child, time::timeout};

/// Nothing here may take longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(PATIENCE, what).await.expect("it happens in time")
}

/// A folder with a socket and a user's home, and who shall use them.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    /// The agent's user, when not ours.
    pub(crate) run_as: Option<u32>,
    /// What the agent is told that the daemon runs as.
    pub(crate) daemon_uid: u32,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["home", "tmp"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { folder, run_as: None, daemon_uid: rustix::process::geteuid().as_raw() }
    }

    /// The same for an agent of another user; only root can do that.
    pub(crate) fn of_user(uid: u32) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            println!("skipped: only root can start the agent as another user");
            return None;
        }
        let place = Self { run_as: Some(uid), ..Self::new() };
        for name in ["home", "tmp"] {
            std::os::unix::fs::chown(place.path(name), Some(uid), Some(uid)).unwrap();
        }
        Some(place)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path("run/agent.sock")
    }

    pub(crate) fn listen(&self) -> SocketListener {
        SocketListener::bind(&self.socket(), Box::new(|_| Ok(()))).unwrap()
    }

    /// How many copies lie about.
    pub(crate) fn leftovers(&self) -> usize {
        fs::read_dir(self.path("tmp")).unwrap().count()
    }

    pub(crate) fn start_agent(&self) -> Child {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_iasagent"));
        command.arg("--socket").arg(self.socket()).arg("--daemon-uid").arg(self.daemon_uid.to_string());
        command.env_clear().env("USER", "ada").env("HOME", self.path("home")).env("TMPDIR", self.path("tmp"));
        if let Some(uid) = self.run_as {
            command.uid(uid).gid(uid);
        }
        let mut command = tokio::process::Command::from(command);
        command.kill_on_drop(true).current_dir("/").stderr(Stdio::piped()).spawn().unwrap()
    }
}

/// Each welcome is that of another daemon.
static DAEMONS: AtomicU64 = AtomicU64::new(1);

/// An agent that has checked in.
pub(crate) struct Link {
    pub(crate) connection: Connection,
    daemon: u64,
    number: u64,
    /// Messages read while waiting for others.
    pub(crate) output: Vec<String>,
    pub(crate) background: Vec<(ItemId, Ended)>,
}

/// Waits for whoever connects.
pub(crate) async fn guest(listener: &mut SocketListener) -> Connection {
    match soon(listener.accept()).await.unwrap() {
        Arrival::Guest(connection) => connection,
        Arrival::Stranger(_, why) => panic!("{why}"),
    }
}

/// Waits for the agent and welcomes it.
pub(crate) async fn welcome(listener: &mut SocketListener) -> Link {
    let mut connection = guest(listener).await;
    let received = soon(connection.receiver.receive()).await.unwrap().unwrap();
    let FromStranger::CheckIn(claim) = from_bytes(&received.body).unwrap();
    assert_eq!((claim.uid, Some(claim.pid)), (connection.peer.uid, connection.peer.pid));
    connection.receiver.set_limit(frame::LIMIT);
    let mut link = Link {
        connection,
        daemon: DAEMONS.fetch_add(1, Ordering::Relaxed),
        number: 0,
        output: Vec::new(),
        background: Vec::new(),
    };
    link.say(&FromDaemon::Welcome { protocol: PROTOCOL }).await;
    link
}

impl Link {
    pub(crate) async fn say(&mut self, message: &FromDaemon) {
        self.connection.sender.send(&to_bytes(message).unwrap(), None).await.unwrap();
    }

    /// A request with the next number.
    pub(crate) fn request(&mut self, command: Command) -> Request {
        self.number += 1;
        let id = RequestId { daemon: self.daemon, number: self.number };
        Request { id, protocol: PROTOCOL, dry_run: false, command }
    }

    pub(crate) async fn send(&mut self, request: &Request, content: Option<&File>) {
        let bytes = to_bytes(&FromDaemon::Request(request.clone())).unwrap();
        self.connection.sender.send(&bytes, content.map(AsFd::as_fd)).await.unwrap();
    }

    /// What the agent says next.
    pub(crate) async fn hear(&mut self) -> FromAgent {
        let received = soon(self.connection.receiver.receive()).await.unwrap().expect("a message");
        from_bytes(&received.body).unwrap()
    }

    /// The next reply; output and ends are kept.
    pub(crate) async fn reply(&mut self) -> Reply {
        loop {
            match self.hear().await {
                FromAgent::Reply(reply) => return reply,
                FromAgent::Output { line, .. } => self.output.push(line),
                FromAgent::BackgroundEnded { item, ended } => self.background.push((item, ended)),
                FromAgent::Unknown => panic!("an unknown message"),
            }
        }
    }

    pub(crate) async fn ask(&mut self, command: Command, content: Option<&File>) -> Outcome {
        let request = self.request(command);
        self.send(&request, content).await;
        let reply = self.reply().await;
        assert_eq!(reply.id, request.id);
        reply.outcome
    }

    pub(crate) async fn run(&mut self, script: &Script) -> Outcome {
        self.ask(script.command(), Some(&script.content)).await
    }
}

/// A script as the daemon hands it over.
pub(crate) struct Script {
    pub(crate) wanted: RunUserScript,
    pub(crate) content: File,
}

impl Script {
    pub(crate) fn new(text: &str) -> Self {
        let wanted = RunUserScript {
            item: ItemId::new(Phase::Userland, 0),
            name: "a script".into(),
            digest: Digest::of(text.as_bytes()),
            bytes: text.len() as u64,
            donotwait: false,
            timeout_ms: None,
        };
        Self { wanted, content: holding(text) }
    }

    pub(crate) fn background(text: &str, index: u32) -> Self {
        let mut script = Self::new(text);
        script.wanted.donotwait = true;
        script.wanted.item.index = index;
        script
    }

    pub(crate) fn command(&self) -> Command {
        Command::RunUserScript(self.wanted.clone())
    }
}

/// A file that only we can read, open for reading.
pub(crate) fn holding(text: &str) -> File {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    File::open(file.path()).unwrap()
}

/// The end in an answer.
pub(crate) fn ended(outcome: Outcome) -> (Ended, Vec<String>) {
    match outcome {
        Outcome::Ended { ended, tail } => (ended, tail),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
