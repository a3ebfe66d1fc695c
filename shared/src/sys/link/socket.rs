//! The portable link: a Unix socket, peer credentials, descriptors by `SCM_RIGHTS` (R105, P80, P81).
//!
//! Anybody may connect: only credentials decide who is listened to, and a socket that keeps other users out would
//! keep the agent out. Its folder belongs to the daemon, so nobody else can put a socket in its place.

use super::{Arrival, Connection, Doing, Gate, LinkError, Listener, Peer, Received, Receiver, Sender};
use crate::ipc::frame::{self, Decoder};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, Shutdown, recvmsg, sendmsg, shutdown,
};
use std::{
    collections::VecDeque,
    fs::{self, DirBuilder},
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::{
    io::Interest,
    net::{UnixListener, UnixStream},
    sync::Mutex,
};

/// How many descriptors may wait for their frames.
const WAITING_DESCRIPTORS: usize = 8;
/// How much is read at once.
const CHUNK: usize = 16 << 10;

/// A socket in the file system.
pub struct SocketListener {
    socket: UnixListener,
    path: PathBuf,
    gate: Gate,
}

impl SocketListener {
    /// Listens at `path`, whose folder is created with mode 0755 when it is missing, for those whom the gate lets in.
    /// A socket that a dead daemon left behind is replaced.
    ///
    /// # Errors
    /// When the folder or what lies at `path` is not ours alone, when somebody listens there, or when the path is
    /// too long for a socket.
    pub fn bind(path: &Path, gate: Gate) -> io::Result<Self> {
        let folder = path.parent().ok_or_else(|| refused(path, "has no folder"))?;
        if !folder.exists() {
            DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
            // Whatever the umask says, the user must get through.
            fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
        }
        check_folder(folder)?;
        check_stale(path)?;
        // Never visible under its name before its mode is right.
        let fresh = folder.join(".new");
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let socket = UnixListener::bind(&fresh)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o666))?;
        fs::rename(&fresh, path)?;
        Ok(Self { socket, path: path.to_owned(), gate })
    }
}

impl Drop for SocketListener {
    fn drop(&mut self) {
        // What stays behind is replaced by the next daemon.
        let _ = fs::remove_file(&self.path);
    }
}

impl Listener for SocketListener {
    fn accept(&mut self) -> Doing<'_, io::Result<Arrival>> {
        Box::pin(async {
            let (stream, _) = self.socket.accept().await?;
            // The daemon takes descriptors from nobody.
            let connection = connection(stream, frame::GREETING_LIMIT, 0)?;
            Ok(match (self.gate)(&connection.peer) {
                Ok(()) => Arrival::Guest(connection),
                Err(why) => Arrival::Stranger(connection.peer, why),
            })
        })
    }
}

/// Connects to the daemon's socket.
///
/// # Errors
/// When nobody listens there.
pub async fn connect(path: &Path) -> io::Result<Connection> {
    connection(UnixStream::connect(path).await?, frame::LIMIT, WAITING_DESCRIPTORS)
}

fn connection(stream: UnixStream, limit: usize, descriptors: usize) -> io::Result<Connection> {
    let credentials = stream.peer_cred()?;
    let pid = credentials.pid().and_then(|pid| u32::try_from(pid).ok());
    let peer = Peer { uid: credentials.uid(), gid: credentials.gid(), pid, session: None };
    let stream = Arc::new(stream);
    let sender = Arc::new(SocketSender { stream: stream.clone(), turn: Mutex::new(()) });
    let receiver = SocketReceiver {
        stream,
        decoder: Decoder::new(limit),
        descriptors: VecDeque::new(),
        most_descriptors: descriptors,
    };
    Ok(Connection { peer, sender, receiver: Box::new(receiver) })
}

fn refused(path: &Path, why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, format!("the agent's socket {}: {why}", path.display()))
}

fn check_folder(folder: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(folder)?;
    let ours = found.is_dir() && found.uid() == rustix::process::geteuid().as_raw();
    if ours && found.mode() & 0o022 == 0 {
        return Ok(());
    }
    Err(refused(
        folder,
        "its folder must be a real folder that belongs to the daemon and to which nobody else can write",
    ))
}

fn check_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(refused(path, "something else lies there"));
        }
        Ok(_) => {}
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            format!("the agent's socket {}: another daemon listens there", path.display()),
        )),
        Err(_) => Ok(()),
    }
}

struct SocketSender {
    stream: Arc<UnixStream>,
    turn: Mutex<()>,
}

impl Sender for SocketSender {
    fn send<'a>(
        &'a self,
        body: &'a [u8],
        descriptor: Option<BorrowedFd<'a>>,
    ) -> Doing<'a, Result<(), LinkError>> {
        Box::pin(async move {
            let bytes = frame::encode(body, descriptor.is_some())?;
            let _turn = self.turn.lock().await;
            let mut sent = 0;
            while let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) {
                // The descriptor goes with the first byte.
                let with = descriptor.filter(|_| sent == 0);
                let write = || write_some(&self.stream, rest, with);
                sent += self.stream.async_io(Interest::WRITABLE, write).await?;
            }
            Ok(())
        })
    }

    fn close(&self) {
        // It is closed already.
        let _ = shutdown(&self.stream, Shutdown::Both);
    }
}

fn write_some(stream: &UnixStream, bytes: &[u8], descriptor: Option<BorrowedFd<'_>>) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let descriptors: Vec<BorrowedFd<'_>> = descriptor.into_iter().collect();
    if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::Error::other("no room for a descriptor"));
    }
    Ok(sendmsg(stream, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::empty())?)
}

struct SocketReceiver {
    stream: Arc<UnixStream>,
    decoder: Decoder,
    /// Received, in order, for frames not complete yet.
    descriptors: VecDeque<OwnedFd>,
    most_descriptors: usize,
}

impl Receiver for SocketReceiver {
    fn receive(&mut self) -> Doing<'_, Result<Option<Received>, LinkError>> {
        Box::pin(async {
            loop {
                if let Some(frame) = self.decoder.next_frame()? {
                    return self.with_descriptor(frame).map(Some);
                }
                let (bytes, descriptors) =
                    self.stream.async_io(Interest::READABLE, || read_some(&self.stream)).await?;
                if bytes.is_empty() {
                    self.decoder.finish()?;
                    return Ok(None);
                }
                self.descriptors.extend(descriptors);
                if self.descriptors.len() > self.most_descriptors {
                    return Err(LinkError::Descriptor("more descriptors than frames for them"));
                }
                self.decoder.push(&bytes);
            }
        })
    }

    fn set_limit(&mut self, bytes: usize) {
        self.decoder.set_limit(bytes);
    }
}

impl SocketReceiver {
    fn with_descriptor(&mut self, frame: frame::Frame) -> Result<Received, LinkError> {
        let missing = LinkError::Descriptor("a descriptor is missing");
        let descriptor = match frame.with_descriptor {
            true => Some(self.descriptors.pop_front().ok_or(missing)?),
            false => None,
        };
        Ok(Received { body: frame.body, descriptor })
    }
}

fn read_some(stream: &UnixStream) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    let mut bytes = vec![0; CHUNK];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(WAITING_DESCRIPTORS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut slices = [IoSliceMut::new(&mut bytes)];
    let received = recvmsg(stream, &mut slices, &mut ancillary, RecvFlags::empty())?;
    let mut descriptors = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    for descriptor in &descriptors {
        // Apple's `recvmsg` cannot do this itself; nothing is started in between on the agent's one thread.
        rustix::io::fcntl_setfd(descriptor.as_fd(), rustix::io::FdFlags::CLOEXEC)?;
    }
    bytes.truncate(received.bytes);
    Ok((bytes, descriptors))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs::File, io::Read, io::Write};

    fn bind(path: &Path) -> io::Result<SocketListener> {
        SocketListener::bind(path, Box::new(|_| Ok(())))
    }

    async fn guest(listener: &mut SocketListener) -> Connection {
        match listener.accept().await.unwrap() {
            Arrival::Guest(connection) => connection,
            Arrival::Stranger(_, why) => panic!("{why}"),
        }
    }

    async fn pair(folder: &Path) -> (SocketListener, Connection, Connection) {
        let path = folder.join("s/agent.sock");
        let mut listener = bind(&path).unwrap();
        let (accepted, connected) = tokio::join!(guest(&mut listener), connect(&path));
        (listener, accepted, connected.unwrap())
    }

    #[tokio::test]
    async fn p81_a_stranger_is_turned_away_unread() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s/agent.sock");
        let gate: Gate = Box::new(|peer| Err(format!("{} may not", peer.uid)));
        let mut listener = SocketListener::bind(&path, gate).unwrap();
        let mut agent = connect(&path).await.unwrap();
        agent.sender.send(b"let me in", None).await.unwrap();
        let Arrival::Stranger(peer, why) = listener.accept().await.unwrap() else { panic!("let in") };
        assert_eq!(why, format!("{} may not", peer.uid));
        // Not a proper end: what it had said was never read.
        assert!(agent.receiver.receive().await.is_err());
    }

    #[tokio::test]
    async fn p80_frames_and_descriptors_arrive_in_order_with_the_peer_known() {
        let folder = tempfile::tempdir().unwrap();
        let (_listener, daemon, mut agent) = pair(folder.path()).await;
        assert_eq!(daemon.peer.uid, rustix::process::geteuid().as_raw());
        assert_eq!(daemon.peer.pid, Some(std::process::id()));
        let mut files = Vec::new();
        for text in ["one", "two", "three"] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            files.push(file);
        }
        let long = vec![b'x'; frame::LIMIT];
        let send = async {
            for (number, file) in files.iter().enumerate() {
                daemon.sender.send(&long[number..], Some(file.as_fd())).await.unwrap();
                daemon.sender.send(b"plain", None).await.unwrap();
            }
            daemon.sender.close();
        };
        let receive = async {
            let mut got = Vec::new();
            while let Some(received) = agent.receiver.receive().await.unwrap() {
                got.push(received);
            }
            got
        };
        let ((), got) = tokio::join!(send, receive);
        assert_eq!(got.len(), 6);
        for (pair, text) in got.chunks(2).zip(["one", "two", "three"]) {
            let mut file = File::from(pair[0].descriptor.as_ref().unwrap().try_clone().unwrap());
            let mut content = String::new();
            std::io::Seek::rewind(&mut file).unwrap();
            file.read_to_string(&mut content).unwrap();
            assert_eq!(content, text);
            assert!(pair[1].descriptor.is_none());
        }
    }

    #[tokio::test]
    async fn p82_a_flood_of_descriptors_ends_the_connection() {
        let folder = tempfile::tempdir().unwrap();
        let (_listener, mut daemon, agent) = pair(folder.path()).await;
        let file = tempfile::tempfile().unwrap();
        agent.sender.send(b"x", Some(file.as_fd())).await.unwrap();
        assert!(matches!(daemon.receiver.receive().await, Err(LinkError::Descriptor(_))));
    }

    #[tokio::test]
    async fn p82_half_a_frame_is_told_from_a_proper_end() {
        let folder = tempfile::tempdir().unwrap();
        let (mut listener, mut daemon, agent) = pair(folder.path()).await;
        drop(agent);
        assert!(daemon.receiver.receive().await.unwrap().is_none());
        let path = folder.path().join("s/agent.sock");
        let mut stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
        let mut daemon = guest(&mut listener).await;
        stream.write_all(&[0, 0, 0, 9, 0, b'x']).unwrap();
        drop(stream);
        let half = daemon.receiver.receive().await.unwrap_err();
        assert!(matches!(half, LinkError::Frame(frame::FrameError::Truncated)), "{half}");
    }

    #[tokio::test]
    async fn r105_a_stale_socket_is_replaced_and_a_living_one_respected() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s/agent.sock");
        drop(std::os::unix::net::UnixListener::bind(folder.path().join("stale")).unwrap());
        fs::create_dir(folder.path().join("s")).unwrap();
        fs::rename(folder.path().join("stale"), &path).unwrap();
        let living = bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o666);
        assert_eq!(bind(&path).err().unwrap().kind(), io::ErrorKind::AddrInUse);
        drop(living);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn r105_a_folder_open_to_others_or_a_file_in_its_place_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s/agent.sock");
        fs::create_dir(folder.path().join("s")).unwrap();
        fs::write(&path, "precious").unwrap();
        assert!(bind(&path).err().unwrap().to_string().contains("something else"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        fs::remove_file(&path).unwrap();
        fs::set_permissions(folder.path().join("s"), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(bind(&path).err().unwrap().to_string().contains("nobody else can write"));
    }
}
