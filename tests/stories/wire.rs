//! A line between the agent and the daemon that somebody has got hold of: it delivers everything, as badly as it can (R111).
#![expect(clippy::unwrap_used, reason = "a story that cannot be set up has failed")]

use rustix::{
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
        SendFlags, Shutdown, recvmsg, sendmsg, shutdown,
    },
    process::Uid,
};
use shared::ipc::{
    frame::{self, Decoder, Frame},
    message::{Command, FromDaemon, from_bytes},
};
use std::{
    collections::VecDeque,
    io::{self, IoSlice, IoSliceMut, Read as _},
    mem::MaybeUninit,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

/// This thread goes on as another user.
#[cfg(target_os = "linux")]
fn become_user(user: Uid) {
    rustix::thread::set_thread_uid(user).unwrap();
}

/// Elsewhere a process has one user.
#[cfg(not(target_os = "linux"))]
fn become_user(user: Uid) {
    assert_eq!(
        rustix::process::geteuid(),
        user,
        "only Linux makes one thread another user: run it as that user"
    );
}

/// A descriptor that arrives is for this process alone.
#[cfg(target_os = "linux")]
const RECEIVED: RecvFlags = RecvFlags::CMSG_CLOEXEC;
#[cfg(not(target_os = "linux"))]
const RECEIVED: RecvFlags = RecvFlags::empty();

/// Does `work` as another user, which only root can; the rest of the process stays who it is.
fn as_user<T: Send + 'static>(uid: Option<u32>, work: impl FnOnce() -> T + Send + 'static) -> T {
    let become_them = move || {
        if let Some(uid) = uid {
            become_user(Uid::from_raw(uid));
        }
        work()
    };
    thread::spawn(become_them).join().unwrap()
}

/// Listens as `uid`: whoever connects sees that user at the other end.
pub(crate) fn listen_as(uid: u32, path: PathBuf) -> UnixListener {
    as_user(Some(uid), move || {
        let listener = UnixListener::bind(&path).unwrap();
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
        listener
    })
}

/// A line between an agent and the daemon.
///
/// The first request to run a script is cut off in its middle, and the connection with it; the agent comes again. From then
/// on all goes through byte by byte, such requests and whatever the agent says twice.
pub(crate) struct Line {
    cut: Arc<AtomicU32>,
    repeated: Arc<AtomicU32>,
}

impl Line {
    /// Takes agents at `listener` to the daemon at `daemon`, as the user `uid`.
    pub(crate) fn between(listener: UnixListener, daemon: PathBuf, uid: Option<u32>) -> Self {
        let line = Self { cut: Arc::default(), repeated: Arc::default() };
        let (cut, repeated) = (Arc::clone(&line.cut), Arc::clone(&line.repeated));
        thread::spawn(move || {
            for agent in listener.incoming().flatten() {
                let Ok(daemon) = connect(&daemon, uid) else { return };
                let ends = (agent.try_clone().unwrap(), daemon.try_clone().unwrap());
                thread::spawn(move || up(&ends.0, &ends.1));
                // However it ends, both ends have to know.
                let _ = down((&daemon, &agent), &cut, &repeated);
                for end in [agent, daemon] {
                    let _ = shutdown(end, Shutdown::Both);
                }
            }
        });
        line
    }

    /// How many requests were cut in their middle, and how many said twice.
    pub(crate) fn told(&self) -> (u32, u32) {
        (self.cut.load(Ordering::Relaxed), self.repeated.load(Ordering::Relaxed))
    }
}

fn connect(path: &Path, uid: Option<u32>) -> io::Result<UnixStream> {
    let path = path.to_owned();
    as_user(uid, move || UnixStream::connect(path))
}

/// What the daemon says.
fn down(
    (daemon, agent): (&UnixStream, &UnixStream),
    cut: &AtomicU32,
    repeated: &AtomicU32,
) -> io::Result<()> {
    let (mut decoder, mut descriptors) = (Decoder::new(frame::LIMIT), VecDeque::new());
    loop {
        while let Some(frame) = decoder.next_frame().map_err(io::Error::other)? {
            let descriptor = frame.with_descriptor.then(|| descriptors.pop_front()).flatten();
            let bytes = frame::encode(&frame.body, frame.with_descriptor).map_err(io::Error::other)?;
            if !runs_a_script(&frame) {
                in_pieces(agent, &bytes, None)?;
            } else if cut.fetch_max(1, Ordering::Relaxed) == 0 {
                return in_pieces(agent, &bytes[..bytes.len() / 2], descriptor.as_ref());
            } else {
                in_pieces(agent, &bytes, descriptor.as_ref())?;
                in_pieces(agent, &bytes, descriptor.as_ref())?;
                repeated.fetch_add(1, Ordering::Relaxed);
            }
        }
        let (bytes, more) = receive(daemon)?;
        if bytes.is_empty() {
            return Ok(());
        }
        decoder.push(&bytes);
        descriptors.extend(more);
    }
}

/// What the agent says: its first word once, the rest twice.
fn up(mut agent: &UnixStream, daemon: &UnixStream) {
    let (mut decoder, mut chunk, mut first) = (Decoder::new(frame::LIMIT), [0; 4096], true);
    while let Ok(length @ 1..) = agent.read(&mut chunk) {
        decoder.push(&chunk[..length]);
        while let Ok(Some(frame)) = decoder.next_frame() {
            let bytes = frame::encode(&frame.body, false).unwrap();
            for _ in 0..if first { 1 } else { 2 } {
                if in_pieces(daemon, &bytes, None).is_err() {
                    return;
                }
            }
            first = false;
        }
    }
}

fn runs_a_script(frame: &Frame) -> bool {
    match from_bytes(&frame.body) {
        Ok(FromDaemon::Request(request)) => matches!(request.command, Command::RunUserScript(_)),
        _ => false,
    }
}

fn in_pieces(to: &UnixStream, bytes: &[u8], descriptor: Option<&OwnedFd>) -> io::Result<()> {
    for (place, byte) in bytes.iter().enumerate() {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let with: Vec<_> = descriptor.filter(|_| place == 0).map(|fd| fd.as_fd()).into_iter().collect();
        assert!(with.is_empty() || ancillary.push(SendAncillaryMessage::ScmRights(&with)));
        sendmsg(to, &[IoSlice::new(&[*byte])], &mut ancillary, SendFlags::empty())?;
    }
    Ok(())
}

fn receive(from: &UnixStream) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    let mut bytes = vec![0; 4096];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(from, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, RECEIVED)?;
    let rights = ancillary.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(rights) => Some(rights),
        _ => None,
    });
    let descriptors = rights.flatten().collect();
    bytes.truncate(received.bytes);
    Ok((bytes, descriptors))
}
